"""Stops that the server holds for a venue which takes none: each wakes once, however many look and whoever dies in between."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from domain.exchanges.venue import OrderType, Side, TimeInForce, VenueOrder, VenueReport, Venues, VenueUnavailable
from domain.kernel.errors import DomainError, ErrorCode
from domain.risk.states import SwitchState
from domain.risk.switch import SwitchSetting, set_trading_switch
from domain.runtime.event_log import EventRow
from domain.trading import triggering
from domain.trading.amending import OrderChanges, amend_order
from domain.trading.changing import cancel_all_orders, cancel_order, monitor_order
from domain.trading.closing import close_position
from domain.trading.models import CancelReason, Fill, Order, OrderStatus, Position, PositionStatus
from domain.trading.paper_venue import PaperVenue
from domain.trading.placing import place_order
from domain.trading.requests import OrderRequest
from domain.trading.service import list_orders
from domain.trading.syncing import resume_orders, sync_orders
from domain.trading.triggering import watch_held_orders
from tests.databases import both_databases
from tests.domain.exchanges.conformance import CcxtStand
from tests.domain.trading.desk import CrashingVenue, Desk, buy, sell
from tests.domain.trading.waiting import funds, order, reasons, statuses, watch


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(autouse=True)
def _venue_without_stops(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.venue, "supports", lambda kind: kind is OrderType.MARKET)


def stop(price: str, quantity: str = "0.1", side: Side = Side.SELL, **more: object) -> OrderRequest:
    make = buy if side is Side.BUY else sell
    return make(quantity=quantity, order_type=OrderType.STOP, stop_price=Decimal(price), **more)  # type: ignore[arg-type]


async def test_a_stop_is_held_and_sent_when_its_price_is_reached(desk: Desk) -> None:
    placed = await place_order(desk.operation, stop("49000"))
    assert (placed.status, placed.triggered_at, placed.submitted_at, placed.attempts) == (OrderStatus.HELD, None, None, 0)
    assert await watch(desk, "49000.01") == []
    assert (await order(desk, placed.id)).status is OrderStatus.HELD
    desk.clock.advance(hours=5)  # far longer than an order may take to its venue
    assert await watch(desk, "49000") == [placed.id]
    done = await order(desk, placed.id)
    assert (done.status, done.order_type, done.stop_price, done.triggered_at) == (
        OrderStatus.FILLED,
        OrderType.STOP,
        Decimal(49_000),
        desk.clock.now(),
    )
    assert await statuses(desk, placed.id) == ["held", "pending", "submitted", "filled"]
    assert (await reasons(desk, placed.id))[:2] == ["The server waits for its price", "Its price was reached at 49000"]
    assert await watch(desk, "48000") == []


@pytest.mark.parametrize(
    ("kind", "side", "stop_price", "sleeps", "wakes"),
    [
        (OrderType.STOP, Side.BUY, "51000", "50999.99", "51000"),
        (OrderType.STOP, Side.SELL, "49000", "49000.01", "48999"),
        (OrderType.TAKE_PROFIT, Side.BUY, "49000", "49000.01", "49000"),
        (OrderType.TAKE_PROFIT, Side.SELL, "51000", "50999.99", "51000"),
    ],
)
async def test_each_kind_wakes_on_its_side(desk: Desk, kind: OrderType, side: Side, stop_price: str, sleeps: str, wakes: str) -> None:
    make = buy if side is Side.BUY else sell
    placed = await place_order(desk.operation, make(order_type=kind, stop_price=Decimal(stop_price)))
    assert await watch(desk, sleeps) == []
    assert await watch(desk, wakes) == [placed.id]
    assert (await order(desk, placed.id)).status is OrderStatus.FILLED


async def test_a_trailing_stop_follows_the_market_and_tells_nobody_of_it(desk: Desk) -> None:
    placed = await place_order(desk.operation, sell(order_type=OrderType.TRAILING_STOP, trail=Decimal(2), trail_is_percent=True))
    assert (placed.status, placed.stop_price) == (OrderStatus.HELD, Decimal(49_000))
    told = len(await desk.rows(EventRow))
    for price, stop_price in (("50500", "49490"), ("50100", "49490"), ("50500.01", "49490"), ("51000", "49980"), ("49981", "49980")):
        assert await watch(desk, price) == []
        assert (await order(desk, placed.id)).stop_price == Decimal(stop_price)
    assert len(await desk.rows(EventRow)) == told
    assert await watch(desk, "49980") == [placed.id]
    assert (await order(desk, placed.id)).status is OrderStatus.FILLED


async def test_a_stop_limit_becomes_a_limit_order_at_the_exchange(desk: Desk, stand: CcxtStand) -> None:
    await place_order(desk.operation, buy(quantity="0.1"))
    placed = await place_order(
        desk.operation,
        sell(order_type=OrderType.STOP_LIMIT, stop_price=Decimal(49_000), price=Decimal(50_500)),
    )
    assert (placed.status, placed.venue) == (OrderStatus.HELD, stand.venue.name)
    assert stand.floor.open_orders() == []
    assert await watch(desk, "49000") == [placed.id]
    sent = await order(desk, placed.id)
    assert (sent.status, sent.order_type, sent.price) == (OrderStatus.OPEN, OrderType.STOP_LIMIT, Decimal(50_500))
    assert [(one.quantity, one.price) for one in stand.floor.open_orders()] == [(Decimal("0.1"), Decimal(50_500))]
    stand.fill("0.1")
    desk.clock.advance(seconds=6)
    await sync_orders(desk.system)
    assert (await order(desk, placed.id)).status is OrderStatus.FILLED


async def test_a_held_order_counts_as_live_and_nobody_asks_the_venue_about_it(desk: Desk) -> None:
    placed = await place_order(desk.operation, stop("49000"))
    desk.connect(CrashingVenue(desk.venue, Killed()))
    desk.clock.advance(minutes=10)
    assert await resume_orders(desk.system) == [] == await sync_orders(desk.system)
    looked = await monitor_order(desk.operation, placed.id)
    assert (looked.success, looked.order.status) == (True, OrderStatus.HELD)
    async with desk.operation.reading() as work:
        assert [one.id for one in (await list_orders(work, OrderStatus.OPEN)).items] == [placed.id]
        assert [one.id for one in (await list_orders(work, OrderStatus.HELD)).items] == [placed.id]


async def test_a_held_order_sets_its_money_aside(desk: Desk) -> None:
    desk.without_costs()
    placed = await place_order(desk.operation, stop("51000", "0.15", Side.BUY))
    assert (await funds(desk)).claims[placed.id].margin == Decimal(7650)
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, buy(quantity="0.05"))
    assert refusal.value.code is ErrorCode.INSUFFICIENT_FUNDS
    await cancel_order(desk.operation, placed.id)
    assert (await place_order(desk.operation, buy(quantity="0.05"))).status is OrderStatus.FILLED


async def test_a_held_order_is_cancelled_and_amended_without_its_venue(desk: Desk) -> None:
    first, second = [await place_order(desk.operation, stop(price)) for price in ("49000", "48000")]
    monkey = CrashingVenue(desk.venue, Killed())
    desk.connect(monkey)
    amended = (await amend_order(desk.operation, first.id, OrderChanges(quantity=Decimal("0.05"), stop_price=Decimal(47_000)))).order
    assert (amended.status, amended.quantity, amended.stop_price) == (OrderStatus.HELD, Decimal("0.05"), Decimal(47_000))
    cancelled = (await cancel_order(desk.operation, second.id)).order
    assert (cancelled.status, cancelled.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.USER)
    assert (await cancel_all_orders(desk.operation)).cancelled == [first.id]
    assert await watch(desk, "40000") == []
    assert monkey.placed == 0


async def test_the_stop_of_a_trailing_stop_is_the_markets_to_move(desk: Desk) -> None:
    placed = await place_order(desk.operation, sell(order_type=OrderType.TRAILING_STOP, trail=Decimal(500)))
    with pytest.raises(DomainError) as refusal:
        await amend_order(desk.operation, placed.id, OrderChanges(stop_price=Decimal(49_900)))
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
    assert (await order(desk, placed.id)).stop_price == Decimal(49_500)


async def test_a_held_order_expires_unseen_by_its_venue(desk: Desk) -> None:
    ends = desk.clock.now() + timedelta(hours=1)
    placed = await place_order(desk.operation, stop("49000", time_in_force=TimeInForce.GTD, expires_at=ends))
    desk.clock.advance(minutes=59)
    await watch(desk, "50000")
    assert (await order(desk, placed.id)).status is OrderStatus.HELD
    desk.clock.advance(minutes=1)
    assert await watch(desk, "48000") == []  # reached too, but its time is over
    ended = await order(desk, placed.id)
    assert (ended.status, ended.cancel_reason) == (OrderStatus.EXPIRED, CancelReason.EXPIRED)
    assert await desk.rows(Fill) == []


async def test_a_reducing_stop_sends_what_is_left_of_the_position(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.1"))
    placed = await place_order(desk.operation, stop("49000", reduce_only=True))
    other = await place_order(desk.operation, stop("48000", reduce_only=True))
    await place_order(desk.operation, sell(quantity="0.07"))
    assert await watch(desk, "47000") == [placed.id]
    done = await order(desk, placed.id)
    assert (done.status, done.quantity, done.filled_quantity) == (OrderStatus.FILLED, Decimal("0.03"), Decimal("0.03"))
    ended = await order(desk, other.id)
    assert (ended.status, ended.cancel_reason) == (OrderStatus.CANCELLED, CancelReason.REDUCE_ONLY)
    assert (await desk.balances())["BTC"] == 0


async def test_closing_a_position_takes_the_held_stop_back(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.1"))
    placed = await place_order(desk.operation, stop("49000", reduce_only=True))
    await close_position(desk.operation, (await desk.open_position()).id)
    assert (await order(desk, placed.id)).cancel_reason is CancelReason.SYSTEM
    assert (await desk.row(Position)).status is PositionStatus.CLOSED


async def test_without_a_price_everything_waits(desk: Desk) -> None:
    placed = await place_order(desk.operation, stop("49000"))
    desk.source.silent = True
    assert await watch(desk, "40000") == []
    assert (await order(desk, placed.id)).status is OrderStatus.HELD


async def test_a_process_that_dies_between_the_trigger_and_the_venue_is_carried_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(*_: object) -> None:
        raise Killed

    placed = await place_order(desk.operation, stop("49000"))
    with monkeypatch.context() as patched:
        patched.setattr(triggering, "send", die)
        with pytest.raises(Killed):
            await watch(desk, "49000")
    assert (await order(desk, placed.id)).status is OrderStatus.PENDING
    assert await watch(desk, "60000") == []  # what was reached was reached
    desk.clock.advance(seconds=5)
    assert await resume_orders(desk.system) == [placed.id]
    assert (await order(desk, placed.id)).status is OrderStatus.FILLED
    assert len(await desk.rows(Fill)) == 1


async def test_a_process_that_dies_after_the_venue_took_a_triggered_order_finds_it_again(desk: Desk) -> None:
    placed = await place_order(desk.operation, stop("49000"))
    desk.clock.advance(hours=1)
    venue = CrashingVenue(desk.venue, Killed())
    desk.connect(venue)
    with pytest.raises(Killed):
        await watch(desk, "49000")
    assert (await order(desk, placed.id)).status is OrderStatus.SUBMITTED
    desk.clock.advance(seconds=5)
    assert await resume_orders(desk.system) == [placed.id]
    assert ((await order(desk, placed.id)).status, venue.placed, len(await desk.rows(Fill))) == (OrderStatus.FILLED, 1, 1)


async def test_a_triggered_order_that_no_venue_hears_of_in_time_is_given_up(desk: Desk) -> None:
    class DeafVenue(PaperVenue):
        async def place(self, order: VenueOrder) -> VenueReport:
            raise VenueUnavailable("timeout")

    placed = await place_order(desk.operation, stop("49000"))
    desk.clock.advance(hours=1)
    desk.venue.__class__, plain = DeafVenue, desk.venue.__class__
    await watch(desk, "49000")
    assert (await order(desk, placed.id)).status is OrderStatus.SUBMITTED
    desk.venue.__class__ = plain
    desk.clock.advance(minutes=6)
    await resume_orders(desk.system)
    assert (await order(desk, placed.id)).status is OrderStatus.FAILED


async def test_an_order_of_a_venue_that_is_not_connected_holds_up_nobody(desk: Desk) -> None:
    placed = await place_order(desk.operation, stop("49000"))
    desk.runtime.provide(Venues, Venues({}))
    assert await watch(desk, "49000") == [placed.id]
    assert (await order(desk, placed.id)).status is OrderStatus.PENDING


@both_databases
async def test_of_many_rounds_at_once_each_order_is_sent_by_one(desk: Desk) -> None:
    placed = [await place_order(desk.operation, stop(price, "0.01")) for price in ("49000", "48500", "48000")]
    desk.price("BTC/USDT", "47000")
    handed = await asyncio.gather(*(watch_held_orders(desk.system) for _ in range(5)))
    assert sorted(order_id for some in handed for order_id in some) == sorted(one.id for one in placed)
    assert {one.status for one in await desk.rows(Order)} == {OrderStatus.FILLED}
    assert len(await desk.rows(Fill)) == 3


@both_databases
async def test_of_a_cancellation_and_a_trigger_one_wins(desk: Desk) -> None:
    placed = await place_order(desk.operation, stop("49000"))
    desk.price("BTC/USDT", "48000")
    await asyncio.gather(
        *(watch_held_orders(desk.system) for _ in range(3)),
        *(cancel_order(desk.operation, placed.id) for _ in range(3)),
        return_exceptions=True,
    )
    ended = await order(desk, placed.id)
    assert (ended.status, len(await desk.rows(Fill))) in [(OrderStatus.CANCELLED, 0), (OrderStatus.FILLED, 1)]


async def test_stops_wake_in_the_order_in_which_the_price_passed_them(desk: Desk) -> None:
    placed = [await place_order(desk.operation, stop(price, "0.01")) for price in ("48000", "49000", "48500")]
    assert await watch(desk, "47000") == [placed[1].id, placed[2].id, placed[0].id]


async def test_a_held_row_that_was_triggered_before_a_crash_is_released_whatever_the_price(desk: Desk) -> None:
    placed = await place_order(desk.operation, stop("49000"))
    async with desk.system.unit_of_work() as work:
        await work.session.execute(update(Order).values(triggered_at=work.now))
    assert await watch(desk, "55000") == [placed.id]


@pytest.mark.parametrize("state", [SwitchState.HALTED, SwitchState.REDUCING])
async def test_what_the_trading_switch_does_not_let_through_goes_on_waiting(desk: Desk, state: SwitchState) -> None:
    placed = await place_order(desk.operation, stop("49000"))
    async with desk.operation.unit_of_work() as work:
        await set_trading_switch(work, SwitchSetting(state))
    assert await watch(desk, "48000") == []
    assert ((await order(desk, placed.id)).status, (await order(desk, placed.id)).triggered_at) == (OrderStatus.HELD, None)
    async with desk.operation.unit_of_work() as work:
        await set_trading_switch(work, SwitchSetting(SwitchState.ACTIVE))
    assert await watch(desk, "50000") == []  # the price has come back: nothing was reached
    assert await watch(desk, "48000") == [placed.id]


async def test_a_reducing_stop_is_let_through_while_only_reducing_is(desk: Desk) -> None:
    await place_order(desk.operation, buy())
    placed = await place_order(desk.operation, stop("49000", reduce_only=True))
    async with desk.operation.unit_of_work() as work:
        await set_trading_switch(work, SwitchSetting(SwitchState.REDUCING))
    assert await watch(desk, "48000") == [placed.id]
    assert (await desk.balances())["BTC"] == 0
