"""GET and PUT /v1/security/permissions."""

from typing import Any

import httpx
import pytest

from domain.accounts.words import COVERS
from domain.kernel.permissions import Caller
from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_superuser, make_user
from tests.databases import both_databases

PATH = "/v1/security/permissions"
SIX = ["analytics.read", "iot.read", "iot.write", "market_data.read", "trading.read", "trading.write"]


@pytest.fixture
async def boss(client: httpx.AsyncClient, runtime: Runtime) -> Caller:
    return await make_user(runtime, role="admin")


@pytest.fixture
async def admin(runtime: Runtime, boss: Caller) -> dict[str, str]:
    return await bearer(runtime, boss)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("user", SIX),
        ("admin", sorted(COVERS)),
        ("trader", ["analytics.read", "market_data.read", "trading.read", "trading.write"]),
        ("risk_manager", ["analytics.read", "analytics.write", "market_data.read", "trading.read"]),
        ("compliance_officer", ["analytics.read", "security.read", "trading.read"]),
        ("analyst", ["analytics.read", "analytics.write", "market_data.read", "trading.read"]),
        ("device_operator", ["iot.read", "iot.write"]),
        ("viewer", ["analytics.read", "iot.read", "market_data.read", "trading.read"]),
    ],
)
async def test_role_begins_with_the_documented_words(client: httpx.AsyncClient, runtime: Runtime, role: str, words: list[str]) -> None:
    someone = await make_user(runtime, role=role)
    answer = await client.get(PATH, headers=await bearer(runtime, someone))
    assert (answer.status_code, answer.json()) == (200, {"permissions": words, "user_id": someone.id, "role": role})


@both_databases
async def test_set_is_replaced_and_felt_on_the_next_request(client: httpx.AsyncClient, runtime: Runtime, admin: dict[str, str]) -> None:
    ada = await make_user(runtime)
    hers = await bearer(runtime, ada)
    assert (await client.get("/v1/trading/orders", headers=hers)).status_code == 200
    answer = await client.put(PATH, headers=admin, json={"user_id": ada.id, "permissions": ["iot.read", "market_data.read", "iot.read"]})
    changed = {"message": "Permissions updated successfully", "user_id": ada.id, "permissions": ["iot.read", "market_data.read"]}
    assert (answer.status_code, answer.json()) == (200, changed)
    refused = await client.get("/v1/trading/orders", headers=hers)
    assert code(refused) == (403, "FORBIDDEN")
    assert refused.json()["error"]["details"]["required_permission"] == "trading.read"
    assert (await client.get("/v1/auth/me", headers=hers)).status_code == 200
    assert (await client.get(PATH, headers=hers)).json()["permissions"] == ["iot.read", "market_data.read"]
    bare = await client.put(PATH, headers=admin, params={"user_id": ada.id}, json=["orders:read"])
    assert (bare.status_code, bare.json()["permissions"]) == (200, ["orders:read"])
    assert (await client.get("/v1/trading/orders", headers=hers)).status_code == 200
    seen = await client.get(PATH, headers=admin, params={"user_id": ada.id})
    assert seen.json() == {"permissions": ["orders:read"], "user_id": ada.id, "role": "user"}
    await client.put(f"/api/v1/users/{ada.id}/role", headers=admin, json={"role": "user"})
    assert (await client.get(PATH, headers=hers)).json()["permissions"] == SIX


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"user_id": "user_x", "permissions": []}, (404, "NOT_FOUND")),
        ({"user_id": "ADA", "permissions": ["trading.read", "trading.burn"]}, (422, "UNKNOWN_PERMISSION")),
        ({"user_id": "ADA", "permissions": "trading.read"}, (422, "VALIDATION_ERROR")),
        ({"user_id": "ADA"}, (422, "VALIDATION_ERROR")),
        (["trading.read"], (422, "VALIDATION_ERROR")),
        ({"user_id": "ROOT", "permissions": []}, (403, "FORBIDDEN")),
    ],
)
async def test_refused_set_changes_nothing(
    client: httpx.AsyncClient, runtime: Runtime, admin: dict[str, str], body: Any, refusal: tuple[int, str]
) -> None:
    people = {"ADA": (ada := await make_user(runtime)).id, "ROOT": (await make_superuser(runtime)).id}
    if isinstance(body, dict):
        body = body | {"user_id": people.get(body["user_id"], body["user_id"])}
    assert code(await client.put(PATH, headers=admin, json=body)) == refusal
    assert (await client.get(PATH, headers=await bearer(runtime, ada))).json()["permissions"] == SIX


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"user_id": "user_x"}, {"field": "permissions", "message": "Field required", "type": "missing"}),
        (
            {"permissions": [1], "user_id": "x"},
            {"field": "permissions.0", "message": "Input should be a valid string", "type": "string_type"},
        ),
        ([1], {"field": "0", "message": "Input should be a valid string", "type": "string_type"}),
        ("trading.read", {"field": "", "message": "Input should be an object", "type": "dict_type"}),
    ],
)
async def test_problem_names_the_field_of_the_form_that_was_sent(
    client: httpx.AsyncClient, admin: dict[str, str], body: Any, problem: dict[str, str]
) -> None:
    answer = await client.put(PATH, headers=admin, params={"user_id": "user_x"}, json=body)
    assert (answer.status_code, answer.json()["error"]["details"]["errors"]) == (422, [problem])


