"""Reads recorded market data from the CSV files of a folder and refuses whatever is malformed, naming file and line."""

import csv
import gzip
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from domain.kernel.clock import as_utc
from domain.kernel.errors import DomainError
from domain.kernel.money import exact
from domain.market.candles import Candle, Interval
from domain.market.instruments import Instrument, find_instrument

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MANIFEST = "manifest.toml"
SUFFIXES = (".csv", ".csv.gz")
MANIFEST_KEYS = {"file", "symbol", "interval", "currency", "attribution", "price"}
PRICE_NOTE = (
    "Candles made from a recorded price series: open is the previous price, close this price, high and low the larger and the smaller "
    "of the two; volume was not recorded and is 0"
)


class BadRecording(ValueError):
    """A folder or file cannot be replayed; the server refuses to start with it."""


@dataclass(frozen=True)
class Recording:
    """The recorded candles of one instrument, oldest first, with a note for every answer made from them."""

    instrument: Instrument
    interval: Interval
    candles: tuple[Candle, ...]
    note: str | None

    @cached_property
    def closed_at(self) -> list[datetime]:
        """When each candle closed, which is when it can first be seen."""
        return [candle.opened_at + self.interval.length for candle in self.candles]

    @property
    def first_close(self) -> datetime:
        return self.closed_at[0]

    @property
    def last_close(self) -> datetime:
        return self.closed_at[-1]


@dataclass(frozen=True)
class _Description:
    file: Path
    symbol: str
    interval: str
    currency: str | None = None
    attribution: str | None = None
    price: str | None = None


def read_folder(folder: Path) -> dict[str, Recording]:
    """Return the recordings of a folder by symbol.

    With a `manifest.toml` in it, that lists the files: tables `[[recording]]` of `file`, `symbol`, `interval` and, where wanted,
    `currency` (checked against the instrument's), `attribution` and `price` (the column of a price series). Without one, every
    `.csv` or `.csv.gz` is named `<symbol>_<interval>`, for instance `BTCUSDT_1h.csv.gz`.

    Files have a header and the columns `time,open,high,low,close` with an optional `volume`; or `time` and one other column, which is a
    price series. Times are ISO 8601 or Unix seconds, UTC unless they say otherwise, and rise from row to row. A candle's time is its
    start; a price's time is when it holds, so that it closes the candle which ends then. Raises BadRecording.
    """
    if not folder.is_dir():
        raise BadRecording(f"There is no folder {folder}")
    recordings: dict[str, Recording] = {}
    for description in _descriptions(folder):
        recording = _read(description)
        if recording.instrument.symbol in recordings:
            raise BadRecording(f"{description.file}: {recording.instrument.symbol} is recorded twice in this folder")
        recordings[recording.instrument.symbol] = recording
    if not recordings:
        raise BadRecording(f"There are no {' or '.join(SUFFIXES)} files in {folder}")
    return recordings


def _descriptions(folder: Path) -> Iterator[_Description]:
    manifest = folder / MANIFEST
    if manifest.exists():
        try:
            tables = tomllib.loads(manifest.read_text())["recording"]
            for table in tables:
                yield _description(manifest, table)
        except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
            raise BadRecording(f"{manifest}: {error!r}") from None
        return
    for file in sorted(folder.iterdir()):
        stem = next((file.name.removesuffix(suffix) for suffix in reversed(SUFFIXES) if file.name.endswith(suffix)), None)
        if stem is not None:
            symbol, _, interval = stem.rpartition("_")
            yield _Description(file, symbol, interval)


def _description(manifest: Path, table: dict[str, Any]) -> _Description:
    unknown = set(table) - MANIFEST_KEYS
    if unknown or not all(isinstance(value, str) for value in table.values()):
        raise BadRecording(f"{manifest}: a recording has the keys {', '.join(sorted(MANIFEST_KEYS))}, all of them texts")
    return _Description(**{**table, "file": manifest.parent / table["file"]})


