"""Subscriptions over the event log: they begin with what is there, and resume without a gap and without a double."""

import asyncio
import json
import random
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from domain.flows.events import EXECUTION_UPDATED
from domain.flows.running import run_execution
from domain.kernel.clock import ManualClock
from domain.kernel.events import Event
from domain.kernel.permissions import Caller
from domain.runtime import event_log
from domain.runtime.event_bus import MemoryEventBus
from domain.runtime.event_log import Interest
from domain.runtime.runtime import Runtime
from tests.accounts import tokens_of
from tests.conftest import START
from tests.databases import both_databases
from tests.graphql_client import PATIENCE_SECONDS, GraphQLClient, socket_to

EXECUTIONS = """subscription ($execution: ID, $flow: ID, $after: Cursor) {
    executionUpdates(executionId: $execution, flowId: $flow, after: $after) {
        cursor executionId status stepName progressPercent message occurredAt execution { status } } }"""
ORDERS = """subscription ($order: ID, $after: Cursor) {
    orderUpdates(orderId: $order, after: $after) { cursor orderId status filledQuantity order { status } } }"""
POSITIONS = """subscription ($after: Cursor) {
    positionUpdates(after: $after) { cursor positionId status side quantity exitReason position { status } } }"""
CONVERSATION = """subscription ($execution: ID!, $after: Cursor) { conversationUpdates(executionId: $execution, after: $after) {
    cursor type messages { agentName vote } swarmVote } }"""
EAGER = {"pre_trade_min_confidence": 0, "swarm_min_agreement": 0, "swarm_runs": 5, "order_size_usd": 100}
BUY = 'mutation { createOrder(input: {symbol: "BTC/USDT", side: BUY, quantity: "0.01"}) { id position { id } } }'
CLOSE = "mutation ($id: ID!) { closePosition(positionId: $id) { orderId } }"


@pytest.fixture
async def token(runtime: Runtime, trader: Caller) -> str:
    return (await tokens_of(runtime, trader)).access_token


async def triggered(client: GraphQLClient) -> str:
    flow = 'mutation ($config: JSON) { createFlow(input: {name: "F", symbol: "BTC/USDT", mode: SWARM, config: $config}) { id } }'
    flow_id = (await client.data(flow, config=EAGER))["createFlow"]["id"]
    return str((await client.data("mutation ($id: ID!) { triggerFlow(flowId: $id) { id } }", id=flow_id))["triggerFlow"]["id"])


async def stored_cursors(runtime: Runtime, user: Caller, *types: str) -> list[str]:
    async with runtime.database.reading() as session:
        events = await event_log.read(session, Interest(user.id, types=types), event_log.Cursor(0, 0), limit=1_000)
    return [str(event.cursor) for event in events]


async def test_run_is_seen_from_its_present_state_to_its_end(port: int, token: str, ada: GraphQLClient, runtime: Runtime) -> None:
    execution_id = await triggered(ada)
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(EXECUTIONS, execution=execution_id)
        first = (await socket.next())["executionUpdates"]
        assert (first["status"], first["progressPercent"], first["occurredAt"]) == ("PENDING", 0, "2026-03-02T09:30:00.000Z")
        await run_execution(runtime.operation(), execution_id)
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["status"] != "COMPLETED":
            seen.append((await socket.next())["executionUpdates"])
    assert [update["progressPercent"] for update in seen] == [10, 30, 60, 90, 100]
    assert seen[-1]["execution"] == {"status": "COMPLETED"}


async def test_conversation_is_seen_vote_by_vote(port: int, token: str, ada: GraphQLClient, runtime: Runtime) -> None:
    execution_id = await triggered(ada)
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(CONVERSATION, execution=execution_id)
        first = (await socket.next())["conversationUpdates"]
        assert (first["type"], first["messages"], first["swarmVote"]) == ("initial", [], None)
        await run_execution(runtime.operation(), execution_id)
        votes = [(await socket.next())["conversationUpdates"] for _ in range(6)]
        assert [update["type"] for update in votes] == ["message"] * 5 + ["swarm_vote"]
        assert votes[5]["swarmVote"]["total_agents"] == 5
        await socket.subscribe(CONVERSATION, id="again", execution=execution_id)
        late = (await socket.next("again"))["conversationUpdates"]
        assert [message["agentName"] for message in late["messages"]] == [update["messages"][0]["agentName"] for update in votes[:5]]
        assert late["swarmVote"] == votes[5]["swarmVote"]


