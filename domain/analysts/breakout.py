"""The breakout trader: goes with a close that leaves the range of the past candles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Self

from domain.analysts.measures import ZERO, convergence_histogram
from domain.analysts.method import Finding, Known, found, scaled_period, shown, shown_ratio, sign
from domain.analysts.opinion import Abstained
from domain.market.candles import Candle


@dataclass(frozen=True, slots=True)
class Breakout:
    """Buy a close above the highest high of the candles before it while MACD momentum rises, sell the mirror image.

    Evidence is the weaker of two. The channel: inside, the distance from its middle over half its width; outside,
    1 + the distance from its edge in ATR. The momentum: the MACD histogram in ATR over `momentum_threshold` (0 if it
    points the other way).
    Source: Donchian's channel as in the Turtle rules (Faith, Way of the Turtle, 2007), system 1, with its stop of two
    ATR; Appel, The Moving Average Convergence-Divergence Method (1979).
    """

    period: int = 20
    fast: int = 12
    slow: int = 26
    signal: int = 9
    atr_period: int = 14
    momentum_threshold: Decimal = Decimal("0.05")
    stop_ranges: Decimal = Decimal(2)
    target_ranges: Decimal = Decimal(4)
    name: str = "breakout_trader"

    @property
    def description(self) -> str:
        return (
            f"Follows a close beyond the range of {self.period} candles with MACD({self.fast},{self.slow},{self.signal}) momentum behind it"
        )

    @property
    def candles_needed(self) -> int:
        return max(self.period + 1, self.slow + self.signal)

    def at_tempo(self, suffix: str, factor: Fraction) -> Self:
        names = ("period", "fast", "slow", "signal", "atr_period")
        period, fast, slow, signal, atr = (scaled_period(getattr(self, name), factor) for name in names)
        return replace(self, name=self.name + suffix, period=period, fast=fast, slow=slow, signal=signal, atr_period=atr)

    def judge(self, candles: Sequence[Candle], atr: Decimal, known: Known) -> Finding:
        channel = candles[-self.period - 1 : -1]
        upper, lower = max(candle.high for candle in channel), min(candle.low for candle in channel)
        if upper == lower:
            raise Abstained(f"The {self.period} candles before the last have no range to break out of.")
        close, middle = candles[-1].close, (upper + lower) / 2
        direction = sign(close - middle)
        edge = upper if direction > 0 else lower
        beyond = direction * (close - edge)
        reach = 1 + beyond / atr if beyond > 0 else abs(close - middle) / (upper - middle)
        histogram = convergence_histogram([candle.close for candle in candles], self.fast, self.slow, self.signal)
        momentum = histogram / atr
        # at the very edge nothing is broken yet
        broken = reach if beyond > 0 else min(reach, Decimal("0.9999"))
        evidence = min(broken, max(direction * momentum, ZERO) / self.momentum_threshold)
        where = "beyond" if beyond > 0 else "inside"
        return found(
            direction,
            evidence,
            f"The close {shown(close)} is {where} the {self.period}-candle range {shown(lower)} to {shown(upper)}"
            + (f" by {shown_ratio(beyond / atr)} ATR" if beyond > 0 else "")
            + f"; MACD histogram {shown(histogram)} ({shown_ratio(momentum)} ATR)",
        )
