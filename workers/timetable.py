"""Periodic work: a ticker in every process, of which one at a time does each entry."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from domain.kernel.permissions import SYSTEM
from domain.runtime import leases
from domain.runtime.logging import bind_request
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Entry:
    """A function to call every so many seconds in one process, counted from start to start and never twice at once.

    A round longer than `limit_seconds` is cancelled; the next one comes in its turn.
    """

    name: str
    every_seconds: float
    function: Callable[[Operation], Awaitable[object]]
    limit_seconds: float = 60.0


class Timetable:
    """Keeps the entries going. The process that holds an entry's lease does it; when it dies, another one within `lease_seconds`."""

    def __init__(self, runtime: Runtime, entries: Sequence[Entry], lease_seconds: float = 6.0) -> None:
        self._runtime, self._entries, self._lease_seconds = runtime, entries, lease_seconds
        self._owner = runtime.owner
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._tend(entry)) for entry in self._entries]

    async def stop(self) -> None:
        """Cancel what is running and give the leases up, so that another process goes on at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            async with self._runtime.operation().unit_of_work() as work:
                for entry in self._entries:
                    # A lease of no length is free for the next who asks; one that somebody else holds stays theirs.
                    await leases.acquire(work.session, _lease(entry), self._owner, work.now, -1)

    async def _tend(self, entry: Entry) -> None:
        due = held_until = 0.0
        while True:
            try:
                if held_until - time.monotonic() < self._lease_seconds / 2:
                    held_until = await self._hold(entry)
                if held_until and time.monotonic() >= due:
                    due = time.monotonic() + entry.every_seconds
                    held_until = await self._do(entry, held_until)
            except Exception as error:
                log.error("timetable.failed", entry=entry.name, exc_info=error)
            pause = due - time.monotonic() if held_until else self._lease_seconds
            await asyncio.sleep(min(max(pause, 0.01), self._lease_seconds / 3))

    async def _hold(self, entry: Entry) -> float:
        # Returns until when (on the monotonic clock) this process holds the entry's lease, 0 if another one does.
        asked_at = time.monotonic()
        async with self._runtime.operation().unit_of_work() as work:
            held = await leases.acquire(work.session, _lease(entry), self._owner, work.now, self._lease_seconds)
        return asked_at + self._lease_seconds if held else 0.0

    async def _do(self, entry: Entry, held_until: float) -> float:
        # Renews the lease while the round runs; a round whose lease is lost, or that takes too long, is cancelled.
        round_ = asyncio.create_task(self._round(entry))
        give_up = time.monotonic() + entry.limit_seconds
        try:
            while not (await asyncio.wait({round_}, timeout=self._lease_seconds / 3))[0]:
                held_until = await self._hold(entry)
                if not held_until or time.monotonic() >= give_up:
                    log.error("timetable.round_cancelled", entry=entry.name, lost_lease=not held_until)
                    break
        finally:
            round_.cancel()
            await asyncio.gather(round_, return_exceptions=True)
        return held_until

    async def _round(self, entry: Entry) -> None:
        operation = self._runtime.operation(SYSTEM, door="timetable")
        bind_request(operation.request_id, entry=entry.name)
        try:
            await entry.function(operation)
        except Exception as error:
            log.error("timetable.entry_failed", exc_info=error)


def _lease(entry: Entry) -> str:
    return f"timetable:{entry.name}"[:64]
