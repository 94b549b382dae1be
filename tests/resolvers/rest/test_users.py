import httpx
import pytest

from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_user
from tests.databases import both_databases


@pytest.fixture
async def admin(client: httpx.AsyncClient, runtime: Runtime) -> dict[str, str]:
    return await bearer(runtime, await make_user(runtime, "root@example.com", role="admin"))


@both_databases
async def test_admin_lists_reads_changes_and_deletes_users(client: httpx.AsyncClient, runtime: Runtime, admin: dict[str, str]) -> None:
    ada = await make_user(runtime, "ada@example.com")
    hers = await bearer(runtime, ada)
    page = (await client.get("/api/v1/users", headers=admin, params={"limit": 1})).json()
    assert page == {
        "items": [
            {
                "id": ada.id,
                "email": "ada@example.com",
                "first_name": "Ada",
                "last_name": "Lovelace",
                "avatar_url": "https://ui-avatars.com/api/?name=A&size=200&background=random",
                "created_at": "2026-03-02T09:30:00.000Z",
            }
        ],
        "total": 2,
        "limit": 1,
        "offset": 0,
        "has_more": True,
    }
    path = f"/api/v1/users/{ada.id}"
    user = (await client.get(path, headers=admin)).json()
    assert (user["id"], user["user_role"], user["birthday"]) == (ada.id, "role_01m814vmaxetks0ewx6y2v11fa", None)
    change = {"first_name": "Augusta", "user_role": "admin", "email": "eve@example.com", "is_active": False}
    changed = (await client.put(path, headers=admin, json=change)).json()
    assert changed == user | {"first_name": "Augusta"}
    assert (await client.put(path, headers=admin, json={"first_name": " "})).status_code == 422
    assert (await client.get("/api/v1/users/me", headers=hers)).json() == changed

    answer = await client.delete(path, headers=admin)
    assert (answer.status_code, answer.json()) == (200, {"message": "User deleted successfully", "user_id": ada.id})
    me = await client.get("/api/v1/users/me", headers=hers)
    assert (me.status_code, me.json()) == (401, {"detail": "User not found"})
    for method in ("GET", "PUT", "DELETE"):
        answer = await client.request(method, path, headers=admin, json={} if method == "PUT" else None)
        assert (answer.status_code, answer.json()) == (404, {"detail": f"User not found: {ada.id}"})


@pytest.mark.parametrize(("method", "permission"), [("GET", "users:read"), ("PUT", "users:write"), ("DELETE", "users:delete")])
async def test_others_are_told_what_is_needed(client: httpx.AsyncClient, runtime: Runtime, method: str, permission: str) -> None:
    ada, bob = await make_user(runtime), await make_user(runtime)
    headers = await bearer(runtime, ada)
    for user_id in (bob.id, ada.id, "nobody"):
        answer = await client.request(method, f"/api/v1/users/{user_id}", headers=headers, json={} if method == "PUT" else None)
        assert (answer.status_code, answer.json()) == (403, {"detail": f"Insufficient permissions. Required: {permission}"})
    assert (await client.get("/api/v1/users", headers=headers)).status_code == 403
