"""Orders that wait at a real exchange's wire: filled in parts, changed, taken back, and what their money does meanwhile."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from domain.exchanges.venue import Ability, OrderType, Side, TimeInForce
from domain.kernel.errors import DomainError, ErrorCode
from domain.trading.amending import OrderChanges, amend_order
from domain.trading.cancelling import withdraw
from domain.trading.changing import cancel_all_orders, cancel_order, monitor_order
from domain.trading.closing import close_position
from domain.trading.exposure import standings_of
from domain.trading.funds import Funds, funds_of
from domain.trading.models import CancelReason, Fill, Order, OrderPurpose, OrderStatus, OrderTransition, Position, PositionStatus
from domain.trading.monitoring import monitor_positions
from domain.trading.placing import place_order
from domain.trading.requests import OrderRequest
from domain.trading.syncing import sync_orders
from domain.wallets.models import Wallet
from tests.domain.exchanges.conformance import CcxtStand
from tests.domain.trading.desk import Desk, buy, sell


def limit(price: str, quantity: str = "0.1", side: Side = Side.BUY, **more: object) -> OrderRequest:
    return OrderRequest(symbol="BTC/USDT", side=side, quantity=Decimal(quantity), order_type=OrderType.LIMIT, price=Decimal(price), **more)  # type: ignore[arg-type]


async def funds(desk: Desk) -> Funds:
    async with desk.system.reading() as work:
        wallet = await desk.row(Wallet)
        return await funds_of(work, wallet, await standings_of(work, wallet), "USDT")


async def sync(desk: Desk) -> list[str]:
    desk.clock.advance(seconds=6)
    return await sync_orders(desk.system)


async def reasons(desk: Desk, order_id: str) -> list[str]:
    rows = [row for row in await desk.rows(OrderTransition) if row.order_id == order_id]
    return [row.reason for row in sorted(rows, key=lambda row: row.seq)]


async def test_a_limit_order_rests_and_is_filled_in_parts(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, limit("49000"))
    assert (order.status, order.filled_quantity, order.price) == (OrderStatus.OPEN, Decimal(0), Decimal(49_000))
    assert await sync(desk) == []
    stand.fill("0.04")
    assert await sync(desk) == [order.id]
    order = await desk.row(Order)
    assert order.status is OrderStatus.PARTIALLY_FILLED
    assert (order.filled_quantity, order.average_fill_price) == (Decimal("0.04"), Decimal(49_000))
    assert (await desk.row(Position)).quantity == Decimal("0.04")
    stand.fill("0.06")
    assert await sync(desk) == [order.id]
    assert (await desk.row(Order)).status is OrderStatus.FILLED
    assert [fill.quantity for fill in await desk.rows(Fill)] == [Decimal("0.04"), Decimal("0.06")]
    assert await sync(desk) == []


async def test_resting_orders_hold_their_money_and_give_back_what_they_do_not_need(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, limit("49000"))
    standing = await funds(desk)
    claim = standing.claims[order.id]
    assert (claim.margin, claim.closing) == (Decimal(4900), Decimal(0)) and claim.costs > 0
    assert (standing.reserved, standing.available) == (claim.money, 10_000 - claim.money)
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, limit("48000", "0.11"))
    assert refusal.value.code is ErrorCode.INSUFFICIENT_FUNDS
    stand.fill("0.04")
    await sync(desk)
    assert (await funds(desk)).claims[order.id].margin == Decimal(2940)
    await cancel_order(desk.operation, order.id)
    standing = await funds(desk)
    assert standing.reserved == 0 and not standing.claims
    assert (await place_order(desk.operation, limit("48000", "0.11"))).status is OrderStatus.OPEN


async def test_a_sale_at_a_price_takes_off_what_is_held_and_needs_no_money(desk: Desk, stand: CcxtStand) -> None:
    await place_order(desk.operation, buy(quantity="0.19"))
    order = await place_order(desk.operation, limit("51000", "0.19", Side.SELL))
    claim = (await funds(desk)).claims[order.id]
    assert (claim.closing, claim.money) == (Decimal("0.19"), Decimal(0))
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, limit("52000", "0.19", Side.SELL))
    assert refusal.value.code is ErrorCode.INSUFFICIENT_FUNDS


async def test_a_cancelled_order_says_who_wanted_it_and_keeps_its_fills(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, limit("49000"))
    stand.fill("0.03")
    record = await cancel_order(desk.operation, order.id)
    assert (record.order.status, record.order.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.USER)
    assert record.order.status_reason in ("Cancelled at the venue", "User requested")
    assert record.order.filled_quantity == Decimal("0.03") and len(record.fills) == 1
    assert [change.status.value for change in record.transitions] == ["pending", "submitted", "open", "cancelling", "cancelled"]
    with pytest.raises(DomainError) as refusal:
        await cancel_order(desk.operation, order.id)
    assert (refusal.value.code, refusal.value.details["status"]) == (ErrorCode.INVALID_ORDER_STATE, "cancelled")


async def test_a_fill_that_overtakes_the_cancellation_wins(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, limit("49000"))
    stand.fill_before("cancel", "0.1")
    with pytest.raises(DomainError) as refusal:
        await cancel_order(desk.operation, order.id)
    assert (refusal.value.code, refusal.value.details["status"]) == (ErrorCode.INVALID_ORDER_STATE, "filled")
    assert (await desk.row(Order)).cancel_reason is CancelReason.USER  # it was asked for, and came too late
    assert (await desk.row(Position)).quantity == Decimal("0.1")


async def test_many_who_cancel_at_once_cancel_once(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, limit("49000"))
    answers = await asyncio.gather(*(cancel_order(desk.operation, order.id) for _ in range(5)), return_exceptions=True)
    assert {answer.order.status for answer in answers if not isinstance(answer, BaseException)} == {OrderStatus.CANCELLED}
    assert all(
        isinstance(answer, DomainError) and answer.details["status"] == "cancelled" for answer in answers if isinstance(answer, Exception)
    )
    assert (await reasons(desk, order.id)).count("user") == 1


async def test_a_cancellation_during_an_outage_is_carried_out_after_it(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, limit("49000"))
    stand.go_down()
    with pytest.raises(DomainError) as refusal:
        await cancel_order(desk.operation, order.id)
    assert refusal.value.code is ErrorCode.VENUE_UNAVAILABLE
    unresolved = await desk.row(Order)
    assert unresolved.status is OrderStatus.CANCELLING and unresolved.unresolved_at is not None
    assert (await funds(desk)).claims[order.id].margin == Decimal(4900)  # it may still be filled
    stand.go_down(False)
    desk.clock.advance(minutes=1)
    assert await sync(desk) == [order.id]
    order = await desk.row(Order)
    assert (order.status, order.cancel_reason, order.unresolved_at) == (OrderStatus.CANCELLED, CancelReason.USER, None)


async def test_an_order_that_vanished_from_the_venue_stays_unresolved_until_it_is_back(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, limit("49000"))
    hidden, stand.floor.orders[:] = list(stand.floor.orders), []
    await sync(desk)
    order = await desk.row(Order)
    assert (order.status, order.status_reason) == (
        OrderStatus.OPEN,
        "The venue does not answer: it does not know an order that it had accepted",
    )
    assert order.unresolved_at is not None
    stand.floor.orders[:] = hidden
    stand.fill("0.1")
    desk.clock.advance(minutes=1)
    await sync(desk)
    order = await desk.row(Order)
    assert (order.status, order.unresolved_at, order.status_reason) == (OrderStatus.FILLED, None, None)


async def test_an_amended_order_has_its_new_values_here_and_there(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, limit("49000", client_order_id="mine"))
    changes = OrderChanges(quantity=Decimal("0.05"), price=Decimal(48_500))
    if Ability.AMEND not in stand.venue.abilities:
        with pytest.raises(DomainError) as refusal:
            await amend_order(desk.operation, order.id, changes)
        assert refusal.value.code is ErrorCode.AMEND_UNSUPPORTED
        assert not (await desk.row(Order)).is_amending
        return
    amended = (await amend_order(desk.operation, order.id, changes)).order
    assert (amended.quantity, amended.price, amended.is_amending, amended.status) == (
        Decimal("0.05"),
        Decimal(48_500),
        False,
        OrderStatus.OPEN,
    )
    assert "Amended: quantity 0.1 to 0.05, price 49000 to 48500; it goes to the end of the queue" in await reasons(desk, order.id)
    assert [(one.quantity, one.price) for one in stand.floor.open_orders()] == [(Decimal("0.05"), Decimal(48_500))]
    assert (await funds(desk)).claims[order.id].margin == Decimal(2425)
    # A retry of the first request is answered with the order as it stands now.
    assert (await place_order(desk.operation, limit("49000", client_order_id="mine"))).id == order.id
    assert await sync(desk) == []


async def test_a_refused_amendment_changes_nothing(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, limit("49000"))
    stand.fill("0.04")
    await sync(desk)
    for changes, code in (
        (OrderChanges(quantity=Decimal("0.3")), ErrorCode.INSUFFICIENT_FUNDS),
        (OrderChanges(quantity=Decimal("0.03")), ErrorCode.VALIDATION_ERROR),
        (OrderChanges(price=Decimal("0.001")), ErrorCode.VALIDATION_ERROR),
        (OrderChanges(price=Decimal(-1)), ErrorCode.VALIDATION_ERROR),
        (OrderChanges(price=Decimal("NaN")), ErrorCode.VALIDATION_ERROR),
        (OrderChanges(stop_price=Decimal(40_000)), ErrorCode.VALIDATION_ERROR),
        (OrderChanges(quantity=Decimal("0.0500001")), ErrorCode.VALIDATION_ERROR),
        (OrderChanges(), ErrorCode.VALIDATION_ERROR),
    ):
        with pytest.raises(DomainError) as refusal:
            await amend_order(desk.operation, order.id, changes)
        assert refusal.value.code is code
        after = await desk.row(Order)
        assert (after.quantity, after.price, after.is_amending, after.attempt_until) == (Decimal("0.1"), Decimal(49_000), False, None)
    assert [(one.quantity, one.price) for one in stand.floor.open_orders()] == [(Decimal("0.1"), Decimal(49_000))]


async def test_all_orders_are_cancelled_at_once(desk: Desk, stand: CcxtStand) -> None:
    orders = [await place_order(desk.operation, limit(price, "0.01")) for price in ("49000", "48000", "47000")]
    done = await cancel_all_orders(desk.operation, symbol="btcusdt")
    assert (sorted(done.cancelled), done.unresolved) == ([order.id for order in orders], [])
    assert {order.status for order in await desk.rows(Order)} == {OrderStatus.CANCELLED}
    assert stand.floor.open_orders() == []


async def test_looking_at_one_order_books_what_the_venue_tells(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, limit("49000"))
    stand.fill("0.02")
    looked = await monitor_order(desk.operation, order.id)
    assert (looked.success, looked.order.filled_quantity) == (True, Decimal("0.02"))
    stand.go_down()
    assert (await monitor_order(desk.operation, order.id)).success is False
    stand.go_down(False)
    desk.clock.advance(minutes=1)
    await cancel_order(desk.operation, order.id)
    looked = await monitor_order(desk.operation, order.id)
    assert (looked.success, looked.message) == (True, "Order already complete")


async def test_what_cannot_be_filled_at_once_ends_with_its_word(desk: Desk, stand: CcxtStand) -> None:
    stand.price("50000", "0.04")
    order = await place_order(desk.operation, limit("50000", time_in_force=TimeInForce.IOC))
    assert (order.status, order.filled_quantity, order.cancel_reason) == (OrderStatus.CANCELLED, Decimal("0.04"), CancelReason.IOC)


async def test_an_exit_takes_back_what_waits_to_close_the_same_position(desk: Desk, stand: CcxtStand) -> None:
    await place_order(desk.operation, buy(quantity="0.1", stop_loss=Decimal(45_000)))
    waiting = await place_order(desk.operation, limit("55000", "0.1", Side.SELL))
    desk.price("BTC/USDT", "44000")
    stand.price("44001")
    desk.clock.advance(seconds=10)
    await monitor_positions(desk.system)
    position = await desk.row(Position)
    assert (position.status, position.exit_reason) == (PositionStatus.CLOSED, OrderPurpose.STOP_LOSS)
    taken_back = next(order for order in await desk.rows(Order) if order.id == waiting.id)
    assert (taken_back.status, taken_back.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.SYSTEM)
    assert (await desk.balances())["BTC"] == 0


async def test_a_position_whose_waiting_order_was_just_filled_is_not_sold_twice(desk: Desk, stand: CcxtStand) -> None:
    await place_order(desk.operation, buy(quantity="0.1"))
    await place_order(desk.operation, limit("55000", "0.1", Side.SELL))
    stand.fill_before("cancel", "0.1")
    with pytest.raises(DomainError) as refusal:
        await close_position(desk.operation, (await desk.open_position()).id)
    assert refusal.value.code is ErrorCode.INVALID_POSITION_STATE
    assert (await desk.balances())["BTC"] == 0


async def test_a_fee_in_what_was_bought_makes_the_position_smaller(desk: Desk, stand: CcxtStand) -> None:
    _only_on_binance(stand)
    stand.floor.fee_currency, stand.floor.fee_price = "BTC", Decimal(50_000)
    order = await place_order(desk.operation, buy(quantity="0.1"))
    position = await desk.row(Position)
    assert (order.total_fees, order.fee_currency) == (Decimal("0.0001"), "BTC")
    assert position.quantity == (await desk.balances())["BTC"] == Decimal("0.0999")
    assert position.open_cost + position.open_fees == Decimal(5_000)
    assert (await desk.balances())["USDT"] == Decimal(5_000)


async def test_a_fee_in_another_coin_counts_at_its_price(desk: Desk, stand: CcxtStand) -> None:
    _only_on_binance(stand)
    stand.floor.fee_currency, stand.floor.fee_price = "BNB", Decimal(800)
    desk.price("BNB/USDT", "800")
    order = await place_order(desk.operation, buy(quantity="0.1"))
    assert order.fee_currency == "BNB"
    assert (await desk.row(Position)).open_fees == order.total_fees * 800
    assert (await desk.balances())["BNB"] == -order.total_fees


async def test_an_order_nobody_heard_of_is_withdrawn_without_the_venue(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, limit("49000"))
    again = await withdraw(desk.system, order.id, CancelReason.SYSTEM, "Because")
    assert (again.status, again.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.SYSTEM)
    assert "Because" in await reasons(desk, order.id)


async def test_selling_more_than_is_held_reserves_for_what_is_new(desk: Desk, stand: CcxtStand) -> None:
    await place_order(desk.operation, sell(quantity="0.02"))
    order = await place_order(desk.operation, limit("49000", "0.05"))
    claim = (await funds(desk)).claims[order.id]
    assert (claim.closing, claim.margin) == (Decimal("0.02"), Decimal("490"))


def _only_on_binance(stand: CcxtStand) -> None:
    if stand.venue.name != "binance":
        pytest.skip(f"{stand.venue.name}: its fees are in the quote currency")


@pytest.mark.parametrize(("symbol", "ends"), [("CL", "2026-03-06T22:00+00:00"), ("BTC/USDT", "2026-03-07T00:00+00:00")])
async def test_a_day_order_ends_with_its_instruments_trading_day(desk: Desk, symbol: str, ends: str) -> None:
    desk.clock.advance(seconds=(datetime(2026, 3, 6, 20, tzinfo=UTC) - desk.clock.now()).total_seconds())
    desk.price("CL", "75.5")
    wish = buy(symbol, "1", order_type=OrderType.LIMIT, price=Decimal(50), time_in_force=TimeInForce.DAY)
    order = await place_order(desk.operation, wish)
    assert (order.status, order.expires_at) == (OrderStatus.OPEN, datetime.fromisoformat(ends))
