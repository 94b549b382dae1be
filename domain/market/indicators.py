"""Technical indicators by pandas-ta; the only module that imports pandas, and slow to import: load it through `IndicatorEngine`."""

import math
from collections.abc import Callable
from decimal import Decimal

import pandas as pd
import pandas_ta as ta

from domain.kernel.errors import DomainError, ErrorCode
from domain.market.candles import Candle, CandleSeries, Indicator, IndicatorSet
from domain.market.instruments import Instrument

MIN_CANDLES = 50
# The indicators whose signals are counted for the summary, as the contract of `/api/v1` lists them.
VOTERS = ("SMA(20)", "SMA(50)", "EMA(12)", "EMA(26)", "RSI(14)", "MACD", "BB_Lower")
PERCENT_DIGITS = 4


def compute_indicators(series: CandleSeries, instrument: Instrument) -> IndicatorSet:
    """Return every indicator at the last closed candle.

    Values in price units carry two digits more than the tick; oscillators (0 to 100) carry 4. A value is None where it cannot be
    computed: VWAP and OBV without any recorded volume, RSI, stochastic and ADX on a market that did not move.

    Signals: moving averages and VWAP `buy` while the price is above and `sell` while it is below; RSI `sell` from 70, `buy` up to 30;
    MACD `buy` while histogram > 0 and MACD > signal, `sell` in the opposite case; `BB_Lower` stands for the bands: `sell` at the upper
    one, `buy` at the lower; ADX from 25 takes the side of the larger directional indicator; `Stoch_K` `sell` from 80, `buy` up to 20;
    OBV `buy` above its own mean of 20 candles, `sell` below. The others give none. Definitions are pandas-ta's: RSI, ATR and ADX
    smooth as Wilder does (alpha = 1/14), EMA and MACD start from a simple mean, the bands are 2 population standard deviations wide,
    the stochastic is the slow one (14, 3, 3), VWAP starts anew at midnight UTC (for daily candles, on the first of the month).

    Raises NOT_ENOUGH_CANDLES below 50 candles.
    """
    if len(series.candles) < MIN_CANDLES:
        raise DomainError(
            ErrorCode.NOT_ENOUGH_CANDLES,
            f"Indicators need at least {MIN_CANDLES} candles, there are {len(series.candles)}",
            symbol=series.symbol,
            needed=MIN_CANDLES,
            available=len(series.candles),
        )
    frame = _frame(series.candles)
    price = float(frame.close.iloc[-1])
    digits = max(0, -int(instrument.tick.normalize().as_tuple().exponent)) + 2
    indicators = (
        *_averages(frame, price, digits),
        *_momentum(frame, digits),
        *_bands(frame, price, digits),
        *_trend(frame, digits),
        *_volume(frame, price, digits, anchor="M" if series.interval.minutes >= 1440 else "D"),
    )
    return IndicatorSet(series.symbol, series.interval, indicators, _summary(indicators), series.as_of, series.origin)


def _frame(candles: tuple[Candle, ...]) -> pd.DataFrame:
    # The zone is dropped since periods have none; all times are UTC.
    index = pd.DatetimeIndex([candle.opened_at.replace(tzinfo=None) for candle in candles])
    columns = ("open", "high", "low", "close", "volume")
    return pd.DataFrame({name: [float(getattr(candle, name)) for candle in candles] for name in columns}, index=index)


def _averages(frame: pd.DataFrame, price: float, digits: int) -> list[Indicator]:
    averages = [
        ("SMA(20)", ta.sma(frame.close, length=20, talib=False)),
        ("SMA(50)", ta.sma(frame.close, length=50, talib=False)),
        ("EMA(12)", ta.ema(frame.close, length=12, talib=False)),
        ("EMA(26)", ta.ema(frame.close, length=26, talib=False)),
    ]
    return [_indicator(name, _last(values), digits, lambda value: _side(price - value)) for name, values in averages]


