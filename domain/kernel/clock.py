"""Time as a dependency, so that a test or a replay decides what "now" is."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Answers what time it is, as an aware UTC datetime."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when it is told to."""

    def __init__(self, start: datetime) -> None:
        self._now = as_utc(start)

    def now(self) -> datetime:
        return self._now

    def set(self, moment: datetime) -> None:
        self._now = as_utc(moment)

    def advance(self, **amount: float) -> datetime:
        """Move forward by a timedelta given in its keywords, e.g. `hours=1`."""
        self._now += timedelta(**amount)
        return self._now


class AcceleratedClock:
    """A clock that starts at a chosen moment and runs `speed` times as fast as another one."""

    def __init__(self, base: Clock, start: datetime, speed: float = 1.0) -> None:
        self._base, self._base_start, self._start, self._speed = base, base.now(), as_utc(start), speed

    def now(self) -> datetime:
        return self._start + (self._base.now() - self._base_start) * self._speed


def as_utc(moment: datetime) -> datetime:
    """Return the moment in UTC; a naive one is taken as UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def to_wire(moment: datetime) -> str:
    """Return RFC 3339 with milliseconds and `Z`, the form every door sends."""
    return as_utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")
