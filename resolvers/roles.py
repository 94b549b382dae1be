"""Answers GraphQL's questions about roles and permissions, and gives them to people."""

from dataclasses import asdict

import strawberry

from domain.accounts import administration, assigning, models, permissions, roles
from resolvers.plans import KEY
from schema.accounts import User
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation
from schema.inputs import checked
from schema.roles import Permission, PermissionChangesInput, PermissionInput, Role, RoleChangesInput, RoleInput


@strawberry.type
class RoleQueries:
    @field(Role | None, "One role. Raises NOT_FOUND.", service=roles.get_role)
    async def role(self, info: Info, id: strawberry.ID) -> models.Role:
        async with info.context.reading() as work:
            return (await roles.get_role(work, id)).role

    roles = listing(Role, "All roles, newest first.", roles.page_of_roles)

    permissions = listing(Permission, "All permissions, newest first.", permissions.page_of_permissions)


@strawberry.type
class RoleMutations:
    @mutation(Role, f"Make a role. {KEY} Raises ROLE_NAME_TAKEN, UNKNOWN_PERMISSION, VALIDATION_ERROR.", service=roles.create_role)
    async def create_role(self, info: Info, input: RoleInput, idempotency_key: str | None = None) -> models.Role:
        body = checked(roles.NewRole, asdict(input))
        async with info.context.unit_of_work(idempotency_key) as work:
            return (await roles.create_role(work, body)).role

    @mutation(
        Role,
        "Change a role; its members have the new permissions on their next request, their sockets within five seconds. "
        "Raises NOT_FOUND, ROLE_NAME_TAKEN, ROLE_PROTECTED, UNKNOWN_PERMISSION, LAST_ADMIN, VALIDATION_ERROR.",
        service=roles.update_role,
    )
    async def update_role(self, info: Info, role_id: strawberry.ID, input: RoleChangesInput) -> models.Role:
        body = checked(roles.RoleChanges, asdict(input))
        async with info.context.unit_of_work() as work:
            return (await roles.update_role(work, role_id, body)).role

    @mutation(
        strawberry.ID,
        "Delete a role and return its id: its members may do nothing until they are given another. "
        "Raises NOT_FOUND, ROLE_PROTECTED, LAST_ADMIN.",
        service=roles.delete_role,
    )
    async def delete_role(self, info: Info, role_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await roles.delete_role(work, role_id)
        return role_id

    @mutation(
        Permission,
        f"Make a permission; it binds only programs that ask for it. {KEY} Raises PERMISSION_EXISTS, VALIDATION_ERROR.",
        service=permissions.create_permission,
    )
    async def create_permission(self, info: Info, input: PermissionInput, idempotency_key: str | None = None) -> models.PermissionRow:
        body = checked(permissions.NewPermission, asdict(input))
        async with info.context.unit_of_work(idempotency_key) as work:
            return await permissions.create_permission(work, body)

    @mutation(
        Permission, "Describe a permission in other words. Raises NOT_FOUND, VALIDATION_ERROR.", service=permissions.update_permission
    )
    async def update_permission(self, info: Info, permission_id: strawberry.ID, input: PermissionChangesInput) -> models.PermissionRow:
        body = checked(permissions.PermissionChanges, asdict(input))
        async with info.context.unit_of_work() as work:
            return await permissions.update_permission(work, permission_id, body)

    @mutation(
        strawberry.ID,
        "Delete a permission and return its id: at once nobody has it but superusers. Raises NOT_FOUND, LAST_ADMIN.",
        service=permissions.delete_permission,
    )
    async def delete_permission(self, info: Info, permission_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await permissions.delete_permission(work, permission_id)
        return permission_id

    @mutation(
        User,
        "Give a user another role, by name or id: only one whose permissions the caller holds, and a superuser's only as a superuser. "
        "Raises NOT_FOUND, FORBIDDEN, LAST_ADMIN, VALIDATION_ERROR.",
        service=assigning.assign_role,
    )
    async def assign_role(self, info: Info, user_id: strawberry.ID, role: str) -> models.User:
        async with info.context.unit_of_work() as work:
            return await assigning.assign_role(work, user_id, role)

    @mutation(
        User,
        "Switch somebody's account off, or on again: nothing gets in while it is off, and its flows stop. "
        "A superuser's only as a superuser. Raises NOT_FOUND, FORBIDDEN, LAST_ADMIN.",
        service=administration.set_user_active,
    )
    async def set_user_active(self, info: Info, user_id: strawberry.ID, active: bool) -> models.User:
        async with info.context.unit_of_work() as work:
            return await administration.set_user_active(work, user_id, active)
