"""Reads the caller's events behind a cursor: the same log and the same cursors that subscriptions and sockets resume from."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Caller, Permission
from domain.runtime import event_log
from domain.runtime.event_log import Cursor, Interest, StoredEvent
from domain.runtime.operation import Operation

# What an event's noun takes to be read; events of other nouns are not for clients.
NEEDED: Mapping[str, Permission] = {
    "conversation": Permission.EXECUTIONS_READ,
    "device": Permission.DEVICES_READ,
    "execution": Permission.EXECUTIONS_READ,
    "margin": Permission.WALLETS_READ,
    "notification": Permission.NOTIFICATIONS_READ,
    "order": Permission.ORDERS_READ,
    "position": Permission.POSITIONS_READ,
    "price_alert": Permission.MARKET_READ,
    "security_alert": Permission.PROFILE_READ,
    "subscription": Permission.USER_PLANS_READ,
    "trading_switch": Permission.RISK_RULES_READ,
    "wallet": Permission.WALLETS_READ,
    "webhook": Permission.NOTIFICATIONS_READ,
}
LATEST = "latest"
LONGEST_WAIT_SECONDS = 30.0
EventLimit = Annotated[int, Field(ge=1, le=1000)]
EventWord = Annotated[str, Field(max_length=400)]


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, oldest first, and the cursor to ask with for what follows them."""

    events: Sequence[StoredEvent]
    next: Cursor


async def read_events(
    operation: Operation, after: EventWord | None = None, types: EventWord | None = None, limit: EventLimit = 100, wait_seconds: float = 0
) -> EventPage:
    """Return the caller's events after the cursor that a page, a subscription or a socket has given.

    Without one it begins with the oldest that is kept; `latest` gives no events but the cursor of now. `types` is a comma list such as
    `order.updated,position` (a noun stands for all its types). What the caller may not read is left out. Waits up to `wait_seconds` (at
    most 30) for the first event. Raises CURSOR_EXPIRED, CURSOR_INVALID, VALIDATION_ERROR for an unknown type.
    """
    caller = operation.caller
    interest = Interest(caller.id, types=_readable_types(caller, types))
    async with operation.runtime.database.reading() as session:
        if after == LATEST:
            return EventPage([], await event_log.head(session))
        start = await event_log.oldest(session) if after is None else Cursor.parse(after)
    if not interest.types:
        return EventPage([], start)
    give_up = time.monotonic() + min(wait_seconds, LONGEST_WAIT_SECONDS)
    async with operation.runtime.bus.subscribe(caller.id) as bell:
        while True:
            async with operation.runtime.database.reading() as session:
                events = await event_log.read(session, interest, start, limit)
            left = give_up - time.monotonic()
            if events or left <= 0:
                return EventPage(events, events[-1].cursor if events else start)
            await bell.wait(min(left, event_log.IDLE_SECONDS))


def _readable_types(caller: Caller, wanted: str | None) -> list[str]:
    words = {word.strip() for word in wanted.split(",") if word.strip()} if wanted is not None else set(NEEDED)
    unknown = sorted(word for word in words if word.partition(".")[0] not in NEEDED)
    if unknown or not words:
        message = f"types must be a comma list of {', '.join(sorted(NEEDED))}, or of types such as order.updated"
        raise DomainError(ErrorCode.VALIDATION_ERROR, message, field="types")
    return sorted(word for word in words if caller.may(NEEDED[word.partition(".")[0]]))
