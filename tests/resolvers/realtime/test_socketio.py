import asyncio
import json
import socket
from decimal import Decimal
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from domain.accounts.models import User
from domain.accounts.service import log_out
from domain.flows.models import ExecutionStatus
from domain.kernel.clock import ManualClock
from domain.notifications.kinds import NotificationType
from domain.notifications.service import NewNotification, create_notification
from domain.runtime.runtime import Runtime
from resolvers.realtime import socketio as door
from tests.audit_log import entries
from tests.resolvers.realtime.live import (
    PATIENCE_SECONDS,
    Listener,
    Person,
    Refused,
    emit,
    execution_event,
    execution_of,
    listening,
    position_event,
)


@pytest.fixture(autouse=True)
def _hardly_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "HOLD_SECONDS", 0.02)


# --- who may connect


async def test_events_reach_their_user_and_nobody_else(runtime: Runtime, address: str, ada: Person, bob: Person) -> None:
    async with listening(address, ada) as hers, listening(address, bob) as his:
        await emit(runtime, execution_event(ada, "exec_1", 30), position_event(ada))
        await emit(runtime, position_event(bob))
        await hers.wait_for(2)
        await his.wait_for(1)
        assert [name for name, _ in hers.seen] == ["execution_update", "position_update"]
        assert [name for name, _ in his.seen] == ["position_update"]


async def test_payloads_carry_the_documented_keys_and_every_digit(runtime: Runtime, address: str, ada: Person) -> None:
    async with listening(address, ada) as listener:
        await emit(runtime, execution_event(ada, "exec_1", 30), position_event(ada))
        await listener.wait_for(2)
    execution, position = (data for _, data in listener.seen)
    cursor = execution.pop("cursor")
    assert execution == {
        "execution_id": "exec_1",
        "flow_id": ada.flow_id,
        "status": "RUNNING",
        "current_step": 1,
        "step_name": "AI Swarm Analyzing",
        "progress_percent": 30,
        "message": "Running market analysis with AI agents...",
    }
    assert isinstance(cursor, str) and cursor != position["cursor"]
    assert position["position_id"] == "pos_1"
    assert position["status"] == "open"
    assert position["current_price"] == Decimal("89500.12")
    assert position["unrealized_pnl"] == Decimal("-125.5")
    assert position["unrealized_pnl_percent"] == Decimal("1.4")
    assert position["take_profit"] == Decimal("12345678901234567890.123456789012345678")
    assert position["quantity"] == Decimal("0.00000001")
    assert (position["exit_quantity"], position["exit_price"]) == (Decimal("0.00000002"), Decimal("89400.10"))
    assert position["stop_loss"] is None


async def test_notifications_reach_the_own_room(runtime: Runtime, address: str, ada: Person, bob: Person) -> None:
    async with listening(address, ada) as hers, listening(address, bob) as his:
        async with ada.operation.unit_of_work() as work:
            body = NewNotification(NotificationType.INFO, "Hello", "A note.", {"price": 0.1})
            note = await create_notification(work, body)
        await emit(runtime, position_event(bob))
        await hers.wait_for(1)
        await his.wait_for(1)
    ((name, data),) = hers.seen
    assert isinstance(data.pop("cursor"), str)
    assert (name, data) == (
        "notification",
        {
            "notification_id": note.id,
            "user_id": ada.id,
            "kind": "manual",
            "subject_id": None,
            "type": "info",
            "title": "Hello",
            "message": "A note.",
            "metadata": {"price": Decimal("0.1")},
            "created_at": "2026-03-02T09:30:00.000Z",
        },
    )
    assert [name for name, _ in his.seen] == ["position_update"]


async def test_socket_opens_over_polling_and_with_a_header(runtime: Runtime, address: str, ada: Person) -> None:
    listener = await Listener(address, transports=("polling",)).open(None, Authorization=f"Bearer {ada.token}")
    await emit(runtime, position_event(ada))
    await listener.wait_for(1)
    await listener.close()


BAD_AUTH: list[dict[str, Any] | None] = [
    None,
    {},
    {"token": ""},
    {"token": "x.y.z"},
    {"token": 5},
    {"token": ["x"]},
    {"token": "x" * 9000},
]


async def test_bad_token_is_refused_with_a_sentence(address: str) -> None:
    for auth in BAD_AUTH:
        with pytest.raises(Refused) as refusal:
            await Listener(address).open(auth)
        told = refusal.value.args[0]
        assert told["message"] in ("Not authenticated", "Could not validate credentials")
        assert told["data"] == {"code": "UNAUTHORIZED"}


