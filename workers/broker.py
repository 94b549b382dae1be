"""Dramatiq's brokers by URL, and the one thread that sends messages to them."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import dramatiq
import structlog
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from redis import Redis

from domain.runtime import outbox
from domain.runtime.outbox import JobMessage
from domain.runtime.runtime import Runtime

log = structlog.get_logger()
# A worker that says nothing for so long is dead, and its messages go to another one.
HEARTBEAT_MILLISECONDS = 20_000
ALWAYS = 1_000_000


class MemoryBroker(StubBroker):
    """Within one process. Failed messages are dropped: the outbox row is what a failed job leaves."""

    def __init__(self) -> None:
        super().__init__(middleware=[])
        self.dead_letters_by_queue = defaultdict(_Nowhere)


class _Nowhere(list[dramatiq.MessageProxy]):
    def append(self, message: dramatiq.MessageProxy, /) -> None:
        message.clear_exception()


class ClosingRedisBroker(RedisBroker):
    """Closes its connections with itself."""

    def close(self) -> None:
        self.client.close()


def make_broker(url: str | None, prefix: str) -> dramatiq.Broker:
    """Return the broker of a URL: `redis://`, `rediss://`, `amqp://`, `amqps://`, or None for this process alone.

    It is never made Dramatiq's global one, and carries none of Dramatiq's middleware: retries, time limits and event loops are
    the outbox's and the worker's own business. Raises ValueError for any other URL.
    """
    scheme = url.partition("://")[0] if url else None
    if url is None:
        return MemoryBroker()
    if scheme in {"redis", "rediss"}:
        # Dramatiq looks for dead workers' messages in one of a thousand commands, which in a quiet system is never.
        return ClosingRedisBroker(  # type: ignore[no-untyped-call]
            client=Redis.from_url(url, socket_connect_timeout=5, socket_timeout=15),
            namespace=prefix,
            heartbeat_timeout=HEARTBEAT_MILLISECONDS,
            maintenance_chance=ALWAYS,
            middleware=[],
        )
    if scheme in {"amqp", "amqps"}:
        return RabbitmqBroker(url=url, confirm_delivery=True, middleware=[])
    raise ValueError(f"BROKER_URL must start with redis://, rediss://, amqp:// or amqps://, not {scheme}://")


def queue_of(prefix: str) -> str:
    return f"{prefix}.jobs"


class Dispatcher:
    """Sends job messages, all from one thread: sending blocks, and RabbitMQ opens a connection for every thread that sends."""

    def __init__(self, runtime: Runtime, broker: dramatiq.Broker) -> None:
        self._runtime, self._broker = runtime, broker
        self._queue = queue_of(runtime.settings.redis_prefix)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dispatch")
        self._under_way: set[asyncio.Task[None]] = set()
        self._closed = False
        broker.declare_queue(self._queue)

    async def dispatch(self, messages: Sequence[JobMessage]) -> None:
        """Have the messages sent soon; to be used as `Runtime.dispatch`. Never fails: the rows are committed, the relay looks again."""
        if self._closed:
            return
        task = asyncio.create_task(self.send(messages))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def send(self, messages: Sequence[JobMessage]) -> None:
        """Send the messages and wait until the broker has them; those it did not take are left to the relay's next round."""
        unsent = await asyncio.get_running_loop().run_in_executor(self._thread, self._enqueue, messages)
        if not unsent:
            return
        try:
            async with self._runtime.operation().unit_of_work() as work:
                await outbox.release(work.session, unsent)
        except Exception as error:
            log.warning("dispatch.not_released", error=str(error))  # then they are taken for lost after a minute

    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown)

    def _enqueue(self, messages: Sequence[JobMessage]) -> list[str]:
        for position, message in enumerate(messages):
            try:
                self._broker.enqueue(
                    dramatiq.Message(
                        queue_name=self._queue,
                        actor_name=message.name,
                        args=(message.job_id, message.arguments, message.request_id),
                        kwargs={},
                        options={},
                    )
                )
            except Exception as error:
                unsent = [message.job_id for message in messages[position:]]
                log.warning("dispatch.failed", error=f"{type(error).__name__}: {error}", jobs=len(unsent))
                return unsent
        return []
