"""Stops that follow the market or go to the entry: only ever in favour of the position; and how often a price is told."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.errors import DomainError, ErrorCode
from domain.market.instruments import find_instrument
from domain.runtime.event_log import EventRow
from domain.trading.events import POSITION_UPDATED
from domain.trading.models import OrderPurpose, Position, PositionStatus
from domain.trading.monitoring import monitor_positions, update_position
from domain.trading.placing import place_order
from domain.trading.positions import PositionSide, exit_reached, is_worth_telling
from domain.trading.protection import BreakEven, TrailingStop, move_stop
from tests.domain.trading.desk import Desk, buy, sell

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BTC = find_instrument("BTC/USDT")


def position(side: PositionSide = PositionSide.LONG, **values: object) -> Position:
    plain = {"entry_price": Decimal(100), "current_price": Decimal(100), "unrealized_pnl_percent": Decimal(0)}
    return Position(side=side, **(plain | values))


def at(one: Position, price: str) -> Decimal | None:
    one.current_price = Decimal(price)
    one.unrealized_pnl_percent = (one.current_price - one.entry_price) * one.side.sign  # the entry is 100
    move_stop(one, BTC, NOW)
    return one.stop_loss


def test_a_trailing_stop_starts_at_the_entry_and_only_rises() -> None:
    one = position(trail_percent=Decimal(2))
    assert at(one, "99.99") is None and one.trailing_since is None
    assert at(one, "100") == Decimal(98) and one.trailing_since == NOW
    assert at(one, "110") == Decimal("107.80")
    assert at(one, "109") == Decimal("107.80")
    assert one.initial_stop_loss == Decimal(98)


def test_a_trailing_stop_of_a_short_position_only_falls() -> None:
    one = position(PositionSide.SHORT, trail_percent=Decimal(2), trail_activation_price=Decimal(95), stop_loss=Decimal(105))
    assert at(one, "96") == Decimal(105)
    assert at(one, "95") == Decimal("96.90")
    assert at(one, "99") == Decimal("96.90")
    assert at(one, "90") == Decimal("91.80")


def test_a_trailing_stop_never_takes_back_a_better_stop() -> None:
    one = position(trail_percent=Decimal(10), stop_loss=Decimal(95))
    assert at(one, "101") == Decimal(95)


def test_break_even_moves_the_stop_to_the_entry_once() -> None:
    one = position(break_even_percent=Decimal(1), stop_loss=Decimal(90))
    assert at(one, "100.99") == Decimal(90)
    assert at(one, "101") == Decimal(100) and one.break_even_at == NOW
    one.stop_loss = Decimal(80)  # its owner wants more room
    assert at(one, "105") == Decimal(80)


def test_becoming_active_is_news_and_following_is_not() -> None:
    one = position(trail_percent=Decimal(2), current_price=Decimal(100))
    assert move_stop(one, BTC, NOW)
    one.current_price = Decimal(120)
    assert not move_stop(one, BTC, NOW)


prices = st.lists(st.integers(1, 100_000).map(lambda cents: Decimal(cents).scaleb(-1)), min_size=1, max_size=30)


@given(
    side=st.sampled_from(PositionSide),
    path=prices,
    trail=st.none() | st.decimals("0.1", "50", places=1),
    even=st.none() | st.decimals("0.1", "20", places=1),
)
def test_whatever_the_market_does_a_stop_moves_only_in_favour_and_never_past_the_price(
    side: PositionSide, path: list[Decimal], trail: Decimal | None, even: Decimal | None
) -> None:
    one = position(side, trail_percent=trail, break_even_percent=even)
    before = None
    for price in path:
        if exit_reached(side, price, one.stop_loss, None):
            return
        stop = at(one, str(price))
        assert before is None or (stop is not None and (stop - before) * side.sign >= 0)
        assert stop is None or stop <= 0 or (price - stop) * side.sign > 0
        before = stop


@pytest.mark.parametrize(
    ("seconds", "moved", "told"),
    [(0, "0", False), (9, "0.0999", False), (9, "0.1", True), (9, "-0.1", True), (1, "-0.05", False), (10, "0", True), (10, "0.01", True)],
)
def test_a_price_is_told_when_it_means_something_or_some_time_has_passed(seconds: int, moved: str, told: bool) -> None:
    assert is_worth_telling(Decimal("1.5"), NOW, Decimal("1.5") + Decimal(moved), NOW + timedelta(seconds=seconds)) is told


def test_the_first_price_is_told() -> None:
    assert is_worth_telling(None, None, Decimal(0), NOW)


async def told(desk: Desk) -> int:
    return len([event for event in await desk.rows(EventRow) if event.type == POSITION_UPDATED])


async def test_small_moves_are_priced_at_once_and_told_now_and_then(desk: Desk) -> None:
    await place_order(desk.operation, buy())
    desk.price("BTC/USDT", "50001")
    await monitor_positions(desk.system)
    before = await told(desk)
    for step in range(1, 21):  # 20 rounds of 1 s, a fiftieth of a percent altogether
        desk.clock.advance(seconds=1)
        desk.price("BTC/USDT", str(50_001 + step % 10))
        await monitor_positions(desk.system)
        assert (await desk.row(Position)).current_price == 50_001 + step % 10
    assert await told(desk) - before == 2
    desk.price("BTC/USDT", "50100")
    await monitor_positions(desk.system)
    assert await told(desk) - before == 3


async def test_a_trailing_stop_follows_and_closes_the_position(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, buy(stop_loss=Decimal(45_000)))
    one = await update_position(desk.operation, (await desk.open_position()).id, trailing_stop=TrailingStop(Decimal(2)))
    assert (one.stop_loss, one.trailing_since) == (Decimal(49_000), desk.clock.now())
    for price, stop in (("52000", "50960"), ("51000", "50960")):
        desk.price("BTC/USDT", price)
        assert await monitor_positions(desk.system) == []
        assert (await desk.open_position()).stop_loss == Decimal(stop)
    desk.price("BTC/USDT", "50960")
    assert len(await monitor_positions(desk.system)) == 1
    closed = await desk.row(Position)
    assert (closed.status, closed.exit_reason, closed.realized_pnl) == (PositionStatus.CLOSED, OrderPurpose.STOP_LOSS, Decimal(96))


async def test_break_even_guards_a_short_position_and_is_taken_away(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, sell(stop_loss=Decimal(55_000)))
    position_id = (await desk.open_position()).id
    await update_position(desk.operation, position_id, break_even=BreakEven(Decimal(1)), trailing_stop=TrailingStop(Decimal(5)))
    desk.price("BTC/USDT", "49500")
    await monitor_positions(desk.system)
    one = await desk.open_position()
    assert (one.stop_loss, one.break_even_at) == (Decimal(50_000), desk.clock.now())
    one = await update_position(desk.operation, position_id, break_even=None, trailing_stop=None)
    assert (one.stop_loss, one.break_even_percent, one.break_even_at, one.trail_percent, one.trailing_since) == (
        Decimal(50_000), None, None, None, None,
    )  # fmt: skip
    desk.price("BTC/USDT", "45000")
    await monitor_positions(desk.system)
    assert (await desk.open_position()).stop_loss == Decimal(50_000)


async def test_a_new_position_has_none_of_it(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.05"))
    await update_position(desk.operation, (await desk.open_position()).id, trailing_stop=TrailingStop(Decimal(2)))
    await place_order(desk.operation, sell(quantity="0.1"))
    one = await desk.open_position()
    assert (one.stop_loss, one.trail_percent) == (None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"trailing_stop": TrailingStop(Decimal(0))},
        {"trailing_stop": TrailingStop(Decimal(51))},
        {"trailing_stop": TrailingStop(Decimal("NaN"))},
        {"trailing_stop": TrailingStop(Decimal(2), Decimal("Infinity"))},
        {"break_even": BreakEven(Decimal(-1))},
        {"break_even": BreakEven(Decimal("1E+30"))},
    ],
)
async def test_nonsense_protects_nothing(desk: Desk, change: dict[str, object]) -> None:
    await place_order(desk.operation, buy())
    with pytest.raises(DomainError) as refusal:
        await update_position(desk.operation, (await desk.open_position()).id, **change)  # type: ignore[arg-type]
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
    one = await desk.open_position()
    assert (one.trail_percent, one.break_even_percent, one.stop_loss) == (None, None, None)
