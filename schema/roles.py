"""What clients see of roles and permissions, and what superusers may set."""

from datetime import datetime

import strawberry

from domain.accounts import roles
from schema.fields import related


@strawberry.type(description="Something that a caller may do.")
class Permission:
    id: strawberry.ID = strawberry.field(description="Begins with `perm_`.")
    name: str = strawberry.field(description="`resource:action`.")
    resource: str = strawberry.field(description="What it is about, for instance `orders`.")
    action: str = strawberry.field(description="What may be done with it, for instance `write`.")
    description: str = strawberry.field(description="What it is for, in a sentence.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime | None = strawberry.field(description="Last change.")


@strawberry.type(description="A bundle of permissions. Every user has one role.")
class Role:
    id: strawberry.ID = strawberry.field(description="Begins with `role_`.")
    name: str = strawberry.field(description="No other role has it.")
    description: str = strawberry.field(description="What it is for, in a sentence.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime | None = strawberry.field(description="Last change.")
    permissions = related(list[Permission], roles.permissions_by_role, "id", "What its members may do, by name.")


@strawberry.input(description="A new role.")
class RoleInput:
    name: str = strawberry.field(description="1 to 100 characters, not only blanks.")
    description: str = strawberry.field(description="1 to 500 characters.")
    permissions: list[str] | None = strawberry.field(default=None, description="Ids, or names such as `orders:read`.")


@strawberry.input(description="Changes of a role; what is left out or null stays as it is.")
class RoleChangesInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters, not only blanks.")
    description: str | None = strawberry.field(default=None, description="1 to 500 characters.")
    permissions: list[str] | None = strawberry.field(default=None, description="Ids or names; they replace all that the role has.")


@strawberry.input(description="A new permission, which no service of this server asks for.")
class PermissionInput:
    resource: str = strawberry.field(description="1 to 50 letters, digits and underscores; taken in lower case.")
    action: str = strawberry.field(description="1 to 50 letters, digits and underscores; taken in lower case.")
    description: str = strawberry.field(description="1 to 500 characters.")


@strawberry.input(description="Changes of a permission; what is left out or null stays as it is.")
class PermissionChangesInput:
    description: str | None = strawberry.field(default=None, description="1 to 500 characters.")
