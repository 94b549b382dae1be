"""Tells from an access token who is calling, asking the database each time so that a log-out bites at once."""

from sqlalchemy import select

from domain.accounts.models import Session, User
from domain.accounts.rights import RIGHTS, caller_from, rights_from
from domain.accounts.tokens import ExpiredToken, InvalidToken, read
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Caller
from domain.runtime.operation import Operation


async def caller_of(operation: Operation, token: str) -> Caller:
    """Return the caller whose access token this is.

    Raises UNAUTHORIZED for a token that is not ours, not an access token, or whose user is gone; TOKEN_EXPIRED;
    TOKEN_REVOKED when the session has ended; ACCOUNT_INACTIVE.
    """
    now = operation.clock.now()
    try:
        claims = read(token, operation.runtime.settings.secret_key.get_secret_value(), "access", now)
    except ExpiredToken:
        raise DomainError(ErrorCode.TOKEN_EXPIRED, "Token has expired") from None
    except InvalidToken:
        raise DomainError(ErrorCode.UNAUTHORIZED, "Could not validate credentials") from None
    async with operation.reading() as work:
        statement = select(User, Session, *RIGHTS).join(Session, Session.user_id == User.id)
        found = (await work.session.execute(statement.where(Session.id == claims.session_id, User.id == claims.user_id))).first()
    if found is None or found[0].deleted_at is not None:
        raise DomainError(ErrorCode.UNAUTHORIZED, "User not found")
    user, session, *rights = found
    if session.revoked_at is not None or session.expires_at <= now:
        raise DomainError(ErrorCode.TOKEN_REVOKED, "Token has been revoked")
    if not user.is_active:
        raise DomainError(ErrorCode.ACCOUNT_INACTIVE, "Account is inactive")
    return caller_from(user, rights_from(user, *rights), session.id)
