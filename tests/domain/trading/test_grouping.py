"""Groups of which one order cancels the others: together they never fill more than one of them would."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.exchanges.venue import OrderType, Side, TimeInForce
from domain.kernel.errors import DomainError, ErrorCode
from domain.trading import triggering
from domain.trading.amending import OrderChanges, amend_order
from domain.trading.changing import cancel_order
from domain.trading.closing import close_position
from domain.trading.grouping import GroupRequest, cancel_order_group, order_group, place_oco
from domain.trading.machine import TERMINAL
from domain.trading.models import CancelReason, Fill, Order, OrderPurpose, OrderStatus, Position, PositionStatus
from domain.trading.monitoring import monitor_positions, update_position
from domain.trading.placing import place_order
from domain.trading.syncing import sync_orders
from domain.trading.triggering import watch_held_orders
from tests.builders import make_user
from tests.databases import both_databases
from tests.domain.exchanges.conformance import CcxtStand
from tests.domain.trading.desk import Desk, buy, sell
from tests.domain.trading.waiting import funds, leg, oco, order, orders_of, reasons, watch

LIMIT, STOP = leg("limit", price="55000"), leg("stop", stop_price="45000")
TARGET = leg("take_profit", stop_price="55000")


class Killed(BaseException):
    """Stands for the end of the process."""


async def sync(desk: Desk) -> None:
    desk.clock.advance(seconds=6)
    await sync_orders(desk.system)


async def held_pair(desk: Desk, **more: Any) -> list[Order]:
    """A stop and a target around 50,000, both with the server."""
    return (await place_oco(desk.operation, oco(STOP, TARGET, **more))).orders


async def test_the_limit_rests_at_the_exchange_and_the_stop_is_held(desk: Desk, stand: CcxtStand) -> None:
    await place_order(desk.operation, buy())
    group = await place_oco(desk.operation, oco(LIMIT, STOP))
    target, stop = group.orders
    assert (target.status, stop.status) == (OrderStatus.OPEN, OrderStatus.HELD)
    assert {one.group_id for one in group.orders} == {group.id} and group.id.startswith("group_")
    assert [(one.quantity, one.price) for one in stand.floor.open_orders()] == [(Decimal("0.1"), Decimal(55_000))]
    async with desk.operation.reading() as work:
        assert [one.id for one in (await order_group(work, group.id)).orders] == [target.id, stop.id]


async def test_the_first_that_is_filled_cancels_the_other(desk: Desk, stand: CcxtStand) -> None:
    await place_order(desk.operation, buy())
    target, stop = (await place_oco(desk.operation, oco(LIMIT, STOP))).orders
    stand.fill("0.1")
    await sync(desk)
    assert (await order(desk, target.id)).status is OrderStatus.FILLED
    ended = await order(desk, stop.id)
    assert (ended.status, ended.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.GROUP)
    assert ended.status_reason == "Another order of its group takes its place"
    assert await watch(desk, "40000") == []
    assert (await desk.balances())["BTC"] == 0


async def test_a_partial_fill_makes_the_other_smaller_and_the_stop_sells_the_rest(desk: Desk, stand: CcxtStand) -> None:
    await place_order(desk.operation, buy())
    target, stop = (await place_oco(desk.operation, oco(LIMIT, STOP))).orders
    stand.fill("0.04")
    await sync(desk)
    assert ((await order(desk, stop.id)).quantity, (await order(desk, stop.id)).status) == (Decimal("0.06"), OrderStatus.HELD)
    assert "Amended: quantity 0.1 to 0.06; another order of its group was filled in part" in await reasons(desk, stop.id)
    assert await watch(desk, "45000") == [stop.id]
    first, second = await order(desk, target.id), await order(desk, stop.id)
    assert (first.status, first.filled_quantity, first.cancel_reason) == (OrderStatus.CANCELLED, Decimal("0.04"), CancelReason.GROUP)
    assert (second.status, second.filled_quantity) == (OrderStatus.FILLED, Decimal("0.06"))
    assert stand.floor.open_orders() == []
    assert (await desk.balances())["BTC"] == 0


@pytest.mark.parametrize(("raced", "left"), [("0.1", None), ("0.03", "0.07")])
async def test_a_fill_that_overtakes_the_cancellation_is_taken_off_the_stop(
    desk: Desk, stand: CcxtStand, raced: str, left: str | None
) -> None:
    await place_order(desk.operation, buy())
    _, stop = (await place_oco(desk.operation, oco(LIMIT, STOP))).orders
    stand.fill_before("cancel", raced)
    handed = await watch(desk, "45000")
    done = await order(desk, stop.id)
    if left is None:
        assert (handed, done.status, done.cancel_reason) == ([], OrderStatus.CANCELLED, CancelReason.GROUP)
    else:
        assert (handed, done.status, done.filled_quantity) == ([stop.id], OrderStatus.FILLED, Decimal(left))
    assert (await desk.balances())["BTC"] == 0


async def test_a_stop_waits_while_nobody_knows_whether_its_sibling_is_cancelled(desk: Desk, stand: CcxtStand) -> None:
    await place_order(desk.operation, buy())
    target, stop = (await place_oco(desk.operation, oco(LIMIT, STOP))).orders
    stand.go_down()
    assert await watch(desk, "45000") == []
    assert ((await order(desk, target.id)).status, (await order(desk, stop.id)).status) == (OrderStatus.CANCELLING, OrderStatus.HELD)
    stand.go_down(False)
    desk.clock.advance(minutes=10)
    # The price has come back: what was reached was reached.
    assert await watch(desk, "50000") == [stop.id]
    assert (await order(desk, stop.id)).status is OrderStatus.FILLED
    assert (await desk.balances())["BTC"] == 0


async def test_a_process_that_dies_between_the_cancellation_and_the_stop_is_carried_on(
    desk: Desk, stand: CcxtStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise Killed

    await place_order(desk.operation, buy())
    target, stop = (await place_oco(desk.operation, oco(LIMIT, STOP))).orders
    with monkeypatch.context() as patched:
        patched.setattr(triggering, "withdraw", die)
        with pytest.raises(Killed):
            await watch(desk, "45000")
    assert ((await order(desk, target.id)).status, (await order(desk, stop.id)).status) == (OrderStatus.CANCELLING, OrderStatus.HELD)
    await sync(desk)
    assert (await order(desk, target.id)).status is OrderStatus.CANCELLED
    assert await watch(desk, "50000") == [stop.id]
    assert (await desk.balances())["BTC"] == 0


@pytest.mark.parametrize(("price", "winner"), [("45000", 0), ("55000", 1)])
async def test_of_two_held_orders_the_one_that_is_reached_cancels_the_other(desk: Desk, price: str, winner: int) -> None:
    pair = await held_pair(desk)
    assert {one.status for one in pair} == {OrderStatus.HELD}
    assert await watch(desk, price) == [pair[winner].id]
    ended = {one.id: one for one in await orders_of(desk)}
    assert ended[pair[winner].id].status is OrderStatus.FILLED
    assert ended[pair[1 - winner].id].cancel_reason is CancelReason.GROUP
    assert len(await desk.rows(Fill)) == 1


async def test_two_that_are_reached_together_fill_as_one(desk: Desk) -> None:
    group = await place_oco(desk.operation, oco(STOP, leg("stop", stop_price="46000"), leg("trailing_stop", trail="3000")))
    assert await watch(desk, "44000") == [group.orders[2].id]
    assert sum(fill.quantity for fill in await desk.rows(Fill)) == Decimal("0.1")
    assert {one.status for one in await orders_of(desk)} == {OrderStatus.FILLED, OrderStatus.CANCELLED}


async def test_an_equal_request_is_answered_with_the_same_group(desk: Desk) -> None:
    request = oco(STOP, TARGET, client_order_id="mine")
    group = await place_oco(desk.operation, request)
    assert (await place_oco(desk.operation, request)).id == group.id
    keyed = replace(desk.operation, idempotency_key="once")
    again = oco(STOP, TARGET, quantity="0.01")
    second = await place_oco(keyed, again)
    assert second.id != group.id
    desk.source.silent = True  # a retry is answered whatever the market does by now
    assert (await place_oco(keyed, again)).id == second.id
    assert (await place_oco(desk.operation, request)).id == group.id
    desk.source.silent = False
    for other in (oco(STOP, TARGET, leg("stop", stop_price="44000"), client_order_id="mine"), oco(TARGET, STOP, client_order_id="mine")):
        with pytest.raises(DomainError) as refusal:
            await place_oco(desk.operation, other)
        assert refusal.value.code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert len(await desk.rows(Order)) == 4


@both_databases
async def test_twenty_equal_requests_at_once_make_one_group(desk: Desk) -> None:
    request = oco(STOP, TARGET, client_order_id="mine")
    groups = await asyncio.gather(*(place_oco(desk.operation, request) for _ in range(20)))
    assert len({group.id for group in groups}) == 1
    assert len(await desk.rows(Order)) == 2


@both_databases
async def test_rounds_cancellations_and_closers_at_once_fill_a_group_at_most_once(desk: Desk) -> None:
    await place_order(desk.operation, buy())
    group = await place_oco(desk.operation, oco(STOP, TARGET, reduce_only=True))
    position = await desk.open_position()
    desk.price("BTC/USDT", "44000")
    answers = await asyncio.gather(
        *(watch_held_orders(desk.system) for _ in range(3)),
        cancel_order_group(desk.operation, group.id),
        close_position(desk.operation, position.id),
        *(cancel_order(desk.operation, one.id) for one in group.orders),
        return_exceptions=True,
    )
    assert [answer for answer in answers if isinstance(answer, BaseException) and not isinstance(answer, DomainError)] == []
    assert {one.status for one in await desk.rows(Order)} <= TERMINAL
    assert (await desk.balances())["BTC"] >= 0


async def test_a_group_sets_aside_what_its_dearest_order_needs(desk: Desk) -> None:
    desk.without_costs()
    group = await place_oco(
        desk.operation, oco(leg("take_profit", stop_price="45000"), leg("stop", stop_price="52000"), side=Side.BUY, quantity="0.15")
    )
    standing = await funds(desk)
    assert standing.reserved == Decimal(7800)
    assert [standing.claims[one.id].money for one in group.orders] == [Decimal(0), Decimal(7800)]
    with pytest.raises(DomainError) as refusal:
        await place_oco(
            desk.operation, oco(leg("take_profit", stop_price="40000"), leg("stop", stop_price="60000"), side=Side.BUY, quantity="0.04")
        )
    assert refusal.value.code is ErrorCode.INSUFFICIENT_FUNDS
    assert len(await desk.rows(Order)) == 2  # the leg that could be paid for was not written either


async def test_a_group_takes_off_a_position_once(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.19"))
    await held_pair(desk, quantity="0.19")
    standing = await funds(desk)
    assert standing.reserved == 0
    assert sorted(claim.closing for claim in standing.claims.values()) == [Decimal(0), Decimal("0.19")]


async def test_a_group_is_cancelled_as_a_whole(desk: Desk, stand: CcxtStand) -> None:
    await place_order(desk.operation, buy())
    group = await place_oco(desk.operation, oco(LIMIT, STOP))
    done = await cancel_order_group(desk.operation, group.id)
    assert {(one.status, one.cancel_reason) for one in done.orders} == {(OrderStatus.CANCELLED, CancelReason.USER)}
    assert stand.floor.open_orders() == []
    with pytest.raises(DomainError) as refusal:
        await cancel_order_group(desk.operation, group.id)
    assert refusal.value.code is ErrorCode.INVALID_ORDER_STATE


async def test_one_order_of_a_group_can_be_cancelled_and_the_other_lives_on(desk: Desk) -> None:
    stop, target = await held_pair(desk)
    await cancel_order(desk.operation, target.id)
    assert (await order(desk, stop.id)).status is OrderStatus.HELD
    assert await watch(desk, "45000") == [stop.id]


async def test_a_group_of_somebody_else_is_not_found(desk: Desk) -> None:
    group_id = (await held_pair(desk))[0].group_id or ""
    stranger = desk.runtime.operation(await make_user(desk.runtime, "eve@example.com"), door="test")
    for there in (group_id, "group_nobody", "", "👻"):
        with pytest.raises(DomainError) as refusal:
            await cancel_order_group(stranger, there)
        assert refusal.value.code is ErrorCode.NOT_FOUND
    assert {one.status for one in await desk.rows(Order)} == {OrderStatus.HELD}


BAD: list[tuple[GroupRequest, ErrorCode]] = [
    (oco(STOP), ErrorCode.VALIDATION_ERROR),
    (oco(), ErrorCode.VALIDATION_ERROR),
    (oco(*[STOP] * 5), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, leg("market")), ErrorCode.VALIDATION_ERROR),
    (oco(LIMIT, leg("limit", price="56000")), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, leg("stop")), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, leg("stop", stop_price="NaN")), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, leg("stop", stop_price="0.001")), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, leg("stop", stop_price="-1")), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, leg("trailing_stop", trail="0")), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, TARGET, quantity="0"), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, TARGET, quantity="1E+30"), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, TARGET, time_in_force=TimeInForce.IOC), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, TARGET, time_in_force=TimeInForce.GTD), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, TARGET, client_order_id=""), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, TARGET, client_order_id="tw-1"), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, TARGET, client_order_id="x" * 65), ErrorCode.VALIDATION_ERROR),
    (oco(STOP, TARGET, wallet_id="wallet_nobody"), ErrorCode.NOT_FOUND),
    (oco(STOP, TARGET, reduce_only=True), ErrorCode.INVALID_POSITION_STATE),
    (oco(STOP, TARGET, quantity="1000"), ErrorCode.INSUFFICIENT_FUNDS),
    (replace(oco(STOP, TARGET), symbol="NOPE"), ErrorCode.UNKNOWN_SYMBOL),
]


@pytest.mark.parametrize(("request_", "code"), BAD)
async def test_a_group_that_makes_no_sense_writes_nothing(desk: Desk, request_: GroupRequest, code: ErrorCode) -> None:
    with pytest.raises(DomainError) as refusal:
        await place_oco(desk.operation, request_)
    assert refusal.value.code is code
    assert await desk.rows(Order) == []


async def test_the_quantity_of_a_group_is_not_one_orders_to_change(desk: Desk) -> None:
    stop, _ = await held_pair(desk)
    with pytest.raises(DomainError) as refusal:
        await amend_order(desk.operation, stop.id, OrderChanges(quantity=Decimal("0.05")))
    assert (refusal.value.code, refusal.value.details["field"]) == (ErrorCode.VALIDATION_ERROR, "quantity")
    amended = (await amend_order(desk.operation, stop.id, OrderChanges(stop_price=Decimal(46_000)))).order
    assert amended.stop_price == Decimal(46_000)


async def test_the_position_guard_and_a_group_do_not_sell_the_same_thing_twice(desk: Desk) -> None:
    await place_order(desk.operation, buy(stop_loss=Decimal(45_000)))
    await held_pair(desk, reduce_only=True)
    desk.price("BTC/USDT", "44000")
    await asyncio.gather(monitor_positions(desk.system), watch_held_orders(desk.system))
    await monitor_positions(desk.system)
    assert (await desk.row(Position)).status is PositionStatus.CLOSED
    assert (await desk.balances())["BTC"] == 0


# brackets: the stop and the target of the position that an order opens


async def test_a_bracket_guards_exactly_what_is_open_after_partial_fills(desk: Desk, stand: CcxtStand) -> None:
    await place_order(
        desk.operation,
        buy(order_type=OrderType.LIMIT, price=Decimal(49_000), stop_loss=Decimal(45_000), take_profit=Decimal(55_000)),
    )
    stand.fill("0.04")
    await sync(desk)
    position = await desk.row(Position)
    assert (position.quantity, position.stop_loss, position.take_profit) == (Decimal("0.04"), Decimal(45_000), Decimal(55_000))
    desk.price("BTC/USDT", "44000")
    (exit_id,) = await monitor_positions(desk.system)
    assert (await order(desk, exit_id)).filled_quantity == Decimal("0.04")
    # The rest of the entry comes after the stop: what it opens is guarded anew.
    stand.fill("0.06")
    await sync(desk)
    position = await desk.open_position()
    assert (position.quantity, position.stop_loss) == (Decimal("0.06"), Decimal(45_000))
    (exit_id,) = await monitor_positions(desk.system)
    assert (await order(desk, exit_id)).filled_quantity == Decimal("0.06")
    assert (await desk.balances())["BTC"] == 0


async def test_a_bracket_keeps_its_stop_through_partial_closes_amends_and_growth(desk: Desk) -> None:
    await place_order(desk.operation, buy(stop_loss=Decimal(45_000)))
    await place_order(desk.operation, sell(quantity="0.07"))
    await update_position(desk.operation, (await desk.open_position()).id, stop_loss=Decimal(46_000))
    await place_order(desk.operation, buy(quantity="0.02"))
    position = await desk.open_position()
    assert (position.quantity, position.stop_loss) == (Decimal("0.05"), Decimal(46_000))
    desk.price("BTC/USDT", "45900")
    (exit_id,) = await monitor_positions(desk.system)
    done = await order(desk, exit_id)
    assert (done.quantity, done.purpose) == (Decimal("0.05"), OrderPurpose.STOP_LOSS)
    assert (await desk.balances())["BTC"] == 0


async def test_a_flip_guards_the_new_position_with_the_stop_of_the_order_that_opened_it(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.05", stop_loss=Decimal(45_000)))
    await place_order(desk.operation, sell(quantity="0.12", stop_loss=Decimal(53_000)))
    position = await desk.open_position()
    assert (position.signed_quantity, position.stop_loss) == (Decimal("-0.07"), Decimal(53_000))
    desk.price("BTC/USDT", "44000")
    assert await monitor_positions(desk.system) == []  # the old stop went with the old position
    desk.price("BTC/USDT", "53000")
    (exit_id,) = await monitor_positions(desk.system)
    assert ((await order(desk, exit_id)).side, (await order(desk, exit_id)).quantity) == (Side.BUY, Decimal("0.07"))
