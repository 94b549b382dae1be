"""The port behind which every market source stands: simulated, replayed or a real exchange."""

from datetime import datetime
from decimal import Decimal
from typing import Protocol

from domain.market.candles import Candle, Interval, Origin
from domain.market.instruments import Instrument


class MarketSource(Protocol):
    """Raw market data of one origin. Implementations do not cache: `Market` does."""

    @property
    def name(self) -> str: ...

    def now(self) -> datetime:
        """Return the market time: the wall clock for live and simulated data, the recorded time for a replay."""
        ...

    def origin(self, instrument: Instrument) -> Origin: ...

    def finest_interval(self, instrument: Instrument) -> Interval:
        """Return the shortest interval that the source carries for the instrument. Raises NO_MARKET_DATA."""
        ...

    async def candles(self, instrument: Instrument, interval: Interval, limit: int, end: datetime | None = None) -> tuple[Candle, ...]:
        """Return up to `limit` candles that had closed by `end` (default now), oldest first.

        Raises NO_MARKET_DATA when the source does not carry the instrument, MARKET_UNAVAILABLE when it does not answer.
        """
        ...

    async def price(self, instrument: Instrument) -> tuple[Decimal, datetime]:
        """Return the last price and its market time. Errors as for `candles`."""
        ...

    async def close(self) -> None: ...
