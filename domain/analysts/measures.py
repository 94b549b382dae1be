"""The formulas that the rule-based analysts share, in exact decimals and without any division by a price.

Series run oldest first. Precision is the caller's decimal context. Sources: Wilder, New Concepts in Technical Trading
Systems (1978) for the smoothing, ATR, RSI and ADX; Appel (1979) for MACD; Bollinger (2001) for the bands; Granville
(1963) for OBV.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from domain.market.candles import Candle

ZERO = Decimal(0)
Series = Sequence[Decimal]


def mean(values: Series) -> Decimal:
    return sum(values, ZERO) / len(values)


def deviation(values: Series) -> Decimal:
    """Return the population standard deviation."""
    middle = mean(values)
    return mean([(value - middle) ** 2 for value in values]).sqrt()


def exponential(values: Series, period: int) -> list[Decimal]:
    """Return the exponential means from the `period`-th value on: first the plain mean, then with weight 2 / (period + 1)."""
    return _smoothed(values, period, Decimal(2) / (period + 1))


def wilder(values: Series, period: int) -> list[Decimal]:
    """Return Wilder's means from the `period`-th value on: first the plain mean, then with weight 1 / period."""
    return _smoothed(values, period, Decimal(1) / period)


def _smoothed(values: Series, period: int, weight: Decimal) -> list[Decimal]:
    smoothed = [mean(values[:period])]
    for value in values[period:]:
        smoothed.append(smoothed[-1] + weight * (value - smoothed[-1]))
    return smoothed


def true_ranges(candles: Sequence[Candle]) -> list[Decimal]:
    """Return one true range for each candle but the first."""
    return [max(now.high, before.close) - min(now.low, before.close) for before, now in pairwise(candles)]


def average_true_ranges(candles: Sequence[Candle], period: int) -> list[Decimal]:
    """Return the ATR of each candle from the (`period` + 1)-th on."""
    return wilder(true_ranges(candles), period)


def relative_strength(closes: Series, period: int) -> Decimal:
    """Return the RSI, 0..100; 50 when nothing moved. Needs `period` + 1 closes."""
    changes = [now - before for before, now in pairwise(closes)]
    gain = wilder([max(change, ZERO) for change in changes], period)[-1]
    loss = wilder([max(-change, ZERO) for change in changes], period)[-1]
    return 100 * gain / (gain + loss) if gain + loss else Decimal(50)


def directional_index(candles: Sequence[Candle], period: int) -> Decimal:
    """Return the ADX, 0..100. Needs 2 x `period` candles."""
    up, down = [], []
    for before, now in pairwise(candles):
        rise, fall = now.high - before.high, before.low - now.low
        up.append(rise if rise > fall and rise > 0 else ZERO)
        down.append(fall if fall > rise and fall > 0 else ZERO)
    # the true range divides both directions alike, so it cancels out of their ratio
    ratios = [abs(p - m) / (p + m) if p + m else ZERO for p, m in zip(wilder(up, period), wilder(down, period), strict=True)]
    return 100 * wilder(ratios, period)[-1]


def convergence_histogram(closes: Series, fast: int, slow: int, signal: int) -> Decimal:
    """Return the MACD line less its signal line, in price units. Needs `slow` + `signal` closes."""
    slow_means = exponential(closes, slow)
    fast_means = exponential(closes, fast)[-len(slow_means) :]
    line = [quick - steady for quick, steady in zip(fast_means, slow_means, strict=True)]
    return line[-1] - exponential(line, signal)[-1]


def on_balance(candles: Sequence[Candle]) -> Decimal:
    """Return how much more volume came with rising closes than with falling ones, after the first candle."""
    return sum(((now.close > before.close) - (now.close < before.close)) * now.volume for before, now in pairwise(candles)) + ZERO


def volume_weighted_price(candles: Sequence[Candle]) -> Decimal:
    """Return the mean typical price weighted by volume. Needs some volume."""
    turnover = sum(((c.high + c.low + c.close) / 3 * c.volume for c in candles), ZERO)
    return turnover / sum((c.volume for c in candles), ZERO)


def rank(value: Decimal, others: Series) -> Decimal:
    """Return the share of the others that lie below the value, equal ones counting half; 0..1."""
    below = sum(other < value for other in others)
    equal = sum(other == value for other in others)
    return (Decimal(below) + Decimal(equal) / 2) / len(others)
