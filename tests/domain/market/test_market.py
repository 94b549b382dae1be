"""The market remembers just long enough and asks its source once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.kernel.clock import AcceleratedClock, ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.candles import Candle, Interval, Origin
from domain.market.instruments import Instrument, find_instrument
from domain.market.market import Market
from domain.market.replay import ReplaySource
from domain.market.simulated import SimulatedSource
from domain.market.source import MarketSource

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
BITCOIN = find_instrument("BTC/USDT")


class CountedSource:
    """Notes the questions to another source; answers wait while `gate` is closed, fail while `failure` is set, and may come late."""

    def __init__(self, source: MarketSource) -> None:
        self.source = source
        self.name = source.name
        self.asked: list[str] = []
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.late = False
        self.closed = False

    def now(self) -> datetime:
        return self.source.now()

    def origin(self, instrument: Instrument) -> Origin:
        return self.source.origin(instrument)

    def finest_interval(self, instrument: Instrument) -> Interval:
        return self.source.finest_interval(instrument)

    async def candles(self, instrument: Instrument, interval: Interval, limit: int, end: datetime | None = None) -> tuple[Candle, ...]:
        await self._answer(f"{instrument.symbol} {interval.value} {limit}")
        candles = await self.source.candles(instrument, interval, limit, end)
        return candles[:-1] if self.late else candles

    async def price(self, instrument: Instrument) -> tuple[Decimal, datetime]:
        await self._answer(f"{instrument.symbol} price")
        return await self.source.price(instrument)

    async def close(self) -> None:
        self.closed = True

    async def _answer(self, question: str) -> None:
        self.asked.append(question)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure


class Wall:
    """A wall clock that moves when told to, with the market's clock or without it."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.seconds = clock, 1000.0

    def __call__(self) -> float:
        return self.seconds

    def pass_both(self, seconds: float) -> None:
        self.seconds += seconds
        self.clock.advance(seconds=seconds)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON + timedelta(minutes=30))


@pytest.fixture
def wall(clock: ManualClock) -> Wall:
    return Wall(clock)


@pytest.fixture
def source(clock: ManualClock) -> CountedSource:
    return CountedSource(SimulatedSource(clock, seed=7))


@pytest.fixture
async def market(source: CountedSource, wall: Wall) -> AsyncIterator[Market]:
    market = Market(source, wall)
    yield market
    await market.close()


async def test_candles_are_remembered_until_the_next_one_closes(
    market: Market, source: CountedSource, clock: ManualClock, wall: Wall
) -> None:
    first = await market.candles("btcusdt", "1h", 50)
    wall.pass_both(1799)
    assert await market.candles("BTC/USDT", Interval.HOUR_1, 50) is first
    assert source.asked == ["BTC/USDT 1h 50"]
    wall.pass_both(1)
    second = await market.candles("BTC/USDT", "1h", 50)
    assert second.candles[-1].opened_at == NOON
    assert second.candles[:-1] == first.candles[1:]
    assert len(source.asked) == 2


async def test_a_shorter_answer_comes_from_a_longer_one(market: Market, source: CountedSource) -> None:
    longer = await market.candles("BTC/USDT", "1h", 100)
    shorter = await market.candles("BTC/USDT", "1h", 30)
    assert shorter.candles == longer.candles[-30:]
    await market.candles("BTC/USDT", "1h", 101)
    await market.candles("BTC/USDT", "2h", 30)
    assert source.asked == ["BTC/USDT 1h 100", "BTC/USDT 1h 101", "BTC/USDT 2h 30"]


async def test_a_source_that_is_late_with_a_candle_is_asked_again_soon(market: Market, source: CountedSource, wall: Wall) -> None:
    source.late = True
    assert len((await market.candles("BTC/USDT", "1h", 10)).candles) == 9
    source.late = False
    wall.pass_both(0.4)
    assert len((await market.candles("BTC/USDT", "1h", 10)).candles) == 9
    wall.pass_both(0.2)
    assert len((await market.candles("BTC/USDT", "1h", 10)).candles) == 10
    assert len(source.asked) == 2


async def test_a_market_clock_that_jumps_back_forgets(market: Market, source: CountedSource, clock: ManualClock) -> None:
    await market.candles("BTC/USDT", "1h", 5)
    await market.price("BTC/USDT")
    clock.advance(hours=-2)
    assert (await market.candles("BTC/USDT", "1h", 5)).candles[-1].opened_at == NOON - timedelta(hours=3)
    assert (await market.price("BTC/USDT")).as_of == NOON - timedelta(minutes=90)


