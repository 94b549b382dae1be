"""The solo analyst's method: all methods weighed against each other, as one opinion."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Self

from domain.analysts.measures import ZERO
from domain.analysts.method import Finding, Known, Method, confidence_of, found, shown_ratio, sign
from domain.analysts.opinion import Abstained, Action
from domain.market.candles import Candle


@dataclass(frozen=True, slots=True)
class Combined:
    """Add up the confidences of the methods that say buy, take off those that say sell, and act on what is left.

    Evidence is the size of that sum over `threshold`: one clear method that nobody contradicts is enough, two that
    agree make a strong case, and opposite ones cancel out. A method that holds or abstains adds nothing. Abstains when
    fewer than `quorum` methods have an answer.
    Source: Armstrong, Combining Forecasts, in Principles of Forecasting (2001): equal weights over different methods.
    """

    methods: tuple[Method, ...]
    threshold: Decimal = Decimal("0.55")
    quorum: int = 3
    atr_period: int = 14
    stop_ranges: Decimal = Decimal(2)
    target_ranges: Decimal = Decimal(3)
    name: str = "combined_analyst"

    @property
    def description(self) -> str:
        return f"Weighs {', '.join(method.name for method in self.methods)} against each other"

    @property
    def candles_needed(self) -> int:
        return max(method.candles_needed for method in self.methods)

    def at_tempo(self, suffix: str, factor: Fraction) -> Self:
        return replace(self, name=self.name + suffix, methods=tuple(method.at_tempo(suffix, factor) for method in self.methods))

    def judge(self, candles: Sequence[Candle], atr: Decimal, known: Known) -> Finding:
        total, said, answers = ZERO, [], 0
        for method in self.methods:
            try:
                finding = method.judge(candles, atr, known)
            except Abstained as abstained:
                said.append(f"{method.name} abstains ({abstained.reason.rstrip('.')})")
                continue
            confidence = confidence_of(finding)
            total += {Action.BUY: confidence, Action.SELL: -confidence, Action.HOLD: ZERO}[finding.action]
            answers += 1
            said.append(f"{method.name} {confidence} ({finding.reasoning.rstrip('.')})")
        if answers < self.quorum:
            raise Abstained(f"Only {answers} of {len(self.methods)} methods have an answer, {self.quorum} are needed: {'; '.join(said)}.")
        net = f"Buy less sell is {shown_ratio(total)} against {self.threshold}"
        decided = found(sign(total), abs(total) / self.threshold, net)
        return replace(decided, reasoning=f"{decided.reasoning} {'; '.join(said)}.")
