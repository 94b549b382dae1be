"""SQLite through aiosqlite with one visit to its thread for each statement, where SQLAlchemy's own adapter makes four."""

import collections
import sqlite3
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection, AsyncAdapt_aiosqlite_cursor, AsyncAdapt_aiosqlite_dbapi


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """Makes and closes the driver's cursor on the spot, which touches no disk, and fetches the rows on the thread that executes."""

    __slots__ = ()
    _awaitable_cursor_close = False

    def _make_new_cursor(self, connection: Any) -> Any:
        return connection._conn.cursor()

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        async with self._adapt_connection._execute_mutex:
            self._rows = await self._on_thread(_execute, self._cursor, operation, () if parameters is None else parameters)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        async with self._adapt_connection._execute_mutex:
            return await self._on_thread(self._cursor.executemany, operation, seq_of_parameters)

    async def _on_thread(self, *call: Any) -> Any:
        connection: Any = self._connection
        return await connection._execute(*call)


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor


class _Driver(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *arguments: Any, **options: Any) -> _Connection:
        made = super().connect(*arguments, **options)
        return _Connection(self, made._connection)


def sqlite_driver() -> Any:
    """Return what `create_async_engine` takes as `module` for a database file."""
    return _Driver(aiosqlite, sqlite3)


def _execute(cursor: sqlite3.Cursor, operation: str, parameters: Any) -> collections.deque[Any]:
    cursor.execute(operation, parameters)
    return collections.deque(cursor.fetchall() if cursor.description else ())