async def test_a_price_is_remembered_for_half_a_second(market: Market, source: CountedSource, wall: Wall) -> None:
    first = await market.price("BTC/USDT")
    wall.pass_both(0.4)
    assert await market.price("BTC-USDT") is first
    wall.pass_both(0.2)
    assert await market.price("BTC/USDT") is not first
    assert source.asked == ["BTC/USDT price"] * 2


async def test_a_price_is_not_remembered_across_a_jump_of_the_market_clock(
    market: Market, source: CountedSource, clock: ManualClock
) -> None:
    await market.price("BTC/USDT")
    clock.advance(seconds=0.2)
    tick = await market.price("BTC/USDT")
    assert tick.as_of == clock.now()
    assert len(source.asked) == 2


async def test_a_price_at_speed_is_always_the_newest(source: CountedSource, clock: ManualClock, wall: Wall) -> None:
    fast = SimulatedSource(AcceleratedClock(clock, NOON, speed=3600), seed=7)
    market = Market(fast, wall)
    first = await market.price("BTC/USDT")
    wall.pass_both(0.1)
    second = await market.price("BTC/USDT")
    assert second.as_of - first.as_of == timedelta(minutes=6)


async def test_concurrent_questions_are_one(market: Market, source: CountedSource) -> None:
    source.gate.clear()
    waiting = [asyncio.create_task(market.candles(symbol, "1h", 10)) for symbol in ("BTC/USDT", "btcusdt", "BTC-USDT")]
    other = asyncio.create_task(market.price("ETH/USDT"))
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    source.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert await waiting[1] is await waiting[2]
    await other
    assert sorted(source.asked) == ["BTC/USDT 1h 10", "ETH/USDT price"]


async def test_a_failure_reaches_everyone_and_is_not_remembered(market: Market, source: CountedSource) -> None:
    source.failure = DomainError(ErrorCode.MARKET_UNAVAILABLE, "The exchange does not answer")
    answers = await asyncio.gather(*(market.price("BTC/USDT") for _ in range(3)), return_exceptions=True)
    assert answers == [source.failure] * 3
    assert source.asked == ["BTC/USDT price"]
    source.failure = None
    assert (await market.price("BTC/USDT")).price > 0


@pytest.mark.parametrize("limit", [0, -1, 1001, True, 1.5, "10", None])
async def test_a_limit_outside_its_bounds_is_refused(market: Market, source: CountedSource, limit: Any) -> None:
    with pytest.raises(DomainError) as refusal:
        await market.candles("BTC/USDT", "1h", limit)
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
    assert source.asked == []


@pytest.mark.parametrize(
    ("symbol", "interval", "code"), [("NOPE", "1h", ErrorCode.UNKNOWN_SYMBOL), ("BTC/USDT", "7h", ErrorCode.UNKNOWN_INTERVAL)]
)
async def test_an_unknown_name_is_refused(market: Market, symbol: str, interval: str, code: ErrorCode) -> None:
    for question in (market.candles, market.indicators):
        with pytest.raises(DomainError) as refusal:
            await question(symbol, interval, 100)
        assert refusal.value.code is code


async def test_the_ticker_looks_back_over_a_day(market: Market, clock: ManualClock) -> None:
    ticker = await market.ticker("btcusdt")
    minutes = (await market.candles("BTC/USDT", "5m", 288)).candles
    assert (ticker.symbol, ticker.as_of) == ("BTC/USDT", clock.now())
    assert ticker.price == (await market.price("BTC/USDT")).price
    assert ticker.change_24h == ticker.price - minutes[0].open
    assert ticker.high_24h == max(ticker.price, *(candle.high for candle in minutes))
    assert ticker.low_24h == min(ticker.price, *(candle.low for candle in minutes))
    assert float(ticker.change_percent_24h) == pytest.approx(float(ticker.change_24h / minutes[0].open * 100), abs=1e-4)
    assert float(ticker.volume_24h) == pytest.approx(sum(float(candle.volume * candle.close) for candle in minutes), rel=0.01)
    assert ticker.origin.simulated
    assert [each.symbol for each in await market.tickers(["ETH/USDT", "btcusdt"])] == ["ETH/USDT", "BTC/USDT"]


