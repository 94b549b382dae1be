"""The jobs that exist, and what happens around every run of one: request id, time limit, the outbox row, failures."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Concatenate

import structlog

from domain.kernel.permissions import SYSTEM
from domain.runtime import outbox
from domain.runtime.logging import bind_request
from domain.runtime.operation import Operation
from domain.runtime.outbox import JobMessage, OutboxJob
from domain.runtime.runtime import Runtime

log = structlog.get_logger()
LIMIT_SECONDS = 600.0

type Work[**P] = Callable[Concatenate[Operation, P], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Job:
    """A function that does one kind of work for ids given as keyword arguments."""

    name: str
    function: Callable[..., Awaitable[None]]
    limit_seconds: float
    max_attempts: int


class JobRegistry:
    """Jobs by name. There is one for the system; a test may have its own."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def job[**P](
        self, name: str, limit_seconds: float = LIMIT_SECONDS, max_attempts: int = outbox.MAX_ATTEMPTS
    ) -> Callable[[Work[P]], Work[P]]:
        """Register `async def work(operation, some_id: str)` under the name that `UnitOfWork.enqueue` uses.

        A job may run more than once, and twice at once: it reads the row first and does what is left to do. A run longer than
        `limit_seconds` is cancelled and counts as failed; after `max_attempts` failures it is given up and its row kept.
        """

        def register(function: Work[P]) -> Work[P]:
            if name in self._jobs:
                raise ValueError(f"There are two jobs named {name}")
            self._jobs[name] = Job(name, function, limit_seconds, max_attempts)
            return function

        return register

    def __getitem__(self, name: str) -> Job:
        return self._jobs[name]

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())


JOBS = JobRegistry()
job = JOBS.job


async def perform(runtime: Runtime, job: Job, message: JobMessage) -> None:
    """Do the job of a message unless its row says that it is done, failed for good or not due yet.

    Afterwards the row is deleted; after a failure it is postponed; after a cancellation it is free for any other worker.
    """
    bind_request(message.request_id, job=message.name, job_id=message.job_id)
    operation = runtime.operation(SYSTEM, door="worker", request_id=message.request_id)
    if not await _is_left_to_do(operation, message.job_id):
        return
    keeper = asyncio.create_task(_keep_from_relay(operation, message.job_id))
    try:
        async with asyncio.timeout(job.limit_seconds):
            await job.function(operation, **message.arguments)
    except asyncio.CancelledError:
        log.warning("job.interrupted")
        async with operation.unit_of_work() as work:
            await outbox.release(work.session, [message.job_id])
        raise
    except Exception as error:
        await _postpone(operation, job, message.job_id, error)
    else:
        async with operation.unit_of_work() as work:
            await outbox.finish(work.session, message.job_id)
    finally:
        keeper.cancel()


async def _is_left_to_do(operation: Operation, job_id: str) -> bool:
    async with operation.reading() as work:
        row = await work.session.get(OutboxJob, job_id)
        return row is not None and row.failed_at is None and row.run_at <= work.now


async def _postpone(operation: Operation, job: Job, job_id: str, error: Exception) -> None:
    sentence = f"{type(error).__name__}: {error}"
    async with operation.unit_of_work() as work:
        again = await outbox.postpone(work.session, job_id, work.now, sentence, job.max_attempts)
    log.error("job.failed" if again else "job.failed_for_good", error=sentence, exc_info=error)


async def _keep_from_relay(operation: Operation, job_id: str) -> None:
    # The relay takes a job for lost when its stamp is old; one that is merely long must not be handed out twice.
    while True:
        await asyncio.sleep(outbox.REDELIVER_AFTER.total_seconds() / 3)
        with contextlib.suppress(Exception):
            async with operation.unit_of_work() as work:
                await outbox.renew(work.session, job_id, work.now)
