"""Market data as `/api/v1` shows it: the camelCase its clients know, and the origin of every answer."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field

from domain.market.candles import Candle, CandleSeries, Indicator, IndicatorSet, Origin, Tick, Ticker

CandleLimit = Annotated[int, Field(ge=1, le=1000)]
IndicatorLimit = Annotated[int, Field(ge=50, le=500)]


@dataclass(frozen=True, slots=True)
class OriginView:
    """Which source the data is from, and how far it may be trusted."""

    source: str
    simulated: bool
    stale: bool
    note: str | None

    @classmethod
    def of(cls, origin: Origin) -> Self:
        return cls(origin.source, origin.simulated, origin.stale, origin.note)


@dataclass(frozen=True, slots=True)
class CandleView:
    """`time` is the start of the candle in Unix seconds."""

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    @classmethod
    def of(cls, candle: Candle) -> Self:
        return cls(int(candle.opened_at.timestamp()), candle.open, candle.high, candle.low, candle.close, candle.volume)


@dataclass(frozen=True, slots=True)
class OHLCView:
    """Closed candles, oldest first."""

    symbol: str
    interval: str
    candles: list[CandleView]
    as_of: datetime
    origin: OriginView

    @classmethod
    def of(cls, series: CandleSeries) -> Self:
        candles = [CandleView.of(candle) for candle in series.candles]
        return cls(series.symbol, series.interval.value, candles, series.as_of, OriginView.of(series.origin))


@dataclass(frozen=True, slots=True)
class TickerView:
    """The last 24 hours; `volume24h` is in the quote currency."""

    symbol: str
    price: Decimal
    change24h: Decimal
    changePercent24h: Decimal  # the documented spelling
    high24h: Decimal
    low24h: Decimal
    volume24h: Decimal
    as_of: datetime
    origin: OriginView

    @classmethod
    def of(cls, ticker: Ticker) -> Self:
        return cls(
            ticker.symbol,
            ticker.price,
            ticker.change_24h,
            ticker.change_percent_24h,
            ticker.high_24h,
            ticker.low_24h,
            ticker.volume_24h,
            ticker.as_of,
            OriginView.of(ticker.origin),
        )


@dataclass(frozen=True, slots=True)
class PriceView:
    """The price now."""

    symbol: str
    price: Decimal
    as_of: datetime
    origin: OriginView

    @classmethod
    def of(cls, tick: Tick) -> Self:
        return cls(tick.symbol, tick.price, tick.as_of, OriginView.of(tick.origin))


@dataclass(frozen=True, slots=True)
class IndicatorView:
    """One computed value; null where the data does not allow it."""

    name: str
    value: Decimal | None
    signal: str | None

    @classmethod
    def of(cls, indicator: Indicator) -> Self:
        return cls(indicator.name, indicator.value, indicator.signal)


@dataclass(frozen=True, slots=True)
class IndicatorsView:
    """Indicators over the closed candles; `summary` is bullish, bearish or neutral."""

    symbol: str
    interval: str
    indicators: list[IndicatorView]
    summary: str
    as_of: datetime
    origin: OriginView

    @classmethod
    def of(cls, found: IndicatorSet) -> Self:
        indicators = [IndicatorView.of(indicator) for indicator in found.indicators]
        return cls(found.symbol, found.interval.value, indicators, found.summary, found.as_of, OriginView.of(found.origin))
