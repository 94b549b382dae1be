"""Which conditions a rule may have: a table of keys and bounds for each type, and nothing beside it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import exact, plain, trimmed
from domain.market.instruments import find_instrument
from domain.risk.rules import RuleType

MAX_USD = Decimal(10) ** 15
MAX_PERCENT = Decimal(10_000)
HUNDRED = Decimal(100)
MAX_COUNT = Decimal(1_000_000)
MAX_SECONDS = Decimal(30 * 86_400)
MAX_LOSSES = Decimal(100)
MAX_SYMBOLS = 100
Value = Decimal | list[str]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a condition; `read` returns its value as it is stored, or raises VALIDATION_ERROR."""

    read: Callable[[object, str], Value]
    default: Value | None = None


def checked_condition(rule_type: RuleType, condition: Mapping[str, Any]) -> dict[str, Value]:
    """Return the condition as it is stored: exactly the keys of the rule's type.

    Raises VALIDATION_ERROR for unknown and missing keys, for numbers that are not finite, not positive, too large or, where something
    is counted, not whole, and UNKNOWN_SYMBOL.
    """
    keys = CONDITIONS[rule_type]
    unknown = sorted(str(key) for key in set(condition) - set(keys))
    if unknown:
        raise DomainError(
            ErrorCode.VALIDATION_ERROR, f"condition of {rule_type.value} has an unknown key: {unknown[0][:40]}", field="condition"
        )
    checked: dict[str, Value] = {}
    for name, key in keys.items():
        given = condition.get(name)
        if given is None and key.default is None:
            message = f"condition of {rule_type.value} needs {name}"
            raise DomainError(ErrorCode.VALIDATION_ERROR, message, field=f"condition.{name}")
        checked[name] = key.default if given is None and key.default is not None else key.read(given, f"condition.{name}")
    return checked


def _number(at_most: Decimal, *, whole: bool = False) -> Callable[[object, str], Value]:
    def read(value: object, field: str) -> Value:
        # A condition arrives as free JSON, where a fraction is a float: its shortest form is what the sender wrote.
        number = exact(repr(value), field) if isinstance(value, float) and math.isfinite(value) else exact(value, field)
        if number <= 0:
            raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} must be greater than 0", field=field)
        if number > at_most:
            raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} must be at most {plain(at_most)}", field=field)
        if whole and number != number.to_integral_value():
            raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} must be a whole number", field=field)
        return trimmed(number)

    return read


def _symbols(value: object, field: str) -> Value:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(item, str) for item in value):
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} must be a list of symbols, one at least", field=field)
    if len(value) > MAX_SYMBOLS:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} may hold at most {MAX_SYMBOLS} symbols", field=field)
    return sorted({find_instrument(item).symbol for item in value})


_MAX_USD = {"max_usd": Key(_number(MAX_USD))}
_MAX_COUNT = {"max_count": Key(_number(MAX_COUNT, whole=True))}
_SECONDS = {"seconds": Key(_number(MAX_SECONDS, whole=True))}

CONDITIONS: Mapping[RuleType, Mapping[str, Key]] = {
    RuleType.MAX_POSITION_SIZE: _MAX_USD,
    RuleType.MAX_POSITION_PERCENT: {"max_percent": Key(_number(MAX_PERCENT))},
    RuleType.MAX_PORTFOLIO_UTILIZATION: {"max_percent": Key(_number(MAX_PERCENT))},
    RuleType.MAX_OPEN_POSITIONS: _MAX_COUNT,
    RuleType.MAX_DAILY_LOSS: _MAX_USD,
    RuleType.MAX_DRAWDOWN: {"max_percent": Key(_number(HUNDRED))},
    RuleType.COOLDOWN_AFTER_LOSS: {**_SECONDS, "losses": Key(_number(MAX_LOSSES, whole=True), Decimal(1))},
    RuleType.MAX_ORDERS_PER_DAY: _MAX_COUNT,
    RuleType.MAX_ORDER_RATE: {**_MAX_COUNT, **_SECONDS},
    RuleType.PRICE_BAND: {"max_percent": Key(_number(HUNDRED))},
    RuleType.SYMBOL_ALLOW_LIST: {"symbols": Key(_symbols)},
}
