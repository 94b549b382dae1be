"""The trading switch where it bites: in the transaction that writes an order, on both databases, with everybody at once."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.market.market import Market
from domain.risk.models import TradingSwitch, TradingSwitchChange
from domain.risk.states import Effect, SwitchState
from domain.risk.switch import SwitchSetting, check_switch, set_global_switch, set_trading_switch
from domain.trading.changing import cancel_order
from domain.trading.closing import close_position
from domain.trading.models import Order, OrderPurpose, OrderStatus, Position, PositionStatus
from domain.trading.monitoring import monitor_positions
from domain.trading.placing import place_order, write_intent
from domain.trading.requests import OrderRequest
from tests.builders import make_superuser
from tests.databases import both_databases
from tests.domain.trading.desk import Desk, buy, sell
from tests.domain.trading.test_concurrency import all_at_once

ACTIVE, REDUCING, HALTED = SwitchState.ACTIVE, SwitchState.REDUCING, SwitchState.HALTED


async def move(desk: Desk, state: SwitchState, reason: str | None = None) -> None:
    async with desk.operation.unit_of_work() as work:
        await set_trading_switch(work, SwitchSetting(state, reason))


async def move_for_all(desk: Desk, state: SwitchState, reason: str | None = None) -> None:
    async with desk.system.unit_of_work() as work:
        await set_global_switch(work, SwitchSetting(state, reason))


async def refusal_of(desk: Desk, request: OrderRequest) -> DomainError:
    before = len(await desk.rows(Order))
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, request)
    assert len(await desk.rows(Order)) == before
    assert refusal.value.code is ErrorCode.TRADING_HALTED
    return refusal.value


GROWING = [buy(quantity="0.01"), buy("ETH/USDT", "0.1"), sell(quantity="0.03"), sell("ETH/USDT", "0.1")]
SHRINKING = [sell(quantity="0.01"), sell(quantity="0.02")]


@both_databases
@pytest.mark.parametrize("scope", ["own", "everybody"])
async def test_every_state_with_every_kind_of_order(desk: Desk, scope: str) -> None:
    """Long 0.02 BTC in the manual book: what grows, opens or turns a position, what shrinks one, what closes it, what is taken back."""
    desk.price("ETH/USDT", "2500")
    mover = move if scope == "own" else move_for_all
    await place_order(desk.operation, buy(quantity="0.02"))
    waiting = await _written(desk, buy(quantity="0.001"))
    await mover(desk, REDUCING)
    for request in GROWING:
        assert (await refusal_of(desk, request)).details["state"] == "REDUCING"
    assert (await cancel_order(desk.operation, waiting)).order.status is OrderStatus.CANCELLED
    await place_order(desk.operation, SHRINKING[0])
    await mover(desk, ACTIVE)
    waiting = await _written(desk, buy(quantity="0.001"))
    await mover(desk, HALTED)
    for request in [*GROWING, sell(quantity="0.005"), sell(quantity="0.01")]:
        assert (await refusal_of(desk, request)).details["state"] == "HALTED"
    with pytest.raises(DomainError) as refusal:
        await close_position(desk.operation, (await desk.open_position()).id)
    assert refusal.value.code is ErrorCode.TRADING_HALTED
    assert (await desk.open_position()).exit_order_id is None
    assert (await cancel_order(desk.operation, waiting)).order.status is OrderStatus.CANCELLED
    await mover(desk, REDUCING)
    await close_position(desk.operation, (await desk.open_position()).id)
    await refusal_of(desk, buy(quantity="0.01"))
    await mover(desk, ACTIVE)
    await place_order(desk.operation, buy(quantity="0.01"))


async def test_the_stricter_switch_holds_and_the_refusal_says_whose_it_is(desk: Desk) -> None:
    await move(desk, HALTED, "On holiday")
    await move_for_all(desk, REDUCING, "The market is mad")
    refusal = await refusal_of(desk, buy(quantity="0.01"))
    assert refusal.message == "Only orders that shrink a position are taken for everybody: The market is mad"
    assert refusal.details == {"state": "REDUCING", "scope": "global", "reason": "The market is mad", "rule_id": None}
    await move_for_all(desk, ACTIVE)
    refusal = await refusal_of(desk, buy(quantity="0.01"))
    assert (refusal.message, refusal.details["scope"]) == ("Trading is halted: On holiday", "user")
    await move(desk, ACTIVE)
    await place_order(desk.operation, buy(quantity="0.01"))


async def test_a_retry_of_an_order_that_was_taken_is_answered_while_halted(desk: Desk) -> None:
    first = await place_order(desk.operation, buy(quantity="0.01", client_order_id="mine"))
    await move(desk, HALTED)
    assert (await place_order(desk.operation, buy(quantity="0.01", client_order_id="mine"))).id == first.id


async def test_stops_fire_while_reducing_and_wait_while_halted(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.02", stop_loss=Decimal(49_000)))
    await move(desk, HALTED)
    desk.price("BTC/USDT", "48000")
    assert await monitor_positions(desk.system) == []
    assert (await desk.open_position()).current_price == 48_000
    await move(desk, REDUCING)
    assert len(await monitor_positions(desk.system)) == 1
    position = await desk.row(Position)
    assert (position.status, position.exit_reason) == (PositionStatus.CLOSED, OrderPurpose.STOP_LOSS)


@both_databases
async def test_a_halt_waits_for_the_order_that_is_being_written_and_stops_the_next(desk: Desk) -> None:
    """The very first use of a user's switch: there is no row yet that could be held."""
    tick = await desk.operation.use(Market).price("BTC/USDT")
    async with desk.operation.unit_of_work() as work:
        await write_intent(work, buy(quantity="0.01"), tick)
        own, everybody = asyncio.create_task(move(desk, HALTED)), asyncio.create_task(move_for_all(desk, HALTED))
        await asyncio.wait({own, everybody}, timeout=0.1)
        assert not own.done()
        assert not everybody.done()
    await asyncio.gather(own, everybody)
    await refusal_of(desk, buy(quantity="0.01"))


