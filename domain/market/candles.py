"""The shapes of market data: candles, tickers and prices, each naming where it comes from."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Self

from domain.kernel.errors import DomainError, ErrorCode


class Interval(Enum):
    """How long one candle lasts. Candles are aligned to the Unix epoch in UTC."""

    MINUTE_1 = "1m"
    MINUTE_3 = "3m"
    MINUTE_5 = "5m"
    MINUTE_15 = "15m"
    MINUTE_30 = "30m"
    HOUR_1 = "1h"
    HOUR_2 = "2h"
    HOUR_4 = "4h"
    HOUR_6 = "6h"
    HOUR_8 = "8h"
    HOUR_12 = "12h"
    DAY_1 = "1d"

    @property
    def minutes(self) -> int:
        number, unit = int(self.value[:-1]), self.value[-1]
        return number * {"m": 1, "h": 60, "d": 1440}[unit]

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the interval with this wire name; raises UNKNOWN_INTERVAL."""
        try:
            return cls(text)
        except ValueError:
            known = [interval.value for interval in cls]
            raise DomainError(ErrorCode.UNKNOWN_INTERVAL, f"Unknown interval: {text[:20]}", interval=text[:20], known=known) from None


@dataclass(frozen=True, slots=True)
class Candle:
    """Prices in the instrument's currency, volume in its unit; `opened_at` is the start of the interval."""

    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an answer comes from.

    `source` is the source's name (`simulated`, `replay:<folder>`, an exchange id). `stale` is true when the newest value is
    older than it should be. `note` says openly how the values were made when they are not recorded as they stand.
    """

    source: str
    simulated: bool
    stale: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class CandleSeries:
    """Closed candles, oldest first. `as_of` is the market time of the answer."""

    symbol: str
    interval: Interval
    candles: tuple[Candle, ...]
    as_of: datetime
    origin: Origin


@dataclass(frozen=True, slots=True)
class Ticker:
    """The last 24 hours; `volume_24h` is in the quote currency, `change_percent_24h` in percent."""

    symbol: str
    price: Decimal
    change_24h: Decimal
    change_percent_24h: Decimal
    high_24h: Decimal
    low_24h: Decimal
    volume_24h: Decimal
    as_of: datetime
    origin: Origin


@dataclass(frozen=True, slots=True)
class Tick:
    """The price now."""

    symbol: str
    price: Decimal
    as_of: datetime
    origin: Origin


@dataclass(frozen=True, slots=True)
class Indicator:
    """One computed value; `signal` is `buy`, `sell`, `neutral` or None where it gives none. `value` is None when uncomputable."""

    name: str
    value: Decimal | None
    signal: str | None


@dataclass(frozen=True, slots=True)
class IndicatorSet:
    """Indicators over the closed candles of one series; `summary` is `bullish`, `bearish` or `neutral`."""

    symbol: str
    interval: Interval
    indicators: tuple[Indicator, ...]
    summary: str
    as_of: datetime
    origin: Origin

    def value(self, name: str) -> Decimal | None:
        """Return the value of the indicator with this name, None if it is absent or uncomputable."""
        return next((indicator.value for indicator in self.indicators if indicator.name == name), None)
