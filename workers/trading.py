"""Periodic work of trading: price open positions, fire stops, send held orders on, settle orders whose fate is unknown, compare others."""

from domain.runtime.operation import Operation
from domain.runtime.settings import Settings
from domain.trading import halting
from domain.trading.guarding import guard_losses
from domain.trading.halting import FLATTEN_EVERYBODY
from domain.trading.monitoring import monitor_positions
from domain.trading.syncing import resume_orders, sync_orders
from domain.trading.triggering import watch_held_orders
from workers.jobs import job
from workers.timetable import Entry


def entries(settings: Settings) -> tuple[Entry, ...]:
    return (
        Entry("trading.monitor_positions", settings.position_monitor_seconds, monitor_positions),
        Entry("trading.guard_losses", settings.position_monitor_seconds, guard_losses),
        Entry("trading.watch_held_orders", settings.tick_seconds, watch_held_orders),
        Entry("trading.resume_orders", settings.tick_seconds, resume_orders),
        Entry("trading.sync_orders", settings.tick_seconds, sync_orders),
    )


@job(FLATTEN_EVERYBODY)
async def flatten_everybody(operation: Operation, after: str) -> None:
    await halting.flatten_everybody(operation, after)
