"""What the server does by itself for a user leaves entries too, one for each act."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from domain.audit.vocabulary import ActorKind
from domain.composition import provide_trading
from domain.exchanges.venue import Side
from domain.flows.running import run_execution
from domain.kernel.clock import ManualClock
from domain.market.market import Market
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.trading.models import Position
from domain.trading.monitoring import monitor_positions
from domain.trading.placing import place_order
from domain.trading.requests import OrderRequest
from tests.audit_log import entries
from tests.builders import make_trader
from tests.domain.flows.runs import new_flow, trigger
from tests.market_script import ScriptedSource


@pytest.fixture
def source(runtime: Runtime, clock: ManualClock) -> ScriptedSource:
    source = ScriptedSource(clock)
    runtime.provide(Market, Market(source, wall=lambda: float("inf")))
    provide_trading(runtime)
    return source


@pytest.fixture
async def ada(runtime: Runtime, source: ScriptedSource) -> Operation:
    return runtime.operation(await make_trader(runtime), door="test")


async def test_order_of_a_flow_is_the_systems_act_for_its_owner(runtime: Runtime, ada: Operation) -> None:
    flow = await new_flow(ada)
    execution_id = await trigger(ada, flow)
    for _ in range(2):  # a message that comes twice
        await run_execution(runtime.operation(door="worker", request_id="req_run"), execution_id)
    assert [entry.action for entry in await entries(runtime)] == ["flow.create", "flow.trigger", "order.create"]
    (entry,) = await entries(runtime, "order.create")
    assert (entry.door, entry.request_id, entry.actor_kind, entry.actor_id) == ("worker", "req_run", ActorKind.SYSTEM, ada.caller.id)
    assert entry.after is not None and entry.after["id"] == entry.object_id
    assert (entry.after["flow_id"], entry.after["execution_id"], entry.after["status"]) == (flow.id, execution_id, "pending")


async def test_stops_that_fire_in_one_transaction_leave_an_entry_for_each_position(
    runtime: Runtime, ada: Operation, clock: ManualClock, source: ScriptedSource
) -> None:
    for symbol in ("BTC/USDT", "ETH/USDT"):
        request = OrderRequest(symbol=symbol, side=Side.BUY, quantity=Decimal("0.01"), stop_loss=Decimal(45_000))
        await place_order(ada, request)
    source.price_now = Decimal(44_000)
    clock.advance(minutes=5)
    exits = await monitor_positions(runtime.operation(door="timetable"))
    assert len(exits) == 2
    closed = await entries(runtime, "position.close")
    assert {(entry.door, entry.actor_kind, entry.actor_id) for entry in closed} == {("timetable", ActorKind.SYSTEM, ada.caller.id)}
    async with ada.reading() as work:
        positions = {position.id: position.exit_order_id for position in await work.session.scalars(select(Position))}
    assert {entry.object_id: (entry.after or {})["exit_order_id"] for entry in closed} == positions


async def test_pricing_positions_is_no_act(runtime: Runtime, ada: Operation, clock: ManualClock, source: ScriptedSource) -> None:
    await place_order(ada, OrderRequest(symbol="BTC/USDT", side=Side.BUY, quantity=Decimal("0.01")))
    source.price_now = Decimal(50_100)
    clock.advance(minutes=5)
    assert await monitor_positions(runtime.operation(door="timetable")) == []
    assert [entry.action for entry in await entries(runtime)] == ["order.create"]
