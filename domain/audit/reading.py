"""Lets people read the log: administrators all of it, everybody else what they did themselves; each reading leaves an entry too."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Select, select

from domain.audit.models import AuditEntry
from domain.audit.recording import audited, entry_of
from domain.audit.vocabulary import AuditResult, Severity
from domain.kernel.clock import to_wire
from domain.kernel.errors import NotFound
from domain.kernel.permissions import Caller, Permission, check
from domain.runtime.keyset import KeysetPage, PageRequest, equal, keyset_page
from domain.runtime.operation import Operation
from domain.runtime.paging import MAX_LIMIT, Page, check_page, page_of


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; None does not narrow. `since` and `until` are the first and the last moment, both included."""

    actor_id: str | None = None
    action: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    door: str | None = None
    event_type: str | None = None
    severity: Severity | None = None
    result: AuditResult | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def entries_visible_to(caller: Caller) -> Select[AuditEntry]:
    """Return the select that every reading starts from: all entries for those who may, else the caller's own acts."""
    query = select(AuditEntry)
    return query if caller.may(Permission.AUDIT_READ) else query.where(AuditEntry.actor_id == caller.id)


@audited("audit.read")
async def page_of_entries(operation: Operation, page: PageRequest, wanted: AuditFilter) -> KeysetPage[AuditEntry]:
    """Return a page of entries, newest first. Raises FORBIDDEN without audit:read unless `actor_id` is the caller."""
    query = _matching(operation, wanted)
    async with operation.reading() as work:
        return await keyset_page(work.session, query, AuditEntry, page)


@audited("audit.read")
async def list_entries(operation: Operation, wanted: AuditFilter, limit: int = 100, offset: int = 0) -> Page[AuditEntry]:
    """Return entries, newest first, at most 1000. Raises FORBIDDEN without audit:read unless `actor_id` is the caller."""
    check_page(limit, offset, MAX_LIMIT)
    query = _matching(operation, wanted).order_by(AuditEntry.occurred_at.desc(), AuditEntry.id.desc())
    async with operation.reading() as work:
        return await page_of(work.session, query, limit, offset)


@audited("audit.read", id="entry_id")
async def get_entry(operation: Operation, entry_id: str) -> AuditEntry:
    """Return one entry. Raises NOT_FOUND, also for what somebody else did, without audit:read."""
    async with operation.reading() as work:
        entry = await work.session.scalar(entries_visible_to(operation.caller).where(AuditEntry.id == entry_id))
    if entry is None:
        raise NotFound("Audit entry", entry_id)
    return entry


def _matching(operation: Operation, wanted: AuditFilter) -> Select[AuditEntry]:
    given = {name: to_wire(value) if isinstance(value, datetime) else value for name, value in asdict(wanted).items() if value is not None}
    entry_of(operation).add(filter=given)
    caller = operation.caller
    if caller.user_id is None or wanted.actor_id != caller.user_id:
        check(caller, Permission.AUDIT_READ)
    query = equal(
        entries_visible_to(caller),
        (AuditEntry.actor_id, wanted.actor_id),
        (AuditEntry.action, wanted.action),
        (AuditEntry.object_type, wanted.object_type),
        (AuditEntry.object_id, wanted.object_id),
        (AuditEntry.door, wanted.door),
        (AuditEntry.event_type, wanted.event_type),
        (AuditEntry.severity, wanted.severity),
        (AuditEntry.result, wanted.result),
        (AuditEntry.request_id, wanted.request_id),
    )
    if wanted.since is not None:
        query = query.where(AuditEntry.occurred_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEntry.occurred_at <= wanted.until)
    return query
