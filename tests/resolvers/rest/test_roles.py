"""Roles and permissions on `/api/v1`, as a superuser and others see them."""

from typing import Any

import httpx
import pytest

from domain.kernel.permissions import Permission
from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_superuser, make_user

EDITOR = {"name": " Editor ", "description": "Edits."}


@pytest.fixture
async def root(client: httpx.AsyncClient, runtime: Runtime) -> dict[str, str]:
    return await bearer(runtime, await make_superuser(runtime))


async def all_permissions(client: httpx.AsyncClient, root: dict[str, str]) -> dict[str, str]:
    """Return id by name."""
    page = (await client.get("/api/v1/permissions?limit=100", headers=root)).json()
    assert (page["total"], page["has_more"]) == (len(Permission), False)
    return {f"{item['resource']}:{item['action']}": item["id"] for item in page["items"]}


async def test_role_is_made_read_changed_and_deleted(client: httpx.AsyncClient, root: dict[str, str]) -> None:
    ids = await all_permissions(client, root)
    answer = await client.post("/api/v1/roles", headers=root, json=EDITOR | {"permissions": [ids["orders:read"]]})
    assert answer.status_code == 201
    role: dict[str, Any] = answer.json()
    assert role == {
        "id": role["id"],
        "name": "Editor",
        "description": "Edits.",
        "permissions": [ids["orders:read"]],
        "created_at": "2026-03-02T09:30:00.000Z",
        "updated_at": "2026-03-02T09:30:00.000Z",
    }
    path = f"/api/v1/roles/{role['id']}"
    assert (await client.get(path, headers=root)).json() == role
    assert (await client.put(path, headers=root, json={})).json() == role
    changed = await client.put(path, headers=root, json={"permissions": ["flows:read"], "description": "Reads."})
    assert (changed.status_code, changed.json()) == (200, role | {"description": "Reads.", "permissions": [ids["flows:read"]]})
    listed = (await client.get("/api/v1/roles?limit=1", headers=root)).json()
    assert (listed["items"], listed["total"], listed["has_more"]) == ([changed.json()], 9, True)
    gone = await client.delete(path, headers=root)
    assert (gone.status_code, gone.json()) == (200, {"message": "Role deleted successfully", "role_id": role["id"]})
    for method in ("GET", "DELETE"):
        assert (await client.request(method, path, headers=root)).status_code == 404


async def test_permission_is_made_described_and_deleted(client: httpx.AsyncClient, root: dict[str, str]) -> None:
    answer = await client.post("/api/v1/permissions", headers=root, json={"resource": "Wiki", "action": "Edit", "description": "Edits."})
    assert answer.status_code == 201
    made = answer.json()
    assert sorted(made) == ["action", "created_at", "description", "id", "resource", "updated_at"]
    assert (made["resource"], made["action"], made["id"][:5]) == ("wiki", "edit", "perm_")
    path = f"/api/v1/permissions/{made['id']}"
    assert (await client.put(path, headers=root, json={"description": "Writes."})).json()["description"] == "Writes."
    gone = await client.delete(path, headers=root)
    assert (gone.status_code, gone.json()) == (200, {"message": "Permission deleted successfully", "permission_id": made["id"]})
    assert (await client.get(path, headers=root)).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/roles", {"name": "viewer", "description": "x"}, 400),
        ("/roles", {"name": " ", "description": "x"}, 422),
        ("/roles", {"name": "x" * 101, "description": "x"}, 422),
        ("/roles", EDITOR | {"permissions": ["perm_nothing"]}, 422),
        ("/permissions", {"resource": "orders", "action": "READ", "description": "x"}, 400),
        ("/permissions", {"resource": "or:ders", "action": "x", "description": "x"}, 422),
        ("/permissions", {"resource": "x", "action": "x"}, 422),
    ],
)
async def test_refusals_have_the_statuses_of_the_table(
    client: httpx.AsyncClient, root: dict[str, str], path: str, body: dict[str, Any], status: int
) -> None:
    answer = await client.post(f"/api/v1{path}", headers=root, json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])
    assert (await client.get("/api/v1/roles", headers=root)).json()["total"] == 8
    assert (await client.get("/api/v1/permissions", headers=root)).json()["total"] == len(Permission)


async def test_role_is_given_and_account_switched_off(client: httpx.AsyncClient, runtime: Runtime, root: dict[str, str]) -> None:
    ada = await make_user(runtime)
    hers = await bearer(runtime, ada)
    refused = await client.get("/api/v1/roles", headers=hers)
    assert (refused.status_code, refused.json()) == (403, {"detail": "Superuser access required"})
    answer = await client.put(f"/api/v1/users/{ada.id}/role", headers=root, json={"role": "device_operator"})
    assert (answer.status_code, answer.json()["user_role"]) == (200, "role_01m814vmaxeyytdvkxytm9vy5j")
    refused = await client.get("/api/v1/orders", headers=hers)
    assert (refused.status_code, refused.json()) == (403, {"detail": "Insufficient permissions. Required: orders:read"})
    assert (await client.put(f"/api/v1/users/{ada.id}/active", headers=root, json={"active": False})).json()["is_active"] is False
    off = await client.get("/api/v1/users/me", headers=hers)
    assert (off.status_code, off.json()) == (403, {"detail": "Account is inactive"})
    await client.put(f"/api/v1/users/{ada.id}/active", headers=root, json={"active": True})
    await client.delete("/api/v1/roles/role_01m814vmaxeyytdvkxytm9vy5j", headers=root)
    gone = await client.get("/api/v1/users/me", headers=hers)
    assert (gone.status_code, gone.json()) == (403, {"detail": "User role not found"})
    assert (await client.post("/api/v1/auth/logout", headers=hers)).status_code == 200


async def test_last_admin_is_kept(client: httpx.AsyncClient, runtime: Runtime) -> None:
    me = await make_superuser(runtime)
    root = await bearer(runtime, me)
    for call in (
        client.delete("/api/v1/users/me", headers=root),
        client.delete(f"/api/v1/users/{me.id}", headers=root),
        client.put(f"/api/v1/users/{me.id}/active", headers=root, json={"active": False}),
    ):
        answer = await call
        assert (answer.status_code, answer.json()) == (400, {"detail": "Nobody would be left who may give rights to others"})
    assert (await client.get("/api/v1/users/me", headers=root)).json()["is_active"] is True
