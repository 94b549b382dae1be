"""The log of all durable events: written with the change they report, read back by cursor."""

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import BigInteger, ColumnElement, Index, Integer, String, and_, delete, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.database import Base

if TYPE_CHECKING:
    from domain.runtime.operation import Operation

PAGE = 200
# On PostgreSQL a writer that is still open hides what committed after it began: look again soon, then less and less often.
RECHECK_SECONDS = 0.03
IDLE_SECONDS = 2.0
LAST_IN_TRANSACTION = 2**62


class EventRow(Base):
    """One event. `transaction_id` is PostgreSQL's, 0 on SQLite, where writers take turns and `seq` alone orders them."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_user_id_transaction_id_seq", "user_id", "transaction_id", "seq"),
        # A number is never used again, even when pruning has emptied the table: cursors out there would lie ahead of it.
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    transaction_id: Mapped[int] = mapped_column(BigInteger)
    id: Mapped[str] = mapped_column(String(40), unique=True)
    type: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(40))
    execution_id: Mapped[str | None] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]]
    occurred_at: Mapped[datetime] = mapped_column(index=True)


class EventLogState(Base):
    """How far the log has been pruned: a single row."""

    __tablename__ = "event_log_state"
    id: Mapped[int] = mapped_column(primary_key=True)
    pruned_transaction_id: Mapped[int] = mapped_column(BigInteger, default=0)
    pruned_seq: Mapped[int] = mapped_column(BigInteger, default=0)


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the log; everything at or before it has been seen."""

    transaction_id: int
    seq: int

    def __str__(self) -> str:
        return f"{self.transaction_id:x}-{self.seq:x}"

    @classmethod
    def parse(cls, written: str) -> Self:
        """Return the cursor that `str` wrote; raises CURSOR_INVALID."""
        left, dash, right = written.partition("-")
        try:
            if not dash or len(written) > 40 or not (left + right).isalnum():
                raise ValueError(written)
            transaction_id, seq = int(left, 16), int(right, 16)
        except ValueError:
            raise DomainError(ErrorCode.CURSOR_INVALID, "The cursor was not issued by this server", cursor=written[:40]) from None
        if transaction_id > 2**63 - 1 or seq > 2**63 - 1:
            raise DomainError(ErrorCode.CURSOR_INVALID, "The cursor was not issued by this server", cursor=written[:40])
        return cls(transaction_id, seq)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it stands in the log."""

    cursor: Cursor
    id: str
    type: str
    subject_id: str
    execution_id: str | None
    payload: dict[str, Any]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Interest:
    """What a stream asks for: one user's events of these types (`order` stands for all that begin with `order.`), of one run or one
    object if given.
    """

    user_id: str
    types: Collection[str] = ()
    execution_id: str | None = None
    subject_ids: Collection[str] = ()

    def condition(self) -> ColumnElement[bool]:
        terms: list[ColumnElement[bool]] = [EventRow.user_id == self.user_id]
        if self.types:
            whole = [EventRow.type.startswith(f"{noun}.", autoescape=True) for noun in self.types if "." not in noun]
            terms.append(or_(EventRow.type.in_([one for one in self.types if "." in one]), *whole))
        if self.execution_id:
            terms.append(EventRow.execution_id == self.execution_id)
        if self.subject_ids:
            terms.append(EventRow.subject_id.in_(self.subject_ids))
        return and_(*terms)


def current_transaction(session: AsyncSession) -> Any:
    """Return what to store as an event's `transaction_id`: an SQL expression on PostgreSQL, 0 on SQLite."""
    return text("pg_current_xact_id()::text::bigint") if session.get_bind().dialect.name == "postgresql" else 0


async def head(session: AsyncSession) -> Cursor:
    """Return the cursor behind which nothing that is committed now can still appear."""
    if session.get_bind().dialect.name == "postgresql":
        return Cursor(await horizon(session) - 1, LAST_IN_TRANSACTION)
    pruned = await session.scalar(select(EventLogState.pruned_seq)) or 0
    return Cursor(0, await session.scalar(select(func.max(EventRow.seq))) or pruned)


async def oldest(session: AsyncSession) -> Cursor:
    """Return the cursor before the oldest event that is kept."""
    pruned = await session.get(EventLogState, 1)
    return Cursor(pruned.pruned_transaction_id, pruned.pruned_seq) if pruned else Cursor(0, 0)


async def read(session: AsyncSession, interest: Interest, after: Cursor, limit: int = PAGE) -> list[StoredEvent]:
    """Return the events after a cursor, oldest first.

    On PostgreSQL only those below the oldest running transaction: a lower number can still commit later. Raises
    CURSOR_EXPIRED when events after the cursor have been pruned.
    """
    pruned = await session.get(EventLogState, 1)
    if pruned and after < Cursor(pruned.pruned_transaction_id, pruned.pruned_seq):
        raise DomainError(ErrorCode.CURSOR_EXPIRED, "The cursor is older than the event log reaches", cursor=str(after))
    query = select(EventRow).where(
        interest.condition(),
        or_(
            EventRow.transaction_id > after.transaction_id,
            and_(EventRow.transaction_id == after.transaction_id, EventRow.seq > after.seq),
        ),
    )
    if session.get_bind().dialect.name == "postgresql":
        query = query.where(EventRow.transaction_id < await horizon(session))
    rows: Sequence[EventRow] = (await session.scalars(query.order_by(EventRow.transaction_id, EventRow.seq).limit(limit))).all()
    return [_stored(row) for row in rows]


async def follow(operation: "Operation", interest: Interest, after: Cursor) -> AsyncGenerator[StoredEvent]:
    """Yield every event after the cursor, for ever: first what is stored, then what comes, none missing and none twice."""
    database = operation.runtime.database
    soonest = IDLE_SECONDS if database.is_sqlite else RECHECK_SECONDS
    pause = soonest  # the bell for what is still hidden may have rung before this began
    async with operation.runtime.bus.subscribe(interest.user_id) as wake_ups:
        while True:
            async with database.reading() as session:
                events = await read(session, interest, after)
            for event in events:
                yield event
                after = event.cursor
            if not events:
                pause = soonest if await wake_ups.wait(pause) else min(pause * 2, IDLE_SECONDS)


async def prune(session: AsyncSession, now: datetime, keep_days: int) -> int:
    """Delete events older than `keep_days` and remember how far; the caller commits. Returns how many."""
    old = EventRow.occurred_at < now - timedelta(days=keep_days)
    newest = (
        await session.execute(
            select(EventRow.transaction_id, EventRow.seq).where(old).order_by(EventRow.transaction_id.desc(), EventRow.seq.desc()).limit(1)
        )
    ).first()
    if newest is None:
        return 0
    transaction_id, seq = newest
    gone = await session.execute(
        delete(EventRow).where(
            or_(EventRow.transaction_id < transaction_id, and_(EventRow.transaction_id == transaction_id, EventRow.seq <= seq))
        )
    )
    await session.merge(EventLogState(id=1, pruned_transaction_id=transaction_id, pruned_seq=seq))
    return int(getattr(gone, "rowcount", 0))


async def horizon(session: AsyncSession) -> int:
    """Return PostgreSQL's oldest running transaction: whatever a lower one wrote is there for good, and nothing more will come of it."""
    return int(await session.scalar(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")) or 0)


def _stored(row: EventRow) -> StoredEvent:
    return StoredEvent(
        Cursor(row.transaction_id, row.seq), row.id, row.type, row.subject_id, row.execution_id, row.payload, row.occurred_at
    )
