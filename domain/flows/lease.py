"""A worker's hold on a run: taken with a number that counts up, renewed while it works, and checked at every write."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Update, select, update
from sqlalchemy.exc import SQLAlchemyError

from domain.flows.models import Execution, ExecutionStatus
from domain.flows.triggering import RUN_JOB
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

log = structlog.get_logger()


class LostLease(Exception):
    """Another worker has taken the run over; this one stops without a word, since all its writes are fenced off."""


@dataclass(frozen=True)
class Hold:
    """Proof that this process carries a run on: writes are made only while `attempt` is still the run's."""

    operation: Operation
    execution_id: str
    attempt: int

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[tuple[UnitOfWork, Execution]]:
        """Open a unit of work with the run's row locked; raises LostLease if the run is no longer this worker's."""
        async with self.operation.unit_of_work() as work:
            query = select(Execution).where(Execution.id == self.execution_id).with_for_update()
            execution = await work.session.scalar(query)
            if (
                execution is None
                or execution.status is not ExecutionStatus.RUNNING
                or execution.attempt != self.attempt
                or execution.lease_owner != self.operation.runtime.owner
            ):
                raise LostLease(self.execution_id)
            yield work, execution


async def take(operation: Operation, execution_id: str) -> Execution | None:
    """Take the run if it waits or its worker has fallen silent; None when it has ended or another worker is at it."""
    runtime = operation.runtime
    async with operation.unit_of_work() as work:
        execution = await work.session.scalar(select(Execution).where(Execution.id == execution_id).with_for_update())
        if execution is None or not _is_free(execution, work.now, runtime.owner):
            return None
        execution.attempt += 1
        execution.status = ExecutionStatus.RUNNING
        execution.lease_owner = runtime.owner
        execution.lease_until = work.now + timedelta(seconds=runtime.settings.lease_seconds)
        execution.started_at = execution.started_at or work.now
        return execution


@asynccontextmanager
async def renewed(hold: Hold) -> AsyncIterator[None]:
    """Renew the lease in the background; if it is lost, cancel the block and raise LostLease."""
    worker = asyncio.current_task()
    assert worker is not None
    lost = False

    async def renew() -> None:
        nonlocal lost
        seconds = hold.operation.runtime.settings.lease_seconds
        while True:
            await asyncio.sleep(seconds / 3)
            try:
                lost = not await _renew_once(hold, seconds)
            except (SQLAlchemyError, OSError) as error:
                log.warning("lease.renewal_failed", execution_id=hold.execution_id, error=str(error))
                continue
            if lost:
                worker.cancel()
                return

    renewal = asyncio.create_task(renew())
    try:
        yield
    except asyncio.CancelledError:
        if lost:
            worker.uncancel()
            raise LostLease(hold.execution_id) from None
        raise
    finally:
        renewal.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await renewal


async def let_go(hold: Hold) -> None:
    """Let the lease run out now, so that the next worker need not wait for it."""
    async with hold.operation.unit_of_work() as work:
        # Not None, which says that a job for the run is in the outbox: this worker's may have been done away with by its double.
        await work.session.execute(_mine(hold).values(lease_until=work.now))


async def revive_silent_runs(operation: Operation) -> int:
    """Queue every run whose worker has fallen silent; says how many.

    Silent is a worker whose lease ran out, or a process of this machine that no longer exists. Each silence queues the run
    once: the outbox keeps the job until it is done.
    """
    runtime = operation.runtime
    async with operation.reading() as work:
        query = select(Execution.id, Execution.lease_owner, Execution.lease_until).where(
            Execution.status == ExecutionStatus.RUNNING, Execution.lease_until.is_not(None)
        )
        held = (await work.session.execute(query)).all()
        now = work.now
    silent = [row for row in held if row.lease_until <= now or _has_died(row.lease_owner, runtime.owner)]
    revived = 0
    for execution_id, owner, until in silent:
        async with operation.unit_of_work() as work:
            freed = await work.session.execute(
                update(Execution)
                .where(
                    Execution.id == execution_id,
                    Execution.status == ExecutionStatus.RUNNING,
                    Execution.lease_owner == owner,
                    Execution.lease_until == until,
                )
                .values(lease_until=None)
                .returning(Execution.id)
            )
            if freed.first() is not None:
                work.enqueue(RUN_JOB, execution_id=execution_id)
                revived += 1
    if revived:
        log.info("executions.revived", count=revived)
    return revived


async def _renew_once(hold: Hold, seconds: float) -> bool:
    async with hold.operation.unit_of_work() as work:
        until = work.now + timedelta(seconds=seconds)
        renewed_row = await work.session.execute(_mine(hold).values(lease_until=until).returning(Execution.id))
        if renewed_row.first() is not None:
            return True
        # A run that has just ended is nobody's, and its worker still has the end to tell.
        status = await work.session.scalar(select(Execution.status).where(Execution.id == hold.execution_id))
        return status is not ExecutionStatus.RUNNING


def _mine(hold: Hold) -> Update:
    return update(Execution).where(
        Execution.id == hold.execution_id,
        Execution.status == ExecutionStatus.RUNNING,
        Execution.attempt == hold.attempt,
        Execution.lease_owner == hold.operation.runtime.owner,
    )


def _is_free(execution: Execution, now: datetime, me: str) -> bool:
    if execution.status is ExecutionStatus.PENDING:
        return True
    if execution.status is not ExecutionStatus.RUNNING:
        return False
    return execution.lease_until is None or execution.lease_until <= now or _has_died(execution.lease_owner, me)


def _has_died(owner: str | None, me: str) -> bool:
    # A restarted server need not wait for its own predecessor; anything doubtful waits for the lease.
    host, _, rest = (owner or "").rpartition(":")[0].rpartition(":")
    if not rest.isdigit() or host != socket.gethostname()[:60] or owner == me:
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return int(rest) == os.getpid()
