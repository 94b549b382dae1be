"""Jobs written in the same transaction as the change that needs them, and kept until they are done."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, String, Text, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from domain.runtime.database import Base

REDELIVER_AFTER = timedelta(seconds=60)
MAX_ATTEMPTS = 8
BATCH = 200


class OutboxJob(Base):
    """A job that is still to be done. Its row is deleted when it has been; a broker that forgets costs a minute, not a job."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_run_at", "run_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    arguments: Mapped[dict[str, Any]]
    request_id: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    run_at: Mapped[datetime]
    dispatched_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    failed_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class JobMessage:
    """What travels over the broker: ids only, never the truth."""

    job_id: str
    name: str
    arguments: dict[str, Any]
    request_id: str


def message_of(job: OutboxJob) -> JobMessage:
    return JobMessage(job.id, job.name, dict(job.arguments), job.request_id)


async def take_due(session: AsyncSession, now: datetime, redeliver_after: timedelta = REDELIVER_AFTER) -> list[JobMessage]:
    """Mark due jobs as dispatched and return them; the caller commits before it sends.

    Due are jobs whose time has come and that were never handed to the broker, or so long ago that they must be lost.
    """
    due = (
        select(OutboxJob)
        .where(
            OutboxJob.run_at <= now,
            OutboxJob.failed_at.is_(None),
            or_(OutboxJob.dispatched_at.is_(None), OutboxJob.dispatched_at <= now - redeliver_after),
        )
        .order_by(OutboxJob.run_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    jobs: Sequence[OutboxJob] = (await session.scalars(due)).all()
    for job in jobs:
        job.dispatched_at = now
    return [message_of(job) for job in jobs]


async def finish(session: AsyncSession, job_id: str) -> None:
    """Forget a job that is done; the caller commits."""
    await session.execute(delete(OutboxJob).where(OutboxJob.id == job_id))


async def renew(session: AsyncSession, job_id: str, now: datetime) -> None:
    """Say that a worker is still at the job, so that it is not taken for lost; the caller commits."""
    await session.execute(update(OutboxJob).where(OutboxJob.id == job_id).values(dispatched_at=now))


async def release(session: AsyncSession, job_ids: Collection[str]) -> None:
    """Let the relay hand these jobs out again at once; the caller commits."""
    await session.execute(update(OutboxJob).where(OutboxJob.id.in_(job_ids)).values(dispatched_at=None))


async def postpone(session: AsyncSession, job_id: str, now: datetime, error: str, max_attempts: int = MAX_ATTEMPTS) -> bool:
    """Schedule a failed job again with exponential back-off, or keep it as failed after the last attempt.

    Returns whether it will run again; the caller commits.
    """
    job = await session.get(OutboxJob, job_id, with_for_update=True)
    if job is None:
        return False
    job.attempts += 1
    job.last_error = error[:2000]
    job.dispatched_at = None
    if job.attempts >= max_attempts:
        job.failed_at = now
        return False
    job.run_at = now + timedelta(seconds=min(300, 2**job.attempts))
    return True


async def forget_dispatches(session: AsyncSession) -> None:
    """Let every job be handed out again: for a process whose in-memory broker died with it. The caller commits."""
    await session.execute(update(OutboxJob).where(OutboxJob.failed_at.is_(None)).values(dispatched_at=None))
