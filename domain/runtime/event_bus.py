"""Tells waiting streams that something new is in the log: in this process, or over Redis in all of them."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Protocol

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()
RECONNECT_SECONDS = 1.0
CHECK_SECONDS = 5.0
# Requests wait for the bell: a Redis that accepts and says nothing must not hold them up.
PUBLISH_SECONDS = 0.5


class WakeUps:
    """One listener's flag: any number of calls while it is busy make one wake-up, so nothing piles up."""

    def __init__(self) -> None:
        self._flag = asyncio.Event()

    def ring(self) -> None:
        self._flag.set()

    async def wait(self, timeout: float) -> bool:
        """Wait until the bell has rung since the last call, at most `timeout` seconds; say whether it did."""
        try:
            await asyncio.wait_for(self._flag.wait(), timeout)
        except TimeoutError:
            return False
        self._flag.clear()
        return True


class EventBus(Protocol):
    """Carries bells, not contents: the log is the truth, and a lost bell costs two seconds, not an event."""

    async def check(self) -> None:
        """Raise OSError, with a sentence for the operator, if the bus cannot be reached."""
        ...

    async def start(self) -> None: ...

    async def publish(self, topics: Collection[str]) -> None: ...

    def subscribe(self, topic: str) -> contextlib.AbstractAsyncContextManager[WakeUps]: ...

    async def close(self) -> None: ...


class MemoryEventBus:
    """Within one process and one event loop."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[WakeUps]] = defaultdict(set)

    async def check(self) -> None:
        return None

    async def start(self) -> None:
        return None

    async def publish(self, topics: Collection[str]) -> None:
        for topic in topics:
            for listener in tuple(self._listeners.get(topic, ())):
                listener.ring()

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[WakeUps]:
        wake_ups = WakeUps()
        self._listeners[topic].add(wake_ups)
        try:
            yield wake_ups
        finally:
            self._listeners[topic].discard(wake_ups)
            if not self._listeners[topic]:
                del self._listeners[topic]

    def ring_all(self) -> None:
        for listeners in tuple(self._listeners.values()):
            for listener in tuple(listeners):
                listener.ring()

    async def close(self) -> None:
        return None


class RedisEventBus:
    """Across processes: one pub/sub channel, fanned out locally; survives a Redis that goes away for a while."""

    def __init__(self, url: str, prefix: str) -> None:
        self._redis = Redis.from_url(url)
        self._channel = f"{prefix}:events"
        self._local = MemoryEventBus()
        self._listener: asyncio.Task[None] | None = None

    async def check(self) -> None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._redis.ping()
        except TimeoutError:
            raise OSError(f"no answer within {CHECK_SECONDS:g} seconds") from None
        except RedisError as error:
            raise OSError(str(error)) from None

    async def start(self) -> None:
        ready = asyncio.Event()
        self._listener = asyncio.create_task(self._listen(ready))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ready.wait(), RECONNECT_SECONDS)

    async def publish(self, topics: Collection[str]) -> None:
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await self._redis.publish(self._channel, orjson.dumps(sorted(topics)))
        except (RedisError, OSError) as error:  # a timeout is an OSError too
            # Listeners elsewhere look at the log every two seconds anyway; those here need not wait.
            log.warning("bus.publish_failed", error=str(error))
            await self._local.publish(topics)

    def subscribe(self, topic: str) -> contextlib.AbstractAsyncContextManager[WakeUps]:
        return self._local.subscribe(topic)

    async def close(self) -> None:
        if self._listener:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
        await self._redis.aclose()

    async def _listen(self, ready: asyncio.Event) -> None:
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(self._channel)
                    ready.set()
                    self._local.ring_all()  # whatever was missed while the connection was down
                    async for message in channel.listen():
                        if message["type"] == "message":
                            await self._local.publish(orjson.loads(message["data"]))
            except (RedisError, OSError) as error:
                log.warning("bus.connection_lost", error=str(error))
                await asyncio.sleep(RECONNECT_SECONDS)