async def test_expired_token_is_refused_by_name(address: str, ada: Person, clock: ManualClock) -> None:
    clock.advance(hours=1)
    with pytest.raises(Refused, match="TOKEN_EXPIRED"):
        await Listener(address).open({"token": ada.token})


async def test_foreign_page_is_refused_and_a_named_one_is_not(address: str, ada: Person) -> None:
    with pytest.raises(Refused):
        await Listener(address).open({"token": ada.token}, Origin="https://evil.example")
    for origin in ("http://localhost:3000", f"http://{address}"):
        await (await Listener(address).open({"token": ada.token}, Origin=origin)).close()


async def test_logout_closes_both_sockets_within_five_seconds(address: str, ada: Person, bob: Person) -> None:
    async with listening(address, ada) as one, listening(address, ada) as two, listening(address, bob) as his:
        async with ada.operation.unit_of_work() as work:
            await log_out(work)
        await asyncio.wait_for(asyncio.gather(one.ended.wait(), two.ended.wait()), 5)
        assert not his.ended.is_set()
        with pytest.raises(Refused, match="TOKEN_REVOKED"):
            await Listener(address).open({"token": ada.token})


async def test_expiry_noticed_at_the_next_look_closes_the_socket(
    address: str, ada: Person, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.live_session.RECHECK_SECONDS", 0.1)
    async with listening(address, ada) as listener:
        clock.advance(hours=1)
        await asyncio.wait_for(listener.ended.wait(), 3)


async def test_lost_rights_narrow_the_stream(runtime: Runtime, address: str, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.live_session.RECHECK_SECONDS", 0.05)
    async with listening(address, ada) as listener:
        async with runtime.operation().unit_of_work() as work:
            (await work.session.get_one(User, ada.id)).role_id = None
        await asyncio.sleep(0.3)
        await emit(runtime, position_event(ada))
        answer = await listener.ask("subscribe_execution", {"execution_id": "exec_1"})
        assert answer["code"] == "FORBIDDEN"
        await asyncio.sleep(0.5)
        assert listener.seen == []


# --- rooms


async def test_own_rooms_are_joined_and_left(runtime: Runtime, address: str, ada: Person) -> None:
    async with listening(address, ada) as listener:
        room = f"positions:{ada.id}"
        assert await listener.ask("subscribe_positions", {"user_id": ada.id}) == {"success": True, "room": room}
        assert await listener.ask("unsubscribe_positions", {"user_id": ada.id}) == {"success": True, "room": room}
        await listener.ask("resume", {"after": "0-0"})
        await emit(runtime, position_event(ada, 1))
        await asyncio.sleep(0.1)
        await listener.ask("subscribe_positions", {"user_id": ada.id})
        await emit(runtime, position_event(ada, 2))
        await listener.wait_for(1)
        assert [data["position_id"] for data in listener.of("position_update")] == ["pos_2"]


async def test_joining_an_execution_sends_its_state_and_then_its_events_once(runtime: Runtime, address: str, ada: Person) -> None:
    execution_id = await execution_of(ada, ExecutionStatus.RUNNING, step=1)
    async with listening(address, ada) as listener:
        answer = await listener.ask("subscribe_execution", {"execution_id": execution_id})
        assert answer == {"success": True, "room": f"executions:{execution_id}"}
        [state] = listener.of("execution_update")
        assert (state["execution_id"], state["status"], state["progress_percent"]) == (execution_id, "RUNNING", 30)
        assert state["snapshot"] is True
        await emit(runtime, execution_event(ada, execution_id, 60))
        await listener.wait_for(2)
        await asyncio.sleep(0.1)
        assert [data["progress_percent"] for data in listener.of("execution_update")] == [30, 60]  # in two rooms, one copy


async def test_execution_room_alone_carries_that_execution_alone(runtime: Runtime, address: str, ada: Person) -> None:
    first, second = await execution_of(ada), await execution_of(ada)
    async with listening(address, ada) as listener:
        await listener.ask("unsubscribe_positions", {"user_id": ada.id})
        await listener.ask("subscribe_execution", {"execution_id": first})
        await emit(runtime, execution_event(ada, second, 10), position_event(ada), execution_event(ada, first, 20))
        await listener.wait_for(2)
        assert [data["execution_id"] for data in listener.of("execution_update")] == [first, first]
        await listener.ask("unsubscribe_execution", {"execution_id": first})
        await emit(runtime, execution_event(ada, first, 30))
        await asyncio.sleep(0.1)
        assert len(listener.seen) == 2


async def test_what_belongs_to_another_user_is_refused(runtime: Runtime, address: str, ada: Person, bob: Person) -> None:
    execution_id = await execution_of(bob)
    async with listening(address, ada) as listener:
        refusal = await listener.ask("subscribe_execution", {"execution_id": execution_id})
        assert refusal == {"success": False, "error": f"Execution not found: {execution_id}", "code": "NOT_FOUND"}
        refusal = await listener.ask("subscribe_positions", {"user_id": bob.id})
        assert (refusal["success"], refusal["code"]) == (False, "FORBIDDEN")
        (entry,) = [entry for entry in await entries(runtime) if entry.code is not None]
        assert (entry.door, entry.code, entry.actor_id) == ("socket.io", "FORBIDDEN", ada.id)
        await emit(runtime, execution_event(bob, execution_id, 30))
        await emit(runtime, position_event(ada))
        await listener.wait_for(1)
        assert [name for name, _ in listener.seen] == ["position_update"]


async def test_two_sockets_of_one_user_each_get_every_event(runtime: Runtime, address: str, ada: Person) -> None:
    async with listening(address, ada) as one:
        await emit(runtime, position_event(ada, 1))
        await one.wait_for(1)
        async with listening(address, ada) as two:
            await emit(runtime, *(position_event(ada, number) for number in range(2, 12)))
            await one.wait_for(11)
            await two.wait_for(10)
        await emit(runtime, position_event(ada, 12))
        await one.wait_for(12)
        assert [data["position_id"] for data in one.of("position_update")] == [f"pos_{number}" for number in range(1, 13)]
        assert [data["position_id"] for data in two.of("position_update")] == [f"pos_{number}" for number in range(2, 12)]


# --- prices


async def test_prices_come_for_the_symbols_asked_for(address: str, ada: Person, clock: ManualClock) -> None:
    async with listening(address, ada) as listener:
        answer = await listener.ask("subscribe_market", {"symbols": ["btcusdt", "ETH/USDT"]})
        assert answer == {"success": True, "room": "market", "symbols": ["BTC/USDT", "ETH/USDT"]}
        await listener.wait_for(2)
        first = listener.of("market_update")[0]
        assert {"symbol", "price", "timestamp", "source", "change_24h"} <= set(first)
        assert first["symbol"] == "BTC/USDT" and first["source"] == "simulated" and first["timestamp"].endswith("Z")
        answer = await listener.ask("unsubscribe_market", {"symbols": ["ETH/USDT"]})
        assert answer["symbols"] == ["BTC/USDT"]
        listener.seen.clear()
        clock.advance(minutes=30)
        await listener.wait_for(1)
        assert {data["symbol"] for data in listener.of("market_update")} == {"BTC/USDT"}
        assert (await listener.ask("unsubscribe_market"))["symbols"] == []


async def test_unknown_symbol_subscribes_to_nothing(address: str, ada: Person) -> None:
    async with listening(address, ada) as listener:
        refusal = await listener.ask("subscribe_market", {"symbols": ["BTC/USDT", "NO/SUCH"]})
        assert (refusal["success"], refusal["code"]) == (False, "UNKNOWN_SYMBOL")
        assert (await listener.ask("unsubscribe_market", {}))["symbols"] == []


# --- bad input

BAD_PAYLOADS: list[tuple[str, object]] = [
    ("subscribe_positions", None),
    ("subscribe_positions", {}),
    ("subscribe_positions", {"user_id": None}),
    ("subscribe_positions", {"user_id": 5}),
    ("subscribe_positions", "user_1"),
    ("subscribe_positions", ["user_1"]),
    ("subscribe_positions", ({"user_id": "a"}, {"user_id": "b"})),
    ("subscribe_execution", {"execution_id": {"$ne": ""}}),
    ("subscribe_execution", {"execution_id": ""}),
    ("subscribe_execution", {"execution_id": "x" * 201}),
    ("subscribe_execution", {"execution_id": "x" * 2_000_000}),
    ("subscribe_market", {"symbols": "BTC/USDT"}),
    ("subscribe_market", {"symbols": []}),
    ("subscribe_market", {"symbols": [1]}),
    ("subscribe_market", {"symbols": [float("nan")]}),
    ("subscribe_market", {"symbols": ["BTC/USDT"] * 51}),
    ("unsubscribe_market", {"symbols": 7}),
    ("resume", {}),
    ("resume", {"after": 12}),
    ("resume", {"after": float("nan")}),
    ("resume", {"after": "not a cursor"}),
    ("resume", {"after": "0-7fffffffffffffff"}),
    ("no_such_event", {}),
]


async def test_bad_payload_is_answered_and_leaves_the_socket_as_it_was(runtime: Runtime, address: str, ada: Person) -> None:
    async with listening(address, ada) as listener:
        for event, payload in BAD_PAYLOADS:
            answer = await listener.ask(event, payload)
            assert answer["success"] is False, (event, str(payload)[:80])
            assert answer["error"] and answer["code"]
        await emit(runtime, position_event(ada))
        await listener.wait_for(1)
        assert len(listener.seen) == 1


BROKEN_PACKETS: list[str | bytes] = [
    '42["connect",{"asgi.scope":{}},{}]',
    '42["disconnect"]',
    "42{}",
    "42[]",
    "42[5]",
    "4",
    "49",
    '452-["x",{"_placeholder":true,"num":0}]',
    "431[]",
    "x",
    '4{"a":1}',
    "4" + "[" * 50_000,
    b"\x00\x01",
    '42["x","' + "y" * 5_000_000 + '"]',
]


async def open_raw(raw: ClientConnection, someone: Person) -> None:
    await raw.recv()
    await raw.send("40" + json.dumps({"token": someone.token}))
    await raw.recv()


async def test_broken_protocol_ends_its_socket_and_harms_no_other(runtime: Runtime, address: str, ada: Person) -> None:
    async with listening(address, ada) as listener:
        for packet in BROKEN_PACKETS:
            async with connect(f"ws://{address}/socket.io/?EIO=4&transport=websocket") as raw:
                await open_raw(raw, ada)
                await raw.send(packet)
                with pytest.raises(ConnectionClosed):
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        while True:
                            await raw.recv()
        await emit(runtime, position_event(ada))
        await listener.wait_for(1)


async def test_json_that_cannot_be_read_is_answered_under_its_id(address: str, ada: Person) -> None:
    async with connect(f"ws://{address}/socket.io/?EIO=4&transport=websocket") as raw:
        await open_raw(raw, ada)
        await raw.send('427["resume"')
        assert str(await raw.recv()) == '437[{"success":false,"error":"The payload is not valid JSON","code":"INVALID_JSON"}]'


async def test_client_that_does_not_read_is_cut_off_and_can_resume(
    runtime: Runtime, address: str, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MAX_WAITING", 40)
    monkeypatch.setattr(door, "MAX_WAITING_OF_REPLAY", 20)
    events = [execution_event(ada, "exec_1", number) for number in range(400)]
    for event in events:
        event.payload["message"] = "x" * 32_000  # type: ignore[index]
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    small.connect(("127.0.0.1", int(address.rpartition(":")[2])))
    async with connect(f"ws://{address}/socket.io/?EIO=4&transport=websocket", sock=small, max_queue=1, compression=None) as raw:
        await open_raw(raw, ada)
        await asyncio.sleep(0.1)
        for start in range(0, 400, 50):
            await emit(runtime, *events[start : start + 50])
        await asyncio.sleep(0.5)
        received: list[dict[str, Any]] = []
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    text = str(await raw.recv())
                    if text.startswith('42["execution_update"'):
                        received.append(json.loads(text[2:])[1])
    assert 0 < len(received) < 400
    assert [data["progress_percent"] for data in received] == list(range(len(received)))
    async with listening(address, ada, after=received[-1]["cursor"]) as listener:
        await listener.wait_for(400 - len(received))
        assert [data["progress_percent"] for data in listener.of("execution_update")] == list(range(len(received), 400))


async def test_client_that_asks_without_end_is_cut_off(address: str, ada: Person) -> None:
    async with connect(f"ws://{address}/socket.io/?EIO=4&transport=websocket") as raw:
        await open_raw(raw, ada)
        with pytest.raises(ConnectionClosed):
            for number in range(3_000):
                await raw.send(f'42{number}["resume",{{"after":"0-0"}}]')
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    await raw.recv()


async def test_user_has_a_limited_number_of_sockets(address: str, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_SOCKETS_OF_USER", 1)
    async with listening(address, ada):
        with pytest.raises(Refused, match="RATE_LIMIT_EXCEEDED"):
            await Listener(address).open({"token": ada.token})


async def test_stranger_is_hung_up_on(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.realtime.engine.IDENTIFY_SECONDS", 0.1)
    async with connect(f"ws://{address}/socket.io?EIO=4&transport=websocket") as raw:
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    await raw.recv()
