"""Keeps the tables of the plumbing from growing without end."""

from domain.runtime import event_log, idempotency
from domain.runtime.operation import Operation
from workers.timetable import Entry

HOUR = 3600.0


async def prune_event_log(operation: Operation) -> None:
    async with operation.unit_of_work() as work:
        await event_log.prune(work.session, work.now, operation.runtime.settings.event_retention_days)


async def prune_idempotency_keys(operation: Operation) -> None:
    async with operation.unit_of_work() as work:
        await idempotency.prune_keys(work)


ENTRIES = (
    Entry("maintenance.prune_event_log", HOUR, prune_event_log),
    Entry("maintenance.prune_idempotency_keys", HOUR, prune_idempotency_keys),
)
