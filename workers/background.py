"""What one process does beside answering: sending jobs, relaying lost ones, doing them, and the timetable."""

import asyncio
from collections.abc import Sequence

from domain.runtime import outbox
from domain.runtime.runtime import Runtime, leave_to_relay
from workers.broker import Dispatcher, MemoryBroker, make_broker
from workers.embedded import EmbeddedWorker
from workers.jobs import JobRegistry
from workers.relay import Relay
from workers.timetable import Entry, Timetable


class Background:
    """Started after the runtime is composed and stopped before it is disposed of."""

    def __init__(self, runtime: Runtime, jobs: JobRegistry, entries: Sequence[Entry], *, runs_jobs: bool) -> None:
        """Raises ValueError when the broker's URL is unknown, or when nobody could ever run the jobs."""
        settings = runtime.settings
        if not runs_jobs and settings.effective_broker_url is None:
            raise ValueError("EMBEDDED_WORKER=false needs a BROKER_URL or REDIS_URL that worker processes listen to")
        self._runtime = runtime
        self._broker = make_broker(settings.effective_broker_url, settings.redis_prefix)
        self._dispatcher = Dispatcher(runtime, self._broker)
        self._worker = EmbeddedWorker(runtime, self._broker, jobs, settings.worker_threads) if runs_jobs else None
        self.relay = Relay(runtime, self._dispatcher.send)
        self._timetable = Timetable(runtime, entries)

    async def start(self) -> None:
        if isinstance(self._broker, MemoryBroker):
            # Whatever was handed out before this start died with the process that held it.
            async with self._runtime.operation().unit_of_work() as work:
                await outbox.forget_dispatches(work.session)
        self._runtime.dispatch = self._dispatcher.dispatch
        if self._worker:
            await self._worker.start()
        await self.relay.start()
        await self._timetable.start()

    async def stop(self, grace_seconds: float = 3.0) -> None:
        """Stop within `grace_seconds` and two more; jobs that are not done by then go on in another process, or at the next start."""
        await self._timetable.stop()
        await self.relay.stop()
        if self._worker:
            await self._worker.stop(grace_seconds)
        self._runtime.dispatch = leave_to_relay
        await self._dispatcher.close()
        await asyncio.to_thread(self._broker.close)
