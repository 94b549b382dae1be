"""The audit log as tests look at it."""

import asyncio

from sqlalchemy import select

from domain.audit.models import AuditEntry
from domain.audit.sealing import seal
from domain.runtime.runtime import Runtime


async def entries(runtime: Runtime, action: str | None = None) -> list[AuditEntry]:
    """Return the entries in the order they were written, all or those of one action."""
    query = select(AuditEntry).order_by(AuditEntry.transaction_id, AuditEntry.seq)
    async with runtime.operation().reading() as work:
        found = (await work.session.scalars(query)).all()
    return [entry for entry in found if action in (None, entry.action)]


async def seal_all(runtime: Runtime) -> None:
    """Seal every entry; on PostgreSQL after whatever else the whole server is doing at this moment."""
    async with asyncio.timeout(30):
        while True:
            await seal(runtime.operation())
            if all(entry.position for entry in await entries(runtime)):
                return
            await asyncio.sleep(0.02)


async def only_entry(runtime: Runtime) -> AuditEntry:
    found = await entries(runtime)
    assert len(found) == 1, [entry.action for entry in found]
    return found[0]
