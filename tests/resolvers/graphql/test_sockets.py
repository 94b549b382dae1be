"""The protocol graphql-transport-ws on a real server: who may open a socket, what is said on it, and when it is closed."""

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from domain.accounts.assigning import assign_role
from domain.accounts.identity import caller_of
from domain.accounts.models import User
from domain.accounts.open_sessions import revoke_other_sessions
from domain.accounts.service import log_out
from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from tests.accounts import tokens_of
from tests.graphql_client import Socket, socket_to
from tests.market_script import ScriptedSource

TICKS = 'subscription { priceTicks(symbols: ["BTC/USDT"]) { symbol price } }'
ORDERS = "subscription { orderUpdates { cursor status } }"


@pytest.fixture
async def token(runtime: Runtime, trader: Caller) -> str:
    return (await tokens_of(runtime, trader)).access_token


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sessions be looked at as often as a test can wait for."""
    monkeypatch.setattr("resolvers.live_session.RECHECK_SECONDS", 0.1)


async def test_token_opens_a_socket_in_every_documented_way(port: int, token: str) -> None:
    for name, value in (("Authorization", "Bearer {}"), ("authorization", "bearer {}"), ("AUTHORIZATION", "Bearer {}"), ("token", "{}")):
        async with socket_to(port) as socket:
            await socket.send(type="connection_init", payload={name: value.format(token)})
            assert await socket.receive() == {"type": "connection_ack"}
            await socket.subscribe("{ me { firstName } }")
            assert await socket.next() == {"me": {"firstName": "Ada"}}
            assert await socket.receive() == {"id": "1", "type": "complete"}


async def test_stranger_is_refused_with_4403(port: int) -> None:
    for payload, reason in (
        ({}, "UNAUTHORIZED: connectionParams must hold an access token"),
        (None, "UNAUTHORIZED: connectionParams must hold an access token"),
        ({"Authorization": ""}, "UNAUTHORIZED: connectionParams must hold an access token"),
        ({"Authorization": "Basic dTpw"}, "UNAUTHORIZED: connectionParams must hold an access token"),
        ({"Authorization": 7, "token": None}, "UNAUTHORIZED: connectionParams must hold an access token"),
        ({"Authorization": "Bearer nonsense"}, "UNAUTHORIZED: Could not validate credentials"),
    ):
        async with socket_to(port) as socket:
            await socket.send(type="connection_init", payload=payload)
            assert await socket.closed() == (4403, reason), payload


async def test_expired_token_is_refused_with_4403(port: int, token: str, clock: ManualClock) -> None:
    clock.advance(minutes=31)
    async with socket_to(port) as socket:
        await socket.send(type="connection_init", payload={"token": token})
        assert await socket.closed() == (4403, "TOKEN_EXPIRED: Token has expired")


INIT = {"type": "connection_init", "payload": {"token": "TOKEN"}}
BREACHES: list[tuple[int, list[Any]]] = [
    (4401, [{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}]),
    (4400, [{"type": "connection_init", "payload": "token"}]),
    (4400, [[]]),
    (4400, [{}]),
    (4400, [{"type": 1}]),
    (4429, [INIT, {"type": "connection_init"}]),
    (4400, [INIT, {"type": "start"}]),
    (4400, [INIT, {"type": "subscribe", "payload": {"query": "{ a }"}}]),
    (4400, [INIT, {"type": "subscribe", "id": [], "payload": {}}]),
    (4400, [INIT, {"type": "subscribe", "id": "x" * 129, "payload": {}}]),
    (4400, [INIT, {"type": "complete"}]),
    (4409, [INIT, *[{"type": "subscribe", "id": "1", "payload": {"query": TICKS}}] * 2]),
]


async def test_breach_of_the_protocol_closes_the_socket(port: int, token: str) -> None:
    for code, messages in BREACHES:
        async with socket_to(port) as socket:
            for message in messages:
                await socket.connection.send(json.dumps(message).replace("TOKEN", token))
            assert (await socket.closed())[0] == code, messages


async def test_frame_that_is_not_json_text_closes_the_socket(port: int, token: str) -> None:
    for frame in (b"\x00", "{", '{"type": "ping", "payload": NaN}'):
        async with socket_to(port) as socket:
            await socket.start(token)
            await socket.connection.send(frame)
            assert (await socket.closed())[0] == 4400, frame


async def test_frame_larger_than_a_body_may_be_closes_the_socket(port: int, token: str, settings: Settings) -> None:
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(" " * settings.max_body_bytes)
        assert (await socket.closed())[0] == 1009


async def test_other_protocols_are_refused_with_4406(port: int) -> None:
    for protocols in (["graphql-ws"], None):
        async with socket_to(port, subprotocols=protocols) as socket:
            assert (await socket.closed())[0] == 4406


async def test_page_from_elsewhere_opens_no_socket(port: int) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://localhost:3000.evil.example", "http://["):
        with pytest.raises(InvalidStatus) as refusal:
            async with socket_to(port, origin=origin):
                pass
        assert refusal.value.response.status_code == 403, origin


async def test_pages_of_this_server_and_of_allowed_origins_open_sockets(port: int, token: str) -> None:
    for origin in (f"http://127.0.0.1:{port}", "http://localhost:3000"):
        async with socket_to(port, origin=origin) as socket:
            await socket.start(token)


async def test_ping_is_answered_before_and_after_the_handshake(port: int, token: str) -> None:
    async with socket_to(port) as socket:
        await socket.send(type="ping")
        assert await socket.receive() == {"type": "pong"}
        await socket.start(token)
        await socket.send(type="pong")
        await socket.send(type="ping", payload={"a": 1})
        assert await socket.receive() == {"type": "pong"}


async def test_silent_client_is_sent_away(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.graphql_door.socket.INIT_SECONDS", 0.05)
    async with socket_to(port) as socket:
        assert (await socket.closed())[0] == 4408


BAD_OPERATIONS: list[tuple[Any, str]] = [
    ({"query": "{"}, "BAD_REQUEST"),
    ({"query": 1}, "BAD_REQUEST"),
    ({}, "BAD_REQUEST"),
    (None, "BAD_REQUEST"),
    ([], "BAD_REQUEST"),
    ({"query": "{ nothing }"}, "VALIDATION_ERROR"),
    ({"query": "subscription { orderUpdates { cursor } a: orderUpdates { cursor } }"}, "VALIDATION_ERROR"),
    ({"query": "subscription ($s: [String!]!) { priceTicks(symbols: $s) { price } }", "variables": {"s": 1.5}}, "VALIDATION_ERROR"),
    ({"query": "{ " + " ".join(f"a{n}: __typename" for n in range(31)) + " }"}, "QUERY_TOO_COMPLEX"),
    ({"query": 'subscription { priceTicks(symbols: ["NOPE"]) { price } }'}, "UNKNOWN_SYMBOL"),
    ({"query": "subscription { priceTicks(symbols: []) { price } }"}, "VALIDATION_ERROR"),
    ({"query": 'subscription { orderUpdates(orderId: "order_x") { cursor } }'}, "NOT_FOUND"),
    ({"query": 'subscription { positionUpdates(positionId: "pos_x") { cursor } }'}, "NOT_FOUND"),
    ({"query": 'subscription { executionUpdates(executionId: "exec_x") { cursor } }'}, "NOT_FOUND"),
    ({"query": 'subscription { executionUpdates(flowId: "flow_x") { cursor } }'}, "NOT_FOUND"),
    ({"query": 'subscription { conversationUpdates(executionId: "exec_x") { cursor } }'}, "NOT_FOUND"),
    ({"query": 'subscription { orderUpdates(after: "nonsense") { cursor } }'}, "CURSOR_INVALID"),
    ({"query": 'subscription { orderUpdates(after: "ff-ff") { cursor } }'}, "CURSOR_INVALID"),
]


async def test_bad_operation_gets_a_code_and_the_socket_lives_on(port: int, token: str) -> None:
    async with socket_to(port) as socket:
        await socket.start(token)
        for payload, code in BAD_OPERATIONS:
            await socket.send(id="a", type="subscribe", payload=payload)
            message = await socket.receive()
            assert (message["id"], message["type"]) == ("a", "error"), payload
            assert {error["extensions"]["code"] for error in message["payload"]} == {code}, payload
        await socket.subscribe("{ __typename }", id="a")
        assert await socket.next("a") == {"__typename": "Query"}


async def test_mutation_over_a_socket_is_done(port: int, token: str) -> None:
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe('mutation { createFlow(input: {name: "Swing", symbol: "btcusdt"}) { name symbol status } }')
        assert await socket.next() == {"createFlow": {"name": "Swing", "symbol": "BTC/USDT", "status": "DRAFT"}}


async def test_prices_stream_when_they_change(port: int, token: str, source: ScriptedSource, clock: ManualClock) -> None:
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(TICKS)
        assert await socket.next() == {"priceTicks": {"symbol": "BTC/USDT", "price": "50000"}}
        source.price_now += 1
        clock.advance(seconds=10)
        assert await socket.next() == {"priceTicks": {"symbol": "BTC/USDT", "price": "50001"}}


async def test_operation_ended_by_the_client_sends_no_more(port: int, token: str, source: ScriptedSource) -> None:
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(TICKS)
        await socket.next()
        await socket.send(id="1", type="complete")
        await socket.send(id="unknown", type="complete")
        await socket.subscribe("{ __typename }")
        assert await socket.next() == {"__typename": "Query"}


async def test_socket_carries_a_limited_number_of_operations(port: int, token: str, settings: Settings) -> None:
    async with socket_to(port) as socket:
        await socket.start(token)
        most = settings.graphql_max_subscriptions
        for number in range(most + 1):
            await socket.subscribe(ORDERS, id=str(number))
        message = await socket.receive()
        assert (message["id"], message["type"]) == (str(most), "error")
        assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        assert message["payload"][0]["extensions"]["details"] == {"limit": most}
        await socket.send(id="0", type="complete")
        await socket.subscribe("{ __typename }", id="again")
        assert await socket.next("again") == {"__typename": "Query"}


async def started(socket: Socket, token: str) -> None:
    await socket.start(token)
    await socket.subscribe(TICKS)
    await socket.next()


async def test_log_out_closes_the_socket_at_once(port: int, runtime: Runtime, trader: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.live_session.RECHECK_SECONDS", 60.0)
    tokens, others = await tokens_of(runtime, trader), await tokens_of(runtime, trader)
    async with socket_to(port) as socket, socket_to(port) as other:
        await started(socket, tokens.access_token)
        await started(other, others.access_token)
        await asyncio.sleep(0.1)  # both sessions are watched by now
        caller = await caller_of(runtime.operation(), tokens.access_token)
        async with runtime.operation(caller).unit_of_work() as work:
            await log_out(work)
        assert await socket.closed() == (4403, "TOKEN_REVOKED: Token has been revoked")
        await other.send(type="ping")
        assert {message["type"] for message in [await other.receive()]} <= {"pong", "next"}


async def test_revoked_session_loses_its_socket_within_five_seconds(port: int, runtime: Runtime, trader: Caller) -> None:
    here, stolen = await tokens_of(runtime, trader), await tokens_of(runtime, trader)
    async with socket_to(port) as socket:
        await started(socket, stolen.access_token)
        caller = await caller_of(runtime.operation(), here.access_token)
        async with runtime.operation(caller).unit_of_work() as work:
            assert await revoke_other_sessions(work) == 1
        async with asyncio.timeout(5):
            assert await socket.closed() == (4403, "TOKEN_REVOKED: Token has been revoked")


async def test_expiry_closes_the_socket(port: int, token: str, clock: ManualClock) -> None:
    async with socket_to(port) as socket:
        await started(socket, token)
        clock.advance(minutes=31)
        assert await socket.closed() == (4403, "TOKEN_EXPIRED: Token has expired")


async def test_change_of_role_closes_the_socket(port: int, token: str, runtime: Runtime, trader: Caller) -> None:
    async with socket_to(port) as socket:
        await started(socket, token)
        async with runtime.operation().unit_of_work() as work:
            await assign_role(work, trader.id, "viewer")
        assert await socket.closed() == (4403, "TOKEN_REVOKED: Your permissions have changed; connect again")


async def test_deactivated_account_cannot_go_on(port: int, token: str, runtime: Runtime, trader: Caller) -> None:
    async with socket_to(port) as socket:
        await started(socket, token)
        async with runtime.operation().unit_of_work() as work:
            (await work.session.get_one(User, trader.id)).is_active = False
        assert await socket.closed() == (4403, "ACCOUNT_INACTIVE: Account is inactive")
