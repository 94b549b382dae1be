"""Engines and sessions: one writer on SQLite, a sized pool on PostgreSQL, and readers that never wait for writers."""

import enum
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, MetaData, and_, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from domain.runtime.columns import ExactDecimal, JSONDocument, UTCDateTime, dump_json, load_json

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
SQLITE_READERS = 8


class Base(DeclarativeBase):
    """Every table of the system."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        str: sa.String(255),
        Decimal: ExactDecimal,
        datetime: UTCDateTime,
        dict[str, Any]: JSONDocument,
        list[Any]: JSONDocument,
        enum.Enum: sa.Enum(
            enum.Enum, native_enum=False, create_constraint=False, length=24, values_callable=lambda kind: [member.value for member in kind]
        ),
    }


class Database:
    """The database of one process; to be used on one event loop only, since an async engine belongs to its loop."""

    def __init__(self, url: str, pool_size: int = 16, *, waits_for_disk: bool = True) -> None:
        """`waits_for_disk` makes every commit on SQLite survive a power cut; a test that kills no machine can do without."""
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = _sqlite_engine(url, waits_for_disk, writing=True) if self.is_sqlite else _postgres_engine(url, pool_size)
        self._reader = _sqlite_engine(url, waits_for_disk, writing=False) if self.is_sqlite else self._writer
        self._writing = async_sessionmaker(self._writer, expire_on_commit=False)
        self._reading = async_sessionmaker(self._reader, expire_on_commit=False)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Open a session whose transaction may write; the caller commits. On SQLite writers take turns."""
        async with self._writing() as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a session that only reads and sees one consistent state on SQLite, committed rows on PostgreSQL."""
        async with self._reading() as session:
            yield session

    async def close(self) -> None:
        await self._writer.dispose()
        await self._reader.dispose()


class _FreesItsLock(sqlite3.Connection):
    """Ends its transaction when it is closed.

    SQLite itself keeps it, and the write lock with it, as long as a statement is unfinished; a task that was cancelled leaves one.
    """

    def close(self) -> None:
        try:
            if self.in_transaction:
                self.rollback()
        finally:
            super().close()


def _sqlite_engine(url: str, waits_for_disk: bool, *, writing: bool) -> AsyncEngine:
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url,
        pool_size=1 if writing else SQLITE_READERS,
        max_overflow=0,
        pool_timeout=60,
        connect_args={"timeout": 30, "cached_statements": 512, "factory": _FreesItsLock},
        json_serializer=dump_json,
        json_deserializer=load_json,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's begin event below opens the transaction
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # FULL: an acknowledged order survives a power cut too
        cursor.execute("PRAGMA synchronous=FULL" if waits_for_disk else "PRAGMA synchronous=OFF")
        if not writing:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # IMMEDIATE takes the write lock at once: a reader that turns writer half-way would fail instead of waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgres_engine(url: str, pool_size: int) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
        pool_pre_ping=True,
        json_serializer=dump_json,
        json_deserializer=load_json,
        connect_args={"server_settings": {"application_name": "tradewind", "jit": "off"}},
    )


def upsert(
    session: AsyncSession, table: type[Base], key: Mapping[str, object], values: Mapping[str, object], *only_if: ColumnElement[bool]
) -> Any:
    """Return a statement that inserts the row, or changes the one with this key if `only_if` holds for it as it stands.

    The key must be the primary key or a unique constraint. Add `.returning(...)` to learn whether anything was written.
    """
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**key, **values)
    condition = and_(*only_if) if only_if else None
    return statement.on_conflict_do_update(index_elements=list(key), set_=dict(values), where=condition)
