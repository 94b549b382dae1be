"""How often sockets may be opened and spoken to, on a clock that stands still."""

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed

from domain.kernel.clock import ManualClock
from domain.runtime.rate_limits import MemoryRateLimiter
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from tests.resolvers.realtime.live import Listener, Person, Refused, conversation_socket, execution_of, frame, listening


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_limits": True})


@pytest.fixture
async def runtime(runtime: Runtime) -> Runtime:
    runtime.rate_limiter = MemoryRateLimiter()
    return runtime


async def test_51st_message_in_ten_seconds_is_refused_and_the_socket_lives(address: str, ada: Person, clock: ManualClock) -> None:
    async with listening(address, ada) as socket:
        for _ in range(50):
            assert (await socket.ask("subscribe_positions", {"user_id": ada.id}))["success"] is True
        assert await socket.ask("unsubscribe_positions", {"user_id": ada.id}) == {
            "success": False,
            "error": "Too many requests: 50 in 10 seconds are allowed; try again in 10 seconds",
            "code": "RATE_LIMIT_EXCEEDED",
        }
        clock.advance(seconds=10)
        assert (await socket.ask("unsubscribe_positions", {"user_id": ada.id}))["success"] is True


async def test_51st_socket_in_ten_seconds_is_refused(address: str, ada: Person, bob: Person, clock: ManualClock) -> None:
    execution_id = await execution_of(ada)
    for _ in range(49):
        async with conversation_socket(address, execution_id, f"?token={ada.token}") as raw:
            assert (await frame(raw))["type"] == "initial"
    async with listening(address, ada):
        pass
    with pytest.raises(Refused) as refusal:
        await Listener(address).open({"token": ada.token})
    assert refusal.value.args[0]["data"] == {"code": "RATE_LIMIT_EXCEEDED", "retry_after": 10}
    async with conversation_socket(address, execution_id, f"?token={ada.token}") as raw:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(raw.recv(), 5)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4429, "RATE_LIMIT_EXCEEDED")
    async with listening(address, bob):
        pass
    clock.advance(seconds=10)
    async with listening(address, ada):
        pass


async def test_guessed_tokens_of_sockets_are_counted_by_address(address: str, ada: Person) -> None:
    for number in range(51):
        async with conversation_socket(address, "exec_none", f"?token=guess{number}") as raw:
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(raw.recv(), 5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == (4401 if number < 50 else 4429)
    async with listening(address, ada):
        pass


async def test_talkative_follower_of_a_conversation_is_closed(address: str, ada: Person) -> None:
    execution_id = await execution_of(ada)
    async with conversation_socket(address, execution_id, f"?token={ada.token}") as raw:
        await frame(raw)
        for _ in range(51):
            await raw.send(json.dumps({"hello": "there"}))
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(raw.recv(), 5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4429
