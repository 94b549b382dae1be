"""Brokers of every kind under a private name, and runtimes whose clock really runs."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pika  # type: ignore[import-untyped]
import pytest
import redis
from sqlalchemy import select

from domain.kernel.clock import SystemClock
from domain.runtime.database import Database
from domain.runtime.event_bus import MemoryEventBus
from domain.runtime.outbox import OutboxJob
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from tests.conftest import REDIS, need_service
from workers.broker import queue_of
from workers.jobs import JobRegistry

RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")


@dataclass(frozen=True)
class Carrier:
    """Where a broker is, and the prefix that only this test uses."""

    url: str | None
    prefix: str


@pytest.fixture
def memory_carrier() -> Carrier:
    return Carrier(None, "test")


@pytest.fixture
def redis_carrier() -> Iterator[Carrier]:
    need_service("Redis", REDIS)
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    yield Carrier(REDIS, prefix)
    with redis.Redis.from_url(REDIS) as client:
        if keys := list(client.scan_iter(f"{prefix}*")):
            client.delete(*keys)


@pytest.fixture
def rabbitmq_carrier() -> Iterator[Carrier]:
    need_service("RabbitMQ", RABBITMQ)
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    yield Carrier(RABBITMQ, prefix)
    connection = pika.BlockingConnection(pika.URLParameters(RABBITMQ))
    for ending in ("", ".DQ", ".XQ"):
        connection.channel().queue_delete(queue_of(prefix) + ending)
    connection.close()


@pytest.fixture(params=["memory", "redis", "rabbitmq"])
def carrier(request: pytest.FixtureRequest) -> Carrier:
    carrier: Carrier = request.getfixturevalue(f"{request.param}_carrier")
    return carrier


@pytest.fixture
def jobs() -> JobRegistry:
    return JobRegistry()


@pytest.fixture
async def runtimes(settings: Settings) -> AsyncIterator[Callable[..., Runtime]]:
    """Makes runtimes that share the database of the test, as processes do, with settings changed by keyword."""
    databases: list[Database] = []

    def make(**changes: object) -> Runtime:
        database = Database(settings.effective_database_url, pool_size=8, waits_for_disk=False)
        databases.append(database)
        return Runtime(settings.model_copy(update={"tick_seconds": 0.05, **changes}), SystemClock(), database, MemoryEventBus())

    yield make
    for database in databases:
        await database.close()


async def rows(runtime: Runtime) -> list[OutboxJob]:
    async with runtime.database.reading() as session:
        return list(await session.scalars(select(OutboxJob).order_by(OutboxJob.id)))


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 (what is awaited is a row, which rings no bell)
            await asyncio.sleep(0.02)
