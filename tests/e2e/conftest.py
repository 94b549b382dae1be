"""The two shapes of the system as real processes: everything in one, or server and worker over PostgreSQL and Redis."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
import uvloop

from tests.conftest import REDIS, need_service
from tests.e2e.server_process import ServerProcess, TradewindProcess, WorkerProcess
from tests.e2e.standstill import STANDSTILL
from tests.e2e.warm_start import WarmStart

QUICK = {"TICK_SECONDS": "0.2", "POSITION_MONITOR_SECONDS": "0.5"}
LIMITED = {"RATE_LIMITS": "on"}


@pytest.fixture(scope="session", autouse=True)
def _started_warm() -> Iterator[None]:
    """Servers start in a second here; tests/test_server.py and the benchmarks start them as people do."""
    warm, before = WarmStart(), TradewindProcess.begin
    TradewindProcess.begin = warm.begin
    yield
    TradewindProcess.begin = before
    warm.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[str]:
    server = ServerProcess(tmp_path, **QUICK, **STANDSTILL, **LIMITED)
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def distributed(tmp_path: Path, postgres_database: str) -> Iterator[str]:
    need_service("Redis", REDIS)
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    shape = {"DATABASE_URL": postgres_database, "REDIS_URL": REDIS, "REDIS_PREFIX": prefix, "DATABASE_POOL_SIZE": "8"}
    server = ServerProcess(tmp_path, **QUICK, **STANDSTILL, **LIMITED, **shape)
    worker = WorkerProcess(tmp_path, **QUICK, **STANDSTILL, **shape)
    try:
        with ThreadPoolExecutor() as both:
            for started in [both.submit(server.start), both.submit(worker.start)]:
                started.result()
        yield server.url
    finally:
        worker.stop()
        server.stop()
        with redis.Redis.from_url(REDIS) as client:
            if keys := list(client.scan_iter(f"{prefix}*")):
                client.delete(*keys)


@pytest.fixture(params=["embedded", "distributed"])
def url(request: pytest.FixtureRequest) -> str:
    """Where the server of one shape answers."""
    return str(request.getfixturevalue(request.param))


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on the event loop that the server runs on."""
    return {"uvloop": uvloop.new_event_loop}
