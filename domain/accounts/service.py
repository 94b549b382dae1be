"""What people do with their accounts: register, log in and out, confirm an address, set a new password, keep a profile."""

import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime

import structlog
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from domain.accounts import attempts, links, lockout, sessions
from domain.accounts.attempts import Attempt
from domain.accounts.guard import keeping_an_admin
from domain.accounts.models import ApiKey, User
from domain.accounts.parts import AccountParts
from domain.accounts.passwords import check_strength
from domain.accounts.profile import (
    PhoneNumber,
    ProfileChanges,
    checked_birthday,
    checked_name,
    checked_phone_number,
    normalized_email,
)
from domain.accounts.rights import ADMIN_ROLE, DEFAULT_ROLE, permissions_of_role, role_named
from domain.accounts.sessions import Tokens
from domain.audit.recording import audited, entry_of
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, check_may_grant, requires, requires_session
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

log = structlog.get_logger()
# What a refused log-in is put down to in the audit log, and never in an answer.
LOG_IN_FAILURES = {
    ErrorCode.INVALID_CREDENTIALS: "invalid_password",
    ErrorCode.WRONG_PASSWORD: "invalid_password",
    ErrorCode.TOO_MANY_ATTEMPTS: "account_locked",
    ErrorCode.ACCOUNT_INACTIVE: "account_inactive",
    ErrorCode.EMAIL_UNVERIFIED: "unverified",
}

# Filled by the composition: what every new account gets, in the transaction that makes it (a paper wallet, for instance).
ON_REGISTERED: list[Callable[[UnitOfWork, User], Awaitable[None]]] = []
# Likewise: what has to stop, in the transaction that deletes an account or switches it off.
ON_ACCOUNT_CLOSED: list[Callable[[UnitOfWork, User], Awaitable[None]]] = []


@audited("user.register")
async def register(
    operation: Operation,
    email: str,
    password: str,
    first_name: str,
    last_name: str = "",
    birthday: date | None = None,
    phone_number: PhoneNumber | None = None,
    role: str | None = None,
) -> User:
    """Make an account and have a mail with a confirmation link sent.

    A role other than `user` is given by callers who may write users only, and who hold all its permissions themselves; an account
    that the system itself makes needs no confirmation. Raises VALIDATION_ERROR, WEAK_PASSWORD, EMAIL_TAKEN, FORBIDDEN,
    RATE_LIMIT_EXCEEDED.
    """
    await attempts.check(operation, Attempt.REGISTER)
    email = normalized_email(email)
    if role not in (None, DEFAULT_ROLE) and not operation.caller.may(Permission.USERS_WRITE):
        needed = Permission.USERS_WRITE.value
        raise DomainError(ErrorCode.FORBIDDEN, f"Insufficient permissions. Required: {needed}", required_permission=needed)
    now = operation.clock.now()
    user = User(
        id=new_id("user"),
        email=email,
        first_name=checked_name(first_name, "first_name"),
        last_name=checked_name(last_name, "last_name") if last_name else "",
        birthday=checked_birthday(birthday, now) if birthday else None,
        phone_number=checked_phone_number(phone_number) if phone_number else None,
        is_superuser=False,
        is_active=True,
        email_verified_at=now if operation.caller.is_system else None,
        created_at=now,
    )
    check_strength(password, email)
    user.password_hash = await operation.use(AccountParts).passwords.hash(password)
    async with operation.unit_of_work() as work:
        given = await role_named(work, role or DEFAULT_ROLE)
        if given.name != DEFAULT_ROLE:
            check_may_grant(work.caller, await permissions_of_role(work, given.id))
        user.role_id = given.id
        await _insert(work, user)
        _tell_of(work, user)
        if user.email_verified_at is None:
            work.enqueue("accounts.mail_verification_link", user_id=user.id)
    return user


