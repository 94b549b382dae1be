"""Indicators against values that were computed here by hand, from their definitions."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import fmean, pstdev

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.market.candles import Candle, CandleSeries, IndicatorSet, Interval, Origin
from domain.market.indicators import compute_indicators
from domain.market.instruments import find_instrument
from domain.market.warm_up import is_warm

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROOT = Path(__file__).resolve().parents[3]
NAMES = [
    *("SMA(20)", "SMA(50)", "EMA(12)", "EMA(26)", "RSI(14)", "MACD", "MACD_Signal", "MACD_Histogram", "Stoch_K", "Stoch_D"),
    *("BB_Upper", "BB_Middle", "BB_Lower", "ATR(14)", "ADX(14)", "Plus_DI(14)", "Minus_DI(14)", "OBV", "VWAP"),
]


def series_of(closes: Sequence[float | str], volume: str = "2", spread: str = "1") -> CandleSeries:
    prices = [Decimal(str(close)) for close in closes]
    candles = tuple(
        Candle(
            START + number * HOUR,
            before,
            max(before, close) + Decimal(spread),
            min(before, close) - Decimal(spread),
            close,
            Decimal(volume),
        )
        for number, (before, close) in enumerate(zip([prices[0], *prices], prices, strict=False))
    )
    return CandleSeries("BTC/USDT", Interval.HOUR_1, candles, START + len(candles) * HOUR, Origin("test", simulated=True))


def indicators_of(closes: Sequence[float | str], **more: str) -> IndicatorSet:
    return compute_indicators(series_of(closes, **more), find_instrument("BTC/USDT"))


def signals_of(answer: IndicatorSet) -> dict[str, str | None]:
    return {indicator.name: indicator.signal for indicator in answer.indicators}


def value_of(answer: IndicatorSet, name: str) -> float:
    value = answer.value(name)
    assert value is not None
    return float(value)


def close_to(expected: float) -> object:
    return pytest.approx(expected, abs=1e-4)


# Up and down by varying amounts, without a pattern that a wrong period could share.
WAVE = [round(100 + 9 * ((n * 37) % 23) / 22 + n * 0.07 - ((n * n) % 7) * 0.6, 2) for n in range(100)]


def test_every_indicator_is_there_in_a_fixed_order() -> None:
    assert [indicator.name for indicator in indicators_of(WAVE).indicators] == NAMES


def test_simple_averages_and_bands() -> None:
    answer = indicators_of(WAVE)
    last20 = WAVE[-20:]
    assert value_of(answer, "SMA(20)") == close_to(fmean(last20))
    assert value_of(answer, "SMA(50)") == close_to(fmean(WAVE[-50:]))
    assert value_of(answer, "BB_Middle") == close_to(fmean(last20))
    assert value_of(answer, "BB_Upper") == close_to(fmean(last20) + 2 * pstdev(last20))
    assert value_of(answer, "BB_Lower") == close_to(fmean(last20) - 2 * pstdev(last20))


def exponential(values: Sequence[float], period: int) -> list[float]:
    averages = [fmean(values[:period])]
    for value in values[period:]:
        averages.append(averages[-1] + (value - averages[-1]) * 2 / (period + 1))
    return averages


def test_exponential_averages_and_macd() -> None:
    answer = indicators_of(WAVE)
    fast, slow = exponential(WAVE, 12), exponential(WAVE, 26)
    macd = [quick - steady for quick, steady in zip(fast[14:], slow, strict=True)]
    signal = exponential(macd, 9)[-1]
    assert value_of(answer, "EMA(12)") == close_to(fast[-1])
    assert value_of(answer, "EMA(26)") == close_to(slow[-1])
    assert value_of(answer, "MACD") == close_to(macd[-1])
    assert value_of(answer, "MACD_Signal") == close_to(signal)
    assert value_of(answer, "MACD_Histogram") == close_to(macd[-1] - signal)


def smoothed(values: Sequence[float]) -> float:
    average = values[0]
    for value in values[1:]:
        average += (value - average) / 14
    return average


def relative_strength(closes: Sequence[float], seed: int) -> float:
    changes = [after - before for before, after in pairwise(closes)]
    gains, losses = [max(change, 0) for change in changes], [max(-change, 0) for change in changes]
    gain = smoothed([fmean(gains[:seed]), *gains[seed:]])
    loss = smoothed([fmean(losses[:seed]), *losses[seed:]])
    return 100 * gain / (gain + loss)


def test_relative_strength_smooths_as_wilder_does() -> None:
    assert value_of(indicators_of(WAVE), "RSI(14)") == close_to(relative_strength(WAVE, seed=1))
    # Wilder starts from the mean of 14 changes, pandas-ta from the first one; after 100 candles that is forgotten.
    assert value_of(indicators_of(WAVE), "RSI(14)") == pytest.approx(relative_strength(WAVE, seed=14), abs=0.15)


def test_true_range_averages_as_wilder_does() -> None:
    candles = series_of(WAVE).candles
    ranges = [float(candles[0].high - candles[0].low)] + [
        float(max(now.high, before.close) - min(now.low, before.close)) for before, now in pairwise(candles)
    ]
    assert value_of(indicators_of(WAVE), "ATR(14)") == close_to(smoothed([fmean(ranges[:14]), *ranges[14:]]))


def test_stochastic_balance_of_volume_and_session_average() -> None:
    answer, candles = indicators_of(WAVE), series_of(WAVE).candles
    raw = []
    for end in range(len(candles) - 5, len(candles) + 1):
        window = candles[end - 14 : end]
        low, high = float(min(candle.low for candle in window)), float(max(candle.high for candle in window))
        raw.append(100 * (float(window[-1].close) - low) / (high - low))
    slow = [fmean(raw[i - 3 : i]) for i in range(len(raw) - 2, len(raw) + 1)]
    assert value_of(answer, "Stoch_K") == close_to(slow[-1])
    assert value_of(answer, "Stoch_D") == close_to(fmean(slow))
    moves = [(after > before) - (after < before) for before, after in pairwise(WAVE)]
    assert answer.value("OBV") == 2 * sum(moves)
    # 100 hours end at 04:00 of the fifth day.
    session = [float(candle.high + candle.low + candle.close) / 3 for candle in candles[96:]]
    assert value_of(answer, "VWAP") == close_to(fmean(session))


def test_a_steady_rise_is_a_strong_trend_upwards() -> None:
    answer = indicators_of([100 + n for n in range(60)])
    assert answer.value("RSI(14)") == 100
    assert value_of(answer, "ADX(14)") > 90
    assert value_of(answer, "Plus_DI(14)") > 30 and answer.value("Minus_DI(14)") == 0
    signals = signals_of(answer)
    assert [signals[name] for name in ("SMA(20)", "SMA(50)", "EMA(12)", "EMA(26)", "ADX(14)", "OBV", "VWAP")] == ["buy"] * 7
    assert [signals[name] for name in ("RSI(14)", "Stoch_K")] == ["sell"] * 2
    assert answer.summary == "bullish"


def test_a_steady_fall_through_zero_is_bearish() -> None:
    answer = indicators_of([20 - n for n in range(60)], volume="0")
    assert answer.value("SMA(20)") == Decimal("-29.5")
    assert answer.value("RSI(14)") == 0
    assert answer.summary == "bearish"
    assert signals_of(answer)["ADX(14)"] == "sell"


def test_what_cannot_be_computed_is_none() -> None:
    answer = indicators_of(["50"] * 60, volume="0", spread="0")
    uncomputable = [indicator.name for indicator in answer.indicators if indicator.value is None]
    assert uncomputable == ["RSI(14)", "Stoch_K", "Stoch_D", "ADX(14)", "OBV", "VWAP"]
    assert answer.value("ATR(14)") == answer.value("Plus_DI(14)") == answer.value("Minus_DI(14)") == 0
    assert {indicator.signal for indicator in answer.indicators} == {"neutral", None}
    assert answer.summary == "neutral"


def test_a_sudden_fall_touches_the_lower_band() -> None:
    assert signals_of(indicators_of([*WAVE[:60], 60]))["BB_Lower"] == "buy"
    assert signals_of(indicators_of([*WAVE[:60], 140]))["BB_Lower"] == "sell"
    assert signals_of(indicators_of([*WAVE[:60], 104]))["BB_Lower"] == "neutral"


def test_prices_carry_two_digits_more_than_the_tick() -> None:
    assert [str(indicators_of([7] * 50).value(name)) for name in ("SMA(50)", "BB_Upper", "MACD")] == ["7.0000", "7.0000", "0.0000"]
    gasoline = compute_indicators(series_of([7] * 50), find_instrument("RB"))
    assert str(gasoline.value("SMA(50)")) == "7.000000"


def test_fewer_than_fifty_candles_are_refused() -> None:
    with pytest.raises(DomainError) as refusal:
        indicators_of(WAVE[:49])
    assert refusal.value.code is ErrorCode.NOT_ENOUGH_CANDLES
    assert refusal.value.details["available"] == 49
    assert indicators_of(WAVE[:50]).value("SMA(50)") is not None


def test_warming_up_is_silent_and_may_be_repeated() -> None:
    for _ in range(2):
        done = subprocess.run([sys.executable, "-m", "domain.market.warm_up"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("", "")
    assert is_warm()


def test_the_warm_up_compiles_all_that_is_used() -> None:
    for answer in (indicators_of(WAVE), indicators_of([20 - n for n in range(60)], volume="0"), indicators_of(["50"] * 70, spread="0")):
        assert answer.indicators
    compiled = sys.modules["pandas_ta.overlap.sma"].nb_sma
    assert len(compiled.signatures) == 1
