"""Risk rules and the trading switch on orders that wait for a price, when they are placed and when they are amended."""

from decimal import Decimal

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.market.market import Market
from domain.risk.service import create_rule
from domain.risk.states import SwitchState
from domain.risk.switch import SwitchSetting, set_trading_switch
from domain.trading.amending import OrderChanges, amend_order
from domain.trading.changing import cancel_order
from domain.trading.closing import close_position
from domain.trading.models import Order, OrderStatus, Side
from domain.trading.monitoring import monitor_positions
from domain.trading.placing import place_order, write_intent
from domain.trading.previewing import preview_order
from domain.trading.requests import OrderRequest
from tests.domain.exchanges.conformance import CcxtStand
from tests.domain.trading.desk import Desk, buy
from tests.domain.trading.test_resting import limit

HALTED, REDUCING = SwitchState.HALTED, SwitchState.REDUCING
on_one_exchange = pytest.mark.parametrize("stand", ["binance"], indirect=True)


async def written(desk: Desk, request: OrderRequest) -> str:
    """Write an order that its venue has not heard of: it can be amended without asking."""
    tick = await desk.operation.use(Market).price(request.symbol)
    async with desk.operation.unit_of_work() as work:
        return (await write_intent(work, request, tick)).id


async def move(desk: Desk, state: SwitchState) -> None:
    async with desk.operation.unit_of_work() as work:
        await set_trading_switch(work, SwitchSetting(state, "Enough"))


async def refusal_of_change(desk: Desk, order_id: str, changes: OrderChanges) -> ErrorCode:
    before = {order.id: (order.price, order.quantity) for order in await desk.rows(Order)}
    with pytest.raises(DomainError) as refusal:
        await amend_order(desk.operation, order_id, changes)
    assert {order.id: (order.price, order.quantity) for order in await desk.rows(Order)} == before
    return refusal.value.code


@on_one_exchange
async def test_a_price_far_from_the_markets_is_refused_when_placed_and_when_amended(desk: Desk, stand: CcxtStand) -> None:
    async with desk.operation.unit_of_work() as work:
        await create_rule(work, "Typo", "price_band", {"max_percent": 5})
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, limit("47499.99", "0.01"))
    assert refusal.value.message == "A price of 47499.99 is 5.0001 % away from the market's 50000, more than the limit of 5 %."
    order_id = await written(desk, limit("47500", "0.01"))
    assert await refusal_of_change(desk, order_id, OrderChanges(price=Decimal(40_000))) is ErrorCode.RISK_LIMIT_EXCEEDED
    await amend_order(desk.operation, order_id, OrderChanges(price=Decimal(48_000)))
    assert (await desk.row(Order)).price == 48_000


@on_one_exchange
async def test_orders_that_rest_count_as_filled(desk: Desk, stand: CcxtStand) -> None:
    async with desk.operation.unit_of_work() as work:
        await create_rule(work, "Tenth", "max_portfolio_utilization", {"max_percent": 10})
    order_id = await written(desk, limit("49000", "0.02"))
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, buy(quantity="0.001"))
    assert refusal.value.code is ErrorCode.RISK_LIMIT_EXCEEDED
    assert await refusal_of_change(desk, order_id, OrderChanges(quantity=Decimal("0.021"))) is ErrorCode.RISK_LIMIT_EXCEEDED


@on_one_exchange
async def test_an_order_that_would_open_a_position_may_only_shrink_once_trading_is_halted(desk: Desk, stand: CcxtStand) -> None:
    order_id = await written(desk, limit("45000", "0.02"))
    for state, quantity in ((REDUCING, "0.015"), (HALTED, "0.01")):
        await move(desk, state)
        for changes in (OrderChanges(price=Decimal(49_000)), OrderChanges(quantity=Decimal("0.03"))):
            assert await refusal_of_change(desk, order_id, changes) is ErrorCode.TRADING_HALTED
        await amend_order(desk.operation, order_id, OrderChanges(quantity=Decimal(quantity)))
    assert (await cancel_order(desk.operation, order_id)).order.status is OrderStatus.CANCELLED


@on_one_exchange
async def test_a_halt_leaves_what_rests_to_close_a_position_where_it_is(desk: Desk, stand: CcxtStand) -> None:
    await place_order(desk.operation, buy(quantity="0.1", stop_loss=Decimal(49_000)))
    target = await place_order(desk.operation, limit("60000", "0.1", Side.SELL))
    await move(desk, REDUCING)
    with pytest.raises(DomainError) as refusal:  # spoken for: another sale would turn the position round
        await place_order(desk.operation, limit("61000", "0.1", Side.SELL))
    assert refusal.value.code is ErrorCode.TRADING_HALTED
    await move(desk, HALTED)
    with pytest.raises(DomainError) as refusal:
        await close_position(desk.operation, (await desk.open_position()).id)
    assert refusal.value.code is ErrorCode.TRADING_HALTED
    desk.price("BTC/USDT", "48000")
    assert await monitor_positions(desk.system) == []
    assert [order.status for order in await desk.rows(Order) if order.id == target.id] == [OrderStatus.OPEN]
    assert len(stand.floor.open_orders()) == 1


@on_one_exchange
async def test_a_preview_tells_of_the_switch(desk: Desk, stand: CcxtStand) -> None:
    await move(desk, HALTED)
    preview = await preview_order(desk.operation, limit("49000", side=Side.BUY))
    assert (preview.accepted, preview.code, preview.message) == (False, "TRADING_HALTED", "Trading is halted: Enough")
