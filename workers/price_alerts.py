"""Periodic work of price alerts: fire those whose price has come."""

from domain.price_alerts.watching import watch_prices
from domain.runtime.settings import Settings
from workers.timetable import Entry


def entries(settings: Settings) -> tuple[Entry, ...]:
    return (Entry("price_alerts.watch_prices", settings.tick_seconds, watch_prices),)
