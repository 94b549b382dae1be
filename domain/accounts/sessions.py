"""Opens, continues and ends sessions: each refresh token works once, and one that comes back ends its session."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import delete, select, update

from domain.accounts.models import RefreshToken, Session, User
from domain.accounts.rights import caller_from, rights_of
from domain.accounts.tokens import Claims, InvalidToken, TokenKind, read, sign
from domain.audit.recording import entry_of
from domain.audit.vocabulary import Severity
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

# A refresh token that is over is refused without a look at its row.
TOKENS_KEPT, SESSIONS_KEPT = timedelta(days=1), timedelta(days=30)
RevokeReason = Literal["logout", "logout_all", "revoked", "refresh_reuse", "password_change", "password_reset", "account_deleted"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a log-in or a refresh gives: `expires_in` is the life of the access token in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    user: User
    permissions: list[str]
    token_type: str = "bearer"


async def open_session(work: UnitOfWork, user: User) -> Tokens:
    """Start a session for the user and return its first tokens."""
    session = Session(
        id=new_id("session"),
        user_id=user.id,
        created_at=work.now,
        expires_at=work.now,
        last_seen_at=work.now,
        ip=work.operation.ip,
        user_agent=work.operation.user_agent,
    )
    work.session.add(session)
    await work.session.flush()
    return await _issue(work, user, session)


async def rotate(operation: Operation, refresh_token: str) -> Tokens:
    """Exchange a refresh token for new tokens; of two concurrent exchanges the database lets one through.

    Raises INVALID_REFRESH_TOKEN; if the token was used before, its whole session has been ended.
    """
    try:
        claims = read(refresh_token, operation.runtime.settings.secret_key.get_secret_value(), "refresh", operation.clock.now())
    except InvalidToken:
        raise _refused() from None
    async with operation.unit_of_work() as work:
        entry = entry_of(work)
        entry.about(claims.session_id)
        entry.act_as(Caller(user_id=claims.user_id, session_id=claims.session_id, role=claims.role))
        used = update(RefreshToken).where(RefreshToken.id == claims.token_id, RefreshToken.used_at.is_(None)).values(used_at=work.now)
        was_fresh = (await work.session.execute(used.returning(RefreshToken.id))).first() is not None
        if was_fresh:
            statement = select(User, Session).join(Session, Session.user_id == User.id)
            found = (await work.session.execute(statement.where(Session.id == claims.session_id, User.id == claims.user_id))).first()
            if found and _is_live(*found):
                return await _issue(work, *found)
            entry.fail(ErrorCode.INVALID_REFRESH_TOKEN, reason="session_ended")
        else:
            entry.fail(ErrorCode.INVALID_REFRESH_TOKEN, Severity.CRITICAL, reason="used_before")
            # Somebody holds a copy: whoever it is, thief or owner, has to log in again.
            await revoke_sessions(work, claims.user_id, "refresh_reuse", only=claims.session_id)
    raise _refused()


async def revoke_sessions(work: UnitOfWork, user_id: str, reason: RevokeReason, only: str | None = None, keep: str | None = None) -> int:
    """End the user's sessions, only the one named or all but the one to keep, and return how many there were.

    Their tokens fail from the commit on, and live sockets are woken to notice.
    """
    live = update(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > work.now)
    if only is not None:
        live = live.where(Session.id == only)
    if keep is not None:
        live = live.where(Session.id != keep)
    ended = (await work.session.scalars(live.values(revoked_at=work.now, revoke_reason=reason).returning(Session.id))).all()
    for session_id in ended:
        work.wake(f"session:{session_id}")
    if ended:
        entry = entry_of(work)
        entry.add(ended_sessions=list(ended))
        if only is not None:
            entry.change({"revoked_at": None, "revoke_reason": None}, {"revoked_at": work.now, "revoke_reason": reason})
    return len(ended)


async def prune(work: UnitOfWork) -> None:
    """Delete refresh tokens that ended a day ago, and sessions that ended by themselves 30 days ago; the audit log keeps what was done."""
    await work.session.execute(delete(RefreshToken).where(RefreshToken.expires_at <= work.now - TOKENS_KEPT))
    await work.session.execute(delete(Session).where(Session.expires_at <= work.now - SESSIONS_KEPT))


async def _issue(work: UnitOfWork, user: User, session: Session) -> Tokens:
    rights = await rights_of(work, user.id)
    entry = entry_of(work)
    entry.about(session.id, "session")
    entry.act_as(caller_from(user, rights, session.id))
    settings = work.operation.runtime.settings
    lifetimes: dict[TokenKind, timedelta] = {
        "access": timedelta(minutes=settings.access_token_minutes),
        "refresh": timedelta(days=settings.refresh_token_days),
    }
    claims = {
        kind: Claims(user.id, session.id, user.role, kind, new_id("token"), work.now, work.now + life) for kind, life in lifetimes.items()
    }
    refresh = claims["refresh"]
    session.expires_at = refresh.expires_at
    session.last_seen_at = work.now
    work.session.add(RefreshToken(id=refresh.token_id, session_id=session.id, created_at=work.now, expires_at=refresh.expires_at))
    secret = settings.secret_key.get_secret_value()
    return Tokens(
        access_token=sign(claims["access"], secret),
        refresh_token=sign(refresh, secret),
        expires_in=int(lifetimes["access"].total_seconds()),
        user=user,
        permissions=sorted(rights.permissions),
    )


def _is_live(user: User, session: Session) -> bool:
    return user.deleted_at is None and user.is_active and session.revoked_at is None


def _refused() -> DomainError:
    return DomainError(ErrorCode.INVALID_REFRESH_TOKEN, "Invalid refresh token")
