"""The route of the event log, with `Prefer: wait`."""

from typing import Annotated

from domain.events.service import EventLimit, EventWord, read_events
from domain.runtime.operation import Operation
from resolvers.rest.endpoint import Answer, Header
from resolvers.rest.preferences import wait_of


async def events_and_wait(
    operation: Operation,
    after: EventWord | None = None,
    types: EventWord | None = None,
    limit: EventLimit = 100,
    prefer: Annotated[str | None, Header("Prefer")] = None,
) -> Answer:
    """Return the caller's events after a cursor, oldest first, with the cursor that goes on behind them.

    Without `after` it begins with the oldest that is kept; `latest` gives the cursor of now. `types` is a comma list such as
    `order.updated,position`. `Prefer: wait=30` waits up to that many seconds for the first event. Raises CURSOR_EXPIRED, CURSOR_INVALID.
    """
    seconds = wait_of(prefer)
    page = await read_events(operation, after, types, limit, seconds or 0)
    return Answer(page, headers={} if seconds is None else {"Preference-Applied": f"wait={seconds:g}"})
