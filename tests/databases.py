"""The mark for a test that runs on SQLite and on PostgreSQL, and all that a database holds."""

from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.util import LRUCache

from domain.runtime.database import Database
from domain.runtime.runtime import Runtime
from migrations.models import Base

# Of each kind of database, the dialect of the first engine of this process.
_dialects: dict[str, Any] = {}
_compiled: dict[str, Any] = {}
REMEMBERED_STATEMENTS = 5_000

both_databases = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


async def contents(runtime: Runtime) -> dict[str, list[str]]:
    """Return every row of every table, to see that nothing has changed; a refusal may itself be on record."""
    async with runtime.operation().reading() as work:
        return {
            table.name: sorted(repr(tuple(row)) for row in await work.session.execute(select(table)))
            for table in Base.metadata.sorted_tables
            if not table.name.startswith("audit_")
        }


async def quick_database(url: str, pool_size: int = 8) -> Database:
    """Return a database that does not wait for the disk, and that knows every statement which a test of this process has made before.

    A server compiles each of its statements once; an engine a test would compile them again in every test, and do little else.
    """
    database = Database(url, pool_size, waits_for_disk=False)
    kind = database.url.get_backend_name()
    if kind not in _dialects:
        async with database.reading() as session:  # which lets the dialect find out what it talks to
            await session.execute(text("SELECT 1"))
        _dialects[kind], _compiled[kind] = database._reader.sync_engine.dialect, LRUCache(REMEMBERED_STATEMENTS)
    for engine in (database._reader.sync_engine, database._writer.sync_engine):
        engine.dialect = engine.pool._dialect = _dialects[kind]
        engine._compiled_cache = _compiled[kind]
    return database
