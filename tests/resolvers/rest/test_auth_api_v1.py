import httpx
import pytest

from domain.accounts import links
from domain.kernel.clock import ManualClock
from domain.runtime.runtime import Runtime
from tests.accounts import ADA, bearer, mails
from tests.builders import make_user
from tests.databases import both_databases

LOGIN = {"email": ADA["email"], "password": ADA["password"]}


def with_token(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def register(client: httpx.AsyncClient) -> str:
    return str((await client.post("/api/v1/auth/register", json=ADA)).json()["id"])


async def log_in(client: httpx.AsyncClient) -> dict[str, str]:
    answer = await client.post("/api/v1/auth/login", json=LOGIN)
    assert answer.status_code == 200
    return dict(answer.json())


@both_databases
async def test_sample_of_the_document_registers_and_logs_in(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/auth/register", json=ADA)
    assert answer.status_code == 201
    registered = answer.json()
    assert {key: registered[key] for key in ("email", "first_name", "last_name", "is_verified")} == {
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "is_verified": False,
    }
    tokens = await log_in(client)
    assert sorted(tokens) == ["access_token", "refresh_token", "token_type"]
    assert tokens["token_type"] == "bearer"
    me = await client.get("/api/v1/users/me", headers=with_token(tokens["access_token"]))
    assert me.json() == {
        "id": registered["id"],
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "birthday": None,
        "avatar_url": "https://ui-avatars.com/api/?name=A&size=200&background=random",
        "phone_number": None,
        "user_role": "role_01m814vmaxetks0ewx6y2v11fa",
        "is_active": True,
        "is_verified": False,
        "created_at": "2026-03-02T09:30:00.000Z",
        "updated_at": "2026-03-02T09:30:00.000Z",
    }


async def test_second_account_with_the_address_is_refused(client: httpx.AsyncClient) -> None:
    await register(client)
    answer = await client.post("/api/v1/auth/register", json=ADA | {"email": " ADA@example.com "})
    assert (answer.status_code, answer.json()) == (400, {"detail": "Email already registered"})


async def test_full_registration_keeps_birthday_and_phone(client: httpx.AsyncClient) -> None:
    more = {"birthday": {"day": 10, "month": 12, "year": 1990}, "phone_number": {"country_code": "+44", "mobile_number": "7700900123"}}
    assert (await client.post("/api/v1/auth/register", json=ADA | more)).status_code == 201
    me = (await client.get("/api/v1/users/me", headers=with_token((await log_in(client))["access_token"]))).json()
    assert (me["birthday"], me["phone_number"]) == (more["birthday"], more["phone_number"])


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"email": "ada"}, ["body", "email"]),
        ({"email": None}, ["body", "email"]),
        ({"email": "\N{PILE OF POO}@example.com"}, ["body", "email"]),
        ({"password": 12345678}, ["body", "password"]),
        ({"password": "short"}, ["body", "password"]),
        ({"password": "x" * 201}, ["body", "password"]),
        ({"first_name": ""}, ["body", "first_name"]),
        ({"first_name": "  "}, ["body", "first_name"]),
        ({"last_name": ""}, ["body", "last_name"]),
        ({"last_name": ["Lovelace"]}, ["body", "last_name"]),
        ({"birthday": {"day": 31, "month": 2, "year": 1990}}, ["body", "birthday"]),
        ({"birthday": {"day": True, "month": 2, "year": 1990}}, ["body", "birthday", "day"]),
        ({"birthday": {"day": 1, "month": 2, "year": 10**30}}, ["body", "birthday", "year"]),
        ({"birthday": {"day": 1, "month": 2, "year": 2025}}, ["body", "birthday"]),
        ({"phone_number": {"country_code": "+44"}}, ["body", "phone_number"]),
    ],
)
async def test_bad_registration_names_the_field_and_makes_nothing(
    client: httpx.AsyncClient, change: dict[str, object], loc: list[str]
) -> None:
    answer = await client.post("/api/v1/auth/register", json=ADA | change)
    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert sorted(problem) == ["input", "loc", "msg", "type"]
    assert problem["loc"] == loc
    assert (await client.post("/api/v1/auth/login", json=LOGIN)).status_code == 401