async def test_trading_is_seen_as_it_happens(port: int, token: str, ada: GraphQLClient, runtime: Runtime, trader: Caller) -> None:
    async with socket_to(port) as socket, socket_to(port) as other:
        await socket.start(token)
        await socket.subscribe(ORDERS)
        await other.start(token)
        await other.subscribe(POSITIONS)
        await listeners(runtime, trader, 2)
        await other.send(type="ping")
        assert await other.receive() == {"type": "pong"}  # nothing is open: no present state
        order = (await ada.data(BUY))["createOrder"]
        updates: list[dict[str, Any]] = []
        while not updates or updates[-1]["status"] != "FILLED":
            updates.append((await socket.next())["orderUpdates"])
        assert {update["orderId"] for update in updates} == {order["id"]}
        assert updates[0]["status"] == "PENDING"
        assert updates[-1]["filledQuantity"] == "0.01"
        opened = (await other.next())["positionUpdates"]
        assert (opened["positionId"], opened["side"], opened["quantity"]) == (order["position"]["id"], "LONG", "0.01")
        await ada.data(CLOSE, id=order["position"]["id"])
        update = opened
        while update["status"] != "CLOSED":
            update = (await other.next())["positionUpdates"]
        assert (update["exitReason"], update["quantity"], update["position"]) == ("MANUAL_CLOSE", "0", {"status": "CLOSED"})
        await other.subscribe(ORDERS, id="one", order=order["id"])
        assert (await other.next("one"))["orderUpdates"]["status"] == "FILLED"


async def test_open_positions_are_the_present_state(port: int, token: str, ada: GraphQLClient) -> None:
    position_id = (await ada.data(BUY))["createOrder"]["position"]["id"]
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(POSITIONS)
        assert (await socket.next())["positionUpdates"]["positionId"] == position_id


@both_databases
async def test_stream_cut_again_and_again_has_no_gap_and_no_double(
    port: int, token: str, ada: GraphQLClient, runtime: Runtime, trader: Caller
) -> None:
    chance = random.Random(7)
    async with runtime.database.reading() as session:
        after = str(await event_log.head(session))

    async def happen() -> None:
        for _ in range(4):
            await run_execution(runtime.operation(), await triggered(ada))

    happening = asyncio.create_task(happen())
    seen: list[str] = []
    # Not until all that can be read now has been seen: the last event may still be hidden behind a transaction of somebody else.
    while len(seen) < 24 and not (happening.done() and happening.exception()):
        async with socket_to(port) as socket:
            await socket.start(token)
            await socket.subscribe(EXECUTIONS, after=after)
            for _ in range(chance.randint(1, 4)):
                try:
                    update = (await asyncio.wait_for(socket.next(), 1))["executionUpdates"]
                except TimeoutError:
                    break
                seen.append(update["cursor"])
                after = update["cursor"]
            socket.connection.transport.abort()  # as a train in a tunnel does
    await happening
    assert seen == await stored_cursors(runtime, trader, EXECUTION_UPDATED)
    assert len(seen) == 24
    await nobody_listens(runtime)


async def listeners(runtime: Runtime, user: Caller, count: int) -> None:
    """Wait until so many streams of a user have begun: over a socket the client is not told."""
    assert isinstance(runtime.bus, MemoryEventBus)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(runtime.bus._listeners.get(user.id, ())) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def nobody_listens(runtime: Runtime) -> None:
    """Wait until everything that a stream had opened is closed."""
    assert isinstance(runtime.bus, MemoryEventBus)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while runtime.bus._listeners:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_stream_shows_nobody_elses_events(
    port: int, token: str, ada: GraphQLClient, bob: GraphQLClient, runtime: Runtime, trader: Caller
) -> None:
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(ORDERS)
        await listeners(runtime, trader, 1)
        await bob.data(BUY)
        mine = (await ada.data(BUY))["createOrder"]["id"]
        assert (await socket.next())["orderUpdates"]["orderId"] == mine


