"""How often GraphQL sockets may be opened and spoken to, on a clock that stands still."""

import pytest

from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.runtime.rate_limits import MemoryRateLimiter
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from tests.accounts import tokens_of
from tests.graphql_client import socket_to

QUERY = "{ __typename }"
TICKS = 'subscription { priceTicks(symbols: ["BTC/USDT"]) { symbol } }'


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_limits": True})


@pytest.fixture
async def runtime(runtime: Runtime) -> Runtime:
    runtime.rate_limiter = MemoryRateLimiter()
    return runtime


@pytest.fixture
async def token(runtime: Runtime, trader: Caller) -> str:
    return (await tokens_of(runtime, trader)).access_token


async def test_client_may_begin_all_its_subscriptions_at_once_and_no_more(port: int, token: str, clock: ManualClock) -> None:
    async with socket_to(port) as socket:
        await socket.start(token)
        for number in range(50):
            await socket.subscribe(QUERY, id=str(number))
            await socket.next(id=str(number))
            assert (await socket.receive())["type"] == "complete"
        await socket.subscribe(QUERY, id="one more")
        refused = await socket.receive()
        assert (refused["type"], refused["id"]) == ("error", "one more")
        assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMIT_EXCEEDED"
        details = {"scope": "burst", "limit": 50, "window_seconds": 10, "retry_after": 10}
        assert refused["payload"][0]["extensions"]["details"] == details
        clock.advance(seconds=10)
        await socket.subscribe(QUERY)
        assert await socket.next() == {"__typename": "Query"}


async def test_operation_can_be_ended_however_much_was_said(port: int, token: str) -> None:
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(TICKS, id="ticks")
        await socket.next(id="ticks")
        for _ in range(49):
            await socket.send(type="pong")
        await socket.send(id="ticks", type="complete")
        await socket.subscribe(TICKS, id="ticks")  # its id is free: it is refused for the limit, not as a second one
        assert (await socket.receive())["payload"][0]["extensions"]["code"] == "RATE_LIMIT_EXCEEDED"


async def test_flood_of_pings_closes_the_socket(port: int, token: str) -> None:
    async with socket_to(port) as socket:
        await socket.start(token)
        for _ in range(51):
            await socket.send(type="ping")
        assert [(await socket.receive())["type"] for _ in range(50)] == ["pong"] * 50
        code, reason = await socket.closed()
        assert (code, reason[:20]) == (4429, "RATE_LIMIT_EXCEEDED:")


async def test_51st_socket_in_ten_seconds_is_refused(port: int, token: str) -> None:
    for _ in range(50):
        async with socket_to(port) as socket:
            await socket.start(token)
    async with socket_to(port) as socket:
        await socket.send(type="connection_init", payload={"token": token})
        assert await socket.closed() == (
            4429,
            "RATE_LIMIT_EXCEEDED: Too many requests: 50 in 10 seconds are allowed; try again in 10 seconds",
        )
