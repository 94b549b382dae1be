"""What each kind of risk rule measures, as pure functions of the rule, the trade and the exposure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from domain.exchanges.venue import Side
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import exact, plain, round_to_step, trimmed

CENT = Decimal("0.01")


class RuleType(StrEnum):
    """What a rule measures."""

    MAX_POSITION_SIZE = "max_position_size"


class RuleAction(StrEnum):
    """What happens to a trade that breaks the rule: it is refused, or goes on with a warning on record."""

    REJECT = "reject"
    WARN = "warn"


class Rule(Protocol):
    """What a rule must show to be evaluated."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def rule_type(self) -> RuleType: ...

    @property
    def condition(self) -> Mapping[str, Any]: ...

    @property
    def action(self) -> RuleAction: ...


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade somebody intends; `notional` is what it is worth in the quote currency, never negative."""

    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    notional: Decimal
    increases_exposure: bool


@dataclass(frozen=True, slots=True)
class Exposure:
    """The size of the position in the trade's symbol before and after the trade, measured from our own books.

    Both are in `currency`, the quote of the instrument, and never negative; orders under way count as filled.
    """

    currency: str
    notional_before: Decimal
    notional_after: Decimal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule said about one trade; `numbers` are what it compared, and the currency they are in."""

    rule_id: str
    rule_name: str
    rule_type: RuleType
    action: RuleAction
    passed: bool
    message: str
    numbers: dict[str, Decimal | str]

    @property
    def rejects(self) -> bool:
        return not self.passed and self.action is RuleAction.REJECT


def evaluate(rules: Sequence[Rule], trade: Trade, exposure: Exposure) -> list[Verdict]:
    """Return every rule's verdict, in the order of the rules. A trade that only reduces exposure passes them all."""
    return [_max_position_size(rule, trade, exposure) for rule in rules]


def rejections(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts that forbid the trade."""
    return [verdict for verdict in verdicts if verdict.rejects]


def checked_condition(rule_type: RuleType, condition: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return the condition as it is stored: exactly `max_usd`, a positive number.

    Raises VALIDATION_ERROR for unknown and missing keys and for numbers that are not finite, not positive or too long.
    """
    unknown = sorted(set(condition) - {"max_usd"})
    if unknown:
        raise DomainError(
            ErrorCode.VALIDATION_ERROR, f"condition of {rule_type.value} has an unknown key: {unknown[0][:40]}", field="condition"
        )
    if condition.get("max_usd") is None:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"condition of {rule_type.value} needs max_usd", field="condition.max_usd")
    limit = _number(condition["max_usd"], "condition.max_usd")
    if limit <= 0:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "condition.max_usd must be greater than 0", field="condition.max_usd")
    return {"max_usd": trimmed(limit)}


def _max_position_size(rule: Rule, trade: Trade, exposure: Exposure) -> Verdict:
    # Stablecoins count as dollars; an instrument quoted in euros is held to the same number of euros, and the verdict says so.
    limit = Decimal(str(rule.condition["max_usd"]))
    within = exposure.notional_after <= limit
    passed = within or not trade.increases_exposure
    measured = f"{plain(round_to_step(exposure.notional_after, CENT, 'up'))} {exposure.currency}"
    allowed = f"{plain(limit)} {exposure.currency}"
    if within:
        message = f"Position of {measured} in {trade.symbol} is within the limit of {allowed}."
    elif passed:
        message = f"Position of {measured} in {trade.symbol} is above the limit of {allowed}, and the trade reduces it."
    else:
        message = f"Position of {measured} in {trade.symbol} would exceed the limit of {allowed}."
    numbers: dict[str, Decimal | str] = {
        "measured": trimmed(exposure.notional_after),
        "limit": trimmed(limit),
        "before": trimmed(exposure.notional_before),
        "trade": trimmed(trade.notional),
        "price": trimmed(trade.price),
        "currency": exposure.currency,
    }
    return Verdict(rule.id, rule.name, rule.rule_type, rule.action, passed, message, numbers)


def _number(value: object, field: str) -> Decimal:
    # A condition arrives as free JSON, where a fraction is a float: its shortest form is what the sender wrote.
    if isinstance(value, float) and math.isfinite(value):
        return exact(repr(value), field)
    return exact(value, field)
