"""Plays recorded candles or prices as if they happened now."""

import asyncio
from bisect import bisect_right
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from domain.kernel.clock import Clock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import EXACT
from domain.market.candles import Candle, Interval, Origin
from domain.market.instruments import Instrument
from domain.market.recordings import EPOCH, BadRecording, Recording, read_folder


class ReplayWindow(NamedTuple):
    """The market times at which the first price of a folder appears and the last one does."""

    first: datetime
    last: datetime
    interval: Interval

    def after(self, candles: int) -> datetime:
        """Return the moment at which this many candles lie behind, at the latest the end of the window."""
        return min(self.first + candles * self.interval.length, self.last)


def replay_window(folder: Path | str) -> ReplayWindow:
    """Return the time in which every recording of the folder has prices, and its longest interval.

    Raises BadRecording when the folder cannot be read, and when its recordings have no time in common.
    """
    recordings = read_folder(Path(folder)).values()
    first = max(recording.first_close for recording in recordings)
    last = min(recording.last_close for recording in recordings)
    if first > last:
        raise BadRecording(f"The recordings in {folder} have no time in common")
    return ReplayWindow(first, last, max((recording.interval for recording in recordings), key=lambda interval: interval.minutes))


class ReplaySource:
    """The recordings of one folder, of which only what had happened by the clock's time can be seen.

    The clock decides where in the recorded time the market stands and how fast it moves. The price is the last recorded close; when
    the next one is overdue, in a gap or after the end, answers are marked stale. Candles of longer intervals are made from those
    recorded; hours that were not recorded are left out of them, never invented.
    Raises BadRecording when the folder cannot be read.
    """

    def __init__(self, folder: Path | str, clock: Clock) -> None:
        self._clock = clock
        self.name = f"replay:{Path(folder).name}"
        self._recordings = read_folder(Path(folder))
        self._longer: dict[tuple[str, Interval], tuple[Candle, ...]] = {}

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The instruments that were recorded."""
        return tuple(recording.instrument for recording in self._recordings.values())

    def now(self) -> datetime:
        return self._clock.now()

    def origin(self, instrument: Instrument) -> Origin:
        recording = self._recording(instrument)
        seen = bisect_right(recording.closed_at, self.now())
        stale = seen == 0 or self.now() >= recording.closed_at[seen - 1] + recording.interval.length
        return Origin(self.name, simulated=False, stale=stale, note=recording.note)

    def finest_interval(self, instrument: Instrument) -> Interval:
        return self._recording(instrument).interval

    async def candles(self, instrument: Instrument, interval: Interval, limit: int, end: datetime | None = None) -> tuple[Candle, ...]:
        recording = self._recording(instrument)
        now = self.now()
        end = now if end is None else min(end, now)
        self._last_seen(recording, end)
        if interval.minutes < recording.interval.minutes:
            raise DomainError(
                ErrorCode.NO_MARKET_DATA,
                f"{instrument.symbol} was recorded in candles of {recording.interval.value}; shorter ones cannot be made from them",
                symbol=instrument.symbol,
                interval=interval.value,
                recorded=recording.interval.value,
            )
        candles = await self._candles(recording, interval)
        seen = bisect_right(candles, end - interval.length, key=lambda candle: candle.opened_at)
        return candles[max(0, seen - limit) : seen]

    async def price(self, instrument: Instrument) -> tuple[Decimal, datetime]:
        recording = self._recording(instrument)
        number = self._last_seen(recording, self.now())
        return recording.candles[number].close, recording.closed_at[number]

    async def close(self) -> None:
        """Do nothing: the files were closed when they had been read."""

    def _recording(self, instrument: Instrument) -> Recording:
        recording = self._recordings.get(instrument.symbol)
        if recording is None:
            raise DomainError(
                ErrorCode.NO_MARKET_DATA,
                f"{instrument.symbol} was not recorded",
                symbol=instrument.symbol,
                recorded=list(self._recordings),
            )
        return recording

    def _last_seen(self, recording: Recording, end: datetime) -> int:
        seen = bisect_right(recording.closed_at, end)
        if seen == 0:
            raise DomainError(
                ErrorCode.NO_MARKET_DATA,
                f"{recording.instrument.symbol} was recorded from {recording.first_close:%Y-%m-%d %H:%M} on",
                symbol=recording.instrument.symbol,
            )
        return seen - 1

    async def _candles(self, recording: Recording, interval: Interval) -> tuple[Candle, ...]:
        if interval is recording.interval:
            return recording.candles
        key = (recording.instrument.symbol, interval)
        if key not in self._longer:
            # Off the loop: a year of minutes takes half a second.
            self._longer[key] = await asyncio.to_thread(aggregate, recording.candles, interval)
        return self._longer[key]


def aggregate(candles: tuple[Candle, ...], interval: Interval) -> tuple[Candle, ...]:
    """Return candles of a longer interval, aligned to the epoch in UTC; stretches without any candle are left out."""
    longer: list[Candle] = []
    for candle in candles:
        opened_at = _start(candle.opened_at, interval.length)
        if longer and longer[-1].opened_at == opened_at:
            longer[-1] = _joined(longer[-1], candle)
        else:
            longer.append(Candle(opened_at, candle.open, candle.high, candle.low, candle.close, candle.volume))
    return tuple(longer)


def _start(moment: datetime, length: timedelta) -> datetime:
    return EPOCH + (moment - EPOCH) // length * length


def _joined(first: Candle, second: Candle) -> Candle:
    return Candle(
        first.opened_at,
        first.open,
        max(first.high, second.high),
        min(first.low, second.low),
        second.close,
        EXACT.add(first.volume, second.volume),
    )
