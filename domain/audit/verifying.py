"""Walks the chain and names the first link that is broken, and how."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.audit.chain import GENESIS, KeyRing, link_of, mac_of, same
from domain.audit.models import AuditEntry, AuditHead
from domain.audit.recording import audited, entry_of
from domain.audit.sealing import HeadMissing, seal
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Permission, requires
from domain.runtime.operation import Operation

BATCH = 1_000
TABLE = AuditEntry.__table__


class Break(StrEnum):
    """What happened to the first broken link."""

    EDITED = "edited"
    DELETED = "deleted"
    REORDERED = "reordered"
    INSERTED = "inserted"
    UNKNOWN_KEY = "unknown_key"


SENTENCES = {
    Break.EDITED: "does not say any more what it said when it was sealed",
    Break.DELETED: "is missing",
    Break.REORDERED: "is not the entry that was sealed there, which stands somewhere else now",
    Break.INSERTED: "was not written by this server",
    Break.UNKNOWN_KEY: "was made with another SECRET_KEY; name it in EARLIER_SECRET_KEYS",
}


@dataclass(frozen=True, slots=True)
class Pin:
    """A head that was seen earlier, kept where nobody who can change the database can change it: `position:hash`."""

    position: int
    hash: str

    @classmethod
    def parse(cls, written: str) -> Self:
        """Return the pin that was written down; raises VALIDATION_ERROR."""
        found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", written.strip(), re.ASCII)
        if found is None:
            raise DomainError(ErrorCode.VALIDATION_ERROR, "A pin is the position and hash of a head, such as 42:9f3c…", field="expect")
        return cls(int(found[1]), found[2])


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a walk found. `checked` links held; `broken_position` is the first that does not, with the `reason` why."""

    checked: int
    head_position: int
    head_hash: str
    broken_position: int | None = None
    reason: Break | None = None

    @property
    def is_intact(self) -> bool:
        return self.reason is None

    @property
    def message(self) -> str:
        if self.reason is None:
            return f"{self.checked} entries are as they were written; the head is {self.head_position}:{self.head_hash}"
        return f"The audit log is broken at position {self.broken_position}: the entry {SENTENCES[self.reason]}"


@audited("audit.verify")
@requires(Permission.AUDIT_READ)
async def verify(operation: Operation, start: int = 1, end: int | None = None, expect: Pin | None = None) -> AuditReport:
    """Seal what is settled, then check the links from `start` to `end`, or to the head; reads a thousand at a time.

    From a later start the link before it is taken as it is. `expect` also finds a log that was cut off with its head put back.
    Raises VALIDATION_ERROR for a range that cannot be.
    """
    if start < 1 or (end is not None and end < start):
        raise DomainError(ErrorCode.VALIDATION_ERROR, "The range must begin at 1 or later and not end before it begins", field="from")
    with contextlib.suppress(HeadMissing):  # told below
        await seal(operation)
    walk = _Walk(KeyRing.of(operation.runtime.settings), expect)
    async with operation.reading() as work:
        report = await walk.through(work.session, start, end)
    entry_of(operation).add(checked=report.checked, head_position=report.head_position, reason=report.reason, broken=report.broken_position)
    return report


class _Broken(Exception):
    def __init__(self, position: int, reason: Break) -> None:
        super().__init__(position, reason)
        self.position, self.reason = position, reason