@both_databases
@pytest.mark.parametrize("scope", ["own", "everybody"])
async def test_an_order_waits_for_the_halt_that_is_being_written(desk: Desk, scope: str) -> None:
    owner = desk.operation if scope == "own" else desk.runtime.operation(await make_superuser(desk.runtime), door="test")
    async with owner.unit_of_work() as work:
        await (set_trading_switch if scope == "own" else set_global_switch)(work, SwitchSetting(HALTED))
        order = asyncio.create_task(place_order(desk.operation, buy(quantity="0.01")))
        await asyncio.wait({order}, timeout=0.1)
        assert not order.done()
    with pytest.raises(DomainError) as refusal:
        await order
    assert refusal.value.code is ErrorCode.TRADING_HALTED
    assert await desk.rows(Order) == []


@both_databases
async def test_no_order_is_written_behind_a_halt_however_many_are_on_their_way(desk: Desk) -> None:
    desk.without_costs()

    enough = asyncio.Event()

    async def order_until_refused() -> int:
        written = 0
        while True:
            orders, refusals = await all_at_once(place_order(desk.operation, buy(quantity="0.0002")))
            if refusals:
                assert refusals[0].code is ErrorCode.TRADING_HALTED
                return written
            written += len(orders)
            enough.set()

    traders = [asyncio.create_task(order_until_refused()) for _ in range(6)]
    await enough.wait()
    await move(desk, HALTED)
    at_the_halt = len(await desk.rows(Order))
    assert sum(await asyncio.gather(*traders)) == at_the_halt == len(await desk.rows(Order))
    assert at_the_halt >= 1


@both_databases
async def test_many_movers_at_once_leave_one_row_and_an_unbroken_history(desk: Desk) -> None:
    states = [HALTED, REDUCING, ACTIVE, HALTED, REDUCING, ACTIVE, HALTED]
    await asyncio.gather(*(move(desk, state) for state in states))
    (switch,) = [row for row in await desk.rows(TradingSwitch) if row.subject == desk.ada.id]
    # An id is made while the switch is held: their order is the order of the changes.
    changes = sorted(await desk.rows(TradingSwitchChange), key=lambda change: change.id)
    assert [change.from_state for change in changes] == [ACTIVE, *(change.state for change in changes[:-1])]
    assert switch.state is changes[-1].state


@pytest.mark.parametrize(
    ("held", "coming", "request_", "effect"),
    [
        ("0.02", None, sell(quantity="0.02"), Effect.REDUCES),
        ("0.02", None, sell(quantity="0.0201"), Effect.GROWS),
        ("0.02", None, buy(quantity="0.01"), Effect.GROWS),
        ("0.02", sell(quantity="0.01"), sell(quantity="0.01"), Effect.REDUCES),
        ("0.02", sell(quantity="0.01"), sell(quantity="0.0101"), Effect.GROWS),
        (None, None, sell(quantity="0.01"), Effect.GROWS),
    ],
)
async def test_what_reduces_counts_orders_under_way(
    desk: Desk, held: str | None, coming: OrderRequest | None, request_: OrderRequest, effect: Effect
) -> None:
    if held:
        await place_order(desk.operation, buy(quantity=held))
    if coming:
        await _written(desk, coming)
    await move(desk, REDUCING)
    if effect is Effect.REDUCES:
        assert (await place_order(desk.operation, request_)).status is OrderStatus.FILLED
    else:
        await refusal_of(desk, request_)


async def test_somebody_elses_switch_concerns_nobody(desk: Desk) -> None:
    await move(desk, HALTED)
    async with desk.system.unit_of_work() as work:
        await check_switch(work, "user_of_nobody", Effect.GROWS)


async def _written(desk: Desk, request: OrderRequest, **more: Any) -> str:
    tick = await desk.operation.use(Market).price(request.symbol)
    async with desk.operation.unit_of_work() as work:
        return (await write_intent(work, request, tick, **more)).id
