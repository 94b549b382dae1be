import asyncio
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


async def test_connection_that_is_cut_off_half_way_gives_the_write_lock_back(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    async with database.writing() as session:
        connection = await session.connection()
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        half_read = await driver.execute("SELECT 1 UNION ALL SELECT 2")
        assert await half_read.fetchone() == (1,)
        await connection.invalidate()  # as when the task is cancelled within a statement
        await session.rollback()
    async with asyncio.timeout(5), database.writing() as session:
        assert await session.scalar(text("SELECT 3")) == 3
    await database.close()
