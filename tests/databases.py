"""The mark for a test that runs on SQLite and on PostgreSQL, and all that a database holds."""

import pytest
from sqlalchemy import select

from domain.runtime.runtime import Runtime
from migrations.models import Base

both_databases = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


async def contents(runtime: Runtime) -> dict[str, list[str]]:
    """Return every row of every table, to see that nothing has changed; a refusal may itself be on record."""
    async with runtime.operation().reading() as work:
        return {
            table.name: sorted(repr(tuple(row)) for row in await work.session.execute(select(table)))
            for table in Base.metadata.sorted_tables
            if not table.name.startswith("audit_")
        }
