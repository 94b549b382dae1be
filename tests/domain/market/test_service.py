"""Market reads through the services that every door calls."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import ANONYMOUS
from domain.market.candles import Interval
from domain.market.instruments import all_instruments
from domain.market.market import Market
from domain.market.service import get_indicators, get_instrument, get_ohlc, get_price, get_ticker, get_tickers, list_instruments
from domain.market.simulated import SimulatedSource
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime


@pytest.fixture
async def visitor(runtime: Runtime, clock: ManualClock) -> AsyncIterator[Operation]:
    market = Market(SimulatedSource(clock, seed=7))
    runtime.provide(Market, market)
    yield runtime.operation(ANONYMOUS)
    await market.close()


async def test_a_visitor_may_read_the_market(visitor: Operation, clock: ManualClock) -> None:
    series = await get_ohlc(visitor, "btcusdt", "5m", 3)
    assert (series.symbol, series.interval, len(series.candles)) == ("BTC/USDT", Interval.MINUTE_5, 3)
    tick = await get_price(visitor, "WTI")
    assert (tick.symbol, tick.as_of) == ("CL", clock.now())
    ticker = await get_ticker(visitor, "CL")
    assert ticker.price == tick.price
    assert await get_tickers(visitor, ["CL"]) == [ticker]
    indicators = await get_indicators(visitor, "CL")
    assert (indicators.interval, indicators.summary in {"bullish", "bearish", "neutral"}) == (Interval.HOUR_1, True)
    assert all(answer.origin.simulated for answer in (series, tick, ticker, indicators))


async def test_the_catalogue_is_open_too(visitor: Operation) -> None:
    assert await list_instruments(visitor) == all_instruments()
    assert (await get_instrument(visitor, "brent")).contract_size == Decimal(1000)


async def test_a_refusal_carries_its_code(visitor: Operation) -> None:
    for question, code in (
        (get_ohlc(visitor, "NOPE"), ErrorCode.UNKNOWN_SYMBOL),
        (get_ohlc(visitor, "BTC/USDT", "1w"), ErrorCode.UNKNOWN_INTERVAL),
        (get_ohlc(visitor, "BTC/USDT", "1h", 1001), ErrorCode.VALIDATION_ERROR),
        (get_indicators(visitor, "BTC/USDT", "1h", 49), ErrorCode.NOT_ENOUGH_CANDLES),
        (get_tickers(visitor, ["BTC/USDT", "NOPE"]), ErrorCode.UNKNOWN_SYMBOL),
    ):
        with pytest.raises(DomainError) as refusal:
            await question
        assert refusal.value.code is code
