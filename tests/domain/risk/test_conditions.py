"""Which conditions are accepted, for every type of rule: a condition that could switch a rule off is refused."""

from decimal import Decimal
from typing import Any

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.risk.conditions import CONDITIONS, MAX_SYMBOLS, checked_condition
from domain.risk.rules import RuleType

GOOD: dict[RuleType, dict[str, Any]] = {
    RuleType.MAX_POSITION_SIZE: {"max_usd": 1000},
    RuleType.MAX_POSITION_PERCENT: {"max_percent": "12.5"},
    RuleType.MAX_PORTFOLIO_UTILIZATION: {"max_percent": 80},
    RuleType.MAX_OPEN_POSITIONS: {"max_count": 5},
    RuleType.MAX_DAILY_LOSS: {"max_usd": 99.5},
    RuleType.MAX_DRAWDOWN: {"max_percent": 10},
    RuleType.COOLDOWN_AFTER_LOSS: {"seconds": 300, "losses": 2},
    RuleType.MAX_ORDERS_PER_DAY: {"max_count": 50},
    RuleType.MAX_ORDER_RATE: {"max_count": 3, "seconds": 60},
    RuleType.PRICE_BAND: {"max_percent": 5},
    RuleType.SYMBOL_ALLOW_LIST: {"symbols": ["BTC/USDT"]},
}
EVERY_KEY = [(kind, key) for kind, condition in GOOD.items() for key in condition]
NO_NUMBERS: list[Any] = [
    0,
    -1,
    "NaN",
    float("nan"),
    float("inf"),
    "-Infinity",
    1e300,
    "1" + "0" * 30,
    "lots",
    "",
    True,
    [1],
    {"gt": 1},
    "1_000",
    "🚀",
]
# The largest that is taken; beyond it the next number is not.
LARGEST: dict[tuple[RuleType, str], Any] = {
    (RuleType.MAX_POSITION_SIZE, "max_usd"): 10**15,
    (RuleType.MAX_POSITION_PERCENT, "max_percent"): 10_000,
    (RuleType.MAX_PORTFOLIO_UTILIZATION, "max_percent"): 10_000,
    (RuleType.MAX_OPEN_POSITIONS, "max_count"): 1_000_000,
    (RuleType.MAX_DAILY_LOSS, "max_usd"): 10**15,
    (RuleType.MAX_DRAWDOWN, "max_percent"): 100,
    (RuleType.COOLDOWN_AFTER_LOSS, "seconds"): 30 * 86_400,
    (RuleType.COOLDOWN_AFTER_LOSS, "losses"): 100,
    (RuleType.MAX_ORDERS_PER_DAY, "max_count"): 1_000_000,
    (RuleType.MAX_ORDER_RATE, "max_count"): 1_000_000,
    (RuleType.MAX_ORDER_RATE, "seconds"): 30 * 86_400,
    (RuleType.PRICE_BAND, "max_percent"): 100,
}


def refusal(kind: RuleType, condition: dict[str, Any]) -> DomainError:
    with pytest.raises(DomainError) as refused:
        checked_condition(kind, condition)
    return refused.value


def test_every_type_has_a_row() -> None:
    assert set(CONDITIONS) == set(GOOD) == set(RuleType)


@pytest.mark.parametrize("kind", RuleType)
def test_a_good_condition_is_stored_exactly_and_stays_what_it_is(kind: RuleType) -> None:
    stored = checked_condition(kind, GOOD[kind])
    assert stored == {key: value if isinstance(value, list) else Decimal(str(value)) for key, value in GOOD[kind].items()}
    assert checked_condition(kind, stored) == stored


@pytest.mark.parametrize(("kind", "key"), EVERY_KEY)
def test_a_key_that_is_missing_is_refused_unless_it_has_a_default(kind: RuleType, key: str) -> None:
    for without in ({k: v for k, v in GOOD[kind].items() if k != key}, {**GOOD[kind], key: None}):
        if key == "losses":
            assert checked_condition(kind, without)["losses"] == 1
        else:
            assert refusal(kind, without).details["field"] == f"condition.{key}"


@pytest.mark.parametrize("kind", RuleType)
@pytest.mark.parametrize("stranger", ["unheard", "max_eur", "", "🚀"])
def test_an_unknown_key_is_refused(kind: RuleType, stranger: str) -> None:
    refused = refusal(kind, {**GOOD[kind], stranger: 1})
    assert (refused.code, refused.details["field"]) == (ErrorCode.VALIDATION_ERROR, "condition")


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, key in EVERY_KEY if key != "symbols"])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=str)
def test_what_is_no_positive_number_is_refused(kind: RuleType, key: str, value: object) -> None:
    refused = refusal(kind, {**GOOD[kind], key: value})
    assert (refused.code, refused.details["field"]) == (ErrorCode.VALIDATION_ERROR, f"condition.{key}")


@pytest.mark.parametrize(("kind", "key"), LARGEST)
def test_the_largest_number_is_taken_and_nothing_beyond_it(kind: RuleType, key: str) -> None:
    largest = LARGEST[kind, key]
    assert checked_condition(kind, {**GOOD[kind], key: largest})[key] == largest
    assert refusal(kind, {**GOOD[kind], key: largest + 1}).details["field"] == f"condition.{key}"


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, key in EVERY_KEY if key in ("max_count", "seconds", "losses")])
def test_what_is_counted_is_whole(kind: RuleType, key: str) -> None:
    assert refusal(kind, {**GOOD[kind], key: 1.5}).details["field"] == f"condition.{key}"
    assert checked_condition(kind, {**GOOD[kind], key: "2.0"})[key] == 2


def test_symbols_are_stored_in_one_spelling_and_once() -> None:
    stored = checked_condition(RuleType.SYMBOL_ALLOW_LIST, {"symbols": ["ethusdt", "BTC-USDT", "btc/usdt"]})
    assert stored == {"symbols": ["BTC/USDT", "ETH/USDT"]}


@pytest.mark.parametrize("symbols", [[], "BTC/USDT", [1], [None], {"a": 1}, 7, ["BTC/USDT"] * (MAX_SYMBOLS + 1)], ids=str)
def test_symbols_must_be_a_list_of_some(symbols: object) -> None:
    assert refusal(RuleType.SYMBOL_ALLOW_LIST, {"symbols": symbols}).details["field"] == "condition.symbols"


def test_a_symbol_that_does_not_exist_is_refused() -> None:
    assert refusal(RuleType.SYMBOL_ALLOW_LIST, {"symbols": ["BTC/USDT", "NOPE"]}).code is ErrorCode.UNKNOWN_SYMBOL
