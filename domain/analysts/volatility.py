"""The volatility watcher: lets the present restlessness decide whether to follow, to fade or to stand aside."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Self

from domain.analysts.measures import average_true_ranges, mean, rank
from domain.analysts.method import Finding, Known, found, scaled_period, shown, shown_ratio, sign
from domain.market.candles import Candle

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class VolatilityRegime:
    """Rank the ATR among its own past values, then act by regime.

    At or above `storm`: stand aside; the hold is the surer the higher the rank. Between `calm` and `storm`: follow the
    move of the last `atr_period` candles; evidence is its size over `follow_threshold`. Below `calm`: fade the distance
    from the mean of `mean_period` closes; evidence is its size over `fade_threshold`. Both sizes are in ATR times the
    root of the number of candles, since that is how a random walk spreads.
    Source: Wilder (1978) for the ATR; Kaufman, Trading Systems and Methods (2013), on ranking volatility by its own
    history; volatility clusters, so that calm ranges tend to hold and widening ones to run (Mandelbrot, 1963).
    """

    atr_period: int = 14
    mean_period: int = 20
    history: int = 30
    calm: Decimal = Decimal("0.4")
    storm: Decimal = Decimal("0.9")
    follow_threshold: Decimal = Decimal("0.6")
    fade_threshold: Decimal = Decimal("0.4")
    stop_ranges: Decimal = Decimal("1.5")
    target_ranges: Decimal = Decimal("2.5")
    name: str = "volatility_watcher"

    @property
    def description(self) -> str:
        return (
            f"Ranks ATR({self.atr_period}) in its own history: fades below {self.calm}, follows below {self.storm}, "
            "stands aside from there on"
        )

    @property
    def candles_needed(self) -> int:
        return max(self.atr_period + 1 + self.history, self.mean_period)

    def at_tempo(self, suffix: str, factor: Fraction) -> Self:
        # the history stays: a rank among fewer values would only be coarser
        return replace(
            self,
            name=self.name + suffix,
            atr_period=scaled_period(self.atr_period, factor),
            mean_period=scaled_period(self.mean_period, factor),
        )

    def judge(self, candles: Sequence[Candle], atr: Decimal, known: Known) -> Finding:
        ranges = average_true_ranges(candles, self.atr_period)
        level = rank(ranges[-1], ranges[:-1])
        close = candles[-1].close
        said = f"ATR({self.atr_period}) {shown(atr)} ranks {shown_ratio(level)} among {len(ranges) - 1} earlier values"
        if level >= self.storm:
            return found(0, (_ONE - level) / (_ONE - self.storm), f"{said}, {self.storm} or more, so stand aside")
        if level >= self.calm:
            move = (close - candles[-1 - self.atr_period].close) / atr
            threshold = self.follow_threshold * Decimal(self.atr_period).sqrt()
            reasoning = f"{said}, so follow: {shown_ratio(move)} ATR in {self.atr_period} candles against {shown_ratio(threshold)}"
            return found(sign(move), abs(move) / threshold, reasoning)
        middle = mean([candle.close for candle in candles[-self.mean_period :]])
        distance = (close - middle) / atr
        threshold = self.fade_threshold * Decimal(self.mean_period).sqrt()
        reasoning = (
            f"{said}, so fade: {shown_ratio(distance)} ATR from SMA({self.mean_period}) {shown(middle)} against {shown_ratio(threshold)}"
        )
        return found(-sign(distance), abs(distance) / threshold, reasoning)
