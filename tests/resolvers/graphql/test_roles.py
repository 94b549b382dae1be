"""Roles and permissions over GraphQL."""

import pytest

from domain.kernel.permissions import Permission
from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_superuser, make_user
from tests.graphql_client import GraphQLClient

CREATE = "mutation ($input: RoleInput!) { createRole(input: $input) { id name permissions { name } } }"
UPDATE = "mutation ($id: ID!, $input: RoleChangesInput!) { updateRole(roleId: $id, input: $input) { name permissions { name } } }"
PERMIT = "mutation ($input: PermissionInput!) { createPermission(input: $input) { id name } }"
DESCRIBE = 'mutation ($id: ID!) { updatePermission(permissionId: $id, input: {description: "In short."}) { name description } }'
ASSIGN = "mutation ($user: ID!, $role: String!) { assignRole(userId: $user, role: $role) { id role } }"
SWITCH = "mutation ($user: ID!, $active: Boolean!) { setUserActive(userId: $user, active: $active) { isActive } }"


@pytest.fixture
async def root(runtime: Runtime, nobody: GraphQLClient) -> GraphQLClient:
    return nobody.as_(await bearer(runtime, await make_superuser(runtime)))


async def test_superuser_makes_a_role_and_gives_it(root: GraphQLClient, runtime: Runtime) -> None:
    permission = (await root.data(PERMIT, input={"resource": "wiki", "action": "edit", "description": "Edits."}))["createPermission"]
    wanted = {"name": "editor", "description": "Edits.", "permissions": [permission["id"], "orders:read"]}
    role = (await root.data(CREATE, input=wanted))["createRole"]
    assert (role["name"], [one["name"] for one in role["permissions"]]) == ("editor", ["orders:read", "wiki:edit"])
    described = (await root.data(DESCRIBE, id=permission["id"]))["updatePermission"]
    assert described == {"name": "wiki:edit", "description": "In short."}
    changed = (await root.data(UPDATE, id=role["id"], input={"permissions": ["wiki:edit"]}))["updateRole"]
    assert changed == {"name": "editor", "permissions": [{"name": "wiki:edit"}]}
    ada = await make_user(runtime)
    assert (await root.data(ASSIGN, user=ada.id, role="editor"))["assignRole"] == {"id": ada.id, "role": "editor"}
    listed = await root.data("{ roles(first: 1) { totalCount nodes { name permissions { name } } } permissions { totalCount } }")
    assert listed["roles"] == {"totalCount": 9, "nodes": [{"name": "editor", "permissions": [{"name": "wiki:edit"}]}]}
    assert listed["permissions"]["totalCount"] == len(Permission) + 1
    await root.data("mutation ($id: ID!) { deletePermission(permissionId: $id) }", id=permission["id"])
    one = (await root.data("query ($id: ID!) { role(id: $id) { name permissions { name } } }", id=role["id"]))["role"]
    assert one == {"name": "editor", "permissions": []}
    assert await root.data("mutation ($id: ID!) { deleteRole(roleId: $id) }", id=role["id"]) == {"deleteRole": role["id"]}
    assert await root.refusal("query ($id: ID!) { role(id: $id) { name } }", id=role["id"]) == "NOT_FOUND"


async def test_refusals_carry_their_codes(root: GraphQLClient, ada: GraphQLClient, runtime: Runtime) -> None:
    admin_role = (await root.data("{ roles(last: 100) { nodes { id name } } }"))["roles"]["nodes"]
    ids = {role["name"]: role["id"] for role in admin_role}
    assert await root.refusal(CREATE, input={"name": "viewer", "description": "x"}) == "ROLE_NAME_TAKEN"
    assert await root.refusal(CREATE, input={"name": "x", "description": "x", "permissions": ["x"]}) == "UNKNOWN_PERMISSION"
    assert await root.refusal(PERMIT, input={"resource": "orders", "action": "read", "description": "x"}) == "PERMISSION_EXISTS"
    assert await root.refusal(UPDATE, id=ids["admin"], input={"name": "boss"}) == "ROLE_PROTECTED"
    assert await root.refusal(ASSIGN, user="user_x", role="viewer") == "NOT_FOUND"
    me = (await root.data("{ me { id } }"))["me"]["id"]
    assert await root.refusal(SWITCH, user=me, active=False) == "LAST_ADMIN"
    for query in ("{ roles { totalCount } }", "{ permissions { totalCount } }"):
        assert (await ada.error(query))["message"] == "Superuser access required"
    assert await ada.refusal(ASSIGN, user=me, role="viewer") == "FORBIDDEN"
    eve = await make_user(runtime)
    assert (await root.data(SWITCH, user=eve.id, active=False))["setUserActive"] == {"isActive": False}