@audited("session.log_in", failures=LOG_IN_FAILURES)
async def log_in(operation: Operation, email: str, password: str) -> Tokens:
    """Open a session.

    Raises INVALID_CREDENTIALS, alike and after the same time for an unknown address and a wrong password, and after five of
    them TOO_MANY_ATTEMPTS, even for the right one; with the right password EMAIL_UNVERIFIED (only where mail reaches people)
    and ACCOUNT_INACTIVE. However many addresses are tried from one place, RATE_LIMIT_EXCEEDED.
    """
    await attempts.check(operation, Attempt.LOG_IN)
    parts = operation.use(AccountParts)
    email = email.strip().lower()
    entry = entry_of(operation)
    entry.add(email=email)
    async with operation.reading() as work:
        user = await links.live_user(work, email)
        entry.about(user.id if user else None, "user")
        await lockout.check(work, email)
    if not await parts.passwords.verify(user.password_hash if user else None, password) or user is None:
        async with operation.unit_of_work() as work:
            await lockout.count_failure(work, email)
            entry.fail(ErrorCode.INVALID_CREDENTIALS, reason="invalid_password" if user else "user_not_found")
        raise DomainError(ErrorCode.INVALID_CREDENTIALS, "Incorrect email or password")
    fresh_hash = await parts.passwords.hash(password) if parts.passwords.needs_rehash(user.password_hash) else None
    async with operation.unit_of_work() as work:
        await lockout.forgive(work, email)
        verified_hash, user = user.password_hash, await work.session.get(User, user.id, with_for_update=True)
        if user is None or user.deleted_at is not None or user.password_hash != verified_hash:
            raise DomainError(ErrorCode.INVALID_CREDENTIALS, "Incorrect email or password")  # changed while we hashed
        if parts.mailer.delivers and user.email_verified_at is None:
            raise DomainError(ErrorCode.EMAIL_UNVERIFIED, "Please confirm your e-mail address first")
        if not user.is_active:
            raise DomainError(ErrorCode.ACCOUNT_INACTIVE, "Account is inactive")
        user.last_login_at = work.now
        user.password_hash = fresh_hash or verified_hash
        return await sessions.open_session(work, user)


@audited("session.refresh")
async def refresh(operation: Operation, refresh_token: str) -> Tokens:
    """Exchange a refresh token for new tokens; the old one dies.

    Raises RATE_LIMIT_EXCEEDED, INVALID_REFRESH_TOKEN; a token that was used before ends its whole session.
    """
    await attempts.check(operation, Attempt.REFRESH)
    return await sessions.rotate(operation, refresh_token)


@audited("session.log_out", id="caller.session_id")
@requires_session
async def log_out(work: UnitOfWork, all_sessions: bool = False) -> None:
    """End the caller's session, or all of them: access and refresh tokens fail from now on, live sockets close."""
    if all_sessions or work.caller.session_id is None:
        await sessions.revoke_sessions(work, work.caller.id, "logout_all")
    else:
        await sessions.revoke_sessions(work, work.caller.id, "logout", only=work.caller.session_id)


@audited("user.change_password", id="caller.user_id", failures=LOG_IN_FAILURES)
@requires_session
async def change_password(operation: Operation, current_password: str, new_password: str) -> User:
    """Set another password for the caller and end all other sessions; links to reset the old one are void.

    Raises WRONG_PASSWORD, which counts as a failed log-in, TOO_MANY_ATTEMPTS, WEAK_PASSWORD.
    """
    passwords = operation.use(AccountParts).passwords
    async with operation.reading() as work:
        user = await _own_account(work)
        await lockout.check(work, user.email)
    if not await passwords.verify(user.password_hash, current_password):
        async with operation.unit_of_work() as work:
            await lockout.count_failure(work, user.email)
            entry_of(work).fail(ErrorCode.WRONG_PASSWORD, reason="invalid_password")
        raise _wrong_password()
    check_strength(new_password, user.email, "new_password")
    verified_hash, new_hash = user.password_hash, await passwords.hash(new_password)
    async with operation.unit_of_work() as work:
        await lockout.forgive(work, user.email)
        user = await work.session.get_one(User, user.id, with_for_update=True)
        if user.deleted_at is not None or user.password_hash != verified_hash:
            raise _wrong_password()  # changed while we hashed
        user.password_hash, user.updated_at = new_hash, work.now
        await links.void_links(work, user.id, "reset_password")
        await sessions.revoke_sessions(work, user.id, "password_change", keep=work.caller.session_id)
        return user


