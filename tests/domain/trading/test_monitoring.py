"""Stops and targets that fire, once; prices and water marks; and protection that people move."""

import asyncio
from datetime import datetime
from decimal import Decimal

import pytest

from domain.exchanges.venue import VenueOrder, VenueRejected, VenueReport
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.instruments import Instrument
from domain.market.market import Market
from domain.runtime.event_log import EventRow
from domain.trading.events import POSITION_UPDATED
from domain.trading.models import Fill, Order, OrderPurpose, OrderStatus, Position, PositionStatus
from domain.trading.monitoring import UNSET, monitor_position, monitor_positions, update_position
from domain.trading.paper_venue import PaperVenue
from domain.trading.placing import place_order
from domain.trading.syncing import resume_orders
from tests.builders import make_trader
from tests.domain.trading.desk import CrashingVenue, Desk, buy, sell


async def told(desk: Desk) -> list[dict[str, object]]:
    return [event.payload for event in await desk.rows(EventRow) if event.type == POSITION_UPDATED]


async def test_a_stop_closes_a_long_position_when_the_price_reaches_it(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, buy(stop_loss=Decimal(49000), take_profit=Decimal(52000)))
    desk.price("BTC/USDT", "49000.01")
    assert await monitor_positions(desk.system) == []
    desk.price("BTC/USDT", "48900")
    (exit_id,) = await monitor_positions(desk.system)

    position = await desk.row(Position)
    assert (position.status, position.exit_reason, position.exit_order_id) == (PositionStatus.CLOSED, OrderPurpose.STOP_LOSS, exit_id)
    assert (position.realized_pnl, position.exit_price, position.quantity) == (Decimal(-110), Decimal(48_900), Decimal(0))
    order = next(order for order in await desk.rows(Order) if order.id == exit_id)
    assert (order.client_order_id[:3], order.reduce_only, order.purpose) == ("tw-", True, OrderPurpose.STOP_LOSS)
    assert await monitor_positions(desk.system) == []


@pytest.mark.parametrize(
    ("make", "stop", "target", "price", "reason", "pnl"),
    [
        (buy, "49000", "52000", "52500", OrderPurpose.TAKE_PROFIT, 250),
        (sell, "51000", "48000", "51200", OrderPurpose.STOP_LOSS, -120),
        (sell, "51000", "48000", "47000", OrderPurpose.TAKE_PROFIT, 300),
    ],
)
async def test_stops_and_targets_of_both_sides(desk: Desk, make, stop: str, target: str, price: str, reason, pnl: int) -> None:  # type: ignore[no-untyped-def]
    desk.without_costs()
    await place_order(desk.operation, make(stop_loss=Decimal(stop), take_profit=Decimal(target)))
    desk.price("BTC/USDT", price)
    await monitor_positions(desk.system)
    position = await desk.row(Position)
    assert (position.status, position.exit_reason, position.realized_pnl) == (PositionStatus.CLOSED, reason, Decimal(pnl))


async def test_a_stop_at_zero_is_a_stop(desk: Desk) -> None:
    desk.price("NL_DAY_AHEAD", "20")
    await place_order(desk.operation, buy("NL_DAY_AHEAD", "10", stop_loss=Decimal(0)))
    await place_order(desk.operation, buy("NL_DAY_AHEAD", "5"))
    assert (await desk.open_position()).stop_loss == 0
    desk.price("NL_DAY_AHEAD", "-15")
    await monitor_positions(desk.system)
    position = await desk.row(Position)
    assert (position.exit_reason, position.exit_quantity) == (OrderPurpose.STOP_LOSS, Decimal(15))


async def test_prices_move_the_marks_and_are_told_only_when_they_change(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, buy())
    before = len(await told(desk))
    for price in ("50500", "50500", "49800"):
        desk.price("BTC/USDT", price)
        await monitor_positions(desk.system)
    position = await desk.open_position()
    assert (position.current_price, position.unrealized_pnl, position.unrealized_pnl_percent) == (
        Decimal(49_800),
        Decimal(-20),
        Decimal("-0.4"),
    )
    assert (position.high_water_mark, position.low_water_mark) == (Decimal(50_500), Decimal(49_800))
    news = (await told(desk))[before:]
    assert [(news["current_price"], news["unrealized_pnl"]) for news in news] == [("50500", "50"), ("49800", "-20")]


async def test_many_positions_of_many_users_are_priced_in_one_round(desk: Desk) -> None:
    desk.price("ETH/USDT", "3000")
    bob = desk.runtime.operation(await make_trader(desk.runtime))
    await place_order(desk.operation, buy(stop_loss=Decimal(49500)))
    await place_order(desk.operation, buy("ETH/USDT", "1"))
    await place_order(bob, buy(stop_loss=Decimal(49600)))
    desk.price("BTC/USDT", "49400")
    desk.price("ETH/USDT", "3100")
    assert len(await monitor_positions(desk.system)) == 2
    left = await desk.open_position()
    assert (left.symbol, left.current_price) == ("ETH/USDT", Decimal(3100))


async def test_a_silent_market_leaves_positions_for_the_next_round(desk: Desk) -> None:
    await place_order(desk.operation, buy(stop_loss=Decimal(49000)))
    desk.price("BTC/USDT", "48000")
    desk.source.silent = True
    assert await monitor_positions(desk.system) == []
    desk.source.silent = False
    assert len(await monitor_positions(desk.system)) == 1


