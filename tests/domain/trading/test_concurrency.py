"""Everybody at once, on both databases: one order, one fill, and no money spent twice."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from decimal import Decimal

from domain.kernel.errors import DomainError, ErrorCode
from domain.trading.closing import close_position
from domain.trading.models import Fill, Order, OrderStatus, Position, PositionStatus
from domain.trading.monitoring import monitor_positions
from domain.trading.paper_models import PaperOrder
from domain.trading.placing import place_order
from domain.trading.syncing import resume_orders
from tests.databases import both_databases
from tests.domain.trading.desk import Desk, buy, sell

pytestmark = both_databases


async def all_at_once[T](*calls: Awaitable[T]) -> tuple[list[T], list[DomainError]]:
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, DomainError):
            raise answer
    return [a for a in answers if not isinstance(a, BaseException)], [a for a in answers if isinstance(a, DomainError)]


async def test_twenty_requests_with_one_client_order_id_make_one_order(desk: Desk) -> None:
    orders, refusals = await all_at_once(*(place_order(desk.operation, buy(client_order_id="once")) for _ in range(20)))
    assert refusals == []
    assert {(order.id, order.status) for order in orders} == {(orders[0].id, OrderStatus.FILLED)}
    assert [len(await desk.rows(kind)) for kind in (Order, Fill, PaperOrder, Position)] == [1, 1, 1, 1]


async def test_twenty_requests_with_one_idempotency_key_make_one_order(desk: Desk) -> None:
    operation = replace(desk.operation, idempotency_key="once")
    orders, refusals = await all_at_once(*(place_order(operation, buy()) for _ in range(20)))
    assert refusals == []
    assert {(order.id, order.status) for order in orders} == {(orders[0].id, OrderStatus.FILLED)}
    assert [len(await desk.rows(kind)) for kind in (Order, Fill, PaperOrder, Position)] == [1, 1, 1, 1]


async def test_parallel_orders_cannot_overspend(desk: Desk) -> None:
    desk.without_costs()
    desk.price("ETH/USDT", "2500")
    wishes = [buy(quantity="0.05") for _ in range(6)] + [buy("ETH/USDT", "1") for _ in range(6)]
    orders, refusals = await all_at_once(*(place_order(desk.operation, wish) for wish in wishes))
    assert (len(orders), len(refusals)) == (4, 8)
    assert {refusal.code for refusal in refusals} == {ErrorCode.INSUFFICIENT_FUNDS}
    assert (await desk.balances())["USDT"] == 0


async def test_growing_shrinking_and_flipping_side_by_side_keeps_the_books(desk: Desk) -> None:
    wishes = [buy(quantity=f"0.00{n}") for n in range(1, 6)] + [sell(quantity=f"0.00{n}") for n in range(2, 7)]
    orders, refusals = await all_at_once(*(place_order(desk.operation, wish) for wish in wishes))
    assert refusals == []
    assert {order.status for order in orders} == {OrderStatus.FILLED}
    assert (await desk.balances())["BTC"] == Decimal("-0.005")


async def test_monitors_closers_and_sweepers_close_a_position_once(desk: Desk) -> None:
    await place_order(desk.operation, buy(stop_loss=Decimal(49000)))
    position = await desk.open_position()
    desk.price("BTC/USDT", "48000")
    desk.clock.advance(seconds=10)
    _, refusals = await all_at_once(
        *(monitor_positions(desk.system) for _ in range(4)),
        *(close_position(desk.operation, position.id) for _ in range(4)),
        *(resume_orders(desk.system) for _ in range(4)),
    )
    assert {refusal.code for refusal in refusals} <= {ErrorCode.INVALID_POSITION_STATE}
    assert (await desk.row(Position)).status is PositionStatus.CLOSED
    assert len([order for order in await desk.rows(Order) if order.reduce_only]) == 1
    assert (await desk.balances())["BTC"] == 0
