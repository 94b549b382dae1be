"""How amounts and moments are written in sentences for people."""

from datetime import datetime
from decimal import Decimal

from domain.kernel.clock import as_utc
from domain.kernel.money import EXACT, plain

_CENT = Decimal("0.01")
_SMALLEST = Decimal("0.00000001")


def quantity(written: str) -> str:
    """Return a quantity as it is, in groups of three digits: `1,250.5`."""
    return f"{Decimal(plain(Decimal(written))):,f}"


def money(written: str) -> str:
    """Return a price or amount with at least two places, and with as many as eight below one: `61,200.00`, `0.00012`."""
    value = Decimal(written)
    rounded = value.quantize(_CENT if abs(value) >= 1 else _SMALLEST, context=EXACT)
    whole, _, places = f"{Decimal(plain(rounded)):,f}".partition(".")
    return f"{whole}.{places.ljust(2, '0')}"


def gain(written: str) -> str:
    """Return an amount with its sign: `+3.10`, `-12.40`, and `0.00` for neither."""
    text = money(written)
    return text if text.startswith("-") or not Decimal(text.replace(",", "")) else f"+{text}"


def day(written: str) -> str:
    """Return the day of an RFC 3339 moment, in UTC: `1 April 2026`."""
    moment = as_utc(datetime.fromisoformat(written))
    return f"{moment.day} {moment:%B %Y}"


def minute(written: str) -> str:
    """Return the day and minute of an RFC 3339 moment: `1 April 2026, 09:30 UTC`."""
    return f"{day(written)}, {as_utc(datetime.fromisoformat(written)):%H:%M} UTC"