async def test_missing_fields_are_all_named_and_the_password_is_not_echoed(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/auth/register", json={"password": "securepassword123"})
    assert [problem["loc"] for problem in answer.json()["detail"]] == [["body", "email"], ["body", "first_name"], ["body", "last_name"]]
    assert "securepassword123" not in answer.text
    assert "shorter" not in (await client.post("/api/v1/auth/register", json=ADA | {"password": ["shorter"]})).text


async def test_unknown_address_and_wrong_password_look_alike(client: httpx.AsyncClient) -> None:
    await register(client)
    answers = [
        await client.post("/api/v1/auth/login", json={"email": email, "password": "wrong password"})
        for email in ("ada@example.com", "eve@example.com", "no address")
    ]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(401, {"detail": "Incorrect email or password"})] * 3
    assert answers[0].headers["www-authenticate"] == "Bearer"


@both_databases
async def test_refresh_rotates_and_a_replay_ends_the_session(client: httpx.AsyncClient) -> None:
    await register(client)
    first = await log_in(client)
    second = (await client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})).json()
    assert sorted(second) == sorted(first)
    me = await client.get("/api/v1/users/me", headers=with_token(second["access_token"]))
    assert me.status_code == 200
    replay = await client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert (replay.status_code, replay.json()) == (401, {"detail": "Invalid refresh token"})
    me = await client.get("/api/v1/users/me", headers=with_token(second["access_token"]))
    assert (me.status_code, me.json()) == (401, {"detail": "Token has been revoked"})


async def test_texts_of_the_common_refusals(client: httpx.AsyncClient, clock: ManualClock) -> None:
    await register(client)
    tokens = await log_in(client)

    async def refused(headers: dict[str, str]) -> str:
        answer = await client.get("/api/v1/users/me", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        return str(answer.json()["detail"])

    assert await refused({}) == "Not authenticated"
    assert await refused({"Authorization": "Basic YWRhOmFkYQ=="}) == "Not authenticated"
    assert await refused({"Authorization": "Bearer"}) == "Not authenticated"
    assert await refused(with_token("junk")) == "Could not validate credentials"
    assert await refused(with_token(tokens["access_token"][:-1])) == "Could not validate credentials"
    assert await refused(with_token(tokens["refresh_token"])) == "Could not validate credentials"
    clock.advance(minutes=30)
    assert await refused(with_token(tokens["access_token"])) == "Token has expired"


async def test_log_out_kills_both_tokens_at_once(client: httpx.AsyncClient) -> None:
    await register(client)
    tokens = await log_in(client)
    answer = await client.post("/api/v1/auth/logout", headers=with_token(tokens["access_token"]))
    assert (answer.status_code, answer.json()) == (200, {"message": "Successfully logged out"})
    assert (await client.get("/api/v1/users/me", headers=with_token(tokens["access_token"]))).status_code == 401
    assert (await client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})).status_code == 401


async def test_profile_is_changed_in_part(client: httpx.AsyncClient) -> None:
    await register(client)
    headers = with_token((await log_in(client))["access_token"])
    before = (await client.get("/api/v1/users/me", headers=headers)).json()
    change = {"first_name": " Augusta ", "last_name": None, "birthday": {"day": 10, "month": 12, "year": 1990}, "role": "admin", "id": "x"}
    answer = await client.put("/api/v1/users/me", headers=headers, json=change)
    assert answer.status_code == 200
    me = (await client.get("/api/v1/users/me", headers=headers)).json()
    assert me == answer.json()
    assert (me["first_name"], me["last_name"], me["birthday"], me["user_role"]) == (
        "Augusta",
        "Lovelace",
        change["birthday"],
        before["user_role"],
    )
    refused = await client.put("/api/v1/users/me", headers=headers, json={"first_name": "Eve", "last_name": " "})
    assert refused.status_code == 422
    assert (await client.get("/api/v1/users/me", headers=headers)).json() == me


