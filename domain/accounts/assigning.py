"""Gives people roles, and switches accounts off and on."""

from sqlalchemy import select

from domain.accounts.guard import keeping_an_admin, ring
from domain.accounts.models import User
from domain.accounts.rights import permissions_of_role, role_named
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.permissions import Caller, Permission, check_may_grant, requires
from domain.runtime.unit_of_work import UnitOfWork


@requires(Permission.RIGHTS_WRITE)
async def assign_role(work: UnitOfWork, user_id: str, role: str) -> User:
    """Give a user another role, by name or id; it has its permissions on the next request.

    Raises NOT_FOUND, VALIDATION_ERROR for a role that does not exist, FORBIDDEN for a role with permissions that the caller does not
    hold and for superusers, LAST_ADMIN.
    """
    async with keeping_an_admin(work):
        user = await user_within_reach(work, user_id)
        given = await role_named(work, role)
        check_may_grant(work.caller, await permissions_of_role(work, given.id))
        user.role_id, user.updated_at = given.id, work.now
        await work.session.flush()
        await work.session.refresh(user, ["role"])
        await ring(work, User.id == user.id)
    return user


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
