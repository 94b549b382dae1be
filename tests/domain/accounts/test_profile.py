from datetime import UTC, date, datetime

import pytest

from domain.accounts.profile import PhoneNumber, checked_birthday, checked_name, checked_phone_number, normalized_email
from domain.accounts.service import split_name
from domain.kernel.errors import DomainError, ErrorCode

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_email_is_trimmed_and_in_lower_case() -> None:
    assert normalized_email("  Ada.L+tag@Example.CO.uk ") == "ada.l+tag@example.co.uk"


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@localhost",
        "ada@@example.com",
        "a da@example.com",
        ".ada@example.com",
        "a..b@example.com",
        "ada@-x.com",
        "ada@exa_mple.com",
        "\N{PILE OF POO}@example.com",
        "a" * 65 + "@example.com",
        "ada@" + "x." * 130 + "com",
        "ada@x.com\n.de",
    ],
)
def test_what_is_no_email_is_refused(email: str) -> None:
    with pytest.raises(DomainError) as refusal:
        normalized_email(email)
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
    assert refusal.value.details == {"field": "email"}


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\0b", "\ud800"])
def test_name_must_be_printable_and_short(name: str) -> None:
    with pytest.raises(DomainError):
        checked_name(name, "first_name")


def test_name_is_trimmed_and_may_be_any_script() -> None:
    assert checked_name("  Ада ", "first_name") == "Ада"


@pytest.mark.parametrize("birthday", [date(1899, 12, 31), date(2013, 3, 3), date(2030, 1, 1)])
def test_birthday_of_the_too_old_and_too_young_is_refused(birthday: date) -> None:
    with pytest.raises(DomainError):
        checked_birthday(birthday, NOW)


def test_thirteenth_birthday_is_old_enough() -> None:
    assert checked_birthday(date(2013, 3, 2), NOW) == date(2013, 3, 2)


def test_phone_number_has_both_parts_or_none() -> None:
    assert checked_phone_number(PhoneNumber()) is None
    assert checked_phone_number(PhoneNumber("+31", "6 1234 5678")) == {"country_code": "+31", "mobile_number": "6 1234 5678"}
    for half in (PhoneNumber("+31"), PhoneNumber(None, "612345678"), PhoneNumber("31x", "612345678"), PhoneNumber("+31", "call me")):
        with pytest.raises(DomainError):
            checked_phone_number(half)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Ada", ("Ada", "")),
        ("Ada Lovelace", ("Ada", "Lovelace")),
        (" Grace  Brewster Hopper ", ("Grace", "Brewster Hopper")),
        ("", ("", "")),
    ],
)
def test_name_splits_at_its_first_space(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts
