from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import exact, percent_of, plain, round_to_step, trimmed

DECIMALS = st.decimals(min_value=-(10**15), max_value=10**15, places=8, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    "value",
    [
        0.1,
        True,
        None,
        "NaN",
        "Infinity",
        "-inf",
        "sNaN",
        "",
        "x",
        "1,5",
        "1_000",
        " 1",
        "1\n",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "\N{FULLWIDTH DIGIT ONE}",
        "1e",
        "1e99999999999999999999",
        "1e30",
        "1" * 39,
        "1e-19",
        "0." + "1" * 39,
        "9" * 100,
        "\N{PILE OF POO}",
        [],
        "1e999999",
        "1e9999999",
        "-1e20",
    ],
)
def test_inexact_or_endless_numbers_are_refused(value: object) -> None:
    with pytest.raises(DomainError) as refusal:
        exact(value, "price")
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
    assert refusal.value.details["field"] == "price"


@pytest.mark.parametrize(
    ("value", "expected"), [("0.10", "0.1"), (5, "5"), (Decimal("1E+3"), "1000"), ("-0.000000000000000001", "-0.000000000000000001")]
)
def test_exact_numbers_keep_every_digit(value: object, expected: str) -> None:
    assert plain(exact(value)) == expected


def test_largest_numbers_keep_their_digits() -> None:
    largest = Decimal("99999999999999999999.999999999999999999")
    assert plain(exact(str(largest))) == str(largest)
    assert plain(largest * largest) == format(trimmed(largest * largest), "f")


@given(DECIMALS)
def test_plain_reads_back_equal_and_has_no_exponent(number: Decimal) -> None:
    written = plain(number)
    assert Decimal(written) == number
    assert "E" not in written.upper()


@given(DECIMALS, st.sampled_from([Decimal("0.01"), Decimal("0.00001"), Decimal(5), Decimal("0.25")]))
def test_rounding_lands_on_the_step_and_goes_the_named_way(number: Decimal, step: Decimal) -> None:
    down, up = round_to_step(number, step, "down"), round_to_step(number, step, "up")
    assert down % step == 0
    assert up % step == 0
    assert abs(down) <= abs(number) <= abs(up)
    assert round_to_step(number, step, "floor") <= number <= round_to_step(number, step, "ceiling")
    assert abs(round_to_step(number, step, "nearest") - number) * 2 <= step


def test_percent_of_nothing_is_zero() -> None:
    assert percent_of(Decimal(5), Decimal(0)) == 0
    assert percent_of(Decimal(10), Decimal(885)) == Decimal("1.1299")


def test_trimmed_never_uses_an_exponent() -> None:
    assert str(trimmed(Decimal("1200.00"))) == "1200"
