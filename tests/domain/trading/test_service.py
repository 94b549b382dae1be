"""What people read of their trading: their own, in the words of the documents."""

from decimal import Decimal

import pytest

from domain.exchanges.venue import VenueUnavailable
from domain.kernel.errors import DomainError, ErrorCode
from domain.trading.models import OrderStatus, Position
from domain.trading.placing import place_order
from domain.trading.service import (
    energy_positions,
    fills_of,
    get_order,
    get_position,
    list_orders,
    list_positions,
    order_by_client_id,
    transitions_of,
)
from tests.builders import make_trader
from tests.domain.trading.desk import CrashingVenue, Desk, buy, sell


async def test_orders_are_listed_newest_first_by_page_status_and_symbol(desk: Desk) -> None:
    desk.price("ETH/USDT", "3000")
    made = [await place_order(desk.operation, buy("ETH/USDT" if n % 2 else "BTC/USDT", "0.01")) for n in range(5)]
    async with desk.operation.reading() as work:
        page = await list_orders(work, limit=2, offset=1)
        assert ([order.id for order in page.items], page.total) == ([made[3].id, made[2].id], 5)
        assert (await list_orders(work, symbol="ethusdt")).total == 2
        assert (await list_orders(work, symbol="NOPE")).total == 0
        assert (await list_orders(work, status="filled")).total == 5
        assert (await list_orders(work, status="open")).total == 0
        with pytest.raises(DomainError) as refusal:
            await list_orders(work, status="done")
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR


async def test_open_means_every_order_that_can_still_be_filled(desk: Desk) -> None:
    desk.connect(CrashingVenue(desk.venue, VenueUnavailable("timeout")))
    order = await place_order(desk.operation, buy())
    async with desk.operation.reading() as work:
        assert [found.id for found in (await list_orders(work, status=OrderStatus.OPEN)).items] == [order.id]
        assert (await list_orders(work, status="submitted")).total == 1
        assert (await list_orders(work, status="pending")).total == 0


async def test_fills_and_history_come_with_their_orders(desk: Desk) -> None:
    first, second = await place_order(desk.operation, buy()), await place_order(desk.operation, sell(quantity="0.05"))
    async with desk.operation.reading() as work:
        fills = await fills_of(work, [first.id, second.id])
        history = await transitions_of(work, [first.id])
    assert [fill.quantity for fill in fills[second.id]] == [Decimal("0.05")]
    assert [transition.status.value for transition in history[first.id]] == ["pending", "submitted", "filled"]


async def test_what_belongs_to_somebody_else_is_not_there(desk: Desk) -> None:
    order = await place_order(desk.operation, buy(client_order_id="mine"))
    position = await desk.row(Position)
    bob = desk.runtime.operation(await make_trader(desk.runtime))
    async with bob.reading() as work:
        for verb, object_id in ((get_order, order.id), (get_position, position.id)):
            with pytest.raises(DomainError) as refusal:
                await verb(work, object_id)
            assert refusal.value.code is ErrorCode.NOT_FOUND
        assert (await list_orders(work)).total == (await list_positions(work)).total == 0
        assert await order_by_client_id(work, "mine") is None
        assert await fills_of(work, [order.id]) == {order.id: []}
        assert await transitions_of(work, [order.id]) == {order.id: []}
        assert await energy_positions(work) == []
    async with desk.operation.reading() as work:
        mine = await order_by_client_id(work, "mine")
    assert mine is not None and mine.id == order.id
    async with desk.system.reading() as work:
        assert (await order_by_client_id(work, "mine", user_id=bob.caller.id)) is None
        assert (await order_by_client_id(work, "mine", user_id=desk.ada.id)) is not None


async def test_positions_are_listed_by_status(desk: Desk) -> None:
    await place_order(desk.operation, buy())
    await place_order(desk.operation, sell(quantity="0.15"))
    async with desk.operation.reading() as work:
        assert [position.side.value for position in (await list_positions(work, status="open")).items] == ["short"]
        assert [position.side.value for position in (await list_positions(work, status="closed", symbol="BTC/USDT")).items] == ["long"]
        assert (await list_positions(work, status="liquidated")).total == 0


async def test_net_positions_sum_up_all_books_of_a_symbol(desk: Desk) -> None:
    desk.without_costs()
    desk.price("CL", "75")
    desk.price("NG", "3")
    await place_order(desk.operation, buy("WTI", "3"))
    await place_order(desk.operation, sell("CL", "1", flow_id="flow_a"))
    await place_order(desk.operation, sell("NG", "2"))
    await place_order(desk.operation, buy("NG", "2"))
    async with desk.operation.reading() as work:
        (net,) = await energy_positions(work)
        both = await energy_positions(work, include_closed=True)
        assert await energy_positions(work, symbol="BRENT") == await energy_positions(work, symbol="NOPE") == []
    assert (net.symbol, net.quantity, net.average_price, net.market_value) == ("CL", Decimal(2), Decimal(75), Decimal(150_000))
    assert (net.currency, net.unit, net.contract_size, net.unrealized_pnl) == ("USD", "barrel", Decimal(1000), Decimal(0))
    assert [(flat.symbol, flat.quantity) for flat in both] == [("CL", Decimal(2)), ("NG", Decimal(0))]