class _Walk:
    def __init__(self, keys: KeyRing, pin: Pin | None) -> None:
        self._keys, self._pin = keys, pin
        self._checked = 0

    async def through(self, session: AsyncSession, start: int, end: int | None) -> AuditReport:
        head = await session.get(AuditHead, 1)
        position, hash = (head.position, head.hash) if head else (0, GENESIS)
        try:
            last = position if end is None else min(end, position)
            found = await self._links(session, start, last)
            # a head that nobody sealed up to, or that somebody put back
            if head is None:
                raise _Broken(1, Break.DELETED)
            if last == position and start <= position + 1 and not same(found, hash):
                raise _Broken(position, Break.EDITED)
            if end is None:
                await self._check_nothing_behind(session)
            await self._check_pin(session, position)
        except _Broken as broken:
            return AuditReport(self._checked, position, hash, broken.position, broken.reason)
        return AuditReport(self._checked, position, hash)

    async def _links(self, session: AsyncSession, start: int, last: int) -> str:
        previous = await self._hash_at(session, start - 1)
        expected = start
        async for row in self._rows(session, start, last):
            if row.position != expected:
                raise _Broken(expected, Break.DELETED)
            previous = await self._check(session, previous, row)
            self._checked += 1
            expected += 1
        if expected <= last:
            raise _Broken(expected, Break.DELETED)
        return previous

    async def _hash_at(self, session: AsyncSession, position: int) -> str:
        if position == 0:
            return GENESIS
        return await session.scalar(select(TABLE.c.hash).where(TABLE.c.position == position)) or ""

    async def _rows(self, session: AsyncSession, start: int, last: int) -> AsyncIterator[Any]:
        while start <= last:
            query = select(TABLE).where(TABLE.c.position >= start, TABLE.c.position <= last).order_by(TABLE.c.position).limit(BATCH)
            rows = (await session.execute(query)).all()
            for row in rows:
                yield row
            start = rows[-1].position + 1 if rows else last + 1

    async def _check(self, session: AsyncSession, previous: str, row: Any) -> str:
        key, sealing_key = self._keys.by_id.get(row.key_id), self._keys.by_id.get(row.sealed_with)
        if key is None or sealing_key is None:
            raise _Broken(row.position, Break.UNKNOWN_KEY)
        link = link_of(sealing_key, previous, row.position, row)
        if not same(link, row.hash):
            raise _Broken(row.position, await self._what_happened(session, previous, link, row))
        if not same(mac_of(key, row), row.mac):
            raise _Broken(row.position, Break.INSERTED)  # sealed in good faith, but nobody with the key wrote it
        return link

    async def _what_happened(self, session: AsyncSession, previous: str, link: str, row: Any) -> Break:
        key = self._keys.by_id[row.key_id]
        is_genuine = same(mac_of(key, row), row.mac)
        after = (await session.execute(select(TABLE).where(TABLE.c.position == row.position + 1))).first()
        if after is not None and not is_genuine and self._fits(previous, row.position, after, {after.hash}):
            return Break.INSERTED
        head = await session.scalar(select(func.max(TABLE.c.position)))
        async for other in self._rows(session, row.position + 1, head or 0):
            is_elsewhere = self._fits(previous, row.position, other, {other.hash, row.hash}, other.id, row.id)
            # or what this row says was said under the other's id
            if is_elsewhere or (not is_genuine and mac_of(key, row, other.id) in {row.mac, other.mac}):
                return Break.REORDERED
        if not is_genuine or after is None:
            return Break.EDITED
        goes_on = any(self._fits(known, after.position, after, {after.hash}) for known in (row.hash, link))
        return Break.EDITED if goes_on else Break.DELETED  # and what followed has moved up

    def _fits(self, previous: str, position: int, row: Any, hashes: set[str | None], *ids: str) -> bool:
        key = self._keys.by_id.get(row.sealed_with)
        return key is not None and any(link_of(key, previous, position, row, id) in hashes for id in ids or (row.id,))

    async def _check_nothing_behind(self, session: AsyncSession) -> None:
        # One statement, so that a sealer at work is seen whole or not at all.
        head = select(AuditHead.position).where(AuditHead.id == 1).scalar_subquery()
        behind = await session.scalar(select(func.min(TABLE.c.position)).where(TABLE.c.position > head))
        if behind is not None:
            raise _Broken(behind, Break.INSERTED)

    async def _check_pin(self, session: AsyncSession, head: int) -> None:
        if self._pin is None:
            return
        if self._pin.position > head:
            raise _Broken(head + 1, Break.DELETED)
        if not same(await self._hash_at(session, self._pin.position), self._pin.hash):
            raise _Broken(self._pin.position, Break.EDITED)
