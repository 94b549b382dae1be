"""Answers GraphQL's questions about the market, and streams prices."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import strawberry

from domain.kernel.errors import DomainError, ErrorCode
from domain.market import candles as data
from domain.market import instruments as catalogue
from domain.market import service
from domain.market.candles import Interval
from domain.market.market import Market
from schema.context import Info
from schema.fields import field, subscription
from schema.market import CandleSeries, IndicatorSet, Instrument, Tick, Ticker

MAX_SYMBOLS = 50
OPEN = "Open without a token."
SYMBOL = "Any spelling or alias of a symbol will do."


@strawberry.type
class MarketQueries:
    @field(list[Instrument], f"Everything that can be traded, in a fixed order. {OPEN}")
    async def instruments(self, info: Info) -> Sequence[catalogue.Instrument]:
        return await service.list_instruments(info.context.operation)

    @field(Instrument | None, f"One instrument. {SYMBOL} {OPEN} Raises UNKNOWN_SYMBOL.")
    async def instrument(self, info: Info, symbol: str) -> catalogue.Instrument:
        return await service.get_instrument(info.context.operation, symbol)

    @field(
        CandleSeries | None,
        f"Up to `limit` (1 to 1000) closed candles, oldest first. {SYMBOL} {OPEN} Raises UNKNOWN_SYMBOL, NO_MARKET_DATA.",
        cost=5,
    )
    async def candles(self, info: Info, symbol: str, interval: Interval = Interval.HOUR_1, limit: int = 100) -> data.CandleSeries:
        return await service.get_ohlc(info.context.operation, symbol, interval.value, limit)

    @field(
        Ticker | None,
        f"Price, change, extremes and turnover of the last 24 hours. {SYMBOL} {OPEN} Raises UNKNOWN_SYMBOL, NO_MARKET_DATA.",
        cost=2,
    )
    async def ticker(self, info: Info, symbol: str) -> data.Ticker:
        return await service.get_ticker(info.context.operation, symbol)

    @field(
        list[Ticker] | None,
        f"Several tickers, in the order of the symbols (at most {MAX_SYMBOLS}). {OPEN} Raises UNKNOWN_SYMBOL.",
        cost=10,
    )
    async def tickers(self, info: Info, symbols: list[str]) -> Sequence[data.Ticker]:
        return await service.get_tickers(info.context.operation, _few(symbols))

    @field(Tick | None, f"The price now. {SYMBOL} {OPEN} Raises UNKNOWN_SYMBOL, NO_MARKET_DATA.", cost=2)
    async def price(self, info: Info, symbol: str) -> data.Tick:
        return await service.get_price(info.context.operation, symbol)

    @field(
        IndicatorSet | None,
        f"Technical indicators over the last `limit` (50 to 1000) closed candles. {SYMBOL} {OPEN} Raises UNKNOWN_SYMBOL, "
        "NOT_ENOUGH_CANDLES.",
        cost=10,
    )
    async def indicators(self, info: Info, symbol: str, interval: Interval = Interval.HOUR_1, limit: int = 100) -> data.IndicatorSet:
        return await service.get_indicators(info.context.operation, symbol, interval.value, limit)


@strawberry.type
class MarketSubscriptions:
    @subscription(
        Tick,
        f"The price of each symbol now (at most {MAX_SYMBOLS}), and again whenever it changes. Prices are not stored: a slow client sees "
        "fewer of them, always the newest. Raises UNKNOWN_SYMBOL.",
    )
    async def price_ticks(self, info: Info, symbols: list[str]) -> AsyncGenerator[data.Tick]:
        market = info.context.operation.use(Market)
        async with aclosing(market.ticks(_few(symbols))) as ticks:
            async for tick in ticks:
                yield tick


def _few(symbols: list[str]) -> list[str]:
    if not 1 <= len(symbols) <= MAX_SYMBOLS:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"Name 1 to {MAX_SYMBOLS} symbols", field="symbols", limit=MAX_SYMBOLS)
    return symbols
