"""Turns the event log into GraphQL subscriptions that resume without a gap."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing

from domain.runtime import event_log
from domain.runtime.event_log import Interest, StoredEvent
from domain.runtime.unit_of_work import UnitOfWork
from resolvers.realtime.feeds import check_reached
from schema.context import GraphQLContext
from schema.scalars import Cursor

AFTER = (
    "`after` resumes behind the last `cursor` that was received: nothing is missing and nothing comes twice. Without it the stream begins "
    "with the current state. Raises CURSOR_EXPIRED and CURSOR_INVALID."
)


async def updates[U](
    context: GraphQLContext,
    interest: Interest,
    after: Cursor | None,
    *,
    current: Callable[[UnitOfWork, Cursor], Awaitable[Iterable[U]]],
    read: Callable[[StoredEvent], U | None],
) -> AsyncGenerator[U]:
    """Yield updates for ever: the current ones first unless `after` is given, then one for each event that `read` does not pass over.

    `current` is asked in any case, and refuses what the caller may not see.
    """
    operation = context.operation
    start = None if after is None else event_log.Cursor.parse(after)
    async with operation.reading() as work:
        # The place is taken before the state: what happens in between is told again as an event, and not lost.
        head = await event_log.head(work.session)
        states = await current(work, Cursor(str(head)))
    if start is not None:
        await check_reached(operation, start)
    context.begun.set()
    if start is None:
        start = head
        for state in states:
            yield state
    async with aclosing(event_log.follow(operation, interest, start)) as events:
        async for event in events:
            update = read(event)
            if update is not None:
                yield update
