from decimal import Decimal

import pytest

from domain.exchanges.venue import Side
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.market import Market
from domain.trading.amending import OrderChanges, amend_order
from domain.trading.changing import cancel_order
from domain.trading.models import Order, OrderStatus
from domain.trading.placing import place_order, write_intent
from domain.trading.requests import OrderRequest
from domain.trading.sending import send
from tests.domain.trading.desk import Desk


async def unsent(desk: Desk) -> Order:
    request = OrderRequest(symbol="BTC/USDT", side=Side.BUY, quantity=Decimal("0.01"))
    tick = await desk.operation.use(Market).price("BTC/USDT")
    async with desk.operation.unit_of_work() as work:
        return await write_intent(work, request, tick)


async def filled(desk: Desk) -> Order:
    return await place_order(desk.operation, OrderRequest(symbol="BTC/USDT", side=Side.BUY, quantity=Decimal("0.01")))


async def test_order_the_venue_has_not_heard_of_is_cancelled_and_never_sent(desk: Desk) -> None:
    order = await unsent(desk)
    record = await cancel_order(desk.operation, order.id)
    assert record.order.status is OrderStatus.CANCELLED
    assert record.transitions[-1].reason == "user"
    assert (await send(desk.operation, order.id)).status is OrderStatus.CANCELLED
    assert (await desk.balances())["USDT"] == 10_000


async def test_filled_order_can_be_neither_cancelled_nor_amended(desk: Desk) -> None:
    order = await filled(desk)
    for attempt in (cancel_order(desk.operation, order.id), amend_order(desk.operation, order.id, OrderChanges(quantity=Decimal(1)))):
        with pytest.raises(DomainError) as refusal:
            await attempt
        assert refusal.value.code is ErrorCode.INVALID_ORDER_STATE
        assert refusal.value.details["status"] == "filled"


async def test_unresolved_order_is_looked_up_before_it_is_refused(desk: Desk) -> None:
    order = await unsent(desk)
    async with desk.operation.unit_of_work() as work:
        (await work.session.get_one(Order, order.id)).status = OrderStatus.SUBMITTED
    with pytest.raises(DomainError) as refusal:
        await cancel_order(desk.operation, order.id)
    assert refusal.value.details["status"] == "filled"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (OrderChanges(), ErrorCode.VALIDATION_ERROR),
        (OrderChanges(quantity=Decimal(1), stated={"symbol": "ETH/USDT"}), ErrorCode.IMMUTABLE_FIELD),
        (OrderChanges(quantity=Decimal(1), stated={"symbol": "BTC/USDT", "side": Side.BUY}), ErrorCode.INVALID_ORDER_STATE),
    ],
)
async def test_amending_is_refused_for_the_first_thing_that_is_wrong(desk: Desk, changes: OrderChanges, code: ErrorCode) -> None:
    order = await filled(desk)
    with pytest.raises(DomainError) as refusal:
        await amend_order(desk.operation, order.id, changes)
    assert refusal.value.code is code
