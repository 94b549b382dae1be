"""Small markets made to order, so that a test can say what an analyst ought to see in them."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from domain.analysts.opinion import Analyst, Opinion
from domain.analysts.snapshot import MarketSnapshot
from domain.market.candles import Candle, Interval

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = Interval.HOUR_1


def market(
    closes: Sequence[Decimal | int | str], *, margin: Sequence[str] | str = "0.1", volumes: Sequence[int] | int = 10
) -> tuple[Candle, ...]:  # fmt: skip
    """Return hourly candles that open at the close before and reach `margin` beyond open and close."""
    exact = [Decimal(close) for close in closes]
    margins = [Decimal(margin)] * len(exact) if isinstance(margin, str) else [Decimal(one) for one in margin]
    traded = [volumes] * len(exact) if isinstance(volumes, int) else volumes
    opens = [exact[0], *exact[:-1]]
    return tuple(
        Candle(START + index * HOUR.length, opened, max(opened, close) + reach, min(opened, close) - reach, close, Decimal(volume))
        for index, (opened, close, reach, volume) in enumerate(zip(opens, exact, margins, traded, strict=True))
    )


def random_market(seed: int, *, start: int = 100, count: int = 100, volume: bool = True) -> tuple[Candle, ...]:
    """Return a walk in steps of 0.01 that drifts, jumps and calms down by chance; it may well cross zero."""
    chance, price, closes, volumes = random.Random(seed), Decimal(start), [], []
    drift, width = chance.uniform(-0.5, 0.5), chance.choice([0.05, 0.5, 3.0])
    for _ in range(count):
        width = min(10.0, max(0.02, width * chance.uniform(0.9, 1.11)))
        price += Decimal(f"{chance.gauss(drift * width, width):.2f}")
        closes.append(price)
        volumes.append(chance.randint(0, 50) if volume else 0)
    return market(closes, margin=[f"{chance.uniform(0, width):.2f}" for _ in closes], volumes=volumes)


def snapshot(candles: Sequence[Candle], *, price: Decimal | None = None, stale: bool = False, note: str | None = None) -> MarketSnapshot:
    last = candles[-1].close if price is None else price
    return MarketSnapshot(
        symbol="BTC/USDT",
        interval=HOUR,
        as_of=candles[-1].opened_at + HOUR.length,
        source="simulated",
        simulated=True,
        stale=stale,
        note=note,
        price=last,
        change_24h=Decimal(0),
        change_percent_24h=Decimal(0),
        high_24h=last,
        low_24h=last,
        volume_24h=Decimal(0),
        candles=tuple(candles),
        indicators=(),
        summary="neutral",
    )


def mirrored(candles: Sequence[Candle]) -> tuple[Candle, ...]:
    """Return the market upside down: every price with the other sign."""
    return tuple(Candle(c.opened_at, -c.open, -c.low, -c.high, -c.close, c.volume) for c in candles)


def moved(candles: Sequence[Candle], by: int) -> tuple[Candle, ...]:
    return tuple(Candle(c.opened_at, c.open + by, c.high + by, c.low + by, c.close + by, c.volume) for c in candles)


def answer(analyst: Analyst, market_snapshot: MarketSnapshot) -> Opinion:
    return asyncio.run(analyst.analyse(market_snapshot))
