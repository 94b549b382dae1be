"""The snapshot: what an analyst saw comes back from storage exactly as it was, and never from the future."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.analysts.snapshot import MarketSnapshot, snapshot_of
from domain.market.candles import Candle, CandleSeries, Indicator, IndicatorSet, Interval, Origin, Ticker
from tests.domain.analysts.markets import HOUR, market, random_market, snapshot

numbers = st.decimals(min_value=-(10**12), max_value=10**12, places=18, allow_nan=False, allow_infinity=False) | st.decimals(
    min_value=-(10**20), max_value=10**20, places=30
)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))])
moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=zones)  # noqa: DTZ001


@st.composite
def snapshots(draw: st.DrawFn) -> MarketSnapshot:
    interval, as_of = draw(st.sampled_from(Interval)), draw(moments)
    count = draw(st.integers(0, 4))
    opened = [as_of - (count - index) * interval.length for index in range(count)]
    candles = tuple(Candle(at, *(draw(numbers) for _ in range(5))) for at in opened)
    names, signals = st.sampled_from(["RSI(14)", "MACD", "VWAP"]), st.sampled_from(["buy", "sell", "neutral", None])
    indicators = tuple(draw(st.lists(st.builds(Indicator, names, numbers | st.none(), signals), max_size=3)))
    text, flag = st.text(max_size=12), st.booleans()
    return MarketSnapshot(
        symbol=draw(text),
        interval=interval,
        as_of=as_of,
        source=draw(text),
        simulated=draw(flag),
        stale=draw(flag),
        note=draw(text | st.none()),
        price=draw(numbers),
        change_24h=draw(numbers),
        change_percent_24h=draw(numbers),
        high_24h=draw(numbers),
        low_24h=draw(numbers),
        volume_24h=draw(numbers),
        candles=candles,
        indicators=indicators,
        summary=draw(text),
    )


@given(snapshots())
def test_snapshot_survives_storage_exactly(seen: MarketSnapshot) -> None:
    stored = json.loads(json.dumps(seen.to_document()))
    again = MarketSnapshot.from_document(stored)
    assert again == seen
    assert again.to_document() == stored
    assert again.fingerprint() == seen.fingerprint()


@given(snapshots(), numbers)
def test_fingerprint_tells_every_price_apart(seen: MarketSnapshot, price: Decimal) -> None:
    assert (replace(seen, price=price).fingerprint() == seen.fingerprint()) == (price == seen.price)


def test_fingerprint_of_a_known_snapshot_never_changes() -> None:
    seen = snapshot(market(["1", "2.50", "-0.0"]))
    assert seen.fingerprint() == "04db57c5388221eb486d7b57fddbf196656abc946ad81017bb3d45b3257a01d5"
    assert replace(seen, price=Decimal("0.000")).fingerprint() == seen.fingerprint()


def test_document_holds_plain_strings_and_all_six_decimals_of_a_time() -> None:
    seen = replace(snapshot(market(["1E+3", "0.00000001"])), as_of=datetime(2026, 1, 5, 2, 0, 0, 123456, tzinfo=UTC))
    document = json.loads(json.dumps(seen.to_document()))
    assert document["as_of"] == "2026-01-05T02:00:00.123456Z"
    assert document["candles"]["rows"][0] == ["2026-01-05T00:00:00.000000Z", "1000", "1000.1", "999.9", "1000", "10"]
    assert document["price"] == "0.00000001"


def test_unclosed_or_disordered_candles_are_refused() -> None:
    candles = market([1, 2, 3])
    with pytest.raises(ValueError, match="look ahead"):
        replace(snapshot(candles), as_of=candles[-1].opened_at + timedelta(minutes=59))
    with pytest.raises(ValueError, match="oldest first"):
        snapshot(candles[::-1])


def test_unknown_document_version_is_refused() -> None:
    with pytest.raises(ValueError, match="unreadable snapshot version: 2"):
        MarketSnapshot.from_document(snapshot(market([1])).to_document() | {"version": 2})


def test_parts_of_an_answer_become_one_snapshot() -> None:
    candles = random_market(1)
    closed = candles[-1].opened_at + HOUR.length
    recorded = Origin("replay:nl", simulated=False, note="open = previous price")
    series = CandleSeries("NL/EUR", HOUR, candles, closed, recorded)
    price, change, percent, high, low, volume = (Decimal(value) for value in ("61.5", "-3", "-4.65", "70", "55", "0"))
    late = replace(recorded, stale=True, note="late")
    ticker = Ticker("NL/EUR", price, change, percent, high, low, volume, closed + timedelta(minutes=7), late)
    indicators = IndicatorSet("NL/EUR", HOUR, (Indicator("RSI(14)", Decimal("51.2"), "neutral"),), "neutral", closed, recorded)

    seen = snapshot_of(series, ticker, indicators)

    assert (seen.symbol, seen.interval, seen.as_of) == ("NL/EUR", HOUR, closed + timedelta(minutes=7))
    assert (seen.source, seen.simulated, seen.stale, seen.note) == ("replay:nl", False, True, "open = previous price; late")
    assert (seen.price, seen.low_24h, seen.candles) == (Decimal("61.5"), Decimal(55), candles)
    assert (seen.value("RSI(14)"), seen.value("VWAP")) == (Decimal("51.2"), None)
    with pytest.raises(ValueError, match="one symbol"):
        snapshot_of(series, replace(ticker, symbol="DE/EUR"), indicators)
