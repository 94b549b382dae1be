"""Single-use links sent by mail: to confirm an address, and to set a new password."""

import hashlib
import secrets
from datetime import timedelta
from typing import Literal

from sqlalchemy import ColumnElement, delete, select, update

from domain.accounts.mail import Mail
from domain.accounts.models import MailedToken, User
from domain.accounts.parts import AccountParts
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

Purpose = Literal["verify_email", "reset_password"]
# So long after its end a link is still told from one that never was.
KEPT = timedelta(days=30)
LIFETIMES: dict[Purpose, timedelta] = {"verify_email": timedelta(hours=24), "reset_password": timedelta(hours=1)}


async def mail_verification_link(operation: Operation, user_id: str) -> None:
    """Send the link that confirms a new account's address; nothing is sent once it is confirmed. Raises OSError."""
    await _mail_verification(operation, User.id == user_id)


async def mail_verification_again(operation: Operation, email: str) -> None:
    """Send another such link, if an account with this address waits for one; done by a worker, so that nobody can measure it.

    Earlier links stay good until one is used. Raises OSError.
    """
    await _mail_verification(operation, User.email == email)


async def _mail_verification(operation: Operation, whose: ColumnElement[bool]) -> None:
    async with operation.unit_of_work() as work:
        waiting = select(User).where(whose, User.deleted_at.is_(None), User.is_active, User.email_verified_at.is_(None))
        user: User | None = await work.session.scalar(waiting)
        if user is None:
            return
        token = _mint(work, user, "verify_email")
    url = f"{operation.runtime.settings.effective_public_url}/api/v1/auth/verify-email?token={token}"
    text = f"Hello {user.name},\n\nplease confirm your e-mail address within 24 hours:\n\n{url}\n"
    await operation.use(AccountParts).mailer.send(Mail(user.email, "Confirm your e-mail address", text, operation.clock.now()))


async def mail_reset_link(operation: Operation, email: str) -> None:
    """Send the link that sets a new password, if there is such an account; done by a worker, so that nobody can measure it.

    Raises OSError when the mail cannot be handed over.
    """
    async with operation.unit_of_work() as work:
        user = await live_user(work, email)
        if user is None or not user.is_active:
            return
        token = _mint(work, user, "reset_password")
    url = f"{operation.runtime.settings.effective_front_end_url}/reset-password?token={token}"
    text = (
        f"Hello {user.name},\n\nset a new password within an hour:\n\n{url}\n\n"
        "If you did not ask for this, ignore this mail: your password stays as it is.\n"
    )
    await operation.use(AccountParts).mailer.send(Mail(user.email, "Set a new password", text, operation.clock.now()))


async def find_link(work: UnitOfWork, token: str, purpose: Purpose) -> tuple[MailedToken, User]:
    """Return the link and its user; a used one too.

    Raises LINK_INVALID for an unknown one, LINK_EXPIRED, and NOT_FOUND when the account is gone.
    """
    link = await work.session.get(MailedToken, _digest(token))
    if link is None or link.purpose != purpose:
        raise invalid_link()
    if link.used_at is None and link.expires_at <= work.now:
        raise DomainError(ErrorCode.LINK_EXPIRED, "The link has expired; ask for a new one")
    user = await work.session.get(User, link.user_id)
    if user is None or user.deleted_at is not None:
        raise DomainError(ErrorCode.NOT_FOUND, "User not found", resource="user")
    return link, user


async def use_link(work: UnitOfWork, link: MailedToken) -> None:
    """Mark the link, and every other open one of its purpose, as used.

    Raises LINK_INVALID if somebody was faster: the database lets one use through.
    """
    # The account first, as everywhere: users of two links would else wait for each other at their links.
    await work.session.execute(select(User.id).where(User.id == link.user_id).with_for_update(key_share=True))
    mine = update(MailedToken).where(MailedToken.digest == link.digest, MailedToken.used_at.is_(None)).values(used_at=work.now)
    if (await work.session.execute(mine.returning(MailedToken.digest))).first() is None:
        raise invalid_link()
    await void_links(work, link.user_id, link.purpose)


async def void_links(work: UnitOfWork, user_id: str, purpose: str) -> None:
    """Make the user's open links of a purpose useless."""
    open_ones = update(MailedToken).where(MailedToken.user_id == user_id, MailedToken.purpose == purpose, MailedToken.used_at.is_(None))
    await work.session.execute(open_ones.values(used_at=work.now))


async def prune(work: UnitOfWork) -> None:
    """Delete links that ended 30 days ago."""
    await work.session.execute(delete(MailedToken).where(MailedToken.expires_at <= work.now - KEPT))


async def live_user(work: UnitOfWork, email: str) -> User | None:
    """Return the account that has this normalised e-mail address now."""
    user: User | None = await work.session.scalar(select(User).where(User.email == email, User.deleted_at.is_(None)))
    return user


def invalid_link() -> DomainError:
    return DomainError(ErrorCode.LINK_INVALID, "The link is not valid or was used before")


def _mint(work: UnitOfWork, user: User, purpose: Purpose) -> str:
    token = secrets.token_urlsafe(32)
    expires_at = work.now + LIFETIMES[purpose]
    work.session.add(
        MailedToken(digest=_digest(token), user_id=user.id, purpose=purpose, created_at=work.now, expires_at=expires_at, used_at=None)
    )
    return token


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
