"""The market as the rest of the domain sees it: one source behind a cache, with one fetch in flight per question."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import percent_of
from domain.market.candles import Candle, CandleSeries, IndicatorSet, Interval, Tick, Ticker
from domain.market.indicator_engine import IndicatorEngine
from domain.market.instruments import Instrument, find_instrument
from domain.market.memory import Memory, SharedCalls
from domain.market.source import MarketSource

log = structlog.get_logger()
MAX_CANDLES = 1000
# 288 candles are fine enough for the extremes of a day and quick to make.
TICKER_INTERVAL = Interval.MINUTE_5
DAY = timedelta(days=1)
# Less than the second between two ticks, so that every tick is a new look.
FRESH_SECONDS = 0.5
# The market's clock may run ahead of the wall by this much before a remembered price counts as another time's price.
CLOCK_TOLERANCE = timedelta(milliseconds=10)


class Market:
    """Prices, candles and indicators of one source.

    Closed candles and indicators are remembered until the next candle closes, prices and tickers for half a second, and never
    across a jump of the market's clock. Symbols may be spelled in any way that `find_instrument` knows; answers carry the canonical one.
    Every method raises UNKNOWN_SYMBOL, NO_MARKET_DATA when the source lacks the instrument, and MARKET_UNAVAILABLE when it does not answer.
    """

    def __init__(self, source: MarketSource, wall: Callable[[], float] = time.monotonic) -> None:
        self._source, self._wall = source, wall
        self._series: Memory[tuple[str, Interval], tuple[CandleSeries, int, bool]] = Memory(capacity=128)
        self._indicators: Memory[tuple[str, Interval, int], tuple[CandleSeries, IndicatorSet]] = Memory(capacity=512)
        self._prices: Memory[str, Tick] = Memory(capacity=256)
        self._tickers: Memory[str, Ticker] = Memory(capacity=256)
        self._calls = SharedCalls()
        self._engine = IndicatorEngine()

    @property
    def source(self) -> str:
        """The name of the source, as every answer carries it."""
        return self._source.name

    def now(self) -> datetime:
        """Return the market time; in a replay this is the recorded time."""
        return self._source.now()

    async def start(self) -> None:
        """Begin to make the indicators ready in the background; the first request for them waits until they are."""
        self._engine.start()

    async def close(self) -> None:
        await self._calls.close()
        await self._engine.close()
        await self._source.close()

    async def candles(self, symbol: str, interval: Interval | str = Interval.HOUR_1, limit: int = 100) -> CandleSeries:
        """Return up to `limit` (1 to 1000) closed candles, oldest first.

        Raises UNKNOWN_INTERVAL, and VALIDATION_ERROR for a limit outside its bounds.
        """
        instrument, interval, limit = find_instrument(symbol), _interval(interval), _limit(limit)
        key = (instrument.symbol, interval)
        remembered = self._series.get(key)
        if remembered is None or not self._covers(remembered.value, limit, remembered.age(self._wall())):

            async def fetch() -> CandleSeries:
                as_of = self.now()
                candles = await self._source.candles(instrument, interval, limit, as_of)
                series = CandleSeries(instrument.symbol, interval, candles, as_of, self._source.origin(instrument))
                self._series.put(key, (series, limit, _is_complete(series)), self._wall())
                return series

            return await self._calls.share(("candles", *key, limit), fetch)
        series, asked, _ = remembered.value
        return series if limit >= asked else replace(series, candles=series.candles[-limit:])

    async def price(self, symbol: str) -> Tick:
        """Return the price now."""
        instrument = find_instrument(symbol)
        remembered = self._prices.get(instrument.symbol)
        if remembered is not None and self._is_fresh(remembered.value.as_of, remembered.age(self._wall())):
            return remembered.value

        async def fetch() -> Tick:
            asked_at = self.now()
            price, _ = await self._source.price(instrument)
            tick = Tick(instrument.symbol, price, asked_at, self._source.origin(instrument))
            self._prices.put(instrument.symbol, tick, self._wall())
            return tick

        return await self._calls.share(("price", instrument.symbol), fetch)

    async def prices(self, symbols: Iterable[str]) -> dict[str, Tick]:
        """Return the prices that are to be had now, by the symbols as they were given; raises nothing.

        One without a price, whatever the reason, is logged and left out: those who watch many must not stop at the trouble of one.
        """
        asked = sorted(set(symbols))
        answers = await asyncio.gather(*(self.price(symbol) for symbol in asked), return_exceptions=True)
        ticks = {}
        for symbol, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Tick):
                ticks[symbol] = answer
            else:
                defect = None if isinstance(answer, DomainError) else answer
                log.warning("market.no_price", symbol=symbol, reason=str(answer), exc_info=defect)
        return ticks

    async def ticker(self, symbol: str) -> Ticker:
        """Return the price with its change, extremes and turnover over the last 24 hours.

        The window starts on a candle's edge: up to 5 minutes, or one recorded candle where those are longer, before now less 24 hours.
        """
        instrument = find_instrument(symbol)
        remembered = self._tickers.get(instrument.symbol)
        if remembered is not None and self._is_fresh(remembered.value.as_of, remembered.age(self._wall())):
            return remembered.value

        async def fetch() -> Ticker:
            ticker = await self._fetch_ticker(instrument)
            self._tickers.put(instrument.symbol, ticker, self._wall())
            return ticker

        return await self._calls.share(("ticker", instrument.symbol), fetch)

    async def day_volume(self, symbol: str) -> Decimal:
        """Return how many units were traded in the last 24 closed hours: the same number for a whole hour."""
        instrument = find_instrument(symbol)
        interval = max(Interval.HOUR_1, self._source.finest_interval(instrument), key=lambda interval: interval.minutes)
        series = await self.candles(instrument.symbol, interval, -(-DAY // interval.length))
        return sum((candle.volume for candle in series.candles), Decimal(0))

    async def tickers(self, symbols: Sequence[str]) -> list[Ticker]:
        """Return the tickers of these symbols, in their order."""
        return list(await asyncio.gather(*(self.ticker(symbol) for symbol in symbols)))

    async def indicators(self, symbol: str, interval: Interval | str = Interval.HOUR_1, limit: int = 100) -> IndicatorSet:
        """Return the indicators over the last `limit` closed candles.

        Raises NOT_ENOUGH_CANDLES when there are fewer than 50.
        """
        series = await self.candles(symbol, interval, limit)
        instrument = find_instrument(series.symbol)
        key = (series.symbol, series.interval, limit)
        remembered = self._indicators.get(key)
        if remembered is not None and remembered.value[0].candles == series.candles:
            return replace(remembered.value[1], as_of=series.as_of, origin=series.origin)

        async def compute() -> IndicatorSet:
            answer = await self._engine.compute(series, instrument)
            self._indicators.put(key, (series, answer), self._wall())
            return answer

        newest = series.candles[-1].opened_at if series.candles else None
        return await self._calls.share(("indicators", *key, newest), compute)

    async def ticks(self, symbols: Sequence[str], every_seconds: float = 1.0) -> AsyncGenerator[Tick]:
        """Yield each symbol's price now, then again whenever it has changed, looking once in `every_seconds` (of the wall clock).

        A consumer that is slow simply sees fewer changes: prices are looked up when it asks for the next, never queued. While the
        source does not answer, nothing is yielded.
        """
        wanted = list(dict.fromkeys(find_instrument(symbol).symbol for symbol in symbols))
        last: dict[str, Decimal] = {}
        while True:
            started = self._wall()
            for symbol in wanted:
                try:
                    tick = await self.price(symbol)
                except DomainError as refusal:
                    if refusal.code is ErrorCode.MARKET_UNAVAILABLE:
                        continue
                    raise
                if last.get(symbol) != tick.price:
                    last[symbol] = tick.price
                    yield tick
            await asyncio.sleep(max(0.0, every_seconds - (self._wall() - started)))

    async def _fetch_ticker(self, instrument: Instrument) -> Ticker:
        as_of = self.now()
        interval = max(TICKER_INTERVAL, self._source.finest_interval(instrument), key=lambda interval: interval.minutes)
        series, tick = await asyncio.gather(
            self.candles(instrument.symbol, interval, -(-DAY // interval.length)),
            self.price(instrument.symbol),
        )
        # A recording with gaps reaches further back than a day.
        day = [candle for candle in series.candles if candle.opened_at > as_of - DAY - interval.length]
        before = day[0].open if day else tick.price
        change = tick.price - before
        return Ticker(
            symbol=instrument.symbol,
            price=tick.price,
            change_24h=change,
            change_percent_24h=percent_of(change, abs(before)),
            high_24h=max([tick.price, *(candle.high for candle in day)]),
            low_24h=min([tick.price, *(candle.low for candle in day)]),
            volume_24h=sum((_turnover(candle) for candle in day), Decimal(0)),
            as_of=as_of,
            origin=tick.origin,
        )

    def _covers(self, remembered: tuple[CandleSeries, int, bool], limit: int, age: float) -> bool:
        series, asked, complete = remembered
        if limit > asked or _slot(series.as_of, series.interval) != _slot(self.now(), series.interval):
            return False
        # A series that lacks its newest candle, because the source is late or has a gap, is asked for again soon.
        return complete or self._is_fresh(series.as_of, age)

    def _is_fresh(self, as_of: datetime, age: float) -> bool:
        moved = self.now() - as_of
        return age < FRESH_SECONDS and timedelta(0) <= moved <= timedelta(seconds=age) + CLOCK_TOLERANCE


def _interval(interval: Interval | str) -> Interval:
    return interval if isinstance(interval, Interval) else Interval.parse(interval)


def _limit(limit: int) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_CANDLES:
        raise DomainError(
            ErrorCode.VALIDATION_ERROR, f"limit must be from 1 to {MAX_CANDLES}", field="limit", minimum=1, maximum=MAX_CANDLES
        )
    return limit


def _slot(moment: datetime, interval: Interval) -> int:
    return int(moment.timestamp()) // (interval.minutes * 60)


def _is_complete(series: CandleSeries) -> bool:
    return bool(series.candles) and _slot(series.candles[-1].opened_at, series.interval) + 1 == _slot(series.as_of, series.interval)


def _turnover(candle: Candle) -> Decimal:
    return (candle.volume * (candle.open + candle.high + candle.low + candle.close) / 4).quantize(Decimal("0.01"))
