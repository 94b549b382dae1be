"""The scalars of the GraphQL schema: exact decimals, times with a zone, cursors and plain JSON."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from domain.kernel.clock import to_wire
from domain.kernel.errors import DomainError
from domain.kernel.money import exact, plain

Cursor = NewType("Cursor", str)
JSON = NewType("JSON", object)

# RFC 3339, section 5.6: a full date, a full time and a zone, with at most the microseconds that are stored.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_MAX_CURSOR_LENGTH = 200


def parse_decimal(value: object) -> Decimal:
    """Return the exact number that a client wrote as a string or an integer; refuses floats, NaN and more than 38 digits."""
    if isinstance(value, float):
        raise GraphQLError('Decimal must be a string such as "0.10", or an integer: a float may already have lost digits')
    try:
        return exact(value, "Decimal")
    except DomainError as refusal:
        raise GraphQLError(refusal.message) from None


def parse_time(value: object) -> datetime:
    """Return the aware moment that RFC 3339 text names; refuses local times, bare dates and numbers."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise GraphQLError('DateTime must be RFC 3339 with a zone, for instance "2026-03-02T09:30:00Z"')
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise GraphQLError("DateTime names a moment that does not exist") from None


def parse_cursor(value: object) -> Cursor:
    """Return the text of a cursor; whether it is a good one is for the list or stream to say."""
    if not isinstance(value, str) or len(value) > _MAX_CURSOR_LENGTH:
        raise GraphQLError("Cursor must be a string that this server gave")
    return Cursor(value)


def _text_of_time(value: Any) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"not a time: {type(value).__name__}")
    return to_wire(value)


def _text_of_decimal(value: Any) -> str:
    if not isinstance(value, Decimal):
        raise TypeError(f"not a Decimal: {type(value).__name__}")
    return plain(value)


def _itself(value: Any) -> Any:
    return value


SCALARS: Mapping[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description=(
            'An exact decimal number. Sent as a string in plain notation (`"0.1"`, never `1E-1`). Accepted as a string or an integer of at '
            "most 38 digits, 18 of them behind the point; floats and NaN are refused."
        ),
        serialize=_text_of_decimal,
        parse_value=parse_decimal,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description='A moment as RFC 3339 text. Sent in UTC with milliseconds (`"2026-03-02T09:30:00.000Z"`); accepted with any zone.',
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_text_of_time,
        parse_value=parse_time,
    ),
    Cursor: strawberry.scalar(
        name="Cursor",
        description="A place in a list or a stream. Opaque: take it from an answer, hand it back as it is.",
        serialize=_itself,
        parse_value=parse_cursor,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value, where the shape differs from case to case. Decimals inside it are strings.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=_itself,
        parse_value=_itself,
    ),
}
