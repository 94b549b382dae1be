"""What clients may ask of the market; reading it needs no permission."""

from collections.abc import Sequence

from domain.market.candles import CandleSeries, IndicatorSet, Tick, Ticker
from domain.market.instruments import Instrument, all_instruments, find_instrument
from domain.market.market import Market
from domain.runtime.operation import Operation


async def get_ohlc(operation: Operation, symbol: str, interval: str = "1h", limit: int = 100) -> CandleSeries:
    """Return up to `limit` (1 to 1000) closed candles, oldest first.

    Raises UNKNOWN_SYMBOL, UNKNOWN_INTERVAL, VALIDATION_ERROR, NO_MARKET_DATA, MARKET_UNAVAILABLE.
    """
    return await operation.use(Market).candles(symbol, interval, limit)


async def get_ticker(operation: Operation, symbol: str) -> Ticker:
    """Return the price with its change, extremes and turnover over the last 24 hours.

    Raises UNKNOWN_SYMBOL, NO_MARKET_DATA, MARKET_UNAVAILABLE.
    """
    return await operation.use(Market).ticker(symbol)


async def get_tickers(operation: Operation, symbols: Sequence[str]) -> list[Ticker]:
    """Return the tickers of these symbols, in their order. Errors as for `get_ticker`."""
    return await operation.use(Market).tickers(symbols)


async def get_price(operation: Operation, symbol: str) -> Tick:
    """Return the price now. Raises UNKNOWN_SYMBOL, NO_MARKET_DATA, MARKET_UNAVAILABLE."""
    return await operation.use(Market).price(symbol)


async def get_indicators(operation: Operation, symbol: str, interval: str = "1h", limit: int = 100) -> IndicatorSet:
    """Return the indicators over the last `limit` closed candles.

    Raises NOT_ENOUGH_CANDLES below 50 candles, UNKNOWN_SYMBOL, UNKNOWN_INTERVAL, VALIDATION_ERROR, NO_MARKET_DATA, MARKET_UNAVAILABLE.
    """
    return await operation.use(Market).indicators(symbol, interval, limit)


async def list_instruments(operation: Operation) -> tuple[Instrument, ...]:
    """Return the whole catalogue."""
    return all_instruments()


async def get_instrument(operation: Operation, symbol: str) -> Instrument:
    """Return the instrument that this spelling or alias names. Raises UNKNOWN_SYMBOL."""
    return find_instrument(symbol)
