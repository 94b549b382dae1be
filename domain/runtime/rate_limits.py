"""How often somebody may ask: exact sliding windows for requests, leaky buckets for points, behind one port."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Protocol

from domain.kernel.errors import DomainError, ErrorCode

# What one customer of a provider usually holds of IPv6: single addresses of it cost nothing.
IPV6_PREFIX = 64
MAX_PLACE = 64
SWEEP_SECONDS = 60
MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `limit` requests in any `window_seconds`. Rules with one `bucket` count the same requests, each against its own limit."""

    bucket: str
    scope: str
    limit: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subject stands with one rule."""

    rule: Rule
    remaining: int
    reset_at: datetime  # when the next of the counted requests leaves the window, so that there is room for one more
    wait_seconds: float  # until there is room; 0 while there is


@dataclass(frozen=True, slots=True)
class Admission:
    """What the limiter said to one request: where it stands with each rule, and the rule that it has to wait for longest, if any."""

    standings: tuple[Standing, ...] = ()
    refused_by: Standing | None = None

    @property
    def tightest(self) -> Standing | None:
        """The rule that refused, else the one with the fewest requests left; None where nothing is limited."""
        if self.refused_by is not None:
            return self.refused_by
        return min(self.standings, key=lambda standing: (standing.remaining, -standing.reset_at.timestamp()), default=None)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Holds `size` points and gets `restored_per_second` of them back; who has drawn them all waits."""

    name: str
    size: int
    restored_per_second: int


@dataclass(frozen=True, slots=True)
class Draw:
    """What came of drawing points: how many are left, and for how long there are too few; 0 if they were drawn."""

    bucket: Bucket
    remaining: int
    wait_seconds: float = 0.0


class RateLimited(DomainError):
    """Too much was asked for in too short a time: nothing has been done, and `retry_after` says in how many seconds it can be."""

    def __init__(self, standing: Standing) -> None:
        rule, retry_after = standing.rule, whole_seconds(standing.wait_seconds)
        super().__init__(
            ErrorCode.RATE_LIMIT_EXCEEDED,
            f"Too many requests: {rule.limit} in {rule.window_seconds} seconds are allowed; try again in {retry_after} seconds",
            scope=rule.scope,
            limit=rule.limit,
            window_seconds=rule.window_seconds,
            retry_after=retry_after,
        )
        self.standing = standing


class RateLimiter(Protocol):
    """Counts what subjects (a user, an address) have asked for. The caller's clock says when; a broken store lets everything pass."""

    async def admit(self, subject: str, rules: Sequence[Rule], now: datetime) -> Admission:
        """Count one request if every rule has room for it, at once for all; a refused one is counted nowhere."""
        ...

    async def draw(self, subject: str, bucket: Bucket, points: int, now: datetime) -> Draw | None:
        """Take points if there are enough, none otherwise; negative ones are given back. None where nothing is limited."""
        ...

    async def close(self) -> None: ...


class Unlimited:
    """Lets everything pass and counts nothing."""

    async def admit(self, subject: str, rules: Sequence[Rule], now: datetime) -> Admission:
        return Admission()

    async def draw(self, subject: str, bucket: Bucket, points: int, now: datetime) -> Draw | None:
        return None

    async def close(self) -> None:
        return None


@dataclass(slots=True)
class _Level:
    drawn: float
    at: int


@dataclass(slots=True)
class _Times:
    window: int
    taken: list[int] = field(default_factory=list)


