"""The simulated market agrees with itself, whoever asks, when and how."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.kernel.clock import ManualClock
from domain.market.candles import Interval
from domain.market.instruments import Instrument, all_instruments, find_instrument
from domain.market.replay import aggregate
from domain.market.simulated import EPOCH, MINUTE, SimulatedSource

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BITCOIN = find_instrument("BTC/USDT")
ROOT = Path(__file__).resolve().parents[3]
moments = st.integers(-(10**15), 3 * 10**15).map(lambda microseconds: EPOCH + timedelta(microseconds=microseconds))
instruments = st.sampled_from(all_instruments())


def source_at(moment: datetime, seed: int = 7) -> SimulatedSource:
    return SimulatedSource(ManualClock(moment), seed)


@given(moments, instruments, st.sampled_from(list(Interval)), st.integers(0, 2**63))
@settings(max_examples=40, deadline=None)
async def test_every_interval_is_the_sum_of_its_minutes(moment: datetime, instrument: Instrument, interval: Interval, seed: int) -> None:
    source = source_at(moment, seed)
    (candle,) = await source.candles(instrument, interval, 1)
    minutes = await source.candles(instrument, Interval.MINUTE_1, interval.minutes, candle.opened_at + interval.length)
    assert len(minutes) == interval.minutes
    assert aggregate(minutes, interval) == (candle,)


@given(moments, instruments, st.timedeltas(timedelta(0), timedelta(seconds=59.999999)))
@settings(max_examples=100, deadline=None)
async def test_a_price_lies_in_its_candle_and_ends_as_its_close(moment: datetime, instrument: Instrument, offset: timedelta) -> None:
    source = source_at(moment)
    opened_at = moment.replace(second=0, microsecond=0)
    (candle,) = await source.candles(instrument, Interval.MINUTE_1, 1, opened_at + MINUTE)
    assert candle.opened_at == opened_at
    assert source.price_at(instrument, opened_at) == candle.open
    assert candle.low <= source.price_at(instrument, opened_at + offset) <= candle.high
    assert source.price_at(instrument, opened_at + MINUTE) == candle.close
    assert candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high


@given(moments, instruments, st.integers(1, 60), st.integers(1, 60))
@settings(max_examples=50, deadline=None)
async def test_a_candle_is_the_same_in_every_answer(moment: datetime, instrument: Instrument, limit: int, later: int) -> None:
    source = source_at(moment)
    first = await source.candles(instrument, Interval.MINUTE_15, limit, moment)
    second = await source.candles(instrument, Interval.MINUTE_15, limit + later, moment + later * timedelta(minutes=15))
    assert second[: len(first)] == first
    assert [candle.opened_at for candle in second] == [second[0].opened_at + i * timedelta(minutes=15) for i in range(limit + later)]


async def test_only_closed_candles_are_given() -> None:
    source = source_at(NOON + timedelta(minutes=59, seconds=59))
    candles = await source.candles(BITCOIN, Interval.HOUR_1, 2)
    assert [candle.opened_at.hour for candle in candles] == [10, 11]
    candles = await source_at(NOON + timedelta(hours=1)).candles(BITCOIN, Interval.HOUR_1, 1)
    assert candles[0].opened_at == NOON


def test_another_process_sees_the_same_market() -> None:
    here = [source_at(NOON).price_at(instrument, NOON) for instrument in all_instruments()]
    program = (
        "from datetime import *; from domain.kernel.clock import SystemClock; from domain.market.instruments import *\n"
        "from domain.market.simulated import *; source = SimulatedSource(SystemClock(), 7)\n"
        "print(*(source.price_at(i, datetime(2026, 11, 22, 12, tzinfo=UTC)) for i in all_instruments()))"
    )
    there = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [Decimal(text) for text in there.split()] == here


async def test_the_market_of_a_seed_stays_what_it_was() -> None:
    # A change of these numbers changes every recorded run over the simulated market.
    source = source_at(NOON)
    (candle,) = await source.candles(BITCOIN, Interval.HOUR_1, 1)
    values = [candle.open, candle.high, candle.low, candle.close, candle.volume]
    assert [str(value) for value in values] == ["78856.65", "79201.12", "78636.46", "78705.67", "28.10907"]
    assert str(source.price_at(find_instrument("NL_DAY_AHEAD"), NOON)) == "105.85"


async def test_seeds_and_symbols_make_different_markets() -> None:
    ether = find_instrument("ETH/USDT")
    closes = [
        np.diff(np.log([float(candle.close) for candle in await source_at(NOON, seed).candles(instrument, Interval.HOUR_1, 500)]))
        for seed, instrument in ((1, BITCOIN), (2, BITCOIN), (1, ether))
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(closes[one], closes[other])[0, 1]) < 0.2


@pytest.mark.parametrize("instrument", all_instruments(), ids=lambda instrument: instrument.symbol)
async def test_prices_stay_plausible(instrument: Instrument) -> None:
    candles = await source_at(NOON).candles(instrument, Interval.HOUR_4, 1000)
    closes = [candle.close for candle in candles]
    assert all(instrument.round_price(close) == close for close in closes)
    assert all(instrument.round_quantity(candle.volume) == candle.volume >= 0 for candle in candles)
    assert sum(candle.volume for candle in candles) > 0
    moves = np.diff([float(close) for close in closes]) / float(instrument.reference_price)
    if not instrument.allow_negative_price:
        assert min(candle.low for candle in candles) > 0
        moves = np.diff(np.log([float(close) for close in closes]))
    assert instrument.reference_price / 5 < abs(sum(closes, Decimal(0)) / len(closes)) < instrument.reference_price * 5
    assert 0.6 < moves.std() * (365 * 6) ** 0.5 / float(instrument.annual_volatility) < 1.8


async def test_power_prices_pass_zero_now_and_then() -> None:
    power = find_instrument("NL_DAY_AHEAD")
    closes = [candle.close for candle in await source_at(NOON).candles(power, Interval.DAY_1, 1000)]
    assert 0 < sum(close < 0 for close in closes) < 200
