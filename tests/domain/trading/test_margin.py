"""Requirements and liquidation prices, reckoned by hand and then by chance."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel.money import EXACT
from domain.market.instruments import all_instruments, find_instrument
from domain.trading.funds import Funds
from domain.trading.liquidating import level_of, next_to_close
from domain.trading.margin import MAX_LEVERAGE, liquidation_price, maintenance_of, margin_rate
from domain.trading.models import MarginLevel, Position, PositionSide
from domain.trading.reservations import held_against

D = Decimal
SYMBOLS = ["BTC/USDT", "CL", "ELECTRICITY", "EUA", "NL_DAY_AHEAD", "DOGE/USDT"]


@pytest.mark.parametrize(
    ("symbol", "quantity", "price", "equity", "others", "expected"),
    [
        # p - 44,500 = 0.075 p
        ("BTC/USDT", "1", "50000", "5500", "0", "48108.108108108108108108"),
        # 55,500 - p = 0.075 p
        ("BTC/USDT", "-1", "50000", "5500", "0", "51627.906976744186046512"),
        # what else is held takes 300 of the equity
        ("BTC/USDT", "1", "50000", "5500", "300", "48432.432432432432432432"),
        # 1,000 barrels a contract: 1,000 p - 70,000 = 75 p
        ("CL", "1", "75", "5000", "0", "75.675675675675675676"),
        ("BTC/USDT", "1", "50000", "50000", "0", None),  # paid in full: no price takes it
        ("BTC/USDT", "1", "50000", "60000", "0", None),
        ("BTC/USDT", "0", "50000", "60000", "0", None),
        # 100 p - 3,000 = 7.5 p
        ("ELECTRICITY", "100", "40", "1000", "0", "32.432432432432432432"),
        # near zero the floor of 5 % of 45 counts: 100 p = 100 x 2.25 x 0.075
        ("ELECTRICITY", "100", "40", "4000", "0", "0.16875"),
        # below zero the requirement grows again: 100 p + 1,000 = -7.5 p
        ("ELECTRICITY", "100", "40", "5000", "0", "-9.302325581395348837"),
        # a short may be ruined below zero: -100 p - 1,500 = -7.5 p
        ("ELECTRICITY", "-100", "-20", "500", "0", "-16.216216216216216216"),
        # -100 p + 5,000 = 7.5 p
        ("NL_DAY_AHEAD", "-100", "40", "1000", "0", "46.511627906976744186"),
    ],
)
def test_liquidation_price(symbol: str, quantity: str, price: str, equity: str, others: str, expected: str | None) -> None:
    found = liquidation_price(find_instrument(symbol), D(quantity), D(price), D(equity), D(others))
    assert found == (None if expected is None else D(expected))


amounts = st.integers(-10_000, 10_000).map(lambda n: D(n) / 10)


@settings(deadline=None)
@given(st.sampled_from(SYMBOLS), amounts.filter(bool), amounts, amounts.map(lambda n: n * 1000), st.integers(0, 100_000).map(D))
def test_at_the_liquidation_price_the_equity_is_what_is_required(symbol: str, quantity: D, price: D, equity: D, others: D) -> None:
    instrument = find_instrument(symbol)
    if not instrument.allow_negative_price:
        price = abs(price) + 1

    def left(at: D) -> D:
        with localcontext(EXACT):
            worth = equity + quantity * instrument.contract_size * (at - price)
            return worth - others - maintenance_of(instrument, quantity, at)

    found = liquidation_price(instrument, quantity, price, equity, others)
    if found is None:
        assert not instrument.allow_negative_price
        assert (left(D("1e-9")) > 0) == (left(D("1e12")) > 0) or abs(left(D("1e-9"))) < D("0.01")
        return
    assert abs(left(found)) <= abs(quantity) * instrument.contract_size * D("1e-18") + D("1e-18")
    step = D("0.01") if quantity > 0 else D("-0.01")
    assert left(found + step) > 0 > left(found - step)


def test_margin_is_a_share_that_adds_up() -> None:
    bitcoin = find_instrument("BTC/USDT")
    assert [held_against(bitcoin, D("0.6"), D(50_000), margin_rate(leverage, bitcoin)) for leverage in (1, 3, 7, 10)] == [
        D(30_000),
        D(10_000),
        D("4285.714285714285714286"),
        D(3000),
    ]
    assert maintenance_of(bitcoin, D("-0.6"), D(50_000)) == D(2250)


def test_some_instruments_are_never_traded_on_margin() -> None:
    alone = {instrument.symbol for instrument in all_instruments() if instrument.max_leverage == 1}
    assert alone == {"NL_DAY_AHEAD", "REC", "REGO", "GO"}
    assert {instrument.max_leverage for instrument in all_instruments()} == {1, MAX_LEVERAGE}
    assert margin_rate(10, find_instrument("NL_DAY_AHEAD")) == 1


@pytest.mark.parametrize(
    ("equity", "is_open", "before", "level"),
    [
        ("99.99", True, None, "liquidation"),
        ("99.99", True, "warning", "liquidation"),
        ("100", True, None, "warning"),
        ("100", True, "liquidation", "warning"),
        ("124.99", True, None, "warning"),
        ("125", True, None, None),
        ("125", True, "warning", "warning"),
        ("149.99", True, "warning", "warning"),
        ("150", True, "warning", None),
        ("-5", False, "liquidation", None),
        ("-5", False, None, None),
    ],
)
def test_level(equity: str, is_open: bool, before: str | None, level: str | None) -> None:
    funds = Funds("USDT", D(0), D(equity), D(0), maintenance=D(100), is_open=is_open)
    assert level_of(funds, MarginLevel(before) if before else None) == (MarginLevel(level) if level else None)


def position(id: str, symbol: str, signed: D, price: D, pnl: D, exiting: bool = False) -> Position:
    return Position(
        id=id,
        symbol=symbol,
        side=PositionSide.LONG if signed > 0 else PositionSide.SHORT,
        quantity=abs(signed),
        current_price=price,
        unrealized_pnl=pnl,
        exit_order_id="order_1" if exiting else None,
    )


def test_the_largest_loss_goes_first_and_hedges_last() -> None:
    winner = position("a", "ETH/USDT", D(10), D(2500), D(50))
    loser = position("b", "BTC/USDT", D(1), D(50_000), D(-500))
    worst_hedge = position("c", "BTC/USDT", D("-0.2"), D(50_000), D(-900))
    assert [it.id for it in next_to_close([winner, loser, worst_hedge], {}, D(0))] == ["b", "a", "c"]
    # 0.075 x (0.8 x 50,000 + 25,000)
    assert next_to_close([winner, loser, worst_hedge], {}, D(4875)) == []
    assert next_to_close([winner, loser, worst_hedge], {}, D("4874.99")) != []


def test_an_exit_under_way_counts_as_done() -> None:
    leaving = position("a", "BTC/USDT", D(1), D(50_000), D(-500), exiting=True)
    staying = position("b", "ETH/USDT", D(10), D(2500), D(-5))
    assert next_to_close([leaving, staying], {}, D(1875)) == []
    assert next_to_close([leaving, staying], {}, D(1874)) == [staying]


held = st.tuples(st.sampled_from(SYMBOLS), amounts.filter(bool), st.integers(-500, 500).map(D))


@settings(deadline=None)
@given(st.lists(held, max_size=6), amounts.map(lambda n: n * 100))
def test_closing_in_turn_ends_with_enough_or_with_nothing(book: list[tuple[str, D, D]], equity: D) -> None:
    positions = [position(str(n), symbol, signed, D(50), pnl) for n, (symbol, signed, pnl) in enumerate(book)]
    for _ in range(len(positions) + 1):
        following = next_to_close(positions, {}, equity)
        if not following:
            break
        following[0].exit_order_id = "order_1"
    open_ones = [it for it in positions if it.exit_order_id is None]
    nets = {symbol: sum((it.signed_quantity for it in open_ones if it.symbol == symbol), D(0)) for symbol in SYMBOLS}
    required = sum((maintenance_of(find_instrument(symbol), net, D(50)) for symbol, net in nets.items()), D(0))
    assert not open_ones or equity >= required
