"""Numbers and short texts as people read them in a terminal."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from domain.kernel.money import plain

CENT = Decimal("0.01")
SPARKS = "▁▂▃▄▅▆▇█"


def decimal_of(value: object) -> Decimal:
    """Return a number of a JSON answer: a string or integer in GraphQL and in step data, a Decimal in REST."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def quantity(value: object) -> str:
    """Return all its digits, with thousands separators and no zeros at the end."""
    whole, _, fraction = plain(decimal_of(value)).partition(".")
    grouped = f"{int(whole):,}" if int(whole) else whole
    return f"{grouped}.{fraction}" if fraction else grouped


def price(value: object) -> str:
    """Return at least two decimal places, and up to eight for what is worth little."""
    number = decimal_of(value)
    places = 2 if abs(number) >= 1000 else 4 if abs(number) >= 1 else 8
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    shown = quantity(rounded)
    missing = 2 - len(shown.partition(".")[2])
    return shown if missing <= 0 else f"{shown}{'' if '.' in shown else '.'}{'0' * missing}"


def money(value: object, currency: str) -> str:
    """Return it to the cent."""
    return f"{_cents(decimal_of(value)):,} {currency}"


def signed(value: object, currency: str) -> str:
    """Return it to the cent with its sign; nothing won and nothing lost has none."""
    cents = _cents(decimal_of(value))
    return f"{cents:+,} {currency}" if cents else f"{cents:,} {currency}"


def percent(share: object) -> str:
    """Return a share of 0 to 1 in whole percent."""
    return f"{(decimal_of(share) * 100).quantize(Decimal(1), ROUND_HALF_EVEN)} %"


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def shortened(text: str | None, length: int) -> str:
    """Return the first line, cut to so many characters."""
    line = first_line(text)
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def sparkline(values: Sequence[Decimal], width: int) -> str:
    """Return the values as a row of bars from the lowest to the highest; if they are more than `width`, evenly chosen ones."""
    if not values or width < 1:
        return ""
    count = min(len(values), width)
    chosen = [values[-1 - (len(values) - 1) * back // max(count - 1, 1)] for back in reversed(range(count))]
    low, high = min(chosen), max(chosen)
    if low == high:
        return SPARKS[3] * count
    return "".join(SPARKS[int((value - low) / (high - low) * (len(SPARKS) - 1))] for value in chosen)


def _cents(value: Decimal) -> Decimal:
    cents = value.quantize(CENT, ROUND_HALF_EVEN)
    return cents if cents else abs(cents)  # never "-0.00"
