"""The mean reverter: goes against a move that has gone too far."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Self

from domain.analysts.measures import ZERO, deviation, mean, relative_strength
from domain.analysts.method import Finding, Known, found, scaled_period, shown, shown_ratio, sign
from domain.analysts.opinion import Abstained
from domain.market.candles import Candle


@dataclass(frozen=True, slots=True)
class MeanReversion:
    """Buy a close far below its mean when the RSI is low too, sell the mirror image.

    Evidence is the weaker of two: the distance from the mean over `width` standard deviations, and the RSI's distance
    from 50 over `rsi_distance` points (0 if the RSI is on the other side).
    Source: Bollinger, Bollinger on Bollinger Bands (2001), method III (reversals confirmed by an oscillator); Wilder
    (1978) for the RSI. The bands are drawn at 1.8 instead of 2 deviations and the RSI at 35/65 instead of 30/70, so
    that hourly candles offer set-ups in a week and not in a month.
    """

    period: int = 20
    rsi_period: int = 14
    width: Decimal = Decimal("1.8")
    rsi_distance: Decimal = Decimal(15)
    stop_ranges: Decimal = Decimal("1.5")
    target_ranges: Decimal = Decimal(2)
    name: str = "mean_reverter"

    @property
    def description(self) -> str:
        low, high = 50 - self.rsi_distance, 50 + self.rsi_distance
        return f"Fades a close {self.width} deviations from SMA({self.period}) when RSI({self.rsi_period}) is beyond {low} or {high}"

    @property
    def atr_period(self) -> int:
        return self.rsi_period

    @property
    def candles_needed(self) -> int:
        return max(self.period, self.rsi_period + 1)

    def at_tempo(self, suffix: str, factor: Fraction) -> Self:
        return replace(
            self, name=self.name + suffix, period=scaled_period(self.period, factor), rsi_period=scaled_period(self.rsi_period, factor)
        )

    def judge(self, candles: Sequence[Candle], atr: Decimal, known: Known) -> Finding:
        closes = [candle.close for candle in candles]
        window = closes[-self.period :]
        middle, spread = mean(window), deviation(window)
        if spread == 0:
            raise Abstained(f"The close did not move in {self.period} candles: there is nothing to revert.")
        score = (closes[-1] - middle) / spread
        rsi = known.get(f"RSI({self.rsi_period})")
        if rsi is None:
            rsi = relative_strength(closes, self.rsi_period)
        direction = -sign(score)
        evidence = min(abs(score) / self.width, max(direction * (50 - rsi), ZERO) / self.rsi_distance)
        side = "above" if score > 0 else "below"
        return found(
            direction,
            evidence,
            f"The close {shown(closes[-1])} is {shown_ratio(abs(score))} deviations {side} SMA({self.period}) {shown(middle)} "
            f"against {self.width}; RSI({self.rsi_period}) {shown_ratio(rsi)} "
            f"against {50 - self.rsi_distance} and {50 + self.rsi_distance}",
        )
