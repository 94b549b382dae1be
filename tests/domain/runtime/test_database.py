from pathlib import Path

import pytest
from sqlalchemy import text

from domain.runtime.database import Database

FULL, OFF = 2, 0


@pytest.mark.parametrize(("options", "expected"), [({}, FULL), ({"waits_for_disk": False}, OFF)])
async def test_commits_on_sqlite_wait_for_the_disk_unless_told_otherwise(tmp_path: Path, options: dict[str, bool], expected: int) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'tradewind.db'}", **options)
    async with database.writing() as session:
        assert await session.scalar(text("PRAGMA synchronous")) == expected
        assert await session.scalar(text("PRAGMA journal_mode")) == "wal"
    await database.close()
