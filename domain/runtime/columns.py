"""Column types that keep decimals exact and times in UTC on SQLite as well as on PostgreSQL."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import JSON, Dialect, Numeric, String, TypeDecorator
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

from domain.kernel.clock import as_utc
from domain.kernel.money import MAX_DIGITS, MAX_SCALE, plain, trimmed


class ExactDecimal(TypeDecorator[Decimal]):
    """numeric(38, 18) on PostgreSQL; plain text on SQLite, whose own numbers are binary floats.

    On SQLite the text does not sort or add up in SQL: do that in Python.
    """

    impl = Numeric(MAX_DIGITS, MAX_SCALE)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(64))
        return dialect.type_descriptor(Numeric(MAX_DIGITS, MAX_SCALE))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise TypeError(f"a finite Decimal is needed, not {value!r}")
        return plain(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else trimmed(Decimal(value))


class UTCDateTime(TypeDecorator[datetime]):
    """timestamptz on PostgreSQL; fixed-width ISO text on SQLite, so that it sorts and keeps its zone."""

    impl = TIMESTAMP(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(32))
        return dialect.type_descriptor(TIMESTAMP(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return as_utc(datetime.fromisoformat(value) if isinstance(value, str) else value)


class JSONDocument(TypeDecorator[Any]):
    """JSON values; decimals inside are stored as number literals with every digit and come back as decimals, times as RFC 3339."""

    impl = JSON(none_as_null=True)
    cache_ok = True


def dump_json(value: Any) -> str:
    """Return JSON text of a document; refuses anything that is not a JSON value, finite Decimal or datetime."""
    return orjson.dumps(value, default=_plain_value, option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS).decode()


def load_json(text: str | bytes) -> Any:
    """Return a stored document; numbers with a point are decimals, never floats."""
    return json.loads(text, parse_float=Decimal)


def _plain_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise TypeError("JSON has no NaN and no infinity")
        return orjson.Fragment(plain(value))
    if isinstance(value, datetime):
        return as_utc(value).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, frozenset | set | tuple):
        return list(value)
    raise TypeError(f"not a JSON value: {type(value).__name__}")
