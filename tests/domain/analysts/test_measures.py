"""The formulas: by hand where a hand can, and against the market's indicators where both compute the same thing."""

from decimal import Decimal

import pytest

from domain.analysts import measures
from domain.market.candles import CandleSeries, Origin
from domain.market.indicators import compute_indicators
from domain.market.instruments import find_instrument
from tests.domain.analysts.markets import HOUR, market, random_market

D = Decimal


def test_formulas_by_hand() -> None:
    values = [D(1), D(2), D(3), D(6)]
    assert measures.deviation([D(2), D(4), D(4), D(4), D(5), D(5), D(7), D(9)]) == 2
    assert measures.exponential(values, 3) == [D(2), D(4)]
    assert measures.wilder([D(0), D(0), D(4), D(2)], 2) == [D(0), D(2), D(2)]
    assert measures.relative_strength([D(10), D(11), D(9), D(11), D(10)], 4) == 50
    assert measures.relative_strength([D(10)] * 4, 3) == 50
    assert measures.rank(D(3), [D(1), D(2), D(3), D(4)]) == D("0.625")


def test_ranges_count_gaps_and_volume_counts_direction() -> None:
    candles = market(["-5", "-3", "-3", "-6"], margin="1", volumes=[9, 2, 3, 4])
    assert measures.true_ranges(candles) == [4, 2, 5]
    assert measures.average_true_ranges(candles, 2) == [3, 4]
    assert measures.on_balance(candles) == -2
    assert measures.volume_weighted_price(candles[2:]) == (3 * D(-3) + 4 * (D(-2) - 7 - 6) / 3) / 7


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_analysts_and_indicators_speak_of_the_same_numbers(seed: int) -> None:
    candles = random_market(seed, start=5000, count=300)
    closes = [candle.close for candle in candles]
    origin = Origin("simulated", simulated=True)
    series = CandleSeries("BTC/USDT", HOUR, candles, candles[-1].opened_at + HOUR.length, origin)
    shown = compute_indicators(series, find_instrument("BTC/USDT"))
    ours = {
        "SMA(20)": measures.mean(closes[-20:]),
        "EMA(12)": measures.exponential(closes, 12)[-1],
        "EMA(26)": measures.exponential(closes, 26)[-1],
        "RSI(14)": measures.relative_strength(closes, 14),
        "MACD_Histogram": measures.convergence_histogram(closes, 12, 26, 9),
        "ATR(14)": measures.average_true_ranges(candles, 14)[-1],
        "ADX(14)": measures.directional_index(candles, 14),
        "BB_Upper": measures.mean(closes[-20:]) + 2 * measures.deviation(closes[-20:]),
    }
    for name, value in ours.items():
        # the ADX is smoothed twice, and pandas-ta begins otherwise than Wilder
        tolerance = D("0.05") if name == "ADX(14)" else D("0.001")
        assert shown.value(name) == pytest.approx(value, abs=tolerance), name