@requires(Permission.PROFILE_READ)
async def get_me(work: UnitOfWork) -> User:
    """Return the caller's own account."""
    return await _own_account(work)


@audited("user.update", id="caller.user_id")
@requires(Permission.PROFILE_WRITE, session=True)
async def update_me(work: UnitOfWork, changes: ProfileChanges) -> User:
    """Change the caller's profile; fields that are None stay. Raises VALIDATION_ERROR."""
    user = await _own_account(work)
    change_profile(user, changes, work.now)
    return user


@audited("user.delete", id="caller.user_id")
@requires(Permission.PROFILE_WRITE, session=True)
async def delete_me(work: UnitOfWork) -> User:
    """Delete the caller's account: its sessions end, its flows stop, its address is free again, what it did stays on record.

    Raises LAST_ADMIN.
    """
    async with keeping_an_admin(work):
        user = await _own_account(work)
        await close_account(work, user)
    return user


@audited("user.verify_email")
async def verify_email(operation: Operation, token: str) -> User:
    """Confirm the address that a link was mailed to; repeating it does no harm.

    Raises LINK_INVALID, LINK_EXPIRED, NOT_FOUND, RATE_LIMIT_EXCEEDED.
    """
    await attempts.check(operation, Attempt.FOLLOW_LINK)
    async with operation.unit_of_work() as work:
        link, user = await links.find_link(work, token, "verify_email")
        if link.used_at is None:
            await links.use_link(work, link)
        user.email_verified_at = user.email_verified_at or work.now
        _tell_of(work, user)
        return user


@audited("user.forgot_password")
async def forgot_password(operation: Operation, email: str) -> None:
    """Have a link that sets a new password mailed to the address, if an account has it.

    Whether one has is looked up by the worker: answer and time say nothing about it. Raises VALIDATION_ERROR,
    RATE_LIMIT_EXCEEDED.
    """
    await attempts.check(operation, Attempt.ASK_FOR_LINK)
    email = normalized_email(email)
    entry_of(operation).add(email=email)
    async with operation.unit_of_work() as work:
        work.enqueue("accounts.mail_reset_link", email=email)


@audited("user.resend_verification")
async def resend_verification(operation: Operation, email: str) -> None:
    """Have the link that confirms the address mailed once more, if an account with it still waits for that.

    Whether one does is looked up by the worker: answer and time say nothing about it. Raises VALIDATION_ERROR, RATE_LIMIT_EXCEEDED.
    """
    await attempts.check(operation, Attempt.ASK_FOR_LINK)
    email = normalized_email(email)
    entry_of(operation).add(email=email)
    async with operation.unit_of_work() as work:
        work.enqueue("accounts.mail_verification_again", email=email)


@audited("user.reset_password")
async def reset_password(operation: Operation, token: str, password: str) -> User:
    """Set a new password by the link from a mail, once, and end all sessions and revoke all API keys of the account.

    Raises LINK_INVALID, LINK_EXPIRED, NOT_FOUND, WEAK_PASSWORD, RATE_LIMIT_EXCEEDED.
    """
    await attempts.check(operation, Attempt.FOLLOW_LINK)
    async with operation.reading() as work:
        link, user = await links.find_link(work, token, "reset_password")
    if link.used_at is not None:
        raise links.invalid_link()
    check_strength(password, user.email)
    password_hash = await operation.use(AccountParts).passwords.hash(password)
    async with operation.unit_of_work() as work:
        link, user = await links.find_link(work, token, "reset_password")
        await links.use_link(work, link)
        user.password_hash = password_hash
        user.updated_at = work.now
        user.email_verified_at = user.email_verified_at or work.now  # the mail was received
        await sessions.revoke_sessions(work, user.id, "password_reset")
        await _revoke_api_keys(work, user)  # whoever was in the account may have made one for later
        _tell_of(work, user)
        return user


