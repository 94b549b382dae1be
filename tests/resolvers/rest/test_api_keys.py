"""API keys on both REST dialects."""

import httpx
import pytest

from domain.kernel.clock import ManualClock
from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_user

BODY = {"name": "Robot", "permissions": ["trading.read"], "expires_at": "2026-04-01T00:00:00Z"}
LOOKING = ["executions:read", "flows:read", "orders:read", "positions:read", "risk_rules:read", "wallets:read"]
both_doors = pytest.mark.parametrize(
    ("path", "orders"), [("/api/v1/api-keys", "/api/v1/orders"), ("/v1/security/api-keys", "/v1/trading/orders")]
)


def code_of(answer: httpx.Response) -> str:
    return str(answer.json().get("error", {}).get("code"))


@both_doors
async def test_key_is_made_used_listed_and_revoked(client: httpx.AsyncClient, runtime: Runtime, path: str, orders: str) -> None:
    hers = await bearer(runtime, await make_user(runtime))
    answer = await client.post(path, headers=hers, json=BODY)
    assert answer.status_code == 201
    made = answer.json()
    shown = {
        "id": made["id"],
        "name": "Robot",
        "prefix": f"tw_{made['id'][4:]}",
        "permissions": LOOKING,
        "created_at": "2026-03-02T09:30:00.000Z",
        "expires_at": "2026-04-01T00:00:00.000Z",
    }
    assert made == shown | {"secret": made["secret"]}
    robot = {"Authorization": f"Bearer {made['secret']}"}
    assert (await client.get(orders, headers=robot)).status_code == 200
    one = (await client.get(f"{path}/{made['id']}", headers=hers)).json()
    assert one | {"last_used_at": None} == shown | {"last_used_at": None, "revoked_at": None}
    listed = (await client.get(path, headers=hers)).json()
    assert [key["id"] for key in (listed["items"] if isinstance(listed, dict) else listed)] == [made["id"]]
    assert made["secret"][30:] not in (await client.get(path, headers=hers)).text
    refused = await client.delete(f"{path}/{made['id']}", headers=robot)
    assert refused.status_code == 403
    gone = await client.delete(f"{path}/{made['id']}", headers=hers)
    assert (gone.status_code, gone.json()) == (200, {"message": "API key revoked", "key_id": made["id"]})
    dead = await client.get(orders, headers=robot)
    assert (dead.status_code, dead.headers["www-authenticate"]) == (401, "Bearer")


async def test_refusals_have_their_codes(client: httpx.AsyncClient, runtime: Runtime, clock: ManualClock) -> None:
    path = "/v1/security/api-keys"
    hers = await bearer(runtime, await make_user(runtime))
    for change, status, code in (
        ({"permissions": ["trading.burn"]}, 422, "UNKNOWN_PERMISSION"),
        ({"permissions": ["security.admin"]}, 403, "FORBIDDEN"),
        ({"permissions": []}, 422, "VALIDATION_ERROR"),
        ({"expires_at": "2026-03-02T09:30:59Z"}, 422, "VALIDATION_ERROR"),
        ({"expires_at": "2026-04-01T00:00:00"}, 422, "VALIDATION_ERROR"),
        ({"expires_at": "2028-04-01T00:00:00Z"}, 422, "VALIDATION_ERROR"),
        ({"name": " "}, 422, "VALIDATION_ERROR"),
    ):
        answer = await client.post(path, headers=hers, json=BODY | change)
        assert (answer.status_code, code_of(answer)) == (status, code), change
    assert (await client.get(path, headers=hers)).json() == []
    made = (await client.post(path, headers=hers, json=BODY | {"permissions": ["api_keys:write", "profile:write"]})).json()
    robot = {"Authorization": f"Bearer {made['secret']}"}
    for method, route, body in (
        ("POST", path, BODY),
        ("DELETE", f"{path}/{made['id']}", None),
        ("POST", "/v1/auth/logout", None),
        ("PUT", "/v1/auth/change-password", {"current_password": "x", "new_password": "nanosecond wire"}),
        ("GET", "/v1/security/sessions", None),
        ("POST", "/v1/security/sessions/revoke", {"all_others": True}),
    ):
        answer = await client.request(method, route, headers=robot, json=body)
        assert (answer.status_code, code_of(answer)) == (403, "SESSION_REQUIRED"), route
    clock.advance(days=30)
    answer = await client.get("/v1/auth/me", headers=robot)
    assert (answer.status_code, code_of(answer)) == (401, "TOKEN_EXPIRED")


async def test_repeated_call_does_not_tell_the_secret_again(client: httpx.AsyncClient, runtime: Runtime) -> None:
    headers = await bearer(runtime, await make_user(runtime)) | {"Idempotency-Key": "once"}
    first, again = [(await client.post("/api/v1/api-keys", headers=headers, json=BODY)).json() for _ in range(2)]
    assert again == first | {"secret": None}
