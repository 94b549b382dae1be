import asyncio
from typing import Any

import httpx
import pytest

from domain.kernel.clock import ManualClock
from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_user
from tests.databases import both_databases

GRACE = {"email": "Grace@example.com", "name": "Grace Brewster Hopper", "password": "nanosecond wire"}
LOGIN = {"email": "grace@example.com", "password": "nanosecond wire"}


def with_token(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def log_in(client: httpx.AsyncClient) -> dict[str, Any]:
    await client.post("/v1/auth/register", json=GRACE)
    answer = await client.post("/v1/auth/login", json=LOGIN)
    assert answer.status_code == 200
    return dict(answer.json())


def code_of(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert sorted(error) == ["code", "details", "message"]
    assert error["details"]["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, error["code"]


@both_databases
async def test_user_registers_and_logs_in(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/auth/register", json=GRACE)
    assert answer.status_code == 201
    user = answer.json()
    assert user == {
        "id": user["id"],
        "email": "grace@example.com",
        "name": "Grace Brewster Hopper",
        "role": "user",
        "created_at": "2026-03-02T09:30:00.000Z",
        "last_login": None,
        "is_active": True,
    }
    session = (await client.post("/v1/auth/login", json=LOGIN)).json()
    assert (session["token_type"], session["expires_in"]) == ("bearer", 1800)
    assert session["user"] == user | {"last_login": "2026-03-02T09:30:00.000Z"}
    assert "trading.write" in session["permissions"]
    me = await client.get("/v1/auth/me", headers=with_token(session["access_token"]))
    assert me.json() == session["user"]
    assert me.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ({"full_name": "Grace Hopper"}, "Grace Hopper"),
        ({"first_name": "Grace", "last_name": "Hopper"}, "Grace Hopper"),
        ({"first_name": "Grace"}, "Grace"),
    ],
)
async def test_other_spellings_of_the_name_are_read(client: httpx.AsyncClient, names: dict[str, str], name: str) -> None:
    body = {"email": GRACE["email"], "password": GRACE["password"]} | names
    assert (await client.post("/v1/auth/register", json=body)).json()["name"] == name


async def test_log_in_reads_forms_and_username(client: httpx.AsyncClient) -> None:
    await log_in(client)
    form = await client.post("/v1/auth/login", data={"username": "grace@example.com", "password": "nanosecond wire"})
    assert form.status_code == 200
    alias = await client.post("/v1/auth/login", json={"username": "grace@example.com", "password": "nanosecond wire", "remember_me": True})
    assert alias.status_code == 200
    refreshed = await client.post("/v1/auth/refresh", data={"refresh_token": alias.json()["refresh_token"]})
    assert refreshed.status_code == 200


async def test_refresh_token_is_never_read_from_the_query(client: httpx.AsyncClient) -> None:
    session = await log_in(client)
    answer = await client.post("/v1/auth/refresh", params={"refresh_token": session["refresh_token"]})
    assert code_of(answer) == (422, "VALIDATION_ERROR")


async def test_registration_is_refused_with_the_codes_of_the_table(client: httpx.AsyncClient) -> None:
    await log_in(client)
    assert code_of(await client.post("/v1/auth/register", json=GRACE)) == (409, "EMAIL_TAKEN")
    assert code_of(await client.post("/v1/auth/register", json=GRACE | {"email": "b@example.com", "role": "admin"})) == (403, "FORBIDDEN")
    weak = await client.post("/v1/auth/register", json=GRACE | {"email": "b@example.com", "password": "password"})
    assert code_of(weak) == (422, "WEAK_PASSWORD")
    assert weak.json()["error"]["details"]["issues"] == ["It is one of the commonest passwords."]
    assert len(weak.json()["error"]["details"]["suggestions"]) == 1
    nameless = await client.post("/v1/auth/register", json={"email": "b@example.com", "password": "nanosecond wire"})
    assert code_of(nameless) == (422, "VALIDATION_ERROR")
    long_name = await client.post("/v1/auth/register", json=GRACE | {"email": "b@example.com", "name": "x" * 101})
    assert long_name.json()["error"]["details"]["errors"] == [
        {"field": "name", "message": "String should have at most 100 characters", "type": "string_too_long"}
    ]


async def test_admin_gives_roles(client: httpx.AsyncClient, runtime: Runtime) -> None:
    headers = await bearer(runtime, await make_user(runtime, role="admin"))
    answer = await client.post("/v1/auth/register", headers=headers, json=GRACE | {"role": "viewer"})
    assert (answer.status_code, answer.json()["role"]) == (201, "viewer")


async def test_wrong_password_and_unknown_address_look_alike(client: httpx.AsyncClient) -> None:
    await log_in(client)
    answers = [
        await client.post("/v1/auth/login", json={"email": email, "password": "wrong"}) for email in ("grace@example.com", "e@example.com")
    ]
    assert [code_of(answer) for answer in answers] == [(401, "INVALID_CREDENTIALS")] * 2
    assert answers[0].json()["error"]["message"] == answers[1].json()["error"]["message"]


@both_databases
async def test_of_two_concurrent_refreshes_one_wins(client: httpx.AsyncClient) -> None:
    session = await log_in(client)
    body = {"refresh_token": session["refresh_token"]}
    answers = await asyncio.gather(*(client.post("/v1/auth/refresh", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    refused = next(answer for answer in answers if answer.status_code == 401)
    assert code_of(refused) == (401, "INVALID_REFRESH_TOKEN")


@both_databases
async def test_second_log_out_with_the_same_token_is_revoked(client: httpx.AsyncClient) -> None:
    headers = with_token((await log_in(client))["access_token"])
    first = await client.post("/v1/auth/logout", headers=headers)
    assert (first.status_code, first.json()) == (200, {"message": "Successfully logged out"})
    assert code_of(await client.post("/v1/auth/logout", headers=headers)) == (401, "TOKEN_REVOKED")


async def test_all_sessions_end_on_demand(client: httpx.AsyncClient) -> None:
    here, elsewhere = await log_in(client), await log_in(client)
    await client.post("/v1/auth/logout", headers=with_token(here["access_token"]), json={"all_sessions": True})
    assert code_of(await client.get("/v1/auth/me", headers=with_token(elsewhere["access_token"]))) == (401, "TOKEN_REVOKED")


async def test_tokens_are_refused_with_their_codes(client: httpx.AsyncClient, clock: ManualClock) -> None:
    session = await log_in(client)
    assert code_of(await client.get("/v1/auth/me")) == (401, "UNAUTHORIZED")
    assert code_of(await client.get("/v1/auth/me", headers=with_token("junk"))) == (401, "UNAUTHORIZED")
    assert code_of(await client.get("/v1/auth/me", headers=with_token(session["refresh_token"]))) == (401, "UNAUTHORIZED")
    clock.advance(minutes=30)
    expired = await client.get("/v1/auth/me", headers=with_token(session["access_token"]))
    assert code_of(expired) == (401, "TOKEN_EXPIRED")
    assert expired.headers["www-authenticate"] == "Bearer"
    assert code_of(await client.post("/v1/auth/refresh", json={"refresh_token": session["access_token"]})) == (401, "INVALID_REFRESH_TOKEN")


async def test_one_account_serves_both_dialects(client: httpx.AsyncClient) -> None:
    session = await log_in(client)
    me = await client.get("/api/v1/users/me", headers=with_token(session["access_token"]))
    assert (me.json()["first_name"], me.json()["last_name"]) == ("Grace", "Brewster Hopper")