async def ensure_superuser(operation: Operation) -> User | None:
    """Make the superuser that ADMIN_EMAIL and ADMIN_PASSWORD name, unless an account has that address; None if nothing was made.

    Raises VALIDATION_ERROR or WEAK_PASSWORD for settings that cannot be used.
    """
    settings = operation.runtime.settings
    if not settings.admin_email or settings.admin_password is None:
        return None
    email, password = normalized_email(settings.admin_email), settings.admin_password.get_secret_value()
    async with operation.reading() as work:
        if await links.live_user(work, email) is not None:
            return None
    check_strength(password, email)
    now = operation.clock.now()
    user = User(
        id=new_id("user"),
        email=email,
        first_name="Administrator",
        last_name="",
        is_superuser=True,
        is_active=True,
        password_hash=await operation.use(AccountParts).passwords.hash(password),
        email_verified_at=now,
        created_at=now,
    )
    try:
        async with operation.unit_of_work() as work:
            user.role_id = (await role_named(work, ADMIN_ROLE)).id
            await _insert_superuser(work, user)
    except DomainError as error:
        if error.code is not ErrorCode.EMAIL_TAKEN:
            raise
        return None  # another process was faster
    log.info("accounts.superuser_made", user_id=user.id)
    return user


def change_profile(user: User, changes: ProfileChanges, now: datetime) -> None:
    """Write the changes to the row; fields that are None stay. Raises VALIDATION_ERROR."""
    if changes.first_name is not None:
        user.first_name = checked_name(changes.first_name, "first_name")
    if changes.last_name is not None:
        user.last_name = checked_name(changes.last_name, "last_name")
    if changes.birthday is not None:
        user.birthday = checked_birthday(changes.birthday, now)
    if changes.phone_number is not None:
        user.phone_number = checked_phone_number(changes.phone_number)
    user.updated_at = now


async def close_account(work: UnitOfWork, user: User) -> None:
    """Mark the account as deleted, end its sessions and keys and stop what it has running."""
    user.deleted_at = user.updated_at = work.now
    await _revoke_api_keys(work, user)
    await sessions.revoke_sessions(work, user.id, "account_deleted")
    await leave_nothing_running(work, user)


async def _revoke_api_keys(work: UnitOfWork, user: User) -> None:
    live = update(ApiKey).where(ApiKey.user_id == user.id, ApiKey.revoked_at.is_(None)).values(revoked_at=work.now)
    ended = (await work.session.scalars(live.returning(ApiKey.id))).all()
    for key_id in ended:
        work.wake(f"session:{key_id}")
    if ended:
        entry_of(work).add(ended_programs=sorted(ended))  # whatever is called a key is redacted


async def leave_nothing_running(work: UnitOfWork, user: User) -> None:
    """Stop what the user has running, since nobody watches over it from now on."""
    for stop in ON_ACCOUNT_CLOSED:
        await stop(work, user)


def split_name(name: str) -> tuple[str, str]:
    """Return a full name as first name and the rest."""
    first, _, rest = re.sub(r"\s+", " ", name.strip()).partition(" ")
    return first, rest


@audited("user.register", id="result.id")
async def _insert_superuser(work: UnitOfWork, user: User) -> User:
    await _insert(work, user)
    return user


async def _insert(work: UnitOfWork, user: User) -> None:
    work.session.add(user)
    try:
        await work.session.flush()
    except IntegrityError:
        raise DomainError(ErrorCode.EMAIL_TAKEN, "Email already registered", field="email") from None
    await work.session.refresh(user, ["role"])
    for give in ON_REGISTERED:
        await give(work, user)


def _tell_of(work: UnitOfWork, user: User) -> None:
    # Whoever has just shown to be this user is the actor; an administrator, or the system, acts under their own name.
    entry = entry_of(work)
    entry.about(user.id)
    if entry.actor.user_id is None and not entry.actor.is_system:
        entry.act_as(Caller(user_id=user.id, email=user.email, role=user.role))


async def _own_account(work: UnitOfWork) -> User:
    user = await work.session.get(User, work.caller.id)
    if user is None or user.deleted_at is not None:
        raise DomainError(ErrorCode.UNAUTHORIZED, "User not found")
    return user


def _wrong_password() -> DomainError:
    return DomainError(ErrorCode.WRONG_PASSWORD, "The current password is wrong", field="current_password")
