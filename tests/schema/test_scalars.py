from datetime import UTC, datetime
from decimal import Decimal

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.money import plain
from schema.scalars import parse_cursor, parse_decimal, parse_time


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0.10", "0.1"),
        ("1E-10", "0.0000000001"),
        (7, "7"),
        (-3, "-3"),
        ("-0.5", "-0.5"),
        ("9" * 20, "9" * 20),
        ("0." + "0" * 17 + "1", "1E-18"),
    ],
)
def test_decimal_is_read_exactly(written: object, number: str) -> None:
    assert parse_decimal(written) == Decimal(number)


@pytest.mark.parametrize(
    "written",
    [
        0.1,
        1.0,
        True,
        None,
        "",
        "abc",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "9" * 39,
        "0." + "0" * 18 + "1",
        "1_0_" * 40,
        [],
        {},
        10**20,
        1e308,
    ],
)
def test_decimal_refuses_what_is_not_an_exact_number(written: object) -> None:
    with pytest.raises(GraphQLError):
        parse_decimal(written)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**19), max_value=10**19))
def test_decimal_survives_the_way_out_and_back(number: Decimal) -> None:
    assert parse_decimal(plain(number)) == number


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-02T09:30:00Z", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        ("2026-03-02t09:30:00.5z", datetime(2026, 3, 2, 9, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-03-02T09:30:00.123456+01:00", datetime(2026, 3, 2, 8, 30, 0, 123_456, tzinfo=UTC)),
        ("2026-03-02T00:15:00-02:00", datetime(2026, 3, 2, 2, 15, tzinfo=UTC)),
    ],
)
def test_time_is_read_as_utc(written: str, moment: datetime) -> None:
    assert parse_time(written) == moment


NOT_RFC_3339 = [
    "2026-03-02",
    "2026-03-02T09:30:00",
    "2026-03-02 09:30:00Z",
    "20260302T093000Z",
    "2026-02-30T00:00:00Z",
    "2026-03-02T25:00:00Z",
    "now",
    "",
    0,
    None,
    "2026-03-02T09:30:00.1234567Z",
    "0001-01-01T00:00:00+14:00",
    "٢٠٢٦-03-02T09:30:00Z",
]


@pytest.mark.parametrize("written", NOT_RFC_3339)
def test_time_refuses_what_is_not_rfc_3339(written: object) -> None:
    with pytest.raises(GraphQLError):
        parse_time(written)


def test_cursor_is_text_of_a_sane_length() -> None:
    assert parse_cursor("abc") == "abc"
    for written in (1, None, "x" * 201):
        with pytest.raises(GraphQLError):
            parse_cursor(written)
