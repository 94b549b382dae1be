"""Hands on what is due in the outbox and was never sent, or was sent and seems lost."""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from domain.runtime.outbox import JobMessage, take_due
from domain.runtime.runtime import Dispatch, Runtime

log = structlog.get_logger()


class Relay:
    """Looks every `tick_seconds`. Several processes may do so: a row is taken by one of them."""

    def __init__(self, runtime: Runtime, send: Dispatch) -> None:
        self._runtime, self._send = runtime, send
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def pass_on(self) -> Sequence[JobMessage]:
        """Do one round: take what is due, commit, send."""
        async with self._runtime.operation().unit_of_work() as work:
            messages = await take_due(work.session, work.now)
        if messages:
            await self._send(messages)
        return messages

    async def _run(self) -> None:
        while True:
            try:
                await self.pass_on()
            except Exception as error:
                log.error("relay.failed", exc_info=error)
            await asyncio.sleep(self._runtime.settings.tick_seconds)