def _read(description: _Description) -> Recording:
    try:
        instrument, interval = find_instrument(description.symbol), Interval.parse(description.interval)
    except DomainError as error:
        raise BadRecording(f"{description.file}: {error.message}") from None
    if description.currency not in (None, instrument.quote):
        raise BadRecording(
            f"{description.file}: recorded in {description.currency}, but {instrument.symbol} is quoted in {instrument.quote}"
        )
    opener = gzip.open if description.file.name.endswith(".gz") else open
    try:
        with opener(description.file, "rt", encoding="utf-8", newline="") as lines:
            rows = _Rows(description.file, csv.reader(lines), interval)
            series = rows.price_column(description.price)
            candles = tuple(_from_prices(rows, interval, series)) if series else tuple(rows.candles())
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise BadRecording(f"{description.file}: {error}") from None
    if not candles:
        raise BadRecording(f"{description.file}: there are too few rows for one candle")
    if not instrument.allow_negative_price and any(candle.low <= 0 for candle in candles):
        raise BadRecording(f"{description.file}: there are prices at or below zero, which {instrument.symbol} does not allow")
    notes = [note for note in (PRICE_NOTE if series else None, description.attribution) if note]
    return Recording(instrument, interval, candles, ". ".join(notes) or None)


class _Rows:
    """The rows of one file, each checked as it is read."""

    def __init__(self, file: Path, reader: Any, interval: Interval) -> None:
        self._file, self._reader, self._interval = file, reader, interval
        self._columns: list[str] = [name.strip().lower() for name in next(reader, [])]
        if "time" not in self._columns or len(set(self._columns)) != len(self._columns):
            raise BadRecording(f"{file}:1: the header needs a column `time` and no column twice")

    def price_column(self, wanted: str | None) -> str | None:
        """Return the column of the price series, None if these are candles."""
        others = [name for name in self._columns if name != "time"]
        if wanted is not None:
            if wanted.lower() not in others:
                raise BadRecording(f"{self._file}:1: there is no column `{wanted}`")
            return wanted.lower()
        if {"open", "high", "low", "close"} <= set(others):
            return None
        if len(others) == 1:
            return others[0]
        raise BadRecording(f"{self._file}:1: expected time,open,high,low,close[,volume] or time and one price column")

    def candles(self) -> Iterator[Candle]:
        for line, moment, row in self._checked():
            open, high, low, close = (self._number(line, row, name) for name in ("open", "high", "low", "close"))
            volume = self._number(line, row, "volume") if "volume" in row else Decimal(0)
            if not low <= min(open, close) <= max(open, close) <= high or volume < 0:
                raise BadRecording(f"{self._file}:{line}: low, open, close, high do not rise in this order, or the volume is negative")
            yield Candle(moment, open, high, low, close, volume)

    def prices(self, column: str) -> Iterator[tuple[datetime, Decimal]]:
        for line, moment, row in self._checked():
            yield moment, self._number(line, row, column)

    def _checked(self) -> Iterator[tuple[int, datetime, dict[str, str]]]:
        before: datetime | None = None
        for values in self._reader:
            line = self._reader.line_num
            if len(values) != len(self._columns):
                raise BadRecording(f"{self._file}:{line}: {len(values)} values for {len(self._columns)} columns")
            row = dict(zip(self._columns, values, strict=True))
            moment = self._moment(line, row["time"])
            if before is not None and moment <= before:
                raise BadRecording(f"{self._file}:{line}: the time {row['time']} does not come after the one before")
            before = moment
            yield line, moment, row

    def _moment(self, line: int, text: str) -> datetime:
        try:
            moment = datetime.fromtimestamp(int(text), UTC) if text.isdecimal() else as_utc(datetime.fromisoformat(text))
        except (ValueError, OverflowError, OSError):
            raise BadRecording(f"{self._file}:{line}: {text[:40]!r} is not a time") from None
        if (moment - EPOCH) % self._interval.length:
            raise BadRecording(f"{self._file}:{line}: {text[:40]} is not a whole multiple of {self._interval.value}")
        return moment

    def _number(self, line: int, row: dict[str, str], column: str) -> Decimal:
        try:
            return exact(row[column].strip(), column)
        except DomainError as error:
            raise BadRecording(f"{self._file}:{line}: {error.message}") from None


def _from_prices(rows: _Rows, interval: Interval, column: str) -> Iterator[Candle]:
    for (_, before), (moment, price) in pairwise(rows.prices(column)):
        yield Candle(moment - interval.length, before, max(before, price), min(before, price), price, Decimal(0))
