"""Jobs and periodic work of flows."""

from domain.flows import lease, running, triggering
from domain.flows.triggering import RUN_JOB
from domain.runtime.operation import Operation
from domain.runtime.settings import Settings
from workers.jobs import job
from workers.timetable import Entry

# A run may wait for slow models; its lease, not this limit, says when it is dead.
RUN_LIMIT_SECONDS = 3600.0


@job(RUN_JOB, limit_seconds=RUN_LIMIT_SECONDS)
async def run_execution(operation: Operation, execution_id: str) -> None:
    await running.run_execution(operation, execution_id)


def entries(settings: Settings) -> tuple[Entry, ...]:
    return (
        Entry("flows.revive_silent_runs", settings.tick_seconds, lease.revive_silent_runs),
        Entry("flows.begin_due_cycles", settings.tick_seconds, triggering.begin_due_cycles),
    )
