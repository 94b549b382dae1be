"""One suite for every rate limiter, in memory and on Redis: windows slide exactly, rules stand together, buckets leak."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from domain.kernel.clock import ManualClock
from domain.runtime.rate_limits import (
    Admission,
    Bucket,
    Draw,
    MemoryRateLimiter,
    RateLimited,
    RateLimiter,
    Rule,
    Standing,
    Unlimited,
    network_of,
)
from domain.runtime.redis_rate_limits import RedisRateLimiter
from tests.conftest import REDIS, START, need_service

FEW = Rule("few", "burst", 3, 10)
MANY = Rule("many", "hour", 5, 3_600)
BUCKET = Bucket("points", 100, 10)
PATIENT_SECONDS = 5.0  # the tests are about counting, not about a busy machine


@pytest.fixture(params=["memory", "redis"])
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[RateLimiter]:
    if request.param == "memory":
        yield MemoryRateLimiter()
        return
    need_service("Redis", REDIS)
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    limiter = RedisRateLimiter(REDIS, prefix, PATIENT_SECONDS)
    yield limiter
    await limiter.close()
    with redis.Redis.from_url(REDIS) as client:
        keys = list(client.scan_iter(f"{prefix}*"))
        assert all(0 < client.pttl(key) <= 3_602_000 for key in keys)  # nothing stays for ever
        if keys:
            client.delete(*keys)


async def ask(limiter: RateLimiter, clock: ManualClock, *rules: Rule, subject: str = "ada") -> Admission:
    return await limiter.admit(subject, rules, clock.now())


async def draw(limiter: RateLimiter, clock: ManualClock, points: int, bucket: Bucket = BUCKET, subject: str = "ada") -> Draw:
    drawn = await limiter.draw(subject, bucket, points, clock.now())
    assert drawn is not None
    return drawn


def left(admission: Admission) -> list[int]:
    return [standing.remaining for standing in admission.standings]


async def test_window_slides_exactly(limiter: RateLimiter, clock: ManualClock) -> None:
    for remaining in (2, 1, 0):
        admission = await ask(limiter, clock, FEW)
        assert (admission.refused_by, left(admission)) == (None, [remaining])
        clock.advance(seconds=1)
    clock.advance(seconds=6.999999)  # one microsecond less than ten seconds after the first
    refused = (await ask(limiter, clock, FEW)).refused_by
    assert refused is not None
    assert refused.wait_seconds == pytest.approx(0.000001)
    assert refused.reset_at == START + timedelta(seconds=10)
    clock.advance(microseconds=1)
    assert (await ask(limiter, clock, FEW)).refused_by is None
    assert (await ask(limiter, clock, FEW)).refused_by is not None  # the second is still counted


async def test_refused_request_is_counted_by_no_rule(limiter: RateLimiter, clock: ManualClock) -> None:
    for _ in range(3):
        await ask(limiter, clock, FEW, MANY)
    for _ in range(20):
        refused = await ask(limiter, clock, FEW, MANY)
        assert refused.refused_by is not None
        assert refused.refused_by.rule == FEW
        assert left(refused) == [0, 2]
    clock.advance(seconds=10)
    assert left(await ask(limiter, clock, FEW, MANY)) == [2, 1]


async def test_rule_without_a_single_request_stands_beside_a_full_one(limiter: RateLimiter, clock: ManualClock) -> None:
    for _ in range(3):
        await ask(limiter, clock, FEW)
    assert left(await ask(limiter, clock, FEW, MANY)) == [0, 5]


async def test_of_two_full_rules_the_longer_wait_is_told(limiter: RateLimiter, clock: ManualClock) -> None:
    for _ in range(2):
        await ask(limiter, clock, MANY)
    for _ in range(3):
        await ask(limiter, clock, FEW, MANY)
    refused = (await ask(limiter, clock, FEW, MANY)).refused_by
    assert refused is not None
    assert (refused.rule, refused.wait_seconds) == (MANY, 3_600)


async def test_tightest_rule_has_the_fewest_left(limiter: RateLimiter, clock: ManualClock) -> None:
    tightest = (await ask(limiter, clock, MANY, FEW)).tightest
    assert tightest is not None
    assert (tightest.rule, tightest.remaining, tightest.reset_at) == (FEW, 2, START + timedelta(seconds=10))


async def test_rules_of_one_bucket_count_the_same_requests(limiter: RateLimiter, clock: ManualClock) -> None:
    """As cancels do, which may go on when nothing else may."""
    with_reserve = Rule("few", "burst", 5, 10)
    for _ in range(3):
        await ask(limiter, clock, FEW)
        clock.advance(seconds=1)
    assert (await ask(limiter, clock, FEW)).refused_by is not None
    assert left(await ask(limiter, clock, with_reserve)) == [1]
    assert left(await ask(limiter, clock, with_reserve)) == [0]
    refused = (await ask(limiter, clock, FEW)).refused_by
    assert refused is not None
    assert refused.wait_seconds == 9  # it is 3 now; of the five that are counted the third leaves at 12
    clock.set(START + timedelta(seconds=12))
    assert (await ask(limiter, clock, FEW)).refused_by is None


async def test_subjects_do_not_share(limiter: RateLimiter, clock: ManualClock) -> None:
    for _ in range(3):
        await ask(limiter, clock, FEW)
    assert (await ask(limiter, clock, FEW)).refused_by is not None
    assert left(await ask(limiter, clock, FEW, subject="bob")) == [2]


async def test_of_many_at_once_exactly_the_limit_passes(limiter: RateLimiter, clock: ManualClock) -> None:
    rule = Rule("crowd", "hour", 20, 3_600)
    admissions = await asyncio.gather(*(ask(limiter, clock, rule, Rule("wide", "minute", 1_000, 60)) for _ in range(60)))
    assert sum(admission.refused_by is None for admission in admissions) == 20
    assert left(await ask(limiter, clock, Rule("wide", "minute", 1_000, 60))) == [979]


async def test_clock_set_back_forgets_nothing(limiter: RateLimiter, clock: ManualClock) -> None:
    for _ in range(3):
        await ask(limiter, clock, FEW)
    clock.advance(seconds=-5)
    refused = (await ask(limiter, clock, FEW)).refused_by
    assert refused is not None
    assert refused.wait_seconds == 15


async def test_bucket_gives_back_with_time(limiter: RateLimiter, clock: ManualClock) -> None:
    assert await draw(limiter, clock, 70) == Draw(BUCKET, 30)
    refused = await draw(limiter, clock, 50)
    assert refused.remaining == 30
    assert refused.wait_seconds == pytest.approx(2.0)
    clock.advance(seconds=2)
    assert await draw(limiter, clock, 50) == Draw(BUCKET, 0)
    clock.advance(seconds=3_600)
    assert await draw(limiter, clock, 0) == Draw(BUCKET, 100)


async def test_points_given_back_never_overflow(limiter: RateLimiter, clock: ManualClock) -> None:
    await draw(limiter, clock, 60)
    assert await draw(limiter, clock, -45) == Draw(BUCKET, 85)
    assert await draw(limiter, clock, -1_000) == Draw(BUCKET, 100)
    assert (await draw(limiter, clock, 101)).wait_seconds == pytest.approx(0.1)


async def test_level_outlives_a_change_of_plan(limiter: RateLimiter, clock: ManualClock) -> None:
    larger = Bucket("points", 500, 50)
    await draw(limiter, clock, 100)
    assert (await draw(limiter, clock, 0, larger)).remaining == 400
    await draw(limiter, clock, 400, larger)
    refused = await draw(limiter, clock, 1)
    assert refused.remaining == 0
    assert refused.wait_seconds == pytest.approx(40.1)


async def test_of_many_draws_at_once_no_point_is_drawn_twice(limiter: RateLimiter, clock: ManualClock) -> None:
    draws = await asyncio.gather(*(draw(limiter, clock, 30) for _ in range(12)))
    assert sorted(one.wait_seconds == 0 for one in draws) == [False] * 9 + [True] * 3
    assert (await draw(limiter, clock, 0)).remaining == 10


@given(steps=st.lists(st.tuples(st.integers(0, 4_000_000), st.sampled_from([(FEW,), (MANY,), (FEW, MANY), (MANY, FEW)])), max_size=60))
def test_no_window_ever_holds_more_than_its_limit(steps: list[tuple[int, tuple[Rule, ...]]]) -> None:
    limiter, now = MemoryRateLimiter(), datetime(2026, 1, 1, tzinfo=UTC)
    admitted: dict[Rule, list[datetime]] = {FEW: [], MANY: []}

    async def run() -> None:
        nonlocal now
        for pause, rules in steps:
            now += timedelta(microseconds=pause)
            room = all(
                sum(now - moment < timedelta(seconds=rule.window_seconds) for moment in admitted[rule]) < rule.limit for rule in rules
            )
            assert ((await limiter.admit("ada", rules, now)).refused_by is None) == room
            if room:
                for rule in rules:
                    admitted[rule].append(now)

    asyncio.run(run())


async def test_memory_forgets_those_who_went_away(clock: ManualClock) -> None:
    limiter = MemoryRateLimiter()
    for number in range(50):
        await ask(limiter, clock, FEW, subject=f"ip:10.0.0.{number}")
        await draw(limiter, clock, 5, subject=f"ip:10.0.0.{number}")
    clock.advance(seconds=61)
    await ask(limiter, clock, FEW)
    assert (len(limiter._times), len(limiter._levels), len(limiter._full_at)) == (1, 0, 0)


async def test_unlimited_counts_nothing(clock: ManualClock) -> None:
    assert (await Unlimited().admit("ada", [FEW], clock.now())).tightest is None
    assert await Unlimited().draw("ada", BUCKET, 1_000, clock.now()) is None


def test_refusal_says_which_rule_and_how_long() -> None:
    standing = asyncio.run(refused_after(MemoryRateLimiter(), 3))
    refusal = RateLimited(standing)
    assert refusal.code.value == "RATE_LIMIT_EXCEEDED"
    assert refusal.details == {"scope": "burst", "limit": 3, "window_seconds": 10, "retry_after": 10}


async def refused_after(limiter: RateLimiter, count: int) -> Standing:
    clock = ManualClock(START)
    for _ in range(count):
        await ask(limiter, clock, FEW)
    refused = (await ask(limiter, clock, FEW)).refused_by
    assert refused is not None
    return refused


async def test_broken_store_lets_pass_without_waiting_and_says_so_once(clock: ManualClock) -> None:
    with socket.socket() as deaf:  # takes connections, and never answers
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        limiter = RedisRateLimiter(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0", "test")
        loop = asyncio.get_running_loop()
        started = loop.time()
        with capture_logs() as lines:
            for _ in range(50):
                assert (await ask(limiter, clock, FEW, MANY)).refused_by is None
                assert (await draw(limiter, clock, 99)).wait_seconds == 0
        assert [line["event"] for line in lines] == ["rate_limits.store_broken"]
        assert loop.time() - started < 1.0
        await limiter.close()


async def test_store_that_comes_back_counts_again(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    need_service("Redis", REDIS)
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    limiter = RedisRateLimiter("redis://127.0.0.1:1/0", prefix, PATIENT_SECONDS)
    assert left(await ask(limiter, clock, FEW)) == [3]
    monkeypatch.setattr("domain.runtime.redis_rate_limits.PAUSE_SECONDS", 0.0)
    back = RedisRateLimiter(REDIS, prefix, PATIENT_SECONDS)
    limiter._redis, limiter._admit, limiter._paused_until = back._redis, back._admit, 0.0
    assert left(await ask(limiter, clock, FEW)) == [2]
    assert left(await ask(limiter, clock, FEW)) == [1]
    await limiter.close()
    with redis.Redis.from_url(REDIS) as client:
        client.delete(*client.scan_iter(f"{prefix}*"))


@pytest.mark.parametrize(
    ("ip", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.8", "192.0.2.8"),
        (None, ""),
        ("x" * 500, "x" * 64),
    ],
)
def test_places_are_told_apart_by_what_one_customer_holds(ip: str | None, place: str) -> None:
    assert network_of(ip) == place