async def test_the_ticker_of_an_hourly_recording_does_not_reach_across_its_gaps(tmp_path: Path) -> None:
    rows = [(hour, hour) for hour in range(100) if not 80 <= hour < 90]
    lines = ["time,price", *(f"{(NOON + timedelta(hours=hour)).isoformat()},{price}" for hour, price in rows)]
    (tmp_path / "NL_DAY_AHEAD_1h.csv").write_text("\n".join(lines) + "\n")
    clock = ManualClock(NOON + timedelta(hours=99))
    ticker = await Market(ReplaySource(tmp_path, clock)).ticker("NL_DAY_AHEAD")
    assert (ticker.price, ticker.low_24h, ticker.high_24h, ticker.change_24h) == tuple(map(Decimal, (99, 75, 99, 24)))
    assert ticker.volume_24h == 0
    clock.advance(days=30)
    ticker = await Market(ReplaySource(tmp_path, clock)).ticker("NL_DAY_AHEAD")
    assert (ticker.price, ticker.change_24h, ticker.change_percent_24h) == tuple(map(Decimal, (99, 0, 0)))
    assert ticker.origin.stale


async def test_prices_of_many_leave_out_those_that_have_none(market: Market, source: CountedSource) -> None:
    ticks = await market.prices(["btcusdt", "ETH/USDT", "NOPE", "btcusdt"])
    assert {symbol: tick.symbol for symbol, tick in ticks.items()} == {"btcusdt": "BTC/USDT", "ETH/USDT": "ETH/USDT"}
    assert source.asked == ["ETH/USDT price", "BTC/USDT price"]
    assert await market.prices([]) == {}
    for failure in (DomainError(ErrorCode.MARKET_UNAVAILABLE, "The exchange does not answer"), RuntimeError("a defect")):
        source.failure = failure
        assert await market.prices(["ADA/USDT"]) == {}


async def test_indicators_are_computed_once_per_candle(market: Market, source: CountedSource, clock: ManualClock, wall: Wall) -> None:
    first = await market.indicators("btcusdt", "1h", 100)
    assert (first.symbol, first.interval, first.as_of) == ("BTC/USDT", Interval.HOUR_1, clock.now())
    closes = [candle.close for candle in (await market.candles("BTC/USDT", "1h", 20)).candles]
    assert first.value("SMA(20)") == (sum(closes, Decimal(0)) / 20).quantize(Decimal("0.0001"))
    wall.pass_both(60)
    assert (await market.indicators("btcusdt", "1h", 100)).indicators is first.indicators
    wall.pass_both(1800)
    assert (await market.indicators("btcusdt", "1h", 100)).indicators != first.indicators
    assert len(source.asked) == 2


async def test_indicators_need_fifty_candles(market: Market) -> None:
    with pytest.raises(DomainError) as refusal:
        await market.indicators("BTC/USDT", "1h", 49)
    assert refusal.value.code is ErrorCode.NOT_ENOUGH_CANDLES


async def test_ticks_come_when_a_price_has_changed(clock: ManualClock) -> None:
    market = Market(SimulatedSource(clock, seed=7))
    async with aclosing(market.ticks(["btcusdt", "ETH/USDT", "BTC/USDT"], every_seconds=0.001)) as ticks:
        assert [(await anext(ticks)).symbol for _ in range(2)] == ["BTC/USDT", "ETH/USDT"]
        next_tick = asyncio.ensure_future(anext(ticks))
        await asyncio.sleep(0.02)
        assert not next_tick.done()
        clock.advance(hours=1)
        assert (await asyncio.wait_for(next_tick, 1)).as_of == clock.now()
        clock.advance(hours=1)
        await asyncio.sleep(0.01)
        clock.advance(hours=1)
        # Whoever is slow gets the newest price, not the ones missed.
        assert (await anext(ticks)).as_of == clock.now()


async def test_ticks_go_on_after_the_source_was_away(market: Market, source: CountedSource) -> None:
    source.failure = DomainError(ErrorCode.MARKET_UNAVAILABLE, "The exchange does not answer")
    async with aclosing(market.ticks(["BTC/USDT"], every_seconds=0.001)) as ticks:
        next_tick = asyncio.ensure_future(anext(ticks))
        await asyncio.sleep(0.01)
        source.failure = None
        assert (await asyncio.wait_for(next_tick, 1)).price > 0


async def test_ticks_of_an_unknown_symbol_are_refused(market: Market) -> None:
    with pytest.raises(DomainError) as refusal:
        await anext(market.ticks(["NOPE"]))
    assert refusal.value.code is ErrorCode.UNKNOWN_SYMBOL


async def test_starting_and_closing_leaves_nothing_behind(source: CountedSource) -> None:
    market = Market(source)
    await market.start()
    await market.close()
    assert source.closed
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_market_serves_two_event_loops(market: Market) -> None:
    def on_another_loop() -> Decimal:
        async def ask() -> Decimal:
            return (await market.candles("ETH/USDT", "1h", 10)).candles[-1].close

        return asyncio.run(ask())

    here, there = await asyncio.gather(market.candles("ETH/USDT", "1h", 11), asyncio.to_thread(on_another_loop))
    assert here.candles[-1].close == there
