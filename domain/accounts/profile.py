"""What people say about themselves, and what of it is accepted."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from domain.kernel.errors import DomainError, ErrorCode

MAX_EMAIL = 254
MAX_NAME = 100
MIN_AGE_YEARS = 13
OLDEST_YEAR = 1900
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"{_LOCAL}@(?:{_LABEL}\.)+{_LABEL}")


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """Both parts or neither."""

    country_code: str | None = None
    mobile_number: str | None = None


@dataclass(frozen=True, slots=True)
class ProfileChanges:
    """Fields of the own profile; None leaves one as it is."""

    first_name: str | None = None
    last_name: str | None = None
    birthday: date | None = None
    phone_number: PhoneNumber | None = None


def normalized_email(email: str) -> str:
    """Return the address trimmed and in lower case; raises VALIDATION_ERROR unless it looks like one."""
    address = email.strip().lower()
    if len(address) > MAX_EMAIL or len(address.partition("@")[0]) > 64 or not _EMAIL.fullmatch(address):
        raise _invalid("email", "value is not a valid e-mail address")
    return address


def checked_name(name: str, field: str) -> str:
    """Return the name trimmed; raises VALIDATION_ERROR unless 1 to 100 printable characters are left."""
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= MAX_NAME or not trimmed.isprintable():
        raise _invalid(field, f"{field} must have 1 to {MAX_NAME} printable characters")
    return trimmed


def checked_birthday(birthday: date, now: datetime) -> date:
    """Return the birthday; raises VALIDATION_ERROR before 1900 and for anybody younger than 13."""
    today = now.date()
    age = today.year - birthday.year - ((today.month, today.day) < (birthday.month, birthday.day))
    if birthday.year < OLDEST_YEAR or age < MIN_AGE_YEARS:
        raise _invalid("birthday", f"birthday must lie after {OLDEST_YEAR} and at least {MIN_AGE_YEARS} years back")
    return birthday


def checked_phone_number(phone: PhoneNumber) -> dict[str, Any] | None:
    """Return the number as it is stored, None for an empty one; raises VALIDATION_ERROR for half of one."""
    if not phone.country_code and not phone.mobile_number:
        return None
    if not re.fullmatch(r"\+?[0-9]{1,4}", phone.country_code or "") or not re.fullmatch(r"[0-9 ()/.-]{3,20}", phone.mobile_number or ""):
        raise _invalid("phone_number", "phone_number needs both a country_code such as +31 and a mobile_number of digits")
    return {"country_code": phone.country_code, "mobile_number": phone.mobile_number}


def _invalid(field: str, message: str) -> DomainError:
    return DomainError(ErrorCode.VALIDATION_ERROR, message, field=field)
