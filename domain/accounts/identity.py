"""Tells from an access token or API key who is calling, asking the database each time so that a log-out bites at once."""

from sqlalchemy import select

from domain.accounts.key_tokens import MARK, is_same, read_key_token
from domain.accounts.models import ApiKey, Session, User
from domain.accounts.parts import AccountParts
from domain.accounts.rights import RIGHTS, caller_by_key, caller_from, rights_from
from domain.accounts.tokens import ExpiredToken, InvalidToken, read
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Caller
from domain.runtime.operation import Operation


async def caller_of(operation: Operation, token: str) -> Caller:
    """Return the caller whose access token or API key this is.

    Raises UNAUTHORIZED for a token that is not ours, not an access token, or whose user is gone; TOKEN_EXPIRED;
    TOKEN_REVOKED when the session or key has ended; ACCOUNT_INACTIVE.
    """
    return await (_caller_of_key(operation, token) if token.startswith(MARK) else _caller_of_session(operation, token))


async def _caller_of_session(operation: Operation, token: str) -> Caller:
    now = operation.clock.now()
    try:
        claims = read(token, operation.runtime.settings.secret_key.get_secret_value(), "access", now)
    except ExpiredToken:
        raise _expired() from None
    except InvalidToken:
        raise _not_ours() from None
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


async def _caller_of_key(operation: Operation, token: str) -> Caller:
    told = read_key_token(token)
    if told is None:
        raise _not_ours()
    key_id, digest = told
    async with operation.reading() as work:
        statement = select(User, ApiKey, *RIGHTS).join(ApiKey, ApiKey.user_id == User.id)
        found = (await work.session.execute(statement.where(ApiKey.id == key_id))).first()
    if not is_same(found[1].digest if found else "", digest) or found is None:
        raise _not_ours()
    user, key, *rights = found
    if user.deleted_at is not None:
        raise DomainError(ErrorCode.UNAUTHORIZED, "User not found")
    if key.revoked_at is not None:
        raise DomainError(ErrorCode.TOKEN_REVOKED, "API key has been revoked")
    if key.expires_at <= operation.clock.now():
        raise _expired()
    if not user.is_active:
        raise DomainError(ErrorCode.ACCOUNT_INACTIVE, "Account is inactive")
    operation.use(AccountParts).key_uses.note(operation, key)
    return caller_by_key(user, rights_from(user, *rights), key)


def _not_ours() -> DomainError:
    return DomainError(ErrorCode.UNAUTHORIZED, "Could not validate credentials")


def _expired() -> DomainError:
    return DomainError(ErrorCode.TOKEN_EXPIRED, "Token has expired")
