import httpx
import pytest

from tests.accounts import ADA
from tests.databases import both_databases


async def log_in(client: httpx.AsyncClient, program: str = "curl/8", password: str = ADA["password"]) -> dict[str, str]:
    body = {"email": ADA["email"], "password": password}
    answer = await client.post("/v1/auth/login", json=body, headers={"User-Agent": program})
    assert answer.status_code == 200
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
async def ada(client: httpx.AsyncClient) -> dict[str, str]:
    await client.post("/api/v1/auth/register", json=ADA)
    return await log_in(client, "Firefox")


@both_databases
async def test_v1_lists_sessions_and_revokes_one_or_all_others(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    stolen, other = await log_in(client), await log_in(client)
    answer = await client.get("/v1/security/sessions", headers=ada)
    assert answer.headers["x-total-count"] == "3"
    mine = answer.json()[2]
    assert mine == {
        "id": mine["id"],
        "created_at": "2026-03-02T09:30:00.000Z",
        "last_seen_at": "2026-03-02T09:30:00.000Z",
        "expires_at": "2026-03-09T09:30:00.000Z",
        "ip": "127.0.0.1",
        "user_agent": "Firefox",
        "is_current": True,
    }
    session_id = answer.json()[1]["id"]
    for status in (200, 404):
        answer = await client.post("/v1/security/sessions/revoke", headers=ada, json={"session_id": session_id})
        assert answer.status_code == status
    assert (await client.get("/v1/auth/me", headers=stolen)).json()["error"]["code"] == "TOKEN_REVOKED"
    answer = await client.post("/v1/security/sessions/revoke", headers=ada, json={"all_others": True})
    assert answer.json() == {"message": "Other sessions revoked", "revoked": 1}
    assert (await client.get("/v1/auth/me", headers=other)).status_code == 401
    assert (await client.get("/v1/auth/me", headers=ada)).status_code == 200


@pytest.mark.parametrize("body", [{}, {"session_id": "session_x", "all_others": True}, {"session_id": 7}, {"all_others": "perhaps"}])
async def test_v1_revokes_nothing_unless_told_what(client: httpx.AsyncClient, ada: dict[str, str], body: dict[str, object]) -> None:
    other = await log_in(client)
    assert (await client.post("/v1/security/sessions/revoke", headers=ada, json=body)).status_code == 422
    assert (await client.get("/v1/auth/me", headers=other)).status_code == 200


async def test_api_v1_lists_sessions_and_revokes_one_or_all_others(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    others = [await log_in(client) for _ in range(3)]
    page = (await client.get("/api/v1/users/me/sessions", headers=ada, params={"limit": 2})).json()
    assert (page["total"], page["has_more"], [item["is_current"] for item in page["items"]]) == (4, True, [False, False])
    session_id = page["items"][0]["id"]
    answer = await client.delete(f"/api/v1/users/me/sessions/{session_id}", headers=ada)
    assert (answer.status_code, answer.json()) == (200, {"message": "Session revoked", "session_id": session_id})
    answer = await client.delete(f"/api/v1/users/me/sessions/{session_id}", headers=ada)
    assert (answer.status_code, answer.json()) == (404, {"detail": f"Session not found: {session_id}"})
    answer = await client.delete("/api/v1/users/me/sessions", headers=ada)
    assert answer.json() == {"message": "Other sessions revoked"}
    assert [(await client.get("/api/v1/users/me", headers=other)).status_code for other in others] == [401] * 3
    assert (await client.get("/api/v1/users/me", headers=ada)).status_code == 200


async def test_v1_changes_the_password_and_ends_other_sessions(client: httpx.AsyncClient, ada: dict[str, str]) -> None:
    other = await log_in(client)

    async def change(current: str, new: str) -> httpx.Response:
        return await client.put("/v1/auth/change-password", headers=ada, json={"current_password": current, "new_password": new})

    for current, new, code in (
        ("wrong password", "analytical engine", "WRONG_PASSWORD"),
        (ADA["password"], "password", "WEAK_PASSWORD"),
    ):
        answer = await change(current, new)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    assert (await client.get("/v1/auth/me", headers=other)).status_code == 200

    answer = await change(ADA["password"], "analytical engine")
    assert (answer.status_code, answer.json()) == (200, {"message": "Password changed successfully"})
    assert (await client.get("/v1/auth/me", headers=other)).json()["error"]["code"] == "TOKEN_REVOKED"
    assert (await client.get("/v1/auth/me", headers=ada)).status_code == 200
    await log_in(client, password="analytical engine")


async def test_stranger_has_no_password_to_change(client: httpx.AsyncClient) -> None:
    body = {"current_password": "x", "new_password": "analytical engine"}
    assert (await client.put("/v1/auth/change-password", json=body)).status_code == 401
