"""One request or job step: who asks, through which door, and the tools to answer with."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from domain.kernel.clock import Clock
from domain.kernel.permissions import Caller

if TYPE_CHECKING:
    from domain.runtime.recorder import Recorder
    from domain.runtime.runtime import Runtime
    from domain.runtime.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Operation:
    """What one caller does with one runtime.

    A service that is one short transaction takes a `UnitOfWork`; one that must ask something slow (a market, a venue, a
    password hash) in between takes the `Operation` and opens units of work around it.
    """

    runtime: "Runtime"
    caller: Caller
    door: str
    request_id: str
    ip: str | None = None
    user_agent: str | None = None
    idempotency_key: str | None = None
    recorder: "Recorder | None" = None  # follows the service that runs, and is written with its first change

    @property
    def clock(self) -> Clock:
        return self.runtime.clock

    def unit_of_work(self) -> "UnitOfWork":
        """Return a writing transaction; leaving it commits, publishes its events and dispatches its jobs."""
        return self.runtime.unit_of_work(self)

    def reading(self) -> "UnitOfWork":
        """Return a reading transaction, which never waits for writers."""
        return self.runtime.reading(self)

    def use[T](self, kind: type[T]) -> T:
        """Return the part of the composition that was provided as `kind`, for instance the market or the venues."""
        return self.runtime.use(kind)

    def on_behalf_of(self, caller: Caller) -> "Operation":
        return replace(self, caller=caller)

    def unrecorded(self) -> "Operation":
        """Return the operation for work that is not what the service was asked for, such as looking up what became of an order."""
        return replace(self, recorder=None)
