"""What superusers do with roles: bundles of permissions that take effect on the next request of every member."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import Select, delete, or_, select
from sqlalchemy.exc import IntegrityError

from domain.accounts.guard import keeping_an_admin, ring
from domain.accounts.models import PermissionRow, Role, RolePermission, User
from domain.accounts.rights import NAME, PROTECTED_ROLES, permissions_of_role
from domain.audit.recording import audited, entry_of
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import requires_superuser
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.keyset import KeysetPage, PageRequest, keyset_page
from domain.runtime.paging import DEFAULT_LIMIT, Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
Description = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
# Ids, or names such as `orders:read`.
PermissionNames = Annotated[list[Annotated[str, Field(max_length=120)]], Field(max_length=500)]


@dataclass(frozen=True, slots=True)
class NewRole:
    """What a role is made from; `permissions` are ids or names."""

    name: Name
    description: Description
    permissions: PermissionNames | None = None


@dataclass(frozen=True, slots=True)
class RoleChanges:
    """What is to change; None leaves a field as it is, and `permissions` replaces them all."""

    name: Name | None = None
    description: Description | None = None
    permissions: PermissionNames | None = None


@dataclass(frozen=True, slots=True)
class RoleRecord:
    """A role with the ids of its permissions that are not deleted."""

    role: Role
    permission_ids: Sequence[str]


@requires_superuser
async def page_of_roles(work: UnitOfWork, page: PageRequest) -> KeysetPage[Role]:
    """Return one page of all roles, newest first."""
    return await keyset_page(work.session, _live_roles(), Role, page)


@requires_superuser
async def list_roles(work: UnitOfWork, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Page[RoleRecord]:
    """Return all roles, by name."""
    page = await page_of(work.session, _live_roles().order_by(Role.name, Role.id), limit, offset)
    permissions = await permissions_by_role(work, [role.id for role in page.items])
    return Page([RoleRecord(role, [row.id for row in permissions[role.id]]) for role in page.items], page.total)


@requires_superuser
async def get_role(work: UnitOfWork, role_id: str) -> RoleRecord:
    """Return one role. Raises NOT_FOUND."""
    return await _record(work, await _find_role(work, role_id))


@audited("role.create", id="result.role.id")
@requires_superuser
async def create_role(work: UnitOfWork, body: NewRole) -> RoleRecord:
    """Make a role. Raises ROLE_NAME_TAKEN, UNKNOWN_PERMISSION, VALIDATION_ERROR."""
    role = Role(id=new_id("role"), name=body.name.strip(), description=body.description.strip(), created_at=work.now)
    if earlier := await claim(work, fingerprint_of("create_role", **asdict(body)), role.id):
        return await _record(work, await _find_role(work, earlier))
    found = await _permissions_named(work, body.permissions or [])
    work.session.add(role)
    await _flush(work, role.name)
    _link(work, role, found)
    return RoleRecord(role, [row.id for row in found])


@audited("role.update", id="role_id")
@requires_superuser
async def update_role(work: UnitOfWork, role_id: str, body: RoleChanges) -> RoleRecord:
    """Change a role; its members have the new permissions on their next request, and their sockets within five seconds.

    Raises NOT_FOUND, ROLE_NAME_TAKEN, ROLE_PROTECTED for another name of a role that the server counts on, UNKNOWN_PERMISSION,
    LAST_ADMIN, VALIDATION_ERROR.
    """
    async with keeping_an_admin(work):
        role = await _find_role(work, role_id)
        if body == RoleChanges():
            return await _record(work, role)
        if body.name is not None and body.name.strip() != role.name:
            _check_unprotected(role)
            role.name = body.name.strip()
        role.description = role.description if body.description is None else body.description.strip()
        role.updated_at = work.now
        await _flush(work, role.name)
        if body.permissions is not None:
            found = await _permissions_named(work, body.permissions)
            had = await permissions_of_role(work, role.id)
            entry_of(work).add(permissions_before=sorted(had), permissions_after=sorted(f"{row.resource}:{row.action}" for row in found))
            await work.session.execute(delete(RolePermission).where(RolePermission.role_id == role.id))
            _link(work, role, found)
        await ring(work, User.role_id == role.id)
    return await _record(work, role)


@audited("role.delete", id="role_id")
@requires_superuser
async def delete_role(work: UnitOfWork, role_id: str) -> None:
    """Delete a role: its members may do nothing until they are given another. Raises NOT_FOUND, ROLE_PROTECTED, LAST_ADMIN."""
    async with keeping_an_admin(work):
        role = await _find_role(work, role_id)
        _check_unprotected(role)
        role.deleted_at = role.updated_at = work.now
        await ring(work, User.role_id == role.id)


async def permissions_by_role(work: UnitOfWork, role_ids: Collection[str]) -> dict[str, list[PermissionRow]]:
    """Return the permissions of each role that are not deleted, by name, in one statement."""
    linked = select(RolePermission.role_id, PermissionRow).join(PermissionRow, PermissionRow.id == RolePermission.permission_id)
    mine = linked.where(RolePermission.role_id.in_(role_ids), PermissionRow.deleted_at.is_(None))
    found: dict[str, list[PermissionRow]] = {role_id: [] for role_id in role_ids}
    for role_id, row in await work.session.execute(mine.order_by(PermissionRow.resource, PermissionRow.action)):
        found[role_id].append(row)
    return found


def _live_roles() -> Select[Role]:
    return select(Role).where(Role.deleted_at.is_(None))


async def _find_role(work: UnitOfWork, role_id: str) -> Role:
    role: Role | None = await work.session.scalar(_live_roles().where(Role.id == role_id))
    if role is None:
        raise NotFound("Role", role_id)
    return role


async def _record(work: UnitOfWork, role: Role) -> RoleRecord:
    return RoleRecord(role, [row.id for row in (await permissions_by_role(work, [role.id]))[role.id]])


async def _permissions_named(work: UnitOfWork, wanted: Sequence[str]) -> Sequence[PermissionRow]:
    named = or_(PermissionRow.id.in_(wanted), NAME.in_(wanted))
    query = select(PermissionRow).where(PermissionRow.deleted_at.is_(None), named).order_by(PermissionRow.resource, PermissionRow.action)
    found = (await work.session.scalars(query)).all()
    unknown = set(wanted) - {row.id for row in found} - {row.name for row in found}
    if unknown:
        first = next(name for name in wanted if name in unknown)
        raise DomainError(ErrorCode.UNKNOWN_PERMISSION, f"There is no permission {first[:80]}", permission=first[:80], field="permissions")
    return found


def _link(work: UnitOfWork, role: Role, permissions: Sequence[PermissionRow]) -> None:
    work.session.add_all(RolePermission(role_id=role.id, permission_id=row.id) for row in permissions)


def _check_unprotected(role: Role) -> None:
    if role.name in PROTECTED_ROLES:
        message = f"The role {role.name} keeps its name and stays: accounts are made with it"
        raise DomainError(ErrorCode.ROLE_PROTECTED, message, role=role.name)


async def _flush(work: UnitOfWork, name: str) -> None:
    try:
        await work.session.flush()
    except IntegrityError:
        raise DomainError(ErrorCode.ROLE_NAME_TAKEN, "Role with this name already exists", field="name", name=name) from None
