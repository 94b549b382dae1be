import pytest

from domain.notifications.wording import day, gain, minute, money, quantity


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("61200", "61,200.00"),
        ("61200.126", "61,200.13"),
        ("1234567.5", "1,234,567.50"),
        ("0.5", "0.50"),
        ("0.00012", "0.00012"),
        ("0.000000001", "0.00"),
        ("-12.4", "-12.40"),
        ("-37.5", "-37.50"),
        ("0", "0.00"),
        ("99999999999999999999.99", "99,999,999,999,999,999,999.99"),
    ],
)
def test_money_has_two_places_or_more(written: str, said: str) -> None:
    assert money(written) == said


@pytest.mark.parametrize(("written", "said"), [("3.1", "+3.10"), ("-12.4", "-12.40"), ("0", "0.00"), ("0.000000001", "0.00")])
def test_gain_has_a_sign(written: str, said: str) -> None:
    assert gain(written) == said


@pytest.mark.parametrize(("written", "said"), [("0.010", "0.01"), ("1250.5", "1,250.5"), ("1E+3", "1,000")])
def test_quantity_keeps_its_places(written: str, said: str) -> None:
    assert quantity(written) == said


def test_moments_are_said_in_utc() -> None:
    assert day("2026-04-01T09:30:00.000Z") == "1 April 2026"
    assert minute("2026-04-01T00:30:00+02:00") == "31 March 2026, 22:30 UTC"
