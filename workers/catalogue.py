"""Every job and every timetable entry of the system; importing this registers the jobs."""

from domain.runtime.settings import Settings
from workers import (
    accounts,
    audit,
    devices,
    flows,
    maintenance,
    notifications,
    plans,
    price_alerts,
    risk,
    security_alerts,
    trading,
    wallets,
)
from workers.jobs import JOBS
from workers.timetable import Entry

MODULES = (accounts, audit, devices, flows, maintenance, notifications, plans, price_alerts, risk, security_alerts, trading, wallets)


def timetable_entries(settings: Settings) -> tuple[Entry, ...]:
    return (
        *flows.entries(settings),
        *trading.entries(settings),
        *plans.entries(settings),
        *price_alerts.entries(settings),
        *devices.entries(settings),
        *audit.entries(settings),
        *maintenance.ENTRIES,
        *accounts.ENTRIES,
        *notifications.ENTRIES,
        *wallets.ENTRIES,
    )


__all__ = ["JOBS", "MODULES", "timetable_entries"]
