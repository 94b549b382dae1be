"""Gives entries their place in the chain, in the background: those who write them never wait for each other."""

from sqlalchemy import Select, select, update

from domain.audit.chain import KeyRing, link_of
from domain.audit.models import AuditEntry, AuditHead
from domain.runtime import event_log
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

BATCH = 500


class HeadMissing(Exception):
    """The row that says where the chain ends is gone; nothing is sealed until somebody has looked into it."""


async def seal(operation: Operation) -> int:
    """Seal every entry that is settled, and return how many there were; each batch is one transaction.

    On PostgreSQL an entry is settled once every transaction that began before it has ended: none can turn up before it then.
    Two processes that seal at once take turns. Raises HeadMissing.
    """
    sealed = 0
    while True:
        async with operation.reading() as work:
            if (await work.session.scalars((await _settled(work)).limit(1))).first() is None:
                return sealed
        async with operation.unrecorded().unit_of_work() as work:
            count = await _seal_batch(work)
        sealed += count
        if count < BATCH:
            return sealed


async def _seal_batch(work: UnitOfWork) -> int:
    head = await work.session.get(AuditHead, 1, with_for_update=True)
    if head is None:
        raise HeadMissing("The row of audit_head is gone")
    key = KeyRing.of(work.operation.runtime.settings).current
    links = []
    # asked for after the head is held: whoever held it before has committed
    for entry in (await work.session.scalars((await _settled(work)).limit(BATCH))).all():
        head.position += 1
        head.hash = link_of(key, head.hash, head.position, entry)
        links.append({"seq": entry.seq, "position": head.position, "hash": head.hash, "sealed_with": key.id})
    head.updated_at = work.now
    if links:
        await work.session.execute(update(AuditEntry), links)
    return len(links)


async def _settled(work: UnitOfWork) -> Select[AuditEntry]:
    query = select(AuditEntry).where(AuditEntry.position.is_(None)).order_by(AuditEntry.transaction_id, AuditEntry.seq)
    if work.session.get_bind().dialect.name == "postgresql":
        query = query.where(AuditEntry.transaction_id < await event_log.horizon(work.session))
    return query
