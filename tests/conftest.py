"""Databases built by the migrations, and a runtime on them: what every test stands on."""

import asyncio
import gc
import os
import shutil
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr

from domain.kernel.clock import ManualClock, SystemClock
from domain.kernel.permissions import SYSTEM
from domain.runtime.event_bus import MemoryEventBus
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from migrations import upgrade
from tests.databases import quick_database

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
SECRET = "a secret for tests only, long enough to sign with"
ABANDONED = r"""
SELECT datname FROM pg_database WHERE datname LIKE 'tradewind\_test\_%'
AND (pg_stat_file('base/' || oid || '/PG_VERSION', true)).modification < now() - interval '1 hour'
AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pg_stat_activity.datname = pg_database.datname)
"""
# How long an example takes says something about the machine, nothing about the code.
hypothesis_settings.register_profile("any machine", deadline=None)
hypothesis_settings.load_profile("any machine")
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def pytest_collection_finish() -> None:
    """Spare the collector everything that has been imported: it would look through it again and again, and find nothing."""
    gc.collect()
    gc.freeze()


def need_service(name: str, url: str) -> None:
    """Skip by name when a service is not there; with REQUIRE_SERVICES=1 its absence is a failure."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), timeout=2).close()
    except OSError:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(f"{name} is required and does not answer at {parts.hostname}:{parts.port}")
        pytest.skip(f"{name} does not answer at {parts.hostname}:{parts.port}")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    upgrade(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    need_service("PostgreSQL", POSTGRES)
    name = f"tradewind_test_{uuid.uuid4().hex[:12]}"
    asyncio.run(drop_abandoned())
    asyncio.run(administer(f'CREATE DATABASE "{name}"'))
    try:
        upgrade(postgres_url(name))
        yield name
    finally:
        asyncio.run(administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


async def administer(*statements: str) -> None:
    connection = await asyncpg.connect(POSTGRES)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def drop_abandoned() -> None:
    """Drop what test runs have left behind that were killed: an hour old, and nobody is connected."""
    connection = await asyncpg.connect(POSTGRES)
    try:
        for row in await connection.fetch(ABANDONED):
            await connection.execute(f'DROP DATABASE IF EXISTS "{row["datname"]}"')
    except asyncpg.PostgresError:
        pass  # another run is at it too, or the user may not look at files: the next run sees to it
    finally:
        await connection.close()


def postgres_url(name: str) -> str:
    return urlsplit(POSTGRES)._replace(scheme="postgresql+asyncpg", path=f"/{name}").geturl()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "tradewind.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
def postgres_database(postgres_template: str) -> Iterator[str]:
    name = f"{postgres_template}_{uuid.uuid4().hex[:8]}"
    asyncio.run(administer(f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"'))
    try:
        yield postgres_url(name)
    finally:
        asyncio.run(administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The database under test: SQLite, or both where a test asks with `@both_databases`."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_database"))


@pytest.fixture(scope="session")
def settings_of_all_tests() -> Settings:
    # A deep market: what an order costs can be worked out by hand, whatever its size.
    return Settings(secret_key=SecretStr(SECRET), lease_seconds=5, rate_limits=False, paper_liquidity="deep")


@pytest.fixture
def settings(settings_of_all_tests: Settings, database_url: str, tmp_path: Path) -> Settings:
    # A copy: to read them from the environment takes longer than many a test.
    return settings_of_all_tests.model_copy(update={"var_dir": tmp_path, "database_url": database_url})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def runtime(settings: Settings, clock: ManualClock) -> AsyncIterator[Runtime]:
    """A runtime with a clock that stands still; jobs stay in the outbox until a test does them."""
    database = await quick_database(settings.effective_database_url)
    bus = MemoryEventBus()
    await bus.start()
    yield Runtime(settings, clock, database, bus)
    await bus.close()
    await database.close()


@pytest.fixture
def system(runtime: Runtime) -> Operation:
    return runtime.operation(SYSTEM)


@pytest.fixture
def system_clock() -> SystemClock:
    return SystemClock()
