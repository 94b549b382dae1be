"""Risk rules as pure functions: what passes, what does not, and which conditions are accepted at all."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exchanges.venue import Side
from domain.kernel.errors import DomainError, ErrorCode
from domain.risk.conditions import checked_condition
from domain.risk.evaluating import evaluate
from domain.risk.rules import Exposure, RuleAction, RuleType, Trade, rejections


@dataclass(frozen=True)
class Limit:
    """A rule without a table behind it."""

    condition: dict[str, Any]
    action: RuleAction = RuleAction.REJECT
    id: str = "rule_1"
    name: str = "Small"
    rule_type: RuleType = RuleType.MAX_POSITION_SIZE


def trade(increases: bool = True) -> Trade:
    return Trade("BTC/USDT", Side.BUY, Decimal("0.01"), Decimal(50_000), Decimal(500), increases)


def exposure(after: str, before: str = "0", currency: str = "USDT") -> Exposure:
    return Exposure(currency, Decimal(before), Decimal(after))


@pytest.mark.parametrize(("after", "passed"), [("999.99", True), ("1000", True), ("1000.000000000000000001", False), ("0", True)])
def test_the_limit_itself_is_within(after: str, passed: bool) -> None:
    (verdict,) = evaluate([Limit({"max_usd": "1000"})], trade(), exposure(after))
    assert verdict.passed is passed
    assert verdict.rejects is not passed


def test_a_verdict_carries_every_number_it_compared() -> None:
    (verdict,) = evaluate([Limit({"max_usd": "1000"})], trade(), exposure("1500", "1000", "EUR"))
    assert verdict.message == "Position of 1500 EUR in BTC/USDT would exceed the limit of 1000 EUR."
    assert verdict.numbers == {
        "measured": Decimal(1500),
        "limit": Decimal(1000),
        "before": Decimal(1000),
        "trade": Decimal(500),
        "price": Decimal(50000),
        "currency": "EUR",
    }


def test_a_trade_that_only_reduces_passes_whatever_the_size() -> None:
    (verdict,) = evaluate([Limit({"max_usd": "1000"})], trade(increases=False), exposure("4000", "5000"))
    assert verdict.passed
    assert verdict.message.endswith("and the trade reduces it.")


def test_a_warning_fails_without_rejecting() -> None:
    verdicts = evaluate([Limit({"max_usd": "1"}, RuleAction.WARN), Limit({"max_usd": "2"}, id="rule_2")], trade(), exposure("3"))
    assert [verdict.passed for verdict in verdicts] == [False, False]
    assert [verdict.rule_id for verdict in rejections(verdicts)] == ["rule_2"]


@given(after=st.decimals(0, 10**9, places=4), limit=st.decimals("0.0001", 10**9, places=4), grows=st.booleans())
def test_what_is_rejected_is_above_the_limit_and_growing(after: Decimal, limit: Decimal, grows: bool) -> None:
    (verdict,) = evaluate([Limit({"max_usd": str(limit)})], trade(grows), Exposure("USDT", Decimal(0), after))
    assert verdict.rejects is (after > limit and grows)


@pytest.mark.parametrize(
    ("value", "stored"), [(1000, "1000"), ("1000.50", "1000.5"), (Decimal("0.01"), "0.01"), (999.5, "999.5"), (1e3, "1000")]
)
def test_conditions_are_stored_exactly(value: object, stored: str) -> None:
    assert checked_condition(RuleType.MAX_POSITION_SIZE, {"max_usd": value}) == {"max_usd": Decimal(stored)}


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"max_usd": None},
        {"max_usd": 0},
        {"max_usd": -1},
        {"max_usd": "NaN"},
        {"max_usd": float("nan")},
        {"max_usd": float("inf")},
        {"max_usd": 1e300},
        {"max_usd": "1" + "0" * 30},
        {"max_usd": "lots"},
        {"max_usd": True},
        {"max_usd": [1]},
        {"max_usd": {"gt": 1}},
        {"max_usd": 1, "max_eur": 1},
        {"max_percent": 5},
    ],
    ids=str,
)
def test_conditions_that_could_switch_a_rule_off_are_refused(condition: dict[str, Any]) -> None:
    with pytest.raises(DomainError) as refusal:
        checked_condition(RuleType.MAX_POSITION_SIZE, condition)
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
