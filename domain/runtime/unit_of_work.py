"""One short transaction: change rows, note events and jobs; leaving the block does the rest, in order."""

from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy.ext.asyncio import AsyncSession

from domain.kernel.events import Event
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller
from domain.runtime.event_log import EventRow, current_transaction
from domain.runtime.outbox import JobMessage, OutboxJob, message_of
from domain.runtime.recorder import Recorder

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from domain.runtime.operation import Operation


class UnitOfWork:
    """A transaction in the name of a caller.

    Leaving the block normally lets the reactions to its events have their say, writes the events and jobs with the change, commits,
    rings the bus and hands the jobs on; leaving it with an exception rolls everything back.
    """

    session: AsyncSession

    def __init__(self, operation: "Operation", opening: "AbstractAsyncContextManager[AsyncSession]", *, writes: bool) -> None:
        self.operation, self._opening, self._writes = operation, opening, writes
        self._events: list[Event] = []
        self._jobs: list[OutboxJob] = []
        self._topics: set[str] = set()
        # of the service that is at work now; None between services
        self.recorder: Recorder | None = operation.recorder
        self._records: list[Recorder] = []

    @property
    def caller(self) -> Caller:
        return self.operation.caller

    @property
    def now(self) -> datetime:
        return self.operation.clock.now()

    def emit(self, event: Event) -> None:
        """Write the event to the log with this change, and wake its user's streams after the commit."""
        self._events.append(event)

    def wake(self, topic: str) -> None:
        """Ring the bus for a topic after the commit, without an event of its own."""
        self._topics.add(topic)

    def enqueue(self, job: str, *, run_at: datetime | None = None, **arguments: str) -> None:
        """Have a worker do the job after the commit, or at `run_at`; it may run more than once, so it must read the row first."""
        now = self.now
        self._jobs.append(
            OutboxJob(
                id=new_id("job"),
                name=job,
                arguments=arguments,
                request_id=self.operation.request_id,
                created_at=now,
                run_at=run_at or now,
                dispatched_at=None if run_at and run_at > now else now,
                attempts=0,
            )
        )

    def keep(self, record: Recorder) -> None:
        """Have the record of a service that has succeeded written with this transaction."""
        self._records.append(record)

    def forgo_record(self) -> None:
        """Leave no record of the service that runs: it answers with what an earlier, equal request made."""
        if self.recorder is not None:
            self.recorder.forgo()

    @property
    def has_news(self) -> bool:
        """Whether there are events or jobs to be written with the change."""
        return bool(self._events or self._jobs or self._topics)

    async def __aenter__(self) -> Self:
        self.session = await self._opening.__aenter__()
        if self._writes and self.recorder is not None:
            self.recorder.watch(self)
            self.keep(self.recorder)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        messages: list[JobMessage] = []
        try:
            if error is None and self._writes:
                messages = await self._commit()
        finally:
            await self._opening.__aexit__(kind, error, trace)
        if error is None and self._writes:
            runtime = self.operation.runtime
            if self._topics:
                await runtime.bus.publish(self._topics)
            if messages:
                await runtime.dispatch(messages)

    async def _commit(self) -> list[JobMessage]:
        # First: what is told of the change may raise an alert, and that is an event like any other.
        for record in self._records:
            await record.write(self)
        await self._react()
        for event in self._events:
            self.session.add(self._row_of(event))
            self._topics.add(event.user_id)
        self.session.add_all(self._jobs)
        messages = [message_of(job) for job in self._jobs if job.dispatched_at is not None]
        await self.session.commit()
        for record in self._records:
            record.committed()
        return messages

    async def _react(self) -> None:
        # What a reaction emits is stored and streamed like the rest, but nothing reacts to it: no circle can arise.
        for event in tuple(self._events):
            for reaction in self.operation.runtime.reactions_to(event.type):
                await reaction(self, event)

    def _row_of(self, event: Event) -> EventRow:
        payload: dict[str, Any] = dict(event.payload)
        return EventRow(
            transaction_id=current_transaction(self.session),
            id=new_id("event"),
            type=event.type,
            user_id=event.user_id,
            subject_id=event.subject_id,
            execution_id=event.execution_id,
            payload=payload,
            occurred_at=self.now,
        )
