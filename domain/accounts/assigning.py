"""Gives people roles, or a set of permissions of their own."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import select

from domain.accounts.guard import keeping_an_admin, ring
from domain.accounts.models import PermissionRow, User
from domain.accounts.rights import NAME, permissions_of_role, rights_of, role_named
from domain.accounts.words import COVERS, expand, words_of
from domain.audit.recording import audited
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.permissions import Caller, Permission, check, check_may_grant, requires
from domain.runtime.unit_of_work import UnitOfWork

Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=120)]], Field(max_length=200)]


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """What a user may do, in the words of `/v1`."""

    user_id: str
    role: str
    permissions: list[str]


@audited("user.assign_role", id="user_id")
@requires(Permission.RIGHTS_WRITE)
async def assign_role(work: UnitOfWork, user_id: str, role: str) -> User:
    """Give a user another role, by name or id; it has its permissions on the next request, and no set of its own any more.

    Raises NOT_FOUND, VALIDATION_ERROR for a role that does not exist, FORBIDDEN for a role with permissions that the caller does not
    hold and for superusers, LAST_ADMIN.
    """
    async with keeping_an_admin(work):
        user = await user_within_reach(work, user_id)
        given = await role_named(work, role)
        check_may_grant(work.caller, await permissions_of_role(work, given.id))
        if (user.role_id, user.permission_words) != (given.id, None):
            user.role_id, user.permission_words, user.updated_at = given.id, None, work.now
            await work.session.flush()
            await work.session.refresh(user, ["role"])
            await ring(work, User.id == user.id)
    return user


async def get_permissions(work: UnitOfWork, user_id: str | None = None) -> PermissionSet:
    """Return what a user may do, in words; the caller's own without `user_id`.

    Needs the permission `rights:write` for somebody else's. Raises UNAUTHORIZED, FORBIDDEN, NOT_FOUND.
    """
    mine = work.caller.id
    if user_id in (None, mine):
        user = await live_user(work, mine)
        held = work.caller.permissions  # an API key's are fewer than its owner's
    else:
        check(work.caller, Permission.RIGHTS_WRITE)
        user = await live_user(work, user_id or mine)
        held = (await rights_of(work, user.id)).permissions
    return PermissionSet(user.id, user.role, words_of(held, user.permission_words or ()))


@audited("user.set_permissions", id="user_id")
@requires(Permission.RIGHTS_WRITE)
async def set_permissions(work: UnitOfWork, user_id: str, permissions: Words) -> PermissionSet:
    """Give a user a set of words of its own, in place of whatever words cover in its role; names such as `orders:read` are words too.

    It holds from the user's next request on, until a role is assigned. Raises NOT_FOUND, UNKNOWN_PERMISSION, FORBIDDEN for
    what the caller does not hold and for superusers, LAST_ADMIN.
    """
    words = list(dict.fromkeys(permissions))
    async with keeping_an_admin(work):
        user = await user_within_reach(work, user_id)
        await check_known(work, words)
        check_may_grant(work.caller, expand(words))
        if user.permission_words != words:
            user.permission_words, user.updated_at = words, work.now
            await ring(work, User.id == user.id)
    return PermissionSet(user.id, user.role, words)


async def check_known(work: UnitOfWork, words: Iterable[str]) -> None:
    """Raise UNKNOWN_PERMISSION, naming the first, if there are words that are in no table and no permission's name."""
    names = [word for word in words if word not in COVERS]
    live = set(await work.session.scalars(select(NAME).where(PermissionRow.deleted_at.is_(None), NAME.in_(names))))
    for name in names:
        if name not in live:
            raise DomainError(ErrorCode.UNKNOWN_PERMISSION, f"There is no permission {name[:80]}", permission=name[:80])


async def live_user(work: UnitOfWork, user_id: str) -> User:
    """Return the account; raises NOT_FOUND, also for a deleted one."""
    user: User | None = await work.session.scalar(select(User).where(User.id == user_id, User.deleted_at.is_(None)))
    if user is None:
        raise NotFound("User", user_id)
    return user


async def user_within_reach(work: UnitOfWork, user_id: str) -> User:
    """Return an account that the caller may change; raises NOT_FOUND, and FORBIDDEN for a superuser's unless the caller is one."""
    user = await live_user(work, user_id)
    if user.is_superuser and not _is_above_all(work.caller):
        raise DomainError(ErrorCode.FORBIDDEN, "Superuser access required")
    return user


def _is_above_all(caller: Caller) -> bool:
    return caller.is_superuser or caller.is_system