async def test_cursor_beyond_the_reach_of_the_log_is_told(
    port: int, token: str, ada: GraphQLClient, runtime: Runtime, clock: ManualClock
) -> None:
    await ada.data(BUY)
    async with runtime.operation().unit_of_work() as work:
        assert await event_log.prune(work.session, clock.now().replace(year=2027), 30) > 0
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(ORDERS, after="0-0")
        message = await socket.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "CURSOR_EXPIRED"


async def test_events_over_http_resume_and_end_with_the_session(
    port: int, ada: GraphQLClient, runtime: Runtime, trader: Caller, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.live_session.RECHECK_SECONDS", 0.1)
    await ada.data(BUY)
    stored = await stored_cursors(runtime, trader, "order.updated")
    headers = ada.headers | {"Accept": "text/event-stream"}
    body = {"query": ORDERS, "variables": {"after": "0-0"}}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
        async with client.stream("POST", "/graphql", json=body, headers=headers) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            events: list[dict[str, Any]] = []
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    events.append(json.loads(line.removeprefix("data: ")))
                if len(events) == len(stored):
                    clock.set(START + timedelta(minutes=31))
            *updates, last = events
    assert [update["data"]["orderUpdates"]["cursor"] for update in updates] == stored
    assert last["errors"][0]["extensions"]["code"] == "TOKEN_EXPIRED"
    await nobody_listens(runtime)


async def test_events_over_http_have_begun_when_the_client_hears_so(port: int, ada: GraphQLClient, monkeypatch: pytest.MonkeyPatch) -> None:
    look = event_log.head

    async def look_late(session: AsyncSession) -> event_log.Cursor:
        await asyncio.sleep(0.3)
        return await look(session)

    monkeypatch.setattr(event_log, "head", look_late)
    headers = ada.headers | {"Accept": "text/event-stream"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
        async with client.stream("POST", "/graphql", json={"query": ORDERS}, headers=headers) as response:
            order = (await ada.data(BUY))["createOrder"]
            lines = response.aiter_lines()
            assert await anext(lines) == "event: next"
            update = json.loads((await anext(lines)).removeprefix("data: "))["data"]["orderUpdates"]
    assert (update["orderId"], update["status"]) == (order["id"], "PENDING")


async def test_events_over_http_end_when_the_client_goes(port: int, ada: GraphQLClient, runtime: Runtime) -> None:
    headers = ada.headers | {"Accept": "text/event-stream"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
        async with client.stream("POST", "/graphql", json={"query": ORDERS}, headers=headers) as response:
            lines = response.aiter_lines()
            await ada.data(BUY)
            assert await anext(lines) == "event: next"
    await nobody_listens(runtime)


async def test_client_that_takes_nothing_is_dropped(
    port: int, token: str, runtime: Runtime, trader: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.graphql_door.socket.SEND_SECONDS", 0.2)
    monkeypatch.setattr("resolvers.graphql_door.socket.CLOSE_SECONDS", 0.2)
    for _ in range(10):
        async with runtime.operation().unit_of_work() as work:
            for number in range(200):
                payload = {"execution_id": "exec_x", "flow_id": "flow_x", "status": "RUNNING", "current_step": 0, "step_name": "x"}
                payload |= {"progress_percent": number, "message": random.randbytes(5_000).hex()}  # does not shrink on the way
                work.emit(Event(EXECUTION_UPDATED, trader.id, "exec_x", payload, execution_id="exec_x"))
    async with socket_to(port, max_queue=1, close_timeout=0.1) as socket:
        await socket.start(token)
        socket.connection.transport.pause_reading()
        await socket.subscribe(EXECUTIONS, after="0-0")
        await nobody_listens(runtime)