@both_databases
async def test_deleted_account_is_gone_at_once(client: httpx.AsyncClient) -> None:
    user_id = await register(client)
    headers = with_token((await log_in(client))["access_token"])
    answer = await client.delete("/api/v1/users/me", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"message": "User deleted successfully", "user_id": user_id})
    me = await client.get("/api/v1/users/me", headers=headers)
    assert (me.status_code, me.json()) == (401, {"detail": "User not found"})
    assert (await client.post("/api/v1/auth/register", json=ADA)).status_code == 201


async def test_viewer_cannot_change_anything(client: httpx.AsyncClient, runtime: Runtime) -> None:
    headers = await bearer(runtime, await make_user(runtime, role="viewer"))
    assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 200
    answer = await client.put("/api/v1/users/me", headers=headers, json={"first_name": "Eve"})
    assert (answer.status_code, answer.json()) == (403, {"detail": "Insufficient permissions. Required: profile:write"})


async def test_link_of_the_mail_confirms_the_address(client: httpx.AsyncClient, runtime: Runtime, clock: ManualClock) -> None:
    user_id = await register(client)
    await links.mail_verification_link(runtime.operation(), user_id)
    token = mails(runtime)[0][1]
    assert (await client.get("/api/v1/auth/verify-email")).status_code == 422
    assert (await client.get("/api/v1/auth/verify-email", params={"token": "junk"})).status_code == 400
    clock.advance(hours=25)
    assert (await client.get("/api/v1/auth/verify-email", params={"token": token})).status_code == 401
    clock.advance(hours=-25)
    for _ in range(2):
        answer = await client.get("/api/v1/auth/verify-email", params={"token": token})
        assert (answer.status_code, answer.json()) == (200, {"message": "Email verified successfully"})
    me = await client.get("/api/v1/users/me", headers=with_token((await log_in(client))["access_token"]))
    assert me.json()["is_verified"] is True


async def test_asking_for_another_link_says_nothing_about_accounts(client: httpx.AsyncClient) -> None:
    await register(client)
    path = "/api/v1/auth/resend-verification"
    answers = [await client.post(path, json={"email": email}) for email in ("ada@example.com", "eve@example.com")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == {"message": "If an account with this address waits to be confirmed, another link is on its way"}
    assert answers[0].content == answers[1].content
    assert (await client.post(path, json={"email": "nothing"})).status_code == 422


async def test_forgotten_password_says_nothing_about_accounts_and_resets_once(client: httpx.AsyncClient, runtime: Runtime) -> None:
    await register(client)
    answers = [await client.post("/api/v1/auth/forgot-password", json={"email": email}) for email in ("ada@example.com", "eve@example.com")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert sorted(answers[0].json()) == ["message"]
    for email in ("ada@example.com", "eve@example.com"):
        await links.mail_reset_link(runtime.operation(), email)
    [(_, token)] = mails(runtime)
    weak = await client.post("/api/v1/auth/reset-password", json={"token": token, "password": "password"})
    assert (weak.status_code, weak.json()["detail"][0]["loc"]) == (422, ["body", "password"])
    answer = await client.post("/api/v1/auth/reset-password", json={"token": token, "new_password": "analytical engine"})
    assert (answer.status_code, answer.json()) == (200, {"message": "Password has been reset"})
    again = await client.post("/api/v1/auth/reset-password", json={"token": token, "password": "difference engine"})
    assert again.status_code == 400
    assert (await client.post("/api/v1/auth/login", json=LOGIN)).status_code == 401
    assert (await client.post("/api/v1/auth/login", json=LOGIN | {"password": "analytical engine"})).status_code == 200
