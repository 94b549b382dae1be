"""Reports of a venue that fills in parts, repeats itself, and answers in the wrong order."""

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.exchanges.venue import VenueFill, VenueReport, VenueStatus
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.market import Market
from domain.runtime.event_log import EventRow
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading import booking
from domain.trading.booking import change_status, record_report
from domain.trading.machine import OrderTrigger
from domain.trading.models import Fill, Order, OrderStatus, OrderTransition, Position, PositionStatus
from domain.trading.placing import place_order, write_intent
from domain.trading.syncing import resume_orders
from domain.wallets.models import LedgerEntry
from tests.domain.trading.desk import Desk, buy, sell


@pytest.fixture
async def order(desk: Desk) -> Order:
    """An order for 0.1 BTC that has been sent to a venue which takes its time."""
    tick = await desk.runtime.use(Market).price("BTC/USDT")
    async with desk.operation.unit_of_work() as work:
        order = await write_intent(work, buy(quantity="0.1"), tick)
    async with desk.system.unit_of_work() as work:
        order = await work.session.get_one(Order, order.id)
        await change_status(work, order, OrderTrigger.SUBMIT, "Sent")
    return order


def fill(desk: Desk, trade_id: str, quantity: str, price: str, fee: str = "1") -> VenueFill:
    return VenueFill(trade_id, Decimal(quantity), Decimal(price), Decimal(fee), "USDT", desk.clock.now())


async def report(desk: Desk, order: Order, status: VenueStatus, *fills: VenueFill) -> Order:
    async with desk.system.unit_of_work() as work:
        return await record_report(work, order.id, VenueReport("v-1", status, fills))


async def snapshot(desk: Desk) -> list[int]:
    return [len(await desk.rows(kind)) for kind in (Fill, LedgerEntry, OrderTransition, EventRow, Position)]


async def test_fills_in_parts_add_up(desk: Desk, order: Order) -> None:
    first, second = fill(desk, "t1", "0.04", "50000"), fill(desk, "t2", "0.06", "50100")
    order = await report(desk, order, VenueStatus.PARTIALLY_FILLED, first)
    assert (order.status, order.filled_quantity, order.remaining_quantity) == (
        OrderStatus.PARTIALLY_FILLED,
        Decimal("0.04"),
        Decimal("0.06"),
    )
    order = await report(desk, order, VenueStatus.FILLED, first, second)
    assert (order.status, order.average_fill_price, order.total_fees) == (OrderStatus.FILLED, Decimal(50_060), Decimal(2))
    position = await desk.row(Position)
    assert (position.quantity, position.entry_price, position.entry_fees) == (Decimal("0.1"), Decimal(50_060), Decimal(2))


async def test_an_order_that_the_venue_cut_to_its_step_is_filled_with_what_it_took(desk: Desk, order: Order) -> None:
    both = fill(desk, "t1", "0.04", "50000"), fill(desk, "t2", "0.05", "50000")
    cut = VenueReport("v-1", VenueStatus.FILLED, both, quantity=Decimal("0.09"))
    for fills, status in ((both[:1], OrderStatus.PARTIALLY_FILLED), (both, OrderStatus.FILLED)):
        async with desk.system.unit_of_work() as work:
            order = await record_report(work, order.id, replace(cut, fills=fills))
        assert order.status is status
        assert order.filled_quantity + order.remaining_quantity == order.quantity == Decimal("0.09")
    assert order.remaining_quantity == 0


async def test_the_same_report_again_changes_nothing(desk: Desk, order: Order) -> None:
    whole = fill(desk, "t1", "0.1", "50000")
    await report(desk, order, VenueStatus.FILLED, whole)
    before = await snapshot(desk)
    again = await report(desk, order, VenueStatus.FILLED, whole)
    assert again.status is OrderStatus.FILLED
    assert await snapshot(desk) == before


async def test_accepted_then_cancelled_at_the_venue_keeps_what_was_filled(desk: Desk, order: Order) -> None:
    assert (await report(desk, order, VenueStatus.OPEN)).status is OrderStatus.OPEN
    before = await snapshot(desk)
    await report(desk, order, VenueStatus.OPEN)
    assert await snapshot(desk) == before
    order = await report(desk, order, VenueStatus.CANCELLED, fill(desk, "t1", "0.03", "50000"))
    assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, Decimal("0.03"))
    assert (await desk.row(Position)).quantity == Decimal("0.03")


async def test_a_fill_that_comes_after_the_cancel_is_booked_and_the_status_stays(desk: Desk, order: Order) -> None:
    await report(desk, order, VenueStatus.CANCELLED)
    order = await report(desk, order, VenueStatus.CANCELLED, fill(desk, "late", "0.02", "50000"))
    assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, Decimal("0.02"))
    assert (await desk.balances())["BTC"] == Decimal("0.02")


async def test_filled_without_all_the_fills_waits_for_them(desk: Desk, order: Order) -> None:
    order = await report(desk, order, VenueStatus.FILLED, fill(desk, "t1", "0.09", "50000"))
    assert order.status is OrderStatus.PARTIALLY_FILLED


async def test_the_hook_runs_in_the_transaction_that_closes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[tuple[str, Decimal]] = []

    async def count(work: UnitOfWork, position: Position) -> None:
        assert work.session.in_transaction()
        closed.append((position.id, position.realized_pnl))

    monkeypatch.setattr(booking, "ON_POSITION_CLOSED", [count])
    desk.without_costs()
    await place_order(desk.operation, buy(quantity="0.1"))
    await place_order(desk.operation, sell(quantity="0.05"))
    assert closed == []
    desk.price("BTC/USDT", "50500")
    await place_order(desk.operation, sell(quantity="0.1"))
    position = next(p for p in await desk.rows(Position) if p.status is PositionStatus.CLOSED)
    assert closed == [(position.id, Decimal(25))]


async def test_a_hook_that_fails_undoes_the_whole_booking_which_is_done_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stumble(work: UnitOfWork, position: Position) -> None:
        raise DomainError(ErrorCode.SERVICE_UNAVAILABLE, "The hook stumbled")

    await place_order(desk.operation, buy(quantity="0.1"))
    with monkeypatch.context() as patched:
        patched.setattr(booking, "ON_POSITION_CLOSED", [stumble])
        with pytest.raises(DomainError):
            await place_order(desk.operation, sell(quantity="0.1"))
    assert (await desk.open_position()).quantity == Decimal("0.1")
    desk.clock.advance(seconds=5)
    await resume_orders(desk.system)
    assert (await desk.row(Position)).status is PositionStatus.CLOSED


@pytest.mark.parametrize("seed", [7, 8])
async def test_a_long_day_of_random_trading_keeps_every_book(desk: Desk, seed: int) -> None:
    # Seeded and exact: what matters is checked by the desk's fixture, digit by digit, after the last trade.
    chance = random.Random(seed)
    desk.price("NL_DAY_AHEAD", "20")
    price = 20
    for _ in range(30):
        price += chance.randint(-30, 30)
        desk.price("NL_DAY_AHEAD", str(price))
        request = (buy if chance.random() < 0.5 else sell)("NL_DAY_AHEAD", str(chance.randint(1, 500) / 10))
        order = await place_order(desk.operation, request)
        assert order.status is OrderStatus.FILLED
    assert len(await desk.rows(Position)) > 1
