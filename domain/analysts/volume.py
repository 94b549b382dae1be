"""The volume reader: goes where the traded volume goes, and says nothing where none is known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Self

from domain.analysts.measures import ZERO, on_balance, volume_weighted_price
from domain.analysts.method import Finding, Known, found, scaled_period, shown, shown_ratio, sign
from domain.analysts.opinion import Abstained
from domain.market.candles import Candle


@dataclass(frozen=True, slots=True)
class VolumeFlow:
    """Follow the on-balance volume of the last `period` candles; ask for more of it where the price disagrees.

    The flow is the change of OBV over all volume of the window, -1..1. Evidence is the flow over `confirmed_threshold`
    when the close is on the same side of the window's VWAP, over `divergent_threshold` when it is on the other side
    (a divergence: volume turns before the price does). Abstains without volume, as in replays of plain price series.
    Source: Granville, New Key to Stock Market Profits (1963).
    """

    period: int = 20
    atr_period: int = 14
    confirmed_threshold: Decimal = Decimal("0.2")
    divergent_threshold: Decimal = Decimal("0.35")
    stop_ranges: Decimal = Decimal(2)
    target_ranges: Decimal = Decimal(3)
    name: str = "volume_reader"

    @property
    def description(self) -> str:
        return f"Follows the on-balance volume of {self.period} candles, confirmed by VWAP or diverging from it"

    @property
    def candles_needed(self) -> int:
        return self.period + 1

    def at_tempo(self, suffix: str, factor: Fraction) -> Self:
        return replace(
            self, name=self.name + suffix, period=scaled_period(self.period, factor), atr_period=scaled_period(self.atr_period, factor)
        )

    def judge(self, candles: Sequence[Candle], atr: Decimal, known: Known) -> Finding:
        window = candles[-self.period :]
        volume = sum((candle.volume for candle in window), ZERO)
        if volume <= 0:
            raise Abstained(f"No volume is known for the last {self.period} candles.")
        balance = on_balance(candles[-self.period - 1 :])
        flow, vwap, close = balance / volume, volume_weighted_price(window), window[-1].close
        direction = sign(flow)
        diverges = direction * (close - vwap) < 0
        threshold = self.divergent_threshold if diverges else self.confirmed_threshold
        side = "above" if close >= vwap else "below"
        return found(
            direction,
            abs(flow) / threshold,
            f"OBV changed by {shown(balance)} in {self.period} candles, {shown_ratio(100 * flow)}% of their volume against "
            f"{shown(100 * threshold)}%; the close {shown(close)} is {side} VWAP {shown(vwap)}, "
            + ("diverging" if diverges else "confirming"),
        )
