"""The week of an instrument: when it is open, when it opens next, and when its trading day ends."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market.instruments import all_instruments, find_instrument, session_end
from domain.market.sessions import ENERGY_WEEK

BTC, OIL = find_instrument("BTC/USDT"), find_instrument("CL")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}+00:00")


# A moment, whether energy is traded then, when it is next, and when a DAY order of energy and of crypto ends. 2 March is a Monday.
WEEK = [
    ("02T00:00", True, "02T00:00", "03T00:00", "03T00:00"),
    ("02T23:59:59.999999", True, "02T23:59:59.999999", "03T00:00", "03T00:00"),
    ("03T00:00", True, "03T00:00", "04T00:00", "04T00:00"),
    ("05T12:00", True, "05T12:00", "06T00:00", "06T00:00"),
    ("06T00:00", True, "06T00:00", "06T22:00", "07T00:00"),
    ("06T21:59:59.999999", True, "06T21:59:59.999999", "06T22:00", "07T00:00"),
    ("06T22:00", False, "09T00:00", "10T00:00", "07T00:00"),
    ("07T12:00", False, "09T00:00", "10T00:00", "08T00:00"),
    ("08T23:59:59.999999", False, "09T00:00", "10T00:00", "09T00:00"),
    ("09T00:00", True, "09T00:00", "10T00:00", "10T00:00"),
]


@pytest.mark.parametrize(("moment", "is_open", "opens", "oil_ends", "coin_ends"), WEEK)
def test_the_whole_week(moment: str, is_open: bool, opens: str, oil_ends: str, coin_ends: str) -> None:
    now = at(moment)
    assert (ENERGY_WEEK.is_open(now), ENERGY_WEEK.next_open(now)) == (is_open, at(opens))
    assert session_end(OIL, now) == at(oil_ends)
    assert session_end(BTC, now) == at(coin_ends)
    elsewhere = now.astimezone(timezone(timedelta(hours=-11)))
    assert (session_end(OIL, elsewhere), session_end(BTC, elsewhere)) == (at(oil_ends), at(coin_ends))


@given(st.integers(0, 4 * 10**15), st.sampled_from(all_instruments()))
def test_a_day_ends_after_it_has_begun_and_the_last_moment_before_is_traded(microseconds: int, instrument: object) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    found = find_instrument(instrument.symbol)  # type: ignore[attr-defined]
    end = session_end(found, moment)
    assert moment < end <= moment + timedelta(days=4)
    assert found.session is None or found.session.is_open(end - timedelta(microseconds=1))


def test_energy_has_a_week_and_coins_have_none() -> None:
    assert {(instrument.kind, instrument.session) for instrument in all_instruments()} == {("crypto", None), ("energy", ENERGY_WEEK)}
