"""Reads what a user may do, as the database has it at this moment; a change bites on the next request."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select

from domain.accounts.models import ApiKey, PermissionRow, Role, RolePermission, User
from domain.accounts.words import effective
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Caller, Permission
from domain.runtime.unit_of_work import UnitOfWork

ADMIN_ROLE = "admin"
DEFAULT_ROLE = "user"
# What the server itself counts on: accounts are made with them.
PROTECTED_ROLES = frozenset({ADMIN_ROLE, DEFAULT_ROLE})

NAME = PermissionRow.resource + ":" + PermissionRow.action
_names = select(func.aggregate_strings(NAME, ",")).where(PermissionRow.deleted_at.is_(None))
_live_role = select(Role.id).where(Role.id == User.role_id, Role.deleted_at.is_(None)).correlate(User).scalar_subquery()
_of_role = _names.join(RolePermission, RolePermission.permission_id == PermissionRow.id).where(RolePermission.role_id == _live_role)
# Columns to select beside `User`, for `rights_from`: all in the one statement that finds the user.
RIGHTS = (
    _live_role.label("live_role"),
    _of_role.correlate(User).scalar_subquery().label("of_role"),
    case((User.permission_words.is_not(None), _names.scalar_subquery())).label("live_names"),
)


@dataclass(frozen=True, slots=True)
class Rights:
    """What a user may do; `reason` says in a sentence why it is nothing."""

    permissions: frozenset[str]
    reason: str | None


def rights_from(user: User, live_role: str | None, of_role: str | None, live_names: str | None) -> Rights:
    """Return the rights from what the columns `RIGHTS` held."""
    permissions = _split(of_role)
    if user.permission_words is not None:
        permissions = effective(user.permission_words, permissions, _split(live_names))
    if user.is_superuser:
        return Rights(permissions | _ALL, None)
    if permissions:
        return Rights(permissions, None)
    if user.role_id is None:
        return Rights(permissions, "User has no role assigned")
    return Rights(permissions, "Insufficient permissions" if live_role else "User role not found")


async def rights_of(work: UnitOfWork, user_id: str) -> Rights:
    """Return what this user may do now; nothing for one that does not exist."""
    found: Any = (await work.session.execute(select(User, *RIGHTS).where(User.id == user_id))).first()
    return rights_from(*found) if found else Rights(frozenset(), "User not found")


def caller_by_key(user: User, rights: Rights, key: ApiKey) -> Caller:
    """Return the key as a caller: it may do what it was given and its owner may do now, and is never a superuser."""
    return Caller(
        user_id=user.id,
        email=user.email,
        role=user.role,
        permissions=rights.permissions & frozenset(key.permissions),
        api_key_id=key.id,
        no_rights=rights.reason,
    )


def caller_from(user: User, rights: Rights, session_id: str | None = None) -> Caller:
    """Return the user as a caller with these rights."""
    return Caller(
        user_id=user.id,
        session_id=session_id,
        email=user.email,
        role=user.role,
        is_superuser=user.is_superuser,
        permissions=rights.permissions,
        no_rights=rights.reason,
    )


async def permissions_of_role(work: UnitOfWork, role_id: str) -> frozenset[str]:
    """Return the names of what the role bundles now."""
    linked = select(NAME).join(RolePermission, RolePermission.permission_id == PermissionRow.id)
    found = await work.session.scalars(linked.where(RolePermission.role_id == role_id, PermissionRow.deleted_at.is_(None)))
    return frozenset(found)


async def role_named(work: UnitOfWork, name: str) -> Role:
    """Return the live role of this name, or of this id. Raises VALIDATION_ERROR, listing the names there are."""
    roles = (await work.session.scalars(select(Role).where(Role.deleted_at.is_(None)).order_by(Role.name))).all()
    for role in roles:
        if name in (role.name, role.id):
            return role
    raise DomainError(ErrorCode.VALIDATION_ERROR, f"role must be one of {', '.join(role.name for role in roles)}"[:500], field="role")


def _split(names: str | None) -> frozenset[str]:
    return frozenset(names.split(",")) if names else frozenset()


_ALL = frozenset(permission.value for permission in Permission)
