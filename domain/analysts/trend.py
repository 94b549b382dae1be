"""The trend follower: goes with an established move."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Self

from domain.analysts.measures import ZERO, directional_index, exponential
from domain.analysts.method import Finding, Known, found, scaled_period, shown, shown_ratio, sign
from domain.market.candles import Candle


@dataclass(frozen=True, slots=True)
class TrendFollowing:
    """Follow the fast mean's side of the slow one while the slow one slopes that way and the ADX calls it a trend.

    Evidence is the weakest of three: the gap between the means over `gap_threshold` ATR, the slow mean's slope over
    `slope_bars` over `slope_threshold` ATR (0 if it points the other way), the ADX over `adx_threshold`.
    Source: Wilder, New Concepts in Technical Trading Systems (1978), on the ADX; Murphy, Technical Analysis of the
    Financial Markets (1999), ch. 9, on crossing means.
    """

    fast: int = 12
    slow: int = 26
    adx_period: int = 14
    slope_bars: int = 5
    adx_threshold: Decimal = Decimal(20)
    gap_threshold: Decimal = Decimal("0.25")
    slope_threshold: Decimal = Decimal("0.1")
    stop_ranges: Decimal = Decimal(2)
    target_ranges: Decimal = Decimal(4)
    name: str = "trend_follower"

    @property
    def description(self) -> str:
        return (
            f"Follows EMA({self.fast}) against EMA({self.slow}) and its slope while ADX({self.adx_period}) is {self.adx_threshold} or more"
        )

    @property
    def atr_period(self) -> int:
        return self.adx_period

    @property
    def candles_needed(self) -> int:
        return max(self.slow + self.slope_bars, 2 * self.adx_period)

    def at_tempo(self, suffix: str, factor: Fraction) -> Self:
        fast, slow, adx, slope = (scaled_period(p, factor) for p in (self.fast, self.slow, self.adx_period, self.slope_bars))
        return replace(self, name=self.name + suffix, fast=fast, slow=slow, adx_period=adx, slope_bars=slope)

    def judge(self, candles: Sequence[Candle], atr: Decimal, known: Known) -> Finding:
        closes = [candle.close for candle in candles]
        fast, slow_means = exponential(closes, self.fast)[-1], exponential(closes, self.slow)
        slow = slow_means[-1]
        gap, slope = (fast - slow) / atr, (slow - slow_means[-1 - self.slope_bars]) / atr
        adx = known.get(f"ADX({self.adx_period})")
        if adx is None:
            adx = directional_index(candles, self.adx_period)
        direction = sign(gap)
        evidence = min(abs(gap) / self.gap_threshold, max(direction * slope, ZERO) / self.slope_threshold, adx / self.adx_threshold)
        side = "above" if gap > 0 else "below"
        return found(
            direction,
            evidence,
            f"EMA({self.fast}) {shown(fast)} is {shown_ratio(abs(gap))} ATR {side} EMA({self.slow}) {shown(slow)}, which moved "
            f"{shown_ratio(slope)} ATR in {self.slope_bars} candles; ADX({self.adx_period}) {shown_ratio(adx)} "
            f"against {shown(self.adx_threshold)}",
        )