async def test_refusal_names_the_word_that_would_allow_it(client: httpx.AsyncClient, runtime: Runtime) -> None:
    hers = await bearer(runtime, await make_user(runtime, role="viewer"))
    order = {"symbol": "BTC/USDT", "side": "buy", "quantity": 0.001}
    refused = (await client.post("/v1/trading/orders", headers=hers, json=order)).json()["error"]
    assert (refused["message"], refused["details"]["required_permission"]) == (
        "Insufficient permissions. Required: trading.write",
        "trading.write",
    )
    ruled = (await client.put(PATH, headers=hers, json={"user_id": "user_x", "permissions": []})).json()["error"]
    assert ruled["details"]["required_permission"] == "security.admin"
    profile = (await client.put("/api/v1/users/me", headers=hers, json={"first_name": "A"})).json()
    assert profile == {"detail": "Insufficient permissions. Required: profile:write"}


async def test_own_set_is_everybodys_to_read_and_admins_to_write(client: httpx.AsyncClient, runtime: Runtime, boss: Caller) -> None:
    ada = await make_user(runtime)
    hers = await bearer(runtime, ada)
    assert code(await client.get(PATH)) == (401, "UNAUTHORIZED")
    assert (await client.get(PATH, headers=hers, params={"user_id": ada.id})).status_code == 200
    assert code(await client.get(PATH, headers=hers, params={"user_id": boss.id})) == (403, "FORBIDDEN")
    assert code(await client.put(PATH, headers=hers, json={"user_id": ada.id, "permissions": ["*"]})) == (403, "FORBIDDEN")


@both_databases
async def test_last_admin_keeps_the_right(client: httpx.AsyncClient, runtime: Runtime, boss: Caller, admin: dict[str, str]) -> None:
    answer = await client.put(PATH, headers=admin, json={"user_id": boss.id, "permissions": ["trading.read"]})
    assert code(answer) == (409, "LAST_ADMIN")
    kept = await client.put(PATH, headers=admin, json={"user_id": boss.id, "permissions": ["security.admin", "trading.read"]})
    assert kept.status_code == 200
    again = await client.put(PATH, headers=admin, json={"user_id": boss.id, "permissions": ["security.admin"]})
    assert again.status_code == 200
    refused = await client.put(PATH, headers=admin, json={"user_id": boss.id, "permissions": ["security.admin", "trading.read"]})
    assert code(refused) == (403, "FORBIDDEN")  # it has given up what it now wants to give
    assert code(await client.put(PATH, headers=admin, json={"user_id": boss.id, "permissions": []})) == (409, "LAST_ADMIN")


async def test_log_in_speaks_in_words(client: httpx.AsyncClient) -> None:
    ada = {"email": "ada@example.com", "password": "securepassword123", "name": "Ada Lovelace"}
    await client.post("/v1/auth/register", json=ada)
    session = (await client.post("/v1/auth/login", json=ada)).json()
    assert session["permissions"] == SIX