def _momentum(frame: pd.DataFrame, digits: int) -> list[Indicator]:
    rsi = _last(ta.rsi(frame.close, length=14, talib=False))
    macd, histogram, signal = _last_row(ta.macd(frame.close, fast=12, slow=26, signal=9, talib=False), 3)
    k, d, _ = _last_row(ta.stoch(frame.high, frame.low, frame.close, k=14, d=3, smooth_k=3, talib=False), 3)
    # %K divides by the range of 14 candles and is smoothed over 3: one motionless range in there and it means nothing.
    if bool((frame.high.rolling(14).max() == frame.low.rolling(14).min()).iloc[-5:].any()):
        k = d = None

    def crossing(value: float) -> str:
        if histogram is None or signal is None:
            return "neutral"
        return "buy" if histogram > 0 and value > signal else "sell" if histogram < 0 and value < signal else "neutral"

    return [
        _indicator("RSI(14)", rsi, PERCENT_DIGITS, lambda value: _extreme(value, low=30, high=70)),
        _indicator("MACD", macd, digits, crossing),
        _indicator("MACD_Signal", signal, digits),
        _indicator("MACD_Histogram", histogram, digits),
        _indicator("Stoch_K", k, PERCENT_DIGITS, lambda value: _extreme(value, low=20, high=80)),
        _indicator("Stoch_D", d, PERCENT_DIGITS),
    ]


def _bands(frame: pd.DataFrame, price: float, digits: int) -> list[Indicator]:
    bands = ta.bbands(frame.close, length=20, lower_std=2.0, upper_std=2.0, ddof=0, talib=False)
    lower, middle, upper = _last_row(bands.iloc[:, :3], 3)

    def touched(value: float) -> str:
        if upper is None or upper == value:
            return "neutral"
        return "sell" if price >= upper else "buy" if price <= value else "neutral"

    return [
        _indicator("BB_Upper", upper, digits),
        _indicator("BB_Middle", middle, digits),
        _indicator("BB_Lower", lower, digits, touched),
    ]


def _trend(frame: pd.DataFrame, digits: int) -> list[Indicator]:
    atr = _last(ta.atr(frame.high, frame.low, frame.close, length=14, talib=False))
    directional = ta.adx(frame.high, frame.low, frame.close, length=14, talib=False)
    wanted = ("ADX_14", "DMP_14", "DMN_14")
    adx, plus, minus = (_last(directional[name]) for name in wanted) if directional is not None else (None, None, None)

    def stronger(value: float) -> str:
        return _side(plus - minus) if value >= 25 and plus is not None and minus is not None else "neutral"

    return [
        _indicator("ATR(14)", atr, digits),
        _indicator("ADX(14)", adx, PERCENT_DIGITS, stronger),
        _indicator("Plus_DI(14)", plus, PERCENT_DIGITS),
        _indicator("Minus_DI(14)", minus, PERCENT_DIGITS),
    ]


def _volume(frame: pd.DataFrame, price: float, digits: int, anchor: str) -> list[Indicator]:
    if not bool((frame.volume > 0).any()):
        return [Indicator("OBV", None, None), Indicator("VWAP", None, None)]
    balance = ta.obv(frame.close, frame.volume, talib=False)
    mean = float(balance.iloc[-20:].mean())
    # Not `ta.vwap`, which silences every UserWarning of the process.
    session = pd.PeriodIndex(frame.index, freq=anchor) == pd.Period(frame.index[-1], freq=anchor)
    today = frame[session]
    traded = float(today.volume.sum())
    turnover = float(((today.high + today.low + today.close) / 3 * today.volume).sum())
    return [
        _indicator("OBV", _last(balance), PERCENT_DIGITS, lambda value: _side(value - mean)),
        _indicator("VWAP", turnover / traded if traded > 0 else None, digits, lambda value: _side(price - value)),
    ]


def _last(values: "pd.Series[float] | None") -> float | None:
    if values is None or len(values) == 0:
        return None
    value = float(values.iloc[-1])
    return value if math.isfinite(value) else None


def _last_row(table: pd.DataFrame | None, columns: int) -> list[float | None]:
    return [None] * columns if table is None else [_last(table.iloc[:, column]) for column in range(columns)]


def _indicator(name: str, value: float | None, digits: int, signal: Callable[[float], str] | None = None) -> Indicator:
    if value is None:
        return Indicator(name, None, None)
    # The sign of a negative zero would only confuse.
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits)) + 0
    return Indicator(name, rounded, signal(value) if signal else None)


def _side(difference: float) -> str:
    return "buy" if difference > 0 else "sell" if difference < 0 else "neutral"


def _extreme(value: float, low: float, high: float) -> str:
    return "sell" if value >= high else "buy" if value <= low else "neutral"


def _summary(indicators: tuple[Indicator, ...]) -> str:
    votes = [indicator.signal for indicator in indicators if indicator.name in VOTERS]
    difference = votes.count("buy") - votes.count("sell")
    return "bullish" if difference > 0 else "bearish" if difference < 0 else "neutral"
