"""The exact point-in-time input of one run: stored whole, so that a decision can be repeated and checked later."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from domain.kernel.clock import as_utc
from domain.kernel.money import plain
from domain.market.candles import Candle, CandleSeries, Indicator, IndicatorSet, Interval, Ticker

DOCUMENT_VERSION = 1
_CANDLE_COLUMNS = ["opened_at", "open", "high", "low", "close", "volume"]
_TICKER_FIELDS = ("price", "change_24h", "change_percent_24h", "high_24h", "low_24h", "volume_24h")


@dataclass(frozen=True, slots=True)
class MarketSnapshot:
    """All that an analyst may know.

    `as_of` is the market time of the newest value; no candle closes after it. `candles` are closed ones, oldest first.
    Prices are in the instrument's currency and may be negative; `volume_24h` is in the quote currency.
    """

    symbol: str
    interval: Interval
    as_of: datetime
    source: str
    simulated: bool
    stale: bool
    note: str | None
    price: Decimal
    change_24h: Decimal
    change_percent_24h: Decimal
    high_24h: Decimal
    low_24h: Decimal
    volume_24h: Decimal
    candles: tuple[Candle, ...]
    indicators: tuple[Indicator, ...]
    summary: str

    def __post_init__(self) -> None:
        opened = [candle.opened_at for candle in self.candles]
        if any(later <= earlier for earlier, later in itertools.pairwise(opened)):
            raise ValueError("candles must be in order of time, oldest first")
        if opened and opened[-1] + self.interval.length > self.as_of:
            raise ValueError("the newest candle had not closed yet: an analyst would look ahead")

    def value(self, name: str) -> Decimal | None:
        """Return the value of the indicator with this name, None if it is absent or uncomputable."""
        return next((indicator.value for indicator in self.indicators if indicator.name == name), None)

    def to_document(self) -> dict[str, object]:
        """Return JSON values: decimals as plain strings, times as RFC 3339 with all six decimals."""
        return {
            "version": DOCUMENT_VERSION,
            "symbol": self.symbol,
            "interval": self.interval.value,
            "as_of": _time(self.as_of),
            "source": self.source,
            "simulated": self.simulated,
            "stale": self.stale,
            "note": self.note,
            **{field: _number(getattr(self, field)) for field in _TICKER_FIELDS},
            "candles": {
                "columns": list(_CANDLE_COLUMNS),
                "rows": [[_time(c.opened_at), *map(_number, (c.open, c.high, c.low, c.close, c.volume))] for c in self.candles],
            },
            "indicators": [
                {"name": i.name, "value": None if i.value is None else _number(i.value), "signal": i.signal} for i in self.indicators
            ],
            "summary": self.summary,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the snapshot that `to_document` wrote; raises ValueError for a version that this code does not read."""
        if document["version"] != DOCUMENT_VERSION or document["candles"]["columns"] != _CANDLE_COLUMNS:
            raise ValueError(f"unreadable snapshot version: {document['version']}")
        return cls(
            symbol=document["symbol"],
            interval=Interval(document["interval"]),
            as_of=_moment(document["as_of"]),
            source=document["source"],
            simulated=document["simulated"],
            stale=document["stale"],
            note=document["note"],
            **{field: Decimal(document[field]) for field in _TICKER_FIELDS},
            candles=tuple(Candle(_moment(at), *map(Decimal, values)) for at, *values in document["candles"]["rows"]),
            indicators=tuple(
                Indicator(row["name"], None if row["value"] is None else Decimal(row["value"]), row["signal"])
                for row in document["indicators"]
            ),
            summary=document["summary"],
        )

    def fingerprint(self) -> str:
        """Return the SHA-256 of the canonical JSON, in hex: equal snapshots, and only those, have equal ones."""
        canonical = json.dumps(self.to_document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def snapshot_of(series: CandleSeries, ticker: Ticker, indicators: IndicatorSet) -> MarketSnapshot:
    """Return what is known at the later of the two market times; stale or simulated if any part is.

    Raises ValueError when the three parts are not of one symbol and interval.
    """
    if len({series.symbol, ticker.symbol, indicators.symbol}) > 1 or series.interval is not indicators.interval:
        raise ValueError("candles, ticker and indicators must be of one symbol and interval")
    origins = (series.origin, ticker.origin, indicators.origin)
    notes = dict.fromkeys(origin.note for origin in origins if origin.note)
    return MarketSnapshot(
        symbol=series.symbol,
        interval=series.interval,
        as_of=max(series.as_of, ticker.as_of),
        source=series.origin.source,
        simulated=any(origin.simulated for origin in origins),
        stale=any(origin.stale for origin in origins),
        note="; ".join(notes) or None,
        **{field: getattr(ticker, field) for field in _TICKER_FIELDS},
        candles=series.candles,
        indicators=indicators.indicators,
        summary=indicators.summary,
    )


def _time(moment: datetime) -> str:
    return as_utc(moment).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    return as_utc(datetime.fromisoformat(text))


def _number(value: Decimal) -> str:
    return plain(value) if value else "0"  # minus zero is zero, and must hash like it
