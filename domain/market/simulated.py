"""A market that needs no network: its prices are a pure function of seed, symbol and time."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from domain.kernel.clock import Clock
from domain.market import random_path
from domain.market.candles import Candle, Interval, Origin
from domain.market.instruments import Instrument

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# A minute has 2^6 points, so a price holds for 0.9375 seconds.
MINUTE_LEVEL = 6
POINT = MINUTE / 64
POINTS_A_YEAR = 365 * 1440 * 64
# What is traded in an average day, in the quote currency.
DAILY_TURNOVER = 50_000_000
# Longer stretches are computed in a thread; this one takes about 10 ms.
MINUTES_ON_THE_LOOP = 10_000
NOTE = "Simulated prices, not a real market"

Ticks = NDArray[np.int64]


class SimulatedSource:
    """Simulated prices of every instrument of the catalogue, at all times.

    The logarithm of a price follows a random path with the instrument's volatility over days and weeks, in livelier and calmer spells,
    and stays around the reference price over the years. Instruments that allow negative prices have theirs shifted by the reference
    price, so that they can pass zero. Candles of every interval are made from the same minutes.
    """

    name = "simulated"

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock, self._seed = clock, seed
        # A minute's prices are asked for once a second by everybody who watches.
        self._prices = lru_cache(maxsize=256)(self._prices_of_minute)

    def now(self) -> datetime:
        return self._clock.now()

    def origin(self, instrument: Instrument) -> Origin:
        return Origin(self.name, simulated=True, note=NOTE)

    def finest_interval(self, instrument: Instrument) -> Interval:
        return Interval.MINUTE_1

    async def candles(self, instrument: Instrument, interval: Interval, limit: int, end: datetime | None = None) -> tuple[Candle, ...]:
        last = ((end or self.now()) - EPOCH) // interval.length
        if limit * interval.minutes > MINUTES_ON_THE_LOOP:
            return await asyncio.to_thread(self._candles, instrument, interval, last - limit, limit)
        return self._candles(instrument, interval, last - limit, limit)

    async def price(self, instrument: Instrument) -> tuple[Decimal, datetime]:
        now = self.now()
        return self.price_at(instrument, now), now

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def price_at(self, instrument: Instrument, moment: datetime) -> Decimal:
        """Return the price at this moment; it lies within the candle of its minute and at the minute's end equals the close."""
        return self._prices(instrument, (moment - EPOCH) // MINUTE)[(moment - EPOCH) % MINUTE // POINT] * instrument.tick

    def _prices_of_minute(self, instrument: Instrument, minute: int) -> list[int]:
        points = random_path.path(self._key(instrument), minute << MINUTE_LEVEL, (minute + 1) << MINUTE_LEVEL)
        _, high, low, _ = self._minutes(instrument, minute, points[[0, -1]])
        prices: list[int] = np.clip(self._ticks(instrument, points[:-1]), low, high).tolist()
        return prices

    def _candles(self, instrument: Instrument, interval: Interval, first: int, count: int) -> tuple[Candle, ...]:
        width = interval.minutes
        path = random_path.path(self._key(instrument), first * width, (first + count) * width, MINUTE_LEVEL)
        opens, highs, lows, closes = self._minutes(instrument, first * width, path)
        lots = self._volumes(instrument, first * width, count * width, closes - opens).reshape(count, width).sum(axis=1)
        rows = zip(
            opens[::width].tolist(),
            highs.reshape(count, width).max(axis=1).tolist(),
            lows.reshape(count, width).min(axis=1).tolist(),
            closes[width - 1 :: width].tolist(),
            lots.tolist(),
            strict=True,
        )
        tick, lot, opened_at = instrument.tick, instrument.lot * instrument.contract_size, EPOCH + first * interval.length
        return tuple(
            Candle(opened_at + number * interval.length, open * tick, high * tick, low * tick, close * tick, volume * lot)
            for number, (open, high, low, close, volume) in enumerate(rows)
        )

    def _minutes(self, instrument: Instrument, first: int, path: random_path.Floats) -> tuple[Ticks, Ticks, Ticks, Ticks]:
        # Open, high, low and close of the minutes from number `first` on, between whose ends the path is given.
        key, count = self._key(instrument), len(path) - 1
        opened, closed = path[:-1], path[1:]
        variance = 2.0**MINUTE_LEVEL * random_path.liveliness(key, first, count, MINUTE_LEVEL) ** 2
        # The extremes of a Brownian bridge, by inversion of their distribution.
        # Source: Glasserman, Monte Carlo Methods in Financial Engineering (2003), section 6.4.
        draws = [np.log(random_path.uniforms(random_path.hashes(key - 2 - side, first, first + count - 1))) for side in (0, 1)]
        above, below = (np.sqrt((closed - opened) ** 2 - 2 * variance * draw) for draw in draws)
        ticks = self._ticks(instrument, path)
        highs = self._ticks(instrument, (opened + closed + above) / 2)
        lows = self._ticks(instrument, (opened + closed - below) / 2)
        opens, closes = ticks[:-1], ticks[1:]
        # A rounding error must not put an extreme inside the body.
        return opens, np.maximum(highs, np.maximum(opens, closes)), np.minimum(lows, np.minimum(opens, closes)), closes

    def _ticks(self, instrument: Instrument, path: random_path.Floats) -> Ticks:
        reference, tick = float(instrument.reference_price), float(instrument.tick)
        shift = reference if instrument.allow_negative_price else 0.0
        # A shifted price moves as much as an unshifted one near the reference price.
        scale = float(instrument.annual_volatility) * POINTS_A_YEAR**-0.5 * reference / (reference + shift)
        ticks: Ticks = np.rint(((reference + shift) * np.exp(path * scale) - shift) / tick).astype(np.int64)
        return ticks if instrument.allow_negative_price else np.maximum(ticks, 1)

    def _volumes(self, instrument: Instrument, first: int, count: int, moves: Ticks) -> Ticks:
        lot_value = float(instrument.reference_price * instrument.lot * instrument.contract_size)
        hour = (np.arange(first, first + count) % 1440) / 60
        # Busiest at 15:00 UTC, when Europe and America trade together.
        busy = 1 + 0.6 * np.cos((hour - 15) * (2 * np.pi / 24))
        move = np.abs(moves) * float(instrument.tick) / (float(instrument.reference_price * instrument.annual_volatility) * 525_600**-0.5)
        chance = random_path.uniforms(random_path.hashes(self._key(instrument) - 4, first, first + count - 1))
        lots: Ticks = np.rint(DAILY_TURNOVER / 1440 / lot_value * busy * (0.5 + 0.6 * move) * 2 * chance).astype(np.int64)
        return lots

    def _key(self, instrument: Instrument) -> int:
        return random_path.key_of(self._seed, instrument.symbol)
