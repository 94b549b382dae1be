"""How many requests and GraphQL points somebody may spend: the tables of both REST dialects, and what a paid plan adds."""

from datetime import datetime, timedelta
from enum import Enum

from domain.kernel.errors import DomainError, ErrorCode
from domain.plans.limits import is_premium
from domain.runtime.operation import Operation
from domain.runtime.rate_limits import Admission, Bucket, Draw, RateLimited, Rule, network_of, whole_seconds

# How long it takes until a new plan, or the end of one, is noticed.
REMEMBERED_FOR = timedelta(seconds=5)
MAX_REMEMBERED = 10_000


class Traffic(Enum):
    """What kind of request it is, as far as limits tell them apart."""

    ORDINARY = "ordinary"
    REALTIME = "realtime"  # prices, feeds, positions, readings: what clients ask for again and again
    ORDERS = "orders"  # placing and changing, which polling must not starve
    CANCELS = "cancels"  # always a few more: whoever is throttled can still reduce risk
    SIGN_IN = "sign_in"  # counted by address, whoever asks
    CONNECTS = "connects"  # a socket of any kind
    FRAMES = "frames"  # what comes in over a socket


STANDARD = Rule("api_v1.minute", "minute", 60, 60)
PREMIUM = Rule("api_v1.minute", "minute", 300, 60)

HOUR = Rule("v1.hour", "hour", 1_000, 3_600)
CANCEL_RESERVE = 60
HOUR_AND_RESERVE = Rule("v1.hour", "hour", HOUR.limit + CANCEL_RESERVE, 3_600)
BURST = Rule("v1.burst", "burst", 50, 10)
REALTIME = Rule("v1.realtime", "realtime", 100, 60)
ORDERS = Rule("v1.orders", "orders", 100, 60)
# As many as a burst, but of its own: a client that comes back begins all its subscriptions at once.
FRAMES = Rule("frames", "burst", 50, 10)

V1: dict[Traffic, tuple[Rule, ...]] = {
    Traffic.ORDINARY: (HOUR, BURST),
    Traffic.REALTIME: (HOUR, BURST, REALTIME),
    Traffic.ORDERS: (HOUR, BURST, ORDERS),
    Traffic.CANCELS: (HOUR_AND_RESERVE, BURST),
    Traffic.SIGN_IN: (HOUR, BURST),
    Traffic.CONNECTS: (BURST, REALTIME),
    Traffic.FRAMES: (FRAMES,),
}


class PaidPlans:
    """Remembers for seconds who has a paid plan, so that not every request asks the database."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bool, datetime]] = {}

    async def has_one(self, operation: Operation) -> bool:
        """Tell whether the caller has a paid plan; nobody without an account has."""
        user_id, now = operation.caller.user_id, operation.clock.now()
        if user_id is None:
            return False
        answer, asked_at = self._known.get(user_id, (False, None))
        if asked_at is not None and asked_at <= now < asked_at + REMEMBERED_FOR:
            return answer
        async with operation.reading() as work:
            answer = await is_premium(work, user_id)
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[user_id] = (answer, now)
        return answer


async def admit(operation: Operation, dialect: str, traffic: Traffic) -> Admission:
    """Count a request by its user, or by the address it comes from, and say whether there was room; raises nothing."""
    runtime = operation.runtime
    if not runtime.settings.rate_limits:
        return Admission()
    by_address = traffic is Traffic.SIGN_IN and dialect == "v1"
    subject = _address(operation) if by_address else subject_of(operation)
    return await runtime.rate_limiter.admit(subject, await _rules(operation, dialect, traffic), operation.clock.now())


async def check(operation: Operation, traffic: Traffic) -> None:
    """Count what comes over a socket; raises RateLimited."""
    admission = await admit(operation, "v1", traffic)
    if admission.refused_by is not None:
        raise RateLimited(admission.refused_by)


async def bucket_of(operation: Operation) -> Bucket:
    """Return the bucket of GraphQL points that the caller draws from; its level is kept when the plan changes."""
    settings = operation.runtime.settings
    if settings.rate_limits and await operation.runtime.lasting(PaidPlans).has_one(operation):
        return Bucket("graphql", settings.graphql_paid_points, settings.graphql_paid_points_per_second)
    return Bucket("graphql", settings.graphql_points, settings.graphql_points_per_second)


async def spend(operation: Operation, points: int) -> Draw | None:
    """Draw the cost of a GraphQL operation before it runs; None where nothing is limited.

    Raises QUERY_TOO_COMPLEX for what the bucket can never hold, RATE_LIMIT_EXCEEDED with `retry_after` for what it does not hold now.
    """
    bucket = await bucket_of(operation)
    draw = await operation.runtime.rate_limiter.draw(subject_of(operation), bucket, points, operation.clock.now())
    if draw is None or not draw.wait_seconds:
        return draw
    if points > bucket.size:
        message = f"The operation costs up to {points} points; more than {bucket.size} can never be spent at once"
        raise DomainError(ErrorCode.QUERY_TOO_COMPLEX, message, cost=points, limit=bucket.size)
    retry_after = whole_seconds(draw.wait_seconds)
    raise DomainError(
        ErrorCode.RATE_LIMIT_EXCEEDED,
        f"The operation costs up to {points} points, and {draw.remaining} are left; try again in {retry_after} seconds",
        scope="graphql",
        cost=points,
        limit=bucket.size,
        remaining=draw.remaining,
        restore_per_second=bucket.restored_per_second,
        retry_after=retry_after,
    )


async def give_back(operation: Operation, draw: Draw, points: int) -> Draw:
    """Return to the bucket what the operation has not cost after all."""
    if not points:
        return draw
    settled = await operation.runtime.rate_limiter.draw(subject_of(operation), draw.bucket, -points, operation.clock.now())
    return settled or draw


async def points_left(operation: Operation) -> Draw | None:
    """Return how the caller's bucket stands; None where nothing is limited."""
    return await spend(operation, 0)


async def _rules(operation: Operation, dialect: str, traffic: Traffic) -> tuple[Rule, ...]:
    if dialect == "api_v1":
        return (PREMIUM if await operation.runtime.lasting(PaidPlans).has_one(operation) else STANDARD,)
    rules = V1[traffic]
    if traffic is Traffic.REALTIME and not operation.runtime.settings.realtime_counts_to_hour:
        return tuple(rule for rule in rules if rule.scope != "hour")
    return rules


def subject_of(operation: Operation) -> str:
    """Return whom requests are counted for: the user, or the address of who is nobody yet."""
    return operation.caller.user_id or _address(operation)


def _address(operation: Operation) -> str:
    return f"ip:{network_of(operation.ip)}"
