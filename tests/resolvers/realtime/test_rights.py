"""Rights that go while sockets are open: three transports, three ways to lose them, five seconds at the most."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette

from domain.accounts import administration, api_keys, roles
from domain.accounts.api_keys import NewApiKey
from domain.accounts.identity import caller_of
from domain.accounts.models import User
from domain.accounts.roles import RoleChanges
from domain.market.market import Market
from domain.market.simulated import SimulatedSource
from domain.runtime.runtime import Runtime
from resolvers.graphql import graphql_routes
from resolvers.realtime.routes import realtime_routes
from tests.accounts import nobody, provide_accounts
from tests.graphql_client import socket_to
from tests.resolvers.realtime.live import (
    Listener,
    Person,
    Refused,
    conversation_of,
    conversation_socket,
    emit,
    execution_event,
    execution_of,
    frame,
    person,
)
from tests.resolvers.realtime.test_conversations import closing_code, say
from tests.serving import served

FIVE_SECONDS = 5
WATCH = "subscription ($run: ID!) { executionUpdates(executionId: $run) { cursor } }"
Loss = Callable[["Scene"], Awaitable[None]]


class Scene:
    """A user whose program follows a run with an API key, on a server with every socket."""

    def __init__(self, runtime: Runtime, ada: Person, key_id: str, token: str, execution_id: str, port: int) -> None:
        self.runtime, self.ada, self.key_id, self.token, self.execution_id, self.port = runtime, ada, key_id, token, execution_id, port

    async def happen(self, progress: int) -> None:
        await emit(self.runtime, execution_event(self.ada, self.execution_id, progress))


async def permission_removed(scene: Scene) -> None:
    async with scene.runtime.operation().unit_of_work() as work:
        user = await work.session.get_one(User, scene.ada.id)
        await roles.update_role(work, user.role_id or "", RoleChanges(permissions=["market:read", "profile:read"]))


async def user_disabled(scene: Scene) -> None:
    async with scene.runtime.operation().unit_of_work() as work:
        await administration.set_user_active(work, scene.ada.id, active=False)


async def key_deleted(scene: Scene) -> None:
    async with scene.ada.operation.unit_of_work() as work:
        await api_keys.revoke_api_key(work, scene.key_id)


LOSSES = (permission_removed, user_disabled, key_deleted)
every_loss = pytest.mark.parametrize("lose", LOSSES, ids=lambda loss: loss.__name__)


@pytest.fixture
async def scene(runtime: Runtime) -> AsyncIterator[Scene]:
    provide_accounts(runtime)
    runtime.provide(Market, Market(SimulatedSource(runtime.clock, seed=7)))
    ada = await person(runtime, role="trader")
    async with ada.operation.unit_of_work() as work:
        body = NewApiKey("Follower", ["trading.read", "market_data.read"], work.now + timedelta(days=1))
        made = await api_keys.create_api_key(work, body)
    app = Starlette(routes=[*graphql_routes(lambda: runtime, runtime.settings), *realtime_routes(lambda: runtime)])
    async with served(app) as port:
        yield Scene(runtime, ada, made.api_key.id, made.secret or "", await execution_of(ada), port)
    await runtime.use(Market).close()


@every_loss
async def test_graphql_socket_closes_with_4403(scene: Scene, lose: Loss) -> None:
    async with socket_to(scene.port) as socket:
        await socket.start(scene.token)
        await socket.subscribe(WATCH, run=scene.execution_id)
        await socket.next()
        await scene.happen(40)
        await socket.next()
        await lose(scene)
        async with asyncio.timeout(FIVE_SECONDS):
            code, reason = await socket.closed()
        expected = {"permission_removed": "TOKEN_REVOKED", "user_disabled": "ACCOUNT_INACTIVE", "key_deleted": "TOKEN_REVOKED"}
        assert (code, reason.partition(":")[0]) == (4403, expected[lose.__name__])


@every_loss
async def test_conversation_closes_with_4401(scene: Scene, lose: Loss) -> None:
    conversation_id = await conversation_of(scene.ada, scene.execution_id)
    async with conversation_socket(f"127.0.0.1:{scene.port}", scene.execution_id, f"?token={scene.token}") as socket:
        assert (await frame(socket))["type"] == "initial"
        await say(scene.ada, scene.execution_id, conversation_id, 1)
        assert (await frame(socket))["type"] == "message"
        await lose(scene)
        async with asyncio.timeout(FIVE_SECONDS):
            code, reason = await closing_code(socket)
        expected = {"permission_removed": "TOKEN_REVOKED", "user_disabled": "ACCOUNT_INACTIVE", "key_deleted": "TOKEN_REVOKED"}
        assert (code, reason) == (4401, expected[lose.__name__])


@every_loss
async def test_socketio_narrows_or_disconnects(scene: Scene, lose: Loss) -> None:
    listener = await Listener(f"127.0.0.1:{scene.port}").open({"token": scene.token})
    try:
        assert (await listener.ask("subscribe_execution", {"execution_id": scene.execution_id}))["success"]
        await scene.happen(40)
        await listener.wait_for(2, "execution_update")
        await lose(scene)
        if lose is permission_removed:
            async with asyncio.timeout(FIVE_SECONDS):
                while (refused := await listener.ask("subscribe_execution", {"execution_id": scene.execution_id}))["success"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert refused["code"] == "FORBIDDEN"
        else:
            await asyncio.wait_for(listener.ended.wait(), FIVE_SECONDS)
            with pytest.raises(Refused):
                await Listener(f"127.0.0.1:{scene.port}").open({"token": scene.token})
        seen = len(listener.seen)
        await scene.happen(80)
        await asyncio.sleep(0.5)
        assert len(listener.seen) == seen
        assert listener.ended.is_set() == (lose is not permission_removed)
    finally:
        await listener.close()


async def test_all_of_it_holds_for_sessions_too(scene: Scene) -> None:
    """A role edit closes the session's GraphQL socket at once, by the bell, not by the next look."""
    caller = await caller_of(nobody(scene.runtime), scene.ada.token)
    assert caller.session_id is not None
    async with socket_to(scene.port) as socket:
        await socket.start(scene.ada.token)
        await asyncio.sleep(0.1)
        started: Any = asyncio.get_running_loop().time()
        await permission_removed(scene)
        assert await socket.closed() == (4403, "TOKEN_REVOKED: Your permissions have changed; connect again")
        assert asyncio.get_running_loop().time() - started < 2
