"""What every rule-based method has in common: what it finds, and how evidence becomes confidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Protocol, Self

from domain.analysts.opinion import CONFIDENCE_STEP, Action
from domain.kernel.money import plain
from domain.market.candles import Candle

_SHOWN = Context(prec=6)
# Indicators of the snapshot by name. Smoothed ones depend a little on where the smoothing began: a method takes those that
# have its own period from here, so that its vote quotes the number that the user sees, and computes the others.
Known = Mapping[str, Decimal]
HALF = Decimal("0.5")
QUARTER = Decimal("0.25")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a method sees. `evidence` is 1 at the method's threshold, more beyond it, 0 to 1 short of it (a hold)."""

    action: Action
    evidence: Decimal
    reasoning: str


class Method(Protocol):
    """A rule with its parameters. `stop_ranges` and `target_ranges` are distances in average true ranges."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def atr_period(self) -> int: ...

    @property
    def stop_ranges(self) -> Decimal: ...

    @property
    def target_ranges(self) -> Decimal: ...

    @property
    def candles_needed(self) -> int: ...

    def at_tempo(self, suffix: str, factor: Fraction) -> Self:
        """Return the same rule under `name` + `suffix`, with every lookback times `factor`."""
        ...

    def judge(self, candles: Sequence[Candle], atr: Decimal, known: Known) -> Finding:
        """Judge closed candles, `candles_needed` at least; `atr` is above zero. Raises Abstained."""
        ...


def scaled_period(period: int, factor: Fraction) -> int:
    return max(2, round(period * factor))


def found(direction: int, evidence: Decimal, reasoning: str) -> Finding:
    """Return a finding: buy for a direction above 0, sell below, hold as long as the evidence is short of 1."""
    if evidence < 1 or direction == 0:
        return Finding(Action.HOLD, min(evidence, Decimal(1)), f"{reasoning}: hold.")
    action = Action.BUY if direction > 0 else Action.SELL
    return Finding(action, evidence, f"{reasoning}: {action.value}.")


def confidence_of(finding: Finding) -> Decimal:
    """Return the confidence, 0.5..1 in 4 places.

    Buy and sell: 1 - 0.5 / evidence, which is 0.5 at the threshold, 0.75 at twice it, and rises with the evidence.
    Hold: 0.75 - 0.25 x evidence, which falls to 0.5 where the method would act; it never exceeds 0.75, since the lack
    of a set-up says less than a set-up. It measures how clear the case is, not how likely a profit.
    """
    if finding.action is Action.HOLD:
        return (Decimal("0.75") - QUARTER * finding.evidence).quantize(CONFIDENCE_STEP)
    return (1 - HALF / finding.evidence).quantize(CONFIDENCE_STEP)


def sign(value: Decimal) -> int:
    return (value > 0) - (value < 0)


def shown(value: Decimal) -> str:
    """Return a number for a sentence: six significant digits, no exponent."""
    return plain(_SHOWN.plus(value)) if value else "0"


def shown_ratio(value: Decimal) -> str:
    """Return a ratio for a sentence: two decimal places."""
    return format(value.quantize(Decimal("0.01")) + 0, "f")  # no minus zero
