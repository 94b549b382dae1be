"""Runs jobs on the event loop it is started on: the server's own, or that of a worker process."""

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any

import dramatiq
import structlog
from dramatiq.worker import Worker

from domain.runtime.outbox import JobMessage
from domain.runtime.runtime import Runtime
from workers.broker import queue_of
from workers.jobs import Job, JobRegistry, perform

log = structlog.get_logger()
# How long an idle thread sleeps before it looks whether it shall stop, or for new messages where a broker must be polled.
IDLE_MILLISECONDS = 100
# What is left of a stop after its grace for interrupted jobs to let go of their rows.
LAST_SECONDS = 1.5


class EmbeddedWorker:
    """Takes messages off a broker with Dramatiq's threads and does the jobs on the loop that started it.

    Jobs so share the database, the bus and the clients of that loop; a thread only waits while its job runs, so `threads` is how
    many jobs run side by side. A job must not compute for long without handing that to a thread or a process.
    """

    def __init__(self, runtime: Runtime, broker: dramatiq.Broker, jobs: JobRegistry, threads: int) -> None:
        self._runtime, self._broker = runtime, broker
        self._running: dict[str, asyncio.Task[None]] = {}
        self._worker = Worker(broker, worker_threads=threads, worker_timeout=IDLE_MILLISECONDS)
        queue = queue_of(runtime.settings.redis_prefix)
        for job in jobs:
            # A plain function, since Dramatiq's own way into asyncio is one loop for the whole process.
            dramatiq.actor(broker=broker, actor_name=job.name, queue_name=queue)(self._actor(job))

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._worker.start)

    async def stop(self, grace_seconds: float = 3.0) -> None:
        """Take no more messages, let running jobs finish, and after the grace interrupt them: their rows go to other workers."""
        stopping = asyncio.create_task(asyncio.to_thread(self._worker.stop, int((grace_seconds + LAST_SECONDS) * 1000)))
        _, late = await asyncio.wait({stopping}, timeout=grace_seconds)
        if late:
            for task in self._running.values():
                task.cancel()
        await stopping

    def _actor(self, job: Job) -> Callable[[str, dict[str, Any], str], None]:
        def carry(job_id: str, arguments: dict[str, Any], request_id: str) -> None:
            coroutine = self._perform(job, JobMessage(job_id, job.name, arguments, request_id))
            try:
                future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            except RuntimeError:  # the loop is gone, and this thread with it in a moment
                coroutine.close()
                return
            try:
                future.result()
            except concurrent.futures.CancelledError:
                return

        return carry

    async def _perform(self, job: Job, message: JobMessage) -> None:
        if message.job_id in self._running:
            return  # delivered again while it is being done here
        task = asyncio.current_task()
        assert task is not None
        self._running[message.job_id] = task
        try:
            await perform(self._runtime, job, message)
        except Exception as error:
            log.error("job.row_not_updated", job=message.name, job_id=message.job_id, exc_info=error)
        finally:
            del self._running[message.job_id]
