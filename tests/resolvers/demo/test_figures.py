from decimal import Decimal

import pytest

from resolvers.demo.figures import money, percent, price, quantity, shortened, signed, sparkline


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("88512.3449", "88,512.34"),
        ("0.23771", "0.23771"),
        ("2.2", "2.20"),
        ("142.09", "142.09"),
        ("7", "7.00"),
        ("-0.23", "-0.23"),
        ("1234567", "1,234,567.00"),
        ("0.233333333333333333", "0.23333333"),
    ],
)
def test_price_has_the_digits_that_matter(value: str, shown: str) -> None:
    assert price(value) == shown


def test_money_is_told_to_the_cent_with_separators_and_currency() -> None:
    assert money("1000000", "USD") == "1,000,000.00 USD"
    assert money(Decimal("99.985"), "USDT") == "99.98 USDT"
    assert signed("12.3", "EUR") == "+12.30 EUR"
    assert signed("-18552.154", "EUR") == "-18,552.15 EUR"
    assert signed("-0.001", "EUR") == "0.00 EUR"


def test_quantity_keeps_every_digit() -> None:
    assert [quantity(value) for value in ("0.00123", "-420.50", "1234.5", "-0.5", "1000")] == [
        "0.00123",
        "-420.5",
        "1,234.5",
        "-0.5",
        "1,000",
    ]


def test_share_is_told_in_whole_percent() -> None:
    assert [percent("0.4"), percent(Decimal("0.666")), percent(1)] == ["40 %", "67 %", "100 %"]


def test_long_text_is_cut_to_its_first_line() -> None:
    assert shortened("one two\nthree", 20) == "one two"
    assert shortened("one two three", 8) == "one two…"
    assert shortened(None, 8) == ""


def test_sparkline_reaches_from_the_lowest_to_the_highest_and_fits() -> None:
    assert sparkline([Decimal(number) for number in range(8)], 20) == "▁▂▃▄▅▆▇█"
    assert sparkline([Decimal(5)] * 3, 20) == "▄▄▄"
    assert sparkline([], 20) == ""
    many = sparkline([Decimal(number) for number in range(1000)], 10)
    assert (len(many), many[0], many[-1]) == (10, "▁", "█")