async def test_a_symbol_whose_source_is_broken_does_not_hold_up_the_stops_of_others(desk: Desk) -> None:
    await place_order(desk.operation, buy(stop_loss=Decimal(49000)))
    desk.price("ADA/USDT", "0.5")
    await place_order(desk.operation, buy("ADA/USDT", "100"))
    market_price = desk.source.price

    async def broken(instrument: Instrument) -> tuple[Decimal, datetime]:
        if instrument.base == "ADA":
            raise RuntimeError("a defect")
        return await market_price(instrument)

    desk.source.price = broken  # type: ignore[method-assign]
    desk.price("BTC/USDT", "48000")
    assert len(await monitor_positions(desk.system)) == 1


async def test_an_exit_that_the_venue_refuses_is_tried_again(desk: Desk) -> None:
    class RefusingOnce(PaperVenue):
        refusals = 1

        async def place(self, order: VenueOrder) -> VenueReport:
            if self.refusals:
                self.refusals -= 1
                raise VenueRejected("Busy")
            return await super().place(order)

    await place_order(desk.operation, buy(stop_loss=Decimal(49000)))
    desk.connect(RefusingOnce(desk.runtime.use(Market), desk.runtime.database, desk.clock))
    desk.price("BTC/USDT", "48000")
    await monitor_positions(desk.system)
    position = await desk.open_position()
    assert position.exit_order_id is None
    await monitor_positions(desk.system)
    position = await desk.row(Position)
    assert (position.status, position.exit_reason) == (PositionStatus.CLOSED, OrderPurpose.STOP_LOSS)
    exits = [order for order in await desk.rows(Order) if order.reduce_only]
    assert [order.status for order in exits] == [OrderStatus.REJECTED, OrderStatus.FILLED]


async def test_an_exit_whose_process_dies_is_booked_later_and_never_doubled(desk: Desk) -> None:
    class Killed(BaseException):
        pass

    await place_order(desk.operation, buy(stop_loss=Decimal(49000)))
    desk.connect(CrashingVenue(desk.venue, Killed()))
    desk.price("BTC/USDT", "48000")
    with pytest.raises(Killed):
        await monitor_positions(desk.system)
    assert await monitor_positions(desk.system) == []  # an exit is under way: no second one
    desk.clock.advance(seconds=5)
    await resume_orders(desk.system)
    assert (await desk.row(Position)).status is PositionStatus.CLOSED
    assert (await desk.balances())["BTC"] == 0


async def test_rounds_that_overlap_fire_a_stop_once(desk: Desk) -> None:
    await place_order(desk.operation, buy(stop_loss=Decimal(49000)))
    desk.price("BTC/USDT", "48000")
    await asyncio.gather(*(monitor_positions(desk.system) for _ in range(5)))
    assert len([order for order in await desk.rows(Order) if order.reduce_only]) == 1
    assert len(await desk.rows(Fill)) == 2


async def test_monitoring_one_position_answers_with_its_numbers(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, buy())
    position = await desk.open_position()
    desk.price("BTC/USDT", "47000")
    answer = await monitor_position(desk.operation, position.id)
    assert (answer.success, answer.current_price, answer.unrealized_pnl, answer.risk_level) == (
        True,
        Decimal(47_000),
        Decimal(-300),
        "high",
    )
    desk.source.silent = True
    silent = await monitor_position(desk.operation, position.id)
    assert (silent.success, silent.current_price, silent.message) == (False, None, "The scripted market is silent")
    desk.source.silent = False
    await place_order(desk.operation, sell())
    assert (await monitor_position(desk.operation, position.id)).message == "Position is not open"


async def test_protection_is_moved_kept_and_taken_away(desk: Desk) -> None:
    await place_order(desk.operation, buy(stop_loss=Decimal(49000)))
    position = await desk.open_position()
    moved = await update_position(desk.operation, position.id, stop_loss=Decimal(49500), take_profit=Decimal(53000))
    assert (moved.stop_loss, moved.initial_stop_loss, moved.take_profit, moved.initial_take_profit) == (
        Decimal(49_500),
        Decimal(49_000),
        Decimal(53_000),
        Decimal(53_000),
    )
    kept = await update_position(desk.operation, position.id, stop_loss=None, take_profit=UNSET)
    assert (kept.stop_loss, kept.take_profit) == (None, Decimal(53_000))
    assert (await told(desk))[-1]["stop_loss"] is None


@pytest.mark.parametrize(
    ("stop", "target", "code"),
    [
        ("50000", None, ErrorCode.STOP_ON_WRONG_SIDE),
        (None, "50000", ErrorCode.STOP_ON_WRONG_SIDE),
        ("NaN", None, ErrorCode.VALIDATION_ERROR),
        ("1e40", None, ErrorCode.VALIDATION_ERROR),
    ],
)
async def test_protection_on_the_wrong_side_is_refused(desk: Desk, stop: str | None, target: str | None, code: ErrorCode) -> None:
    await place_order(desk.operation, buy(stop_loss=Decimal(49000)))
    position = await desk.open_position()
    with pytest.raises(DomainError) as refusal:
        await update_position(desk.operation, position.id, Decimal(stop) if stop else UNSET, Decimal(target) if target else UNSET)
    assert refusal.value.code is code
    assert (await desk.open_position()).stop_loss == 49_000


async def test_a_closed_position_cannot_be_protected_and_a_strangers_is_not_found(desk: Desk) -> None:
    await place_order(desk.operation, buy())
    position = await desk.open_position()
    bob = desk.runtime.operation(await make_trader(desk.runtime))
    for verb in (update_position(bob, position.id), monitor_position(bob, position.id)):
        with pytest.raises(DomainError) as refusal:
            await verb
        assert refusal.value.code is ErrorCode.NOT_FOUND
    await place_order(desk.operation, sell())
    with pytest.raises(DomainError, match=r"Position cannot be updated\. Current status: closed"):
        await update_position(desk.operation, position.id, stop_loss=Decimal(1))
