"""The arithmetic of positions, against the documents' sample and an independent recomputation."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.exchanges.venue import Side
from domain.kernel.money import percent_of
from domain.trading.positions import Holding, PositionSide, Trade, after_trade, exit_reached, risk_level

ONE = Decimal(1)


def trade(side: str, quantity: str, price: str, fee: str = "0") -> Trade:
    return Trade(Side(side), Decimal(quantity), Decimal(price), Decimal(fee))


def run(*trades: Trade, size: Decimal = ONE) -> tuple[list[Holding], Holding | None]:
    closed, held = [], None
    for each in trades:
        kept, opened = after_trade(held, each, size)
        if kept is not None and kept.quantity == 0:
            closed.append(kept)
            kept = None
        held = opened or kept
    return closed, held


def test_documented_sample() -> None:
    _, held = run(trade("buy", "0.01", "88500"))
    assert held is not None
    assert held.unrealized_pnl(Decimal("89500")) == 10
    assert percent_of(held.unrealized_pnl(Decimal("89500")), held.open_cost) == Decimal("1.1299")


def test_growing_weighs_the_average() -> None:
    _, held = run(trade("buy", "1", "100"), trade("buy", "3", "120"))
    assert held is not None
    assert (held.quantity, held.average_cost, held.entry_value) == (Decimal(4), Decimal(115), Decimal(460))


def test_shrinking_realises_and_keeps_the_average() -> None:
    _, held = run(trade("buy", "10", "100"), trade("sell", "5", "110"), trade("buy", "5", "120"))
    assert held is not None
    assert (held.realized_pnl, held.average_cost, held.unrealized_pnl(Decimal(130))) == (Decimal(50), Decimal(110), Decimal(200))


def test_fees_count_on_both_sides_with_the_share_of_what_is_closed() -> None:
    _, held = run(trade("buy", "4", "100", fee="8"), trade("sell", "1", "110", fee="3"))
    assert held is not None
    assert held.realized_pnl == 10 - 3 - 2
    assert held.open_fees == 6
    assert held.unrealized_pnl(Decimal(100)) == -6


def test_a_short_wins_when_the_price_falls() -> None:
    closed, held = run(trade("sell", "2", "150"), trade("buy", "2", "110"))
    assert held is None
    assert (closed[0].side, closed[0].realized_pnl, closed[0].exit_price) == (PositionSide.SHORT, Decimal(80), Decimal(110))


def test_a_flip_closes_the_old_and_opens_the_new_with_its_share_of_the_fee() -> None:
    closed, held = run(trade("buy", "2", "100"), trade("sell", "5", "90", fee="10"))
    assert held is not None
    assert (closed[0].realized_pnl, closed[0].exit_fees, closed[0].quantity) == (Decimal(-20 - 4), Decimal(4), Decimal(0))
    assert (held.side, held.quantity, held.average_cost, held.open_fees) == (PositionSide.SHORT, Decimal(3), Decimal(90), Decimal(6))


def test_a_long_position_bought_at_a_negative_price_wins_when_the_price_rises() -> None:
    closed, _ = run(trade("buy", "10", "-5"), trade("sell", "10", "3"))
    assert closed[0].realized_pnl == 80


def test_contract_size_multiplies_values_not_quantities() -> None:
    _, held = run(trade("buy", "2", "75.5"), size=Decimal(1000))
    assert held is not None
    assert (held.quantity, held.average_cost, held.open_cost) == (Decimal(2), Decimal("75.5"), Decimal(151_000))
    assert held.unrealized_pnl(Decimal("76")) == 1000


TRADES = st.lists(
    st.builds(
        Trade,
        side=st.sampled_from(Side),
        quantity=st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-5)),
        price=st.integers(-(10**8), 10**8).map(lambda n: Decimal(n).scaleb(-4)),
        fee=st.integers(0, 10**6).map(lambda n: Decimal(n).scaleb(-7)),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=100, deadline=None)
@given(trades=TRADES, price=st.integers(-(10**7), 10**7).map(lambda n: Decimal(n).scaleb(-3)), size=st.sampled_from([1, 1000, 42000]))
def test_realised_and_unrealised_are_what_the_fills_brought(trades: list[Trade], price: Decimal, size: int) -> None:
    closed, held = run(*trades, size=Decimal(size))
    cash = sum(-each.side.sign * Fraction(each.quantity) * Fraction(each.price) * size - Fraction(each.fee) for each in trades)
    net = sum(each.side.sign * Fraction(each.quantity) for each in trades)
    everything = [*closed, *([held] if held else [])]
    assert (Fraction(held.quantity) * held.side.sign if held else 0) == net
    won = sum(Fraction(holding.realized_pnl) for holding in everything) + (Fraction(held.unrealized_pnl(price)) if held else 0)
    assert won == cash + net * Fraction(price) * size
    assert all(holding.open_cost == holding.open_fees == 0 for holding in closed)


@pytest.mark.parametrize(
    ("side", "price", "reached"),
    [
        ("long", "96", None),
        ("long", "95", "stop_loss"),
        ("long", "94", "stop_loss"),
        ("long", "110", "take_profit"),
        ("short", "109", None),
        ("short", "110", "stop_loss"),
        ("short", "95", "take_profit"),
    ],
)
def test_stop_and_target(side: str, price: str, reached: str | None) -> None:
    stop, target = (Decimal(95), Decimal(110)) if side == "long" else (Decimal(110), Decimal(95))
    assert exit_reached(PositionSide(side), Decimal(price), stop, target) == reached


def test_no_stop_no_exit() -> None:
    assert exit_reached(PositionSide.LONG, Decimal(0), None, None) is None


def test_the_stop_comes_before_the_target() -> None:
    assert exit_reached(PositionSide.LONG, Decimal(100), Decimal(100), Decimal(100)) == "stop_loss"


@pytest.mark.parametrize(("percent", "level"), [("-10.1", "critical"), ("-10", "high"), ("-5", "medium"), ("-2", "low"), ("3", "low")])
def test_risk_level(percent: str, level: str) -> None:
    assert risk_level(Decimal(percent)) == level
