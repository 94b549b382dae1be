"""Sees which rows a transaction changes, and writes them down without secrets and within limits."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import orjson
from sqlalchemy import Column, event, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, Mapper, ORMExecuteState, Session

from domain.kernel.clock import as_utc
from domain.kernel.money import plain

REDACTED = "[redacted]"
MAX_SIDE_BYTES = 16_384
MAX_TEXT = 1_000
MAX_ITEMS = 50
MAX_NAMED = 10
# Plumbing: it moves with everything and says nothing about it.
UNTOLD_TABLES = frozenset(
    {"audit_entries", "audit_head", "event_log_state", "events", "idempotency_keys", "leases", "outbox", "password_failures"}
)
SECRET_WORDS = frozenset({"authorization", "credential", "credentials", "passphrase", "password", "secret", "token"})
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_INFO = "audit.changes"


@dataclass(slots=True)
class RowChange:
    """A row that was made, changed or deleted; `before` holds the first old value of each changed column."""

    state: InstanceState[Any]
    instance: object  # held: the session lets go of what it has written
    created: bool
    deleted: bool = False
    before: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return str(self.mapper.local_table.name)  # type: ignore[attr-defined]

    @property
    def mapper(self) -> Mapper[Any]:
        mapper: Mapper[Any] = self.state.mapper
        return mapper

    @property
    def id(self) -> str:
        keys = (self.mapper.get_property_by_column(column).key for column in self.mapper.primary_key)
        return ",".join(str(self.state.dict.get(key)) for key in keys)

    def sides(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return (before, after): all columns of a row that was made or deleted, and of others those that differ."""
        now = self.state.dict
        if self.created:
            return None, _side(self.mapper, {key: now.get(key) for key, _ in _columns(self.mapper)})
        if self.deleted:
            return _side(self.mapper, {key: now.get(key) for key, _ in _columns(self.mapper)} | self.before), None
        differing = [key for key, old in self.before.items() if old != now.get(key)]
        old, new = ({key: side.get(key) for key in differing} for side in (self.before, now))
        return (_side(self.mapper, old), _side(self.mapper, new)) if differing else (None, None)


class Changes:
    """The rows that one transaction has touched so far, as far as its objects went through the session."""

    def __init__(self) -> None:
        self.rows: dict[InstanceState[Any], RowChange] = {}
        self.is_empty = True

    @classmethod
    def of(cls, session: AsyncSession) -> "Changes":
        """Return what is known of the session's transaction, and see what it does from now on."""
        known: Changes | None = session.info.get(_INFO)
        if known is None:
            known = session.info[_INFO] = cls()
            event.listen(session.sync_session, "before_flush", known._see_flush)
            event.listen(session.sync_session, "do_orm_execute", known._see_statement)
        return known

    def named(self, object_id: str | None) -> RowChange | None:
        """Return the row whose primary key is this id."""
        return next((row for row in self.rows.values() if row.id == object_id), None) if object_id is not None else None

    def touched(self, but: RowChange | None) -> dict[str, list[str]]:
        """Return the ids of the other rows by table, the first ten of each."""
        found: dict[str, list[str]] = {}
        for row in self.rows.values():
            ids = found.setdefault(row.table, []) if row is not but and row.table not in UNTOLD_TABLES else []
            if len(ids) < MAX_NAMED:
                ids.append(row.id)
            elif len(ids) == MAX_NAMED:
                ids.append("…")
        return found

    def _see_flush(self, session: Session, _context: object, _instances: object) -> None:
        for changed in session.new:
            self._row(inspect(changed), created=True)
        for changed in session.dirty:
            self._note_old_values(inspect(changed))
        for changed in session.deleted:
            self._row(inspect(changed)).deleted = True

    def _see_statement(self, statement: ORMExecuteState) -> None:
        if statement.is_insert or statement.is_update or statement.is_delete:
            self.is_empty = False

    def _note_old_values(self, state: InstanceState[Any]) -> None:
        for key, _ in _columns(state.mapper):
            history = state.attrs[key].history
            if history.added or history.deleted:
                self._row(state).before.setdefault(key, history.deleted[0] if history.deleted else None)

    def _row(self, state: InstanceState[Any], *, created: bool = False) -> RowChange:
        self.is_empty = False
        return self.rows.setdefault(state, RowChange(state, state.obj(), created))


def is_secret(column: Column[Any]) -> bool:
    """Tell whether a column was declared with `info={"secret": True}`."""
    return bool(column.info.get("secret"))


def document_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as a JSON document of at most 16 KiB: without secrets, long texts and lists shortened and marked."""
    document = {key: _shown(value, key) for key, value in values.items()}
    while len(orjson.dumps(document)) > MAX_SIDE_BYTES:
        largest = max(document, key=lambda key: len(orjson.dumps(document[key])))
        document[largest] = f"[left out: {len(orjson.dumps(document[largest]))} bytes]"
    return document


def clean_text(text: str, limit: int = MAX_TEXT) -> str:
    """Return text that every database takes, shortened and marked if it is longer than `limit`."""
    text = text.encode("utf-8", "replace").decode().replace("\0", "?")
    return text if len(text) <= limit else f"{text[: limit - 30]}… ({len(text)} characters)"


def _side(mapper: Mapper[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    secret = {key for key, column in _columns(mapper) if is_secret(column)}
    return document_of({key: REDACTED if key in secret and value is not None else value for key, value in values.items()})


def _columns(mapper: Mapper[Any]) -> Iterator[tuple[str, Column[Any]]]:
    for attribute in mapper.column_attrs:
        column = attribute.columns[0]
        if isinstance(column, Column):  # and no expression over other tables
            yield attribute.key, column


def _shown(value: Any, name: str = "") -> Any:
    if _names_a_secret(name) and isinstance(value, str | bytes) and value:
        return REDACTED
    match value:
        case None | bool():
            return value
        case Enum():
            return value.value
        case int():
            return value if abs(value) < 2**53 else str(value)
        case str():
            return clean_text(value)
        case Decimal():
            return plain(value)
        case datetime():
            return as_utc(value).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Mapping():
            return _shortened_document({str(key)[:MAX_TEXT]: _shown(item, str(key)) for key, item in list(value.items())[: MAX_ITEMS * 4]})
        case list() | tuple() | set() | frozenset():
            items = list(value)
            more = [f"… ({len(items)} items)"] if len(items) > MAX_ITEMS else []
            return [*(_shown(item, name) for item in items[:MAX_ITEMS]), *more]
        case float():
            return repr(value)
    return f"[{type(value).__name__}]"  # an expression that the database computes


def _shortened_document(document: dict[str, Any]) -> dict[str, Any]:
    return {clean_text(key, 100): item for key, item in document.items()}


def _names_a_secret(name: str) -> bool:
    words = _HUMP.sub("_", name).lower().replace("-", "_")  # accessToken, api-key
    return not SECRET_WORDS.isdisjoint(words.split("_")) or "api_key" in words or "private_key" in words
