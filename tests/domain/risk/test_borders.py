"""Every type of rule on its border, as a table: the last that passes, the first that does not, and what a way out may do."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.exchanges.venue import Side
from domain.risk.evaluating import JUDGES, evaluate
from domain.risk.rules import Closing, Exposure, Measures, RuleAction, RuleType, Trade

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TRADE = Trade("BTC/USDT", Side.BUY, Decimal("0.01"), Decimal(50_000), Decimal(500), increases_exposure=True)
OUT = replace(TRADE, increases_exposure=False, only_reduces=True)
NOWHERE = Exposure("USDT", Decimal(0), Decimal(0))


@dataclass(frozen=True)
class Limit:
    """A rule without a table behind it."""

    rule_type: RuleType
    condition: dict[str, Any]
    action: RuleAction = RuleAction.REJECT
    id: str = "rule_1"
    name: str = "Limit"


def after(notional: str) -> Exposure:
    return Exposure("USDT", Decimal(0), Decimal(notional))


def equity(now: str, **more: Any) -> Measures:
    more = {key: Decimal(value) for key, value in more.items()}
    return Measures(equity=Decimal(now), **more)


def closings(*results: tuple[int, str]) -> Measures:
    """Positions closed so many seconds ago, newest first, with what each won."""
    return Measures(now=NOW, closings=[Closing(NOW - timedelta(seconds=ago), Decimal(won)) for ago, won in results])


def priced(*prices: str) -> Trade:
    return replace(TRADE, prices=tuple(Decimal(price) for price in prices))


SIZE, SHARE, WHOLE = RuleType.MAX_POSITION_SIZE, RuleType.MAX_POSITION_PERCENT, RuleType.MAX_PORTFOLIO_UTILIZATION
COUNT, DAY, DRAWDOWN = RuleType.MAX_OPEN_POSITIONS, RuleType.MAX_DAILY_LOSS, RuleType.MAX_DRAWDOWN
REST, ORDERS, RATE = RuleType.COOLDOWN_AFTER_LOSS, RuleType.MAX_ORDERS_PER_DAY, RuleType.MAX_ORDER_RATE
BAND, LIST = RuleType.PRICE_BAND, RuleType.SYMBOL_ALLOW_LIST
TINY = "0.000000000000000001"

# type, condition, trade, exposure, measures, whether it passes
TABLE: list[tuple[RuleType, dict[str, Any], Trade, Exposure, Measures, bool]] = [
    (SIZE, {"max_usd": 1000}, TRADE, after("1000"), Measures(), True),
    (SIZE, {"max_usd": 1000}, TRADE, after("1000.000000000000000001"), Measures(), False),
    (SIZE, {"max_usd": 1000}, OUT, after("5000"), Measures(), True),
    (SHARE, {"max_percent": 25}, TRADE, after("2500"), equity("10000"), True),
    (SHARE, {"max_percent": 25}, TRADE, after("2500.000000000000000001"), equity("10000"), False),
    (SHARE, {"max_percent": 25}, TRADE, after("2500"), equity("9999.999999999999999999"), False),
    (SHARE, {"max_percent": 25}, TRADE, after(TINY), equity("0"), False),
    (SHARE, {"max_percent": 25}, TRADE, after(TINY), equity("-5"), False),
    (SHARE, {"max_percent": 25}, OUT, after("2500"), equity("-5"), True),
    (WHOLE, {"max_percent": 80}, TRADE, NOWHERE, equity("1000", gross_before="300", gross_after="800"), True),
    (WHOLE, {"max_percent": 80}, TRADE, NOWHERE, equity("1000", gross_before="300", gross_after="800.01"), False),
    (WHOLE, {"max_percent": 80}, OUT, NOWHERE, equity("1000", gross_before="950", gross_after="900"), True),
    (COUNT, {"max_count": 2}, TRADE, NOWHERE, Measures(open_positions=1, opens_position=True), True),
    (COUNT, {"max_count": 2}, TRADE, NOWHERE, Measures(open_positions=2, opens_position=True), False),
    (COUNT, {"max_count": 2}, TRADE, NOWHERE, Measures(open_positions=3, opens_position=False), True),
    (DAY, {"max_usd": 100}, TRADE, NOWHERE, equity("900", day_start="1000"), True),
    (DAY, {"max_usd": 100}, TRADE, NOWHERE, equity("899.999999999999999999", day_start="1000"), False),
    (DAY, {"max_usd": 100}, TRADE, NOWHERE, equity("2000", day_start="1000"), True),
    (DAY, {"max_usd": 100}, OUT, NOWHERE, equity("1", day_start="1000"), True),
    (DAY, {"max_usd": 100}, replace(OUT, only_reduces=False), NOWHERE, equity("1", day_start="1000"), False),
    (DRAWDOWN, {"max_percent": 10}, TRADE, NOWHERE, equity("900", peak="1000"), True),
    (DRAWDOWN, {"max_percent": 10}, TRADE, NOWHERE, equity("899.999999999999999999", peak="1000"), False),
    (DRAWDOWN, {"max_percent": 10}, TRADE, NOWHERE, equity("1000", peak="1000"), True),
    (DRAWDOWN, {"max_percent": 100}, TRADE, NOWHERE, equity("0", peak="1000"), True),
    (DRAWDOWN, {"max_percent": 100}, TRADE, NOWHERE, equity("-1", peak="1000"), False),
    (DRAWDOWN, {"max_percent": 10}, TRADE, NOWHERE, equity("0", peak="0"), True),
    (DRAWDOWN, {"max_percent": 10}, TRADE, NOWHERE, equity("-1", peak="0"), False),
    (DRAWDOWN, {"max_percent": 10}, OUT, NOWHERE, equity("1", peak="1000"), True),
    (REST, {"seconds": 300, "losses": 1}, TRADE, NOWHERE, closings(), True),
    (REST, {"seconds": 300, "losses": 1}, TRADE, NOWHERE, closings((299, "-1")), False),
    (REST, {"seconds": 300, "losses": 1}, TRADE, NOWHERE, closings((300, "-1")), True),
    (REST, {"seconds": 300, "losses": 1}, TRADE, NOWHERE, closings((0, "0")), True),
    (REST, {"seconds": 300, "losses": 1}, TRADE, NOWHERE, closings((10, "5"), (20, "-1")), True),
    (REST, {"seconds": 300, "losses": 1}, OUT, NOWHERE, closings((0, "-1")), True),
    (REST, {"seconds": 300, "losses": 2}, TRADE, NOWHERE, closings((10, "-1")), True),
    (REST, {"seconds": 300, "losses": 2}, TRADE, NOWHERE, closings((10, "-1"), (9999, "-1")), False),
    (REST, {"seconds": 300, "losses": 2}, TRADE, NOWHERE, closings((10, "-1"), (20, "1"), (30, "-1")), True),
    (ORDERS, {"max_count": 3}, TRADE, NOWHERE, Measures(orders_today=2), True),
    (ORDERS, {"max_count": 3}, TRADE, NOWHERE, Measures(orders_today=3), False),
    (ORDERS, {"max_count": 3}, OUT, NOWHERE, Measures(orders_today=9), True),
    (RATE, {"max_count": 1, "seconds": 60}, TRADE, NOWHERE, Measures(orders_within={60: 0, 5: 7}), True),
    (RATE, {"max_count": 1, "seconds": 60}, TRADE, NOWHERE, Measures(orders_within={60: 1, 5: 0}), False),
    (RATE, {"max_count": 1, "seconds": 60}, OUT, NOWHERE, Measures(orders_within={60: 1}), True),
    (BAND, {"max_percent": 5}, TRADE, NOWHERE, Measures(), True),
    (BAND, {"max_percent": 5}, priced("52500"), NOWHERE, Measures(), True),
    (BAND, {"max_percent": 5}, priced("47500"), NOWHERE, Measures(), True),
    (BAND, {"max_percent": 5}, priced("52500.01"), NOWHERE, Measures(), False),
    (BAND, {"max_percent": 5}, priced("47499.99"), NOWHERE, Measures(), False),
    (BAND, {"max_percent": 5}, priced("50000", "90000"), NOWHERE, Measures(), False),
    (BAND, {"max_percent": 5}, replace(priced("90000"), only_reduces=True), NOWHERE, Measures(), False),
    (BAND, {"max_percent": 5}, replace(priced("-10.5"), price=Decimal(-10)), NOWHERE, Measures(), True),
    (BAND, {"max_percent": 5}, replace(priced("-10.51"), price=Decimal(-10)), NOWHERE, Measures(), False),
    (BAND, {"max_percent": 5}, replace(priced("0.01"), price=Decimal(0)), NOWHERE, Measures(), False),
    (LIST, {"symbols": ["BTC/USDT", "ETH/USDT"]}, TRADE, NOWHERE, Measures(), True),
    (LIST, {"symbols": ["ETH/USDT"]}, TRADE, NOWHERE, Measures(), False),
    (LIST, {"symbols": ["ETH/USDT"]}, OUT, NOWHERE, Measures(), True),
    (LIST, {"symbols": ["ETH/USDT"]}, replace(OUT, only_reduces=False), NOWHERE, Measures(), False),
]


def test_every_type_of_rule_is_judged_and_stands_in_the_table_on_both_sides() -> None:
    assert set(JUDGES) == set(RuleType)
    assert {(kind, passed) for kind, *_, passed in TABLE} == {(kind, passed) for kind in RuleType for passed in (True, False)}


@pytest.mark.parametrize(("kind", "condition", "trade", "exposure", "measures", "passed"), TABLE)
def test_rule_on_its_border(
    kind: RuleType, condition: dict[str, Any], trade: Trade, exposure: Exposure, measures: Measures, passed: bool
) -> None:
    (verdict,) = evaluate([Limit(kind, condition)], trade, exposure, measures)
    assert (verdict.passed, verdict.rejects) == (passed, not passed), verdict.message
    assert {"measured", "limit"} <= set(verdict.numbers)
    assert verdict.message.endswith(".")
    (warning,) = evaluate([Limit(kind, condition, RuleAction.WARN)], trade, exposure, measures)
    assert (warning.passed, warning.rejects) == (passed, False)


@pytest.mark.parametrize("kind", [kind for kind in RuleType if kind is not RuleType.PRICE_BAND])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_way_out_is_never_closed(kind: RuleType, data: st.DataObject) -> None:
    money = st.decimals(-(10**9), 10**9, places=6)
    positive = st.decimals(0, 10**9, places=6)
    results = data.draw(st.lists(st.tuples(st.integers(0, 1000), money), max_size=4))
    measures = Measures(
        now=NOW,
        equity=data.draw(money),
        day_start=data.draw(money),
        peak=data.draw(money),
        gross_before=data.draw(positive),
        gross_after=data.draw(positive),
        open_positions=data.draw(st.integers(0, 100)),
        orders_today=data.draw(st.integers(0, 100)),
        orders_within={60: data.draw(st.integers(0, 100))},
        closings=[Closing(NOW - timedelta(seconds=ago), won) for ago, won in results],
    )
    condition = {"max_usd": 1, "max_percent": 1, "max_count": 1, "seconds": 60, "losses": 1, "symbols": ["ETH/USDT"]}
    (verdict,) = evaluate([Limit(kind, condition)], OUT, after(str(data.draw(positive))), measures)
    assert verdict.passed, verdict.message


def test_sentences_tell_the_numbers() -> None:
    def said(kind: RuleType, condition: dict[str, Any], measures: Measures, exposure: Exposure = NOWHERE, trade: Trade = TRADE) -> str:
        (verdict,) = evaluate([Limit(kind, condition)], trade, exposure, measures)
        return verdict.message

    assert said(SHARE, {"max_percent": 20}, equity("10000"), after("2500")) == (
        "Position in BTC/USDT of 25 % of equity (2500 of 10000 USDT) would exceed the limit of 20 %."
    )
    assert said(DAY, {"max_usd": 100}, equity("879.995", day_start="1000")) == (
        "Loss of 120.01 USDT since midnight UTC exceeds the limit of 100 USDT."
    )
    assert said(DRAWDOWN, {"max_percent": 10}, equity("850", peak="1000")) == (
        "Equity of 850 USDT is 15 % below its peak of 1000 USDT, more than the limit of 10 %."
    )
    assert said(REST, {"seconds": 300, "losses": 2}, closings((60, "-1"), (90, "-2"))) == (
        "After 2 losses in a row trading rests until 2026-03-02T12:04:00.000Z."
    )
    assert said(RATE, {"max_count": 2, "seconds": 60}, Measures(orders_within={60: 2})) == (
        "3 orders within 60 seconds would exceed the limit of 2."
    )
    assert said(BAND, {"max_percent": 5}, Measures(), trade=priced("60000")) == (
        "A price of 60000 is 20 % away from the market's 50000, more than the limit of 5 %."
    )