class MemoryRateLimiter:
    """Within one process: no call is interrupted by another, since none of them waits."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], _Times] = {}
        self._levels: dict[tuple[str, str], _Level] = {}
        self._full_at: dict[tuple[str, str], int] = {}
        self._swept_at = 0

    async def admit(self, subject: str, rules: Sequence[Rule], now: datetime) -> Admission:
        moment = microseconds(now)
        self._sweep(moment)
        counted = [self._counted(subject, rule, moment) for rule in rules]
        admitted = all(len(taken) < rule.limit for rule, taken in zip(rules, counted, strict=True))
        if admitted:
            for taken in counted:
                taken.insert(bisect_right(taken, moment), moment)  # clocks are set back at times
        # The request that has to leave before there is room for one more.
        leaving = [taken[max(0, len(taken) - rule.limit)] if taken else moment for rule, taken in zip(rules, counted, strict=True)]
        return admission(rules, [len(taken) for taken in counted], leaving, moment, admitted=admitted)

    async def draw(self, subject: str, bucket: Bucket, points: int, now: datetime) -> Draw | None:
        moment = microseconds(now)
        self._sweep(moment)
        key = (subject, bucket.name)
        level = self._levels.setdefault(key, _Level(0.0, moment))
        level.drawn = max(0.0, level.drawn - max(0, moment - level.at) * bucket.restored_per_second / MICROSECONDS)
        level.at = max(level.at, moment)
        admitted = points <= 0 or level.drawn + points <= bucket.size
        if admitted:
            level.drawn = max(0.0, level.drawn + points)
        self._full_at[key] = level.at + math.ceil(level.drawn * MICROSECONDS / bucket.restored_per_second)
        return drawn(bucket, level.drawn, 0 if admitted else points)

    async def close(self) -> None:
        return None

    def _counted(self, subject: str, rule: Rule, moment: int) -> list[int]:
        window = rule.window_seconds * MICROSECONDS
        times = self._times.setdefault((subject, rule.bucket), _Times(window))
        del times.taken[: bisect_right(times.taken, moment - window)]
        return times.taken

    def _sweep(self, moment: int) -> None:
        # What nobody has asked about for a window says nothing any more, and strangers' addresses are many.
        if 0 <= moment - self._swept_at < SWEEP_SECONDS * MICROSECONDS:
            return
        self._swept_at = moment
        for key in [key for key, times in self._times.items() if not times.taken or times.taken[-1] <= moment - times.window]:
            del self._times[key]
        for key in [key for key, full_at in self._full_at.items() if full_at <= moment]:
            del self._levels[key], self._full_at[key]


def admission(rules: Sequence[Rule], counts: Sequence[int], leaving: Sequence[int], moment: int, *, admitted: bool) -> Admission:
    """Return what the counts mean; `leaving` are the requests (in microseconds) whose leaving makes room for one more."""
    standings = []
    for rule, count, left in zip(rules, counts, leaving, strict=True):
        reset = left + rule.window_seconds * MICROSECONDS
        wait = max(0, reset - moment) / MICROSECONDS if count >= rule.limit else 0.0
        standings.append(Standing(rule, max(0, rule.limit - count), _EPOCH + reset * _MICROSECOND, wait))
    refusing = [] if admitted else [standing for standing in standings if standing.remaining == 0]
    return Admission(tuple(standings), max(refusing, key=lambda standing: standing.wait_seconds, default=None))


def drawn(bucket: Bucket, level: float, missing: int) -> Draw:
    """Return how a bucket stands at a level; `missing` are the points that it did not hold, 0 if it did."""
    over = max(0.0, level + missing - bucket.size) if missing else 0.0
    return Draw(bucket, max(0, math.floor(bucket.size - level)), over / bucket.restored_per_second)


def microseconds(moment: datetime) -> int:
    """Return the time since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def whole_seconds(wait: float) -> int:
    """Return a wait as `Retry-After` states it: rounded up, at least one second."""
    return max(1, math.ceil(wait))


def network_of(ip: str | None) -> str:
    """Return where an address comes from, as far as limits tell places apart: itself, or its network of IPv6.

    One of IPv4 that a socket of both kinds writes as IPv6 (`::ffff:203.0.113.7`) is the one of IPv4: all of them share one network.
    """
    try:
        address = ip_address(ip or "")
    except ValueError:
        return (ip or "")[:MAX_PLACE]
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(ip_network((address, IPV6_PREFIX), strict=False)) if address.version == 6 else str(address)
