"""Notes when an API key was last used, beside the requests that use it and at most once a minute."""

import asyncio
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, update

from domain.accounts.models import ApiKey
from domain.kernel.permissions import SYSTEM
from domain.runtime.operation import Operation

log = structlog.get_logger()
PAUSE = timedelta(minutes=1)


class KeyUses:
    """The notes of one process that are being written."""

    def __init__(self) -> None:
        self._writing: dict[str, asyncio.Task[None]] = {}

    def note(self, operation: Operation, key: ApiKey) -> None:
        """Have the use written in the background, unless one of the last minute is; no request waits for it."""
        now = operation.clock.now()
        if key.id in self._writing or (key.last_used_at is not None and now - key.last_used_at < PAUSE):
            return
        task = asyncio.create_task(self._write(operation.on_behalf_of(SYSTEM), key.id, now))
        self._writing[key.id] = task
        task.add_done_callback(lambda _: self._writing.pop(key.id, None))

    async def settle(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._writing.values())

    async def _write(self, operation: Operation, key_id: str, now: datetime) -> None:
        try:
            async with operation.unit_of_work() as work:
                due = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= now - PAUSE)
                await work.session.execute(update(ApiKey).where(ApiKey.id == key_id, due).values(last_used_at=now))
        except Exception as error:  # the request is not the worse for it
            log.warning("api_keys.use_not_noted", key_id=key_id, error=f"{type(error).__name__}: {error}")
