"""What one process lends to every operation: database, bus, clock, jobs and the parts chosen at start."""

import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence

from domain.kernel.clock import Clock
from domain.kernel.events import Event
from domain.kernel.ids import new_id
from domain.kernel.permissions import SYSTEM, Caller
from domain.runtime.database import Database
from domain.runtime.event_bus import EventBus
from domain.runtime.operation import Operation
from domain.runtime.outbox import JobMessage
from domain.runtime.rate_limits import RateLimiter, Unlimited
from domain.runtime.settings import Settings
from domain.runtime.unit_of_work import UnitOfWork

Dispatch = Callable[[Sequence[JobMessage]], Awaitable[None]]
Reaction = Callable[[UnitOfWork, Event], Awaitable[None]]


async def leave_to_relay(_messages: Sequence[JobMessage]) -> None:
    """Hand nothing on: the relay of some process will find the jobs in the outbox."""


class Runtime:
    """Built once by a composition root and shared by all requests and jobs of its event loop."""

    def __init__(self, settings: Settings, clock: Clock, database: Database, bus: EventBus) -> None:
        self.settings, self.clock, self.database, self.bus = settings, clock, database, bus
        self.dispatch: Dispatch = leave_to_relay
        self.rate_limiter: RateLimiter = Unlimited()
        # names this process where it holds a lease; the last part tells a restarted process from its predecessor
        self.owner = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._parts: dict[type[object], object] = {}
        self._reactions: dict[str, list[Reaction]] = {}

    def provide[T](self, kind: type[T], part: T) -> None:
        """Put a part of the composition under its kind, for instance the market or the venues."""
        self._parts[kind] = part

    def use[T](self, kind: type[T]) -> T:
        """Return the part provided as `kind`; a missing one is a mistake of the composition root."""
        part = self._parts[kind]
        assert isinstance(part, kind)
        return part

    def lasting[T](self, kind: type[T]) -> T:
        """Return the one object of a kind that lasts as long as the runtime, made when it is first asked for."""
        part = self._parts.setdefault(kind, kind())
        assert isinstance(part, kind)
        return part

    def react(self, event_type: str, reaction: Reaction) -> None:
        """Have `reaction` called in every unit of work that emits such an event, before it commits: with the fact, or not at all."""
        self._reactions.setdefault(event_type, []).append(reaction)

    def reactions_to(self, event_type: str) -> Sequence[Reaction]:
        return self._reactions.get(event_type, ())

    def operation(
        self,
        caller: Caller = SYSTEM,
        *,
        door: str = "system",
        request_id: str | None = None,
        ip: str | None = None,
        user_agent: str | None = None,
        idempotency_key: str | None = None,
    ) -> Operation:
        return Operation(self, caller, door, request_id or new_id("req"), ip, user_agent, idempotency_key)

    def unit_of_work(self, operation: Operation) -> UnitOfWork:
        return UnitOfWork(operation, self.database.writing(), writes=True)

    def reading(self, operation: Operation) -> UnitOfWork:
        return UnitOfWork(operation, self.database.reading(), writes=False)
