"""Shows people where they are logged in, and lets them end what they do not recognise."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from domain.accounts.models import Session
from domain.accounts.sessions import revoke_sessions
from domain.audit.recording import audited
from domain.kernel.errors import NotFound
from domain.kernel.permissions import Permission, requires, requires_session
from domain.runtime.keyset import KeysetPage, PageRequest, keyset_page
from domain.runtime.paging import DEFAULT_LIMIT, Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that still lives; `last_seen_at` is its log-in or last refresh, and `is_current` the one that asks."""

    id: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None
    is_current: bool


@requires(Permission.PROFILE_READ, session=True)
async def page_of_sessions(work: UnitOfWork, page: PageRequest) -> KeysetPage[OpenSession]:
    """Return one page of the caller's open sessions, newest first."""
    found = await keyset_page(work.session, _open_sessions(work), Session, page)
    return KeysetPage([_shown(work, row) for row in found.items], found.has_next, found.has_previous, found.total)


@requires(Permission.PROFILE_READ, session=True)
async def list_sessions(work: UnitOfWork, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Page[OpenSession]:
    """Return the caller's open sessions, newest first."""
    newest_first = _open_sessions(work).order_by(Session.created_at.desc(), Session.id.desc())
    found = await page_of(work.session, newest_first, limit, offset)
    return Page([_shown(work, row) for row in found.items], found.total)


@audited("session.revoke", id="session_id")
@requires_session
async def revoke_session(work: UnitOfWork, session_id: str) -> None:
    """End one of the caller's sessions: its tokens fail from now on, its sockets close. Raises NOT_FOUND, also once it has ended."""
    if await work.session.scalar(_open_sessions(work).where(Session.id == session_id)) is None:
        raise NotFound("Session", session_id)
    await revoke_sessions(work, work.caller.id, "revoked", only=session_id)


@audited("session.revoke_others", id="caller.session_id")
@requires_session
async def revoke_other_sessions(work: UnitOfWork) -> int:
    """End all of the caller's sessions but the one that asks, and return how many."""
    return await revoke_sessions(work, work.caller.id, "revoked", keep=work.caller.session_id)


def _open_sessions(work: UnitOfWork) -> Select[Session]:
    return select(Session).where(Session.user_id == work.caller.id, Session.revoked_at.is_(None), Session.expires_at > work.now)


def _shown(work: UnitOfWork, row: Session) -> OpenSession:
    return OpenSession(
        id=row.id,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at or row.created_at,
        expires_at=row.expires_at,
        ip=row.ip,
        user_agent=row.user_agent,
        is_current=row.id == work.caller.session_id,
    )
