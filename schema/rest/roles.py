"""Roles and permissions as `/api/v1` shows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self

from pydantic import AliasChoices, Field

from domain.accounts.assigning import PermissionSet, Words
from domain.accounts.models import PermissionRow
from domain.accounts.roles import RoleRecord


@dataclass(frozen=True, slots=True)
class RoleView:
    """A role with the ids of its permissions."""

    id: str
    name: str
    description: str
    permissions: list[str]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, record: RoleRecord) -> Self:
        role = record.role
        return cls(role.id, role.name, role.description, list(record.permission_ids), role.created_at, role.updated_at or role.created_at)


@dataclass(frozen=True, slots=True)
class PermissionView:
    """A permission: its name is `resource:action`."""

    id: str
    resource: str
    action: str
    description: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: PermissionRow) -> Self:
        return cls(row.id, row.resource, row.action, row.description, row.created_at, row.updated_at or row.created_at)


@dataclass(frozen=True, slots=True)
class AssignedRoleBody:
    """The role to give, by name or id."""

    role: Annotated[str, Field(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True)
class ActiveBody:
    """`is_active` is another name of `active`."""

    active: Annotated[bool, Field(validation_alias=AliasChoices("active", "is_active"))]


# /v1


@dataclass(frozen=True, slots=True)
class PermissionsBody:
    """Whose permissions to replace, and the words they shall be."""

    user_id: Annotated[str, Field(max_length=80)]
    permissions: Words


@dataclass(frozen=True, slots=True)
class OwnPermissionsView:
    """What a user may do, in words."""

    permissions: list[str]
    user_id: str
    role: str


@dataclass(frozen=True, slots=True)
class PermissionsChangedView:
    message: str
    user_id: str
    permissions: list[str]

    @classmethod
    def of(cls, found: PermissionSet) -> Self:
        return cls("Permissions updated successfully", found.user_id, found.permissions)
