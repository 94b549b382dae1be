"""A replay shows what was recorded, when it happened, and nothing else."""

import gzip
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel.clock import AcceleratedClock, ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.candles import Candle, Interval
from domain.market.instruments import find_instrument
from domain.market.recordings import PRICE_NOTE, BadRecording
from domain.market.replay import ReplaySource, aggregate, replay_window

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "nl_day_ahead_2023"
POWER, BITCOIN = find_instrument("NL_DAY_AHEAD"), find_instrument("BTC/USDT")
START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
type Sample = tuple[list[tuple[datetime, Decimal]], ManualClock, ReplaySource]

OHLCV = """time,open,high,low,close,volume
2024-01-01T00:00:00Z,100,110,95,105,1.5
2024-01-01T01:00:00Z,105,120,104,118,2
2024-01-01T03:00:00Z,118.10,118.10,90,91,3
2024-01-01 04:00:00,91,99,91,99,0
1704085200,99,100,98,98.5,4
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "BTCUSDT_1h.csv").write_text(OHLCV)
    return tmp_path


def candle(hour: int, *values: str) -> Candle:
    return Candle(START + hour * HOUR, *map(Decimal, values))


CANDLES = (
    candle(0, "100", "110", "95", "105", "1.5"),
    candle(1, "105", "120", "104", "118", "2"),
    candle(3, "118.10", "118.10", "90", "91", "3"),
    candle(4, "91", "99", "91", "99", "0"),
    candle(5, "99", "100", "98", "98.5", "4"),
)


async def test_recorded_candles_appear_as_they_close(folder: Path) -> None:
    clock = ManualClock(START + HOUR)
    source = ReplaySource(folder, clock)
    assert source.name == f"replay:{folder.name}"
    assert await source.candles(BITCOIN, Interval.HOUR_1, 10) == CANDLES[:1]
    assert await source.price(BITCOIN) == (Decimal(105), START + HOUR)
    clock.advance(minutes=59)
    assert await source.candles(BITCOIN, Interval.HOUR_1, 10) == CANDLES[:1]
    clock.set(START + 6 * HOUR)
    assert await source.candles(BITCOIN, Interval.HOUR_1, 10) == CANDLES
    assert await source.candles(BITCOIN, Interval.HOUR_1, 2) == CANDLES[-2:]
    assert await source.candles(BITCOIN, Interval.HOUR_1, 2, end=START + 2 * HOUR) == CANDLES[:2]


async def test_longer_candles_are_made_from_the_recorded_ones_and_gaps_stay(folder: Path) -> None:
    source = ReplaySource(folder, ManualClock(START + 7 * HOUR))
    assert await source.candles(BITCOIN, Interval.HOUR_2, 10) == (
        candle(0, "100", "120", "95", "118", "3.5"),
        candle(2, "118.10", "118.10", "90", "91", "3"),
        candle(4, "91", "100", "91", "98.5", "4"),
    )
    assert await source.candles(BITCOIN, Interval.HOUR_4, 10) == (candle(0, "100", "120", "90", "91", "6.5"),)


async def test_shorter_candles_than_recorded_are_refused(folder: Path) -> None:
    source = ReplaySource(folder, ManualClock(START + 7 * HOUR))
    with pytest.raises(DomainError, match="BTC/USDT was recorded in candles of 1h; shorter ones cannot be made from them") as refusal:
        await source.candles(BITCOIN, Interval.MINUTE_30, 10)
    assert refusal.value.code is ErrorCode.NO_MARKET_DATA


async def test_there_is_nothing_before_the_start_nor_of_other_instruments(folder: Path) -> None:
    source = ReplaySource(folder, ManualClock(START + timedelta(minutes=59)))
    for question in (source.price(BITCOIN), source.candles(BITCOIN, Interval.HOUR_1, 1), source.price(POWER)):
        with pytest.raises(DomainError) as refusal:
            await question
        assert refusal.value.code is ErrorCode.NO_MARKET_DATA


async def test_answers_are_stale_in_a_gap_and_after_the_end(folder: Path) -> None:
    clock = ManualClock(START + HOUR)
    source = ReplaySource(folder, clock)
    stale = []
    for hour in range(1, 9):
        clock.set(START + hour * HOUR)
        stale.append(source.origin(BITCOIN).stale)
    assert stale == [False, False, True, False, False, False, True, True]
    assert await source.price(BITCOIN) == (Decimal("98.5"), START + 6 * HOUR)


async def test_a_clock_at_speed_moves_the_market(folder: Path) -> None:
    wall = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
    source = ReplaySource(folder, AcceleratedClock(wall, START + HOUR, speed=3600))
    wall.advance(seconds=1)
    assert source.now() == START + 2 * HOUR
    assert await source.price(BITCOIN) == (Decimal(118), START + 2 * HOUR)


async def test_a_price_series_becomes_candles_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "NL_DAY_AHEAD_1h.csv").write_text("time,eur\n2024-01-01T00:00Z,10.10\n2024-01-01T01:00Z,-5\n2024-01-01T02:00Z,7\n")
    source = ReplaySource(tmp_path, ManualClock(START + 2 * HOUR))
    assert await source.candles(POWER, Interval.HOUR_1, 10) == (
        candle(0, "10.10", "10.10", "-5", "-5", "0"),
        candle(1, "-5", "7", "-5", "7", "0"),
    )
    assert str((await source.candles(POWER, Interval.HOUR_1, 10))[0].open) == "10.10"
    assert source.origin(POWER).note == PRICE_NOTE
    assert source.origin(POWER).simulated is False


HEADER = "time,open,high,low,close,volume\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ":1: the header needs a column `time`"),
        ("time,time\n", ":1: the header needs a column `time` and no column twice"),
        ("time,open,close\n", ":1: expected time,open,high,low,close"),
        (HEADER, "too few rows"),
        (HEADER + "2024-01-01T00:00Z,1,2,1\n", ":2: 4 values for 6 columns"),
        (HEADER + "2024-01-01T00:00Z,1,2,1,1.5,9\n\n", ":3: 0 values for 6 columns"),
        (HEADER + "yesterday,1,2,1,1.5,9\n", ":2: 'yesterday' is not a time"),
        (HEADER + "99999999999999999999,1,2,1,1.5,9\n", ":2: '99999999999999999999' is not a time"),
        (HEADER + "2024-01-01T00:30Z,1,2,1,1.5,9\n", ":2: 2024-01-01T00:30Z is not a whole multiple of 1h"),
        (HEADER + "2024-01-01T00:00Z,1,2,1,nan,9\n", ":2: close must be finite"),
        (HEADER + "2024-01-01T00:00Z,1,2,1,,9\n", ":2: close is not a number"),
        (HEADER + "2024-01-01T00:00Z,1,2,1,1e30,9\n", ":2: close has too many digits"),
        (HEADER + "2024-01-01T00:00Z,1,2,1.6,1.5,9\n", ":2: low, open, close, high do not rise"),
        (HEADER + "2024-01-01T00:00Z,1,2,1,1.5,-9\n", ":2: low, open, close, high do not rise in this order, or the volume is negative"),
        (HEADER + "2024-01-01T01:00Z,1,2,1,1.5,9\n2024-01-01T01:00Z,1,2,1,1.5,9\n", ":3: the time 2024-01-01T01:00Z does not come after"),
        (HEADER + "2024-01-01T01:00Z,1,2,-1,1.5,9\n", "prices at or below zero, which BTC/USDT does not allow"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "BTCUSDT_1h.csv").write_text(text)
    with pytest.raises(BadRecording) as refusal:
        ReplaySource(tmp_path, ManualClock(START))
    assert str(tmp_path / "BTCUSDT_1h.csv") in str(refusal.value)
    assert complaint in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("readme.txt", b"", "There are no .csv or .csv.gz files"),
        ("NOPE_1h.csv", b"", "Unknown symbol: NOPE"),
        ("BTCUSDT_7h.csv", b"", "Unknown interval: 7h"),
        ("BTCUSDT_1h.csv.gz", b"not gzip", "Not a gzipped file"),
        ("BTCUSDT_1h.csv.gz", gzip.compress(OHLCV.encode(), mtime=0)[:40], "ended before the end-of-stream marker"),
        ("BTCUSDT_1h.csv", b"time,\xff\n", "can't decode byte"),
        ("manifest.toml", b"recording = 1", "manifest.toml"),
        ("manifest.toml", b"[[recording]]\nfile = 'x.csv'\nsymbol = 'CL'\ncolour = 'red'\n", "a recording has the keys"),
        ("manifest.toml", b"[[recording]]\nfile = 'x.csv'\n", "manifest.toml"),
        ("manifest.toml", b"[[recording]]\nfile = 'x.csv'\nsymbol = 'CL'\ninterval = '1h'\ncurrency = 'EUR'\n", "CL is quoted in USD"),
        ("manifest.toml", b"[[recording]]\nfile = 'x.csv'\nsymbol = 'CL'\ninterval = '1h'\n", "No such file"),
    ],
)
def test_an_unusable_folder_is_refused(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadRecording, match=complaint):
        ReplaySource(tmp_path, ManualClock(START))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match="There is no folder"):
        replay_window(tmp_path / "nowhere")


def test_one_instrument_is_recorded_once(folder: Path) -> None:
    (folder / "BTC-USDT_2h.csv").write_text(OHLCV.splitlines()[0] + "\n2024-01-01T00:00Z,1,1,1,1,1\n")
    with pytest.raises(BadRecording, match="BTC/USDT is recorded twice"):
        ReplaySource(folder, ManualClock(START))


def test_the_window_is_the_time_that_all_recordings_share(folder: Path) -> None:
    assert replay_window(folder) == (START + HOUR, START + 6 * HOUR, Interval.HOUR_1)
    (folder / "ETHUSDT_2h.csv").write_text(HEADER + "2024-01-01T00:00Z,1,2,1,1.5,9\n2024-01-01T02:00Z,1,2,1,1.5,9\n")
    window = replay_window(folder)
    assert window == (START + 2 * HOUR, START + 4 * HOUR, Interval.HOUR_2)
    assert window.after(candles=1) == START + 4 * HOUR
    assert window.after(candles=100) == START + 4 * HOUR
    (folder / "LTCUSDT_1h.csv").write_text(HEADER + "2025-01-01T00:00Z,1,2,1,1.5,9\n")
    with pytest.raises(BadRecording, match="no time in common"):
        replay_window(folder)


async def test_the_bundled_year_of_dutch_power_can_be_played() -> None:
    window = replay_window(SAMPLE)
    assert window == (datetime(2023, 1, 1, 1, tzinfo=UTC), datetime(2023, 12, 31, 23, tzinfo=UTC), Interval.HOUR_1)
    source = ReplaySource(SAMPLE, ManualClock(window.last))
    year = await source.candles(POWER, Interval.HOUR_1, 10_000)
    assert len(year) == 8758
    assert (min(candle.close for candle in year), max(candle.close for candle in year)) == (Decimal("-500.0"), Decimal("463.77"))
    assert sum(candle.close < 0 for candle in year) == 314
    assert len(await source.candles(POWER, Interval.DAY_1, 1000)) == 364
    note = source.origin(POWER).note
    assert note is not None and "price series" in note and "Ember" in note and "CC BY 4.0" in note


@given(
    hours=st.floats(2, 24 * 364),
    interval=st.sampled_from([Interval.HOUR_1, Interval.HOUR_4, Interval.DAY_1]),
    beyond=st.integers(-100, 100),
)
@settings(max_examples=60, deadline=None)
async def test_nothing_after_now_is_ever_visible(sample: Sample, hours: float, interval: Interval, beyond: int) -> None:
    now = datetime(2023, 1, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    recorded, clock, source = sample
    clock.set(now)
    seen = [price for moment, price in recorded if moment <= now]
    assert (await source.price(POWER))[0] == seen[-1]
    candles: tuple[Candle, ...] = ()
    with suppress(DomainError):
        candles = await source.candles(POWER, interval, 50, end=now + beyond * HOUR)
    assert beyond < 0 or candles or interval is not Interval.HOUR_1
    assert all(candle.opened_at + interval.length <= min(now, now + beyond * HOUR) for candle in candles)
    assert {candle.close for candle in candles} <= set(seen)


@pytest.fixture(scope="module")
def sample() -> Sample:
    lines = gzip.decompress((SAMPLE / "nl_day_ahead_1h.csv.gz").read_bytes()).decode().splitlines()[1:]
    recorded = [(datetime.fromisoformat(time), Decimal(price)) for time, price in (line.split(",") for line in lines)]
    clock = ManualClock(recorded[1][0])
    return recorded, clock, ReplaySource(SAMPLE, clock)


def test_aggregating_in_steps_is_aggregating_at_once() -> None:
    minutes = tuple(
        Candle(START + timedelta(minutes=5 * n), Decimal(n), Decimal(n + 2), Decimal(n - 3), Decimal(n + 1), Decimal("0.1"))
        for n in range(300)
        if n % 7
    )
    assert aggregate(aggregate(minutes, Interval.HOUR_1), Interval.HOUR_12) == aggregate(minutes, Interval.HOUR_12)
