"""Keeps at least one person who may give rights to others, and tells live sockets when rights have changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import ColumnElement, and_, or_, select

from domain.accounts.models import ApiKey, PermissionRow, Role, RolePermission, Session, User
from domain.accounts.rights import ADMIN_ROLE, RIGHTS, rights_from
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Permission
from domain.runtime.unit_of_work import UnitOfWork


@asynccontextmanager
async def keeping_an_admin(work: UnitOfWork) -> AsyncIterator[None]:
    """Refuse the change made inside, with LAST_ADMIN, if it takes away the last admin.

    An admin is a live, active user who is a superuser or effectively holds `rights:write`. Such changes wait for each other, so that two
    admins who demote one another cannot both succeed; rows they look at are to be loaded inside. Where nobody was an admin before,
    nothing is refused.
    """
    # The role `admin` is always there; on SQLite writers take turns anyway.
    await work.session.execute(select(Role.id).where(Role.name == ADMIN_ROLE, Role.deleted_at.is_(None)).with_for_update(key_share=True))
    had_one = await _has_admin(work)
    yield
    await work.session.flush()
    if had_one and not await _has_admin(work):
        raise DomainError(ErrorCode.LAST_ADMIN, "Nobody would be left who may give rights to others")


async def ring(work: UnitOfWork, *which: ColumnElement[bool]) -> None:
    """Wake the live sockets of these users after the commit, so that they notice at once what has changed."""
    sessions = select(Session.id).join(User, User.id == Session.user_id)
    sessions = sessions.where(Session.revoked_at.is_(None), Session.expires_at > work.now, User.deleted_at.is_(None))
    keys = select(ApiKey.id).join(User, User.id == ApiKey.user_id).where(ApiKey.revoked_at.is_(None), ApiKey.expires_at > work.now)
    for query in (sessions, keys):
        for id in await work.session.scalars(query.where(*which)):
            work.wake(f"session:{id}")


async def administrators(work: UnitOfWork) -> list[str]:
    """Return who may give rights to others, superusers among them: those who look after the installation."""
    live = User.deleted_at.is_(None), User.is_active
    found = set(await work.session.scalars(select(User.id).where(*live, or_(User.is_superuser, _admins_by_role()))))
    own_sets = select(User, *RIGHTS).where(*live, User.permission_words.is_not(None))
    found |= {row[0].id for row in await work.session.execute(own_sets) if Permission.RIGHTS_WRITE in rights_from(*row).permissions}
    return sorted(found)


async def _has_admin(work: UnitOfWork) -> bool:
    return bool(await administrators(work))


def _admins_by_role() -> ColumnElement[bool]:
    resource, action = Permission.RIGHTS_WRITE.value.split(":")
    giving = (
        select(RolePermission.role_id)
        .join(Role, Role.id == RolePermission.role_id)
        .join(PermissionRow, PermissionRow.id == RolePermission.permission_id)
        .where(Role.deleted_at.is_(None), PermissionRow.deleted_at.is_(None))
        .where(PermissionRow.resource == resource, PermissionRow.action == action)
    )
    return and_(User.permission_words.is_(None), User.role_id.in_(giving))
