"""Exact decimal numbers: the only form in which money, prices and quantities exist here."""

import re
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_UP, Context, Decimal, InvalidOperation
from typing import Literal

from domain.kernel.errors import DomainError, ErrorCode

# 20 digits before the point and 18 behind it fit the database's numeric(38, 18).
MAX_DIGITS = 38
MAX_SCALE = 18
EXACT = Context(prec=60)
_WRITTEN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf(inity)?)", re.ASCII | re.IGNORECASE)

Toward = Literal["down", "up", "floor", "ceiling", "nearest"]
_ROUNDING = {"down": ROUND_DOWN, "up": ROUND_UP, "floor": ROUND_FLOOR, "ceiling": ROUND_CEILING, "nearest": ROUND_HALF_EVEN}


def exact(value: object, field: str = "value") -> Decimal:
    """Return a finite Decimal from a string, an integer or a Decimal.

    Floats are refused, since their decimal form is not what the sender meant; so are NaN, infinities and numbers that
    need more than 38 digits or 18 decimal places. Underscores, blanks and digits of other scripts, which Python would read, are
    refused too. Raises VALIDATION_ERROR.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} must be a decimal number", field=field)
    if isinstance(value, str) and len(value) > 80:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} has too many digits", field=field)
    try:
        if isinstance(value, str) and not _WRITTEN.fullmatch(value):
            raise InvalidOperation
        number = Decimal(value)
    except InvalidOperation:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} is not a number", field=field) from None
    if not number.is_finite():
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} must be finite", field=field)
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    # `adjusted` is the power of ten of the first digit: no arithmetic, which would overflow on what is to be refused here
    if (number and number.adjusted() >= MAX_DIGITS - MAX_SCALE) or len(digits) > MAX_DIGITS or -exponent > MAX_SCALE:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} has too many digits", field=field)
    return number


def round_to_step(value: Decimal, step: Decimal, toward: Toward) -> Decimal:
    """Return the multiple of `step` next to `value` in the named direction (`down` and `up` are toward and away from zero)."""
    quotient = EXACT.divide(value, step).quantize(Decimal(1), rounding=_ROUNDING[toward], context=EXACT)
    return EXACT.multiply(quotient, step)


def trimmed(value: Decimal) -> Decimal:
    """Return the same number without trailing zeros and never in exponent form."""
    normal = value.normalize(EXACT)
    if normal == 0:
        return Decimal(0)
    return normal.quantize(Decimal(1), context=EXACT) if normal.as_tuple().exponent > 0 else normal  # type: ignore[operator]


def plain(value: Decimal) -> str:
    """Return the number in plain notation without trailing zeros: `0.1`, `1000`, never `1E+3`."""
    return format(trimmed(value), "f")


def percent_of(part: Decimal, whole: Decimal) -> Decimal:
    """Return `part` as percent of `whole`, 4 decimal places; 0 when there is no whole."""
    if whole == 0:
        return Decimal(0)
    return (EXACT.divide(part, whole) * 100).quantize(Decimal("0.0001"), context=EXACT)
