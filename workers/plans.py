"""Periodic work of plans: renew or expire subscriptions whose end has come, and tell of those that will run out."""

from domain.plans.expiry import announce_expiring_subscriptions, settle_due_subscriptions
from domain.runtime.settings import Settings
from workers.timetable import Entry

MINUTE = 60.0


def entries(settings: Settings) -> tuple[Entry, ...]:
    return (
        Entry("plans.settle_due_subscriptions", settings.tick_seconds, settle_due_subscriptions),
        Entry("plans.announce_expiring_subscriptions", MINUTE, announce_expiring_subscriptions),
    )
