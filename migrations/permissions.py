"""Adds a permission to a database that is in use: what a later migration does when services begin to ask for a new one."""

from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa

from domain.runtime.columns import UTCDateTime

PERMISSIONS = sa.table(
    "permissions",
    sa.column("id", sa.String()),
    sa.column("resource", sa.String()),
    sa.column("action", sa.String()),
    sa.column("description", sa.String()),
    sa.column("created_at", UTCDateTime()),
    sa.column("deleted_at", UTCDateTime()),
)
ROLES = sa.table("roles", sa.column("id", sa.String()), sa.column("name", sa.String()), sa.column("deleted_at", UTCDateTime()))
LINKS = sa.table("role_permissions", sa.column("role_id", sa.String()), sa.column("permission_id", sa.String()))


def add_permission(connection: sa.Connection, id: str, name: str, description: str, roles: Iterable[str] = ()) -> None:
    """Insert `resource:action` under an id made once with `new_id("perm")`, and give it to these roles and to `admin`.

    A permission of that name that a superuser made before is taken as it is; roles that are gone are passed over.
    """
    resource, _, action = name.partition(":")
    there = sa.select(PERMISSIONS.c.id).where(
        PERMISSIONS.c.resource == resource, PERMISSIONS.c.action == action, PERMISSIONS.c.deleted_at.is_(None)
    )
    found = connection.scalar(there)
    if found is None:
        row = {"id": id, "resource": resource, "action": action, "description": description, "created_at": datetime.now(UTC)}
        connection.execute(sa.insert(PERMISSIONS).values(row))
    permission_id = found or id
    wanted = sa.select(ROLES.c.id).where(ROLES.c.name.in_({"admin", *roles}), ROLES.c.deleted_at.is_(None))
    having = sa.select(LINKS.c.role_id).where(LINKS.c.permission_id == permission_id)
    for role_id in set(connection.scalars(wanted)) - set(connection.scalars(having)):
        connection.execute(sa.insert(LINKS).values(role_id=role_id, permission_id=permission_id))
