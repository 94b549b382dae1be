"""What superusers do with permissions: those that services ask for, and names of their own that only other programs ask for."""

from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import Select, or_, select
from sqlalchemy.exc import IntegrityError

from domain.accounts.guard import keeping_an_admin, ring
from domain.accounts.models import PermissionRow, RolePermission, User
from domain.accounts.roles import Description
from domain.audit.recording import audited
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import requires_superuser
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.keyset import KeysetPage, PageRequest, keyset_page
from domain.runtime.paging import DEFAULT_LIMIT, Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

Word = Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9_]+$")]


@dataclass(frozen=True, slots=True)
class NewPermission:
    """What a permission is made from; resource and action are taken in lower case."""

    resource: Word
    action: Word
    description: Description


@dataclass(frozen=True, slots=True)
class PermissionChanges:
    """What is to change; None leaves it as it is. Resource and action never change."""

    description: Description | None = None


@requires_superuser
async def page_of_permissions(work: UnitOfWork, page: PageRequest) -> KeysetPage[PermissionRow]:
    """Return one page of all permissions, newest first."""
    return await keyset_page(work.session, _live_permissions(), PermissionRow, page)


@requires_superuser
async def list_permissions(work: UnitOfWork, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Page[PermissionRow]:
    """Return all permissions, by name."""
    by_name = _live_permissions().order_by(PermissionRow.resource, PermissionRow.action, PermissionRow.id)
    return await page_of(work.session, by_name, limit, offset)


@requires_superuser
async def get_permission(work: UnitOfWork, permission_id: str) -> PermissionRow:
    """Return one permission. Raises NOT_FOUND."""
    return await _find_permission(work, permission_id)


@audited("permission.create", id="result.id")
@requires_superuser
async def create_permission(work: UnitOfWork, body: NewPermission) -> PermissionRow:
    """Make a permission; no service of this server asks for it, so that it binds only programs that read it.

    Raises PERMISSION_EXISTS, VALIDATION_ERROR.
    """
    row = PermissionRow(
        id=new_id("perm"),
        resource=body.resource.lower(),
        action=body.action.lower(),
        description=body.description.strip(),
        created_at=work.now,
    )
    if earlier := await claim(work, fingerprint_of("create_permission", **asdict(body)), row.id):
        return await _find_permission(work, earlier)
    work.session.add(row)
    try:
        await work.session.flush()
    except IntegrityError:
        raise DomainError(ErrorCode.PERMISSION_EXISTS, "Permission already exists", permission=row.name) from None
    return row


@audited("permission.update", id="permission_id")
@requires_superuser
async def update_permission(work: UnitOfWork, permission_id: str, body: PermissionChanges) -> PermissionRow:
    """Describe a permission in other words. Raises NOT_FOUND, VALIDATION_ERROR."""
    row = await _find_permission(work, permission_id)
    if body.description is not None:
        row.description, row.updated_at = body.description.strip(), work.now
    return row


@audited("permission.delete", id="permission_id")
@requires_superuser
async def delete_permission(work: UnitOfWork, permission_id: str) -> None:
    """Delete a permission: at once nobody has it but superusers, who need none. Raises NOT_FOUND, LAST_ADMIN."""
    async with keeping_an_admin(work):
        row = await _find_permission(work, permission_id)
        row.deleted_at = row.updated_at = work.now
        linked = select(RolePermission.role_id).where(RolePermission.permission_id == row.id)
        await ring(work, or_(User.role_id.in_(linked), User.permission_words.is_not(None)))


def _live_permissions() -> Select[PermissionRow]:
    return select(PermissionRow).where(PermissionRow.deleted_at.is_(None))


async def _find_permission(work: UnitOfWork, permission_id: str) -> PermissionRow:
    row: PermissionRow | None = await work.session.scalar(_live_permissions().where(PermissionRow.id == permission_id))
    if row is None:
        raise NotFound("Permission", permission_id)
    return row
