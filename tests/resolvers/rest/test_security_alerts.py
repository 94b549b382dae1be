"""Security alerts of `/v1`, word for word."""

from typing import Any

import httpx
import pytest

from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_user

Headers = dict[str, str]
REPORT = {"alert_type": "suspicious_login", "message": "Somebody logged in from Mars.", "details": {"planet": "Mars"}}


@pytest.fixture
async def ada(client: httpx.AsyncClient, runtime: Runtime) -> Headers:
    return await bearer(runtime, await make_user(runtime))


@pytest.fixture
async def bob(client: httpx.AsyncClient, runtime: Runtime) -> Headers:
    return await bearer(runtime, await make_user(runtime))


async def report(client: httpx.AsyncClient, who: Headers) -> dict[str, Any]:
    answer = await client.post("/v1/security/alerts", json=REPORT, headers=who)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_new_alert_is_answered_as_documented(client: httpx.AsyncClient, ada: Headers) -> None:
    answer = await report(client, ada)
    assert sorted(answer) == ["alert", "alert_id", "message"]
    assert (answer["message"], answer["alert"]["id"]) == ("Security alert created", answer["alert_id"])
    alert = answer["alert"]
    assert (alert["severity"], alert["status"], alert["details"]) == ("medium", "active", {"planet": "Mars"})
    assert (alert["created_at"], alert["acknowledged_at"]) == ("2026-03-02T09:30:00.000Z", None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"alert_type": ""}, "alert_type"),
        ({"alert_type": "x" * 65}, "alert_type"),
        ({"message": "   "}, "message"),
        ({"message": "x" * 1001}, "message"),
        ({"severity": "deadly"}, "severity"),
        ({"details": []}, "details"),
        ({"alert_type": None}, "alert_type"),
    ],
)
async def test_what_is_out_of_shape_is_refused(client: httpx.AsyncClient, ada: Headers, change: dict[str, Any], field: str) -> None:
    answer = await client.post("/v1/security/alerts", json=REPORT | change, headers=ada)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]["errors"][0]["field"]) == (422, "VALIDATION_ERROR", field)
    assert (await client.get("/v1/security/alerts", headers=ada)).json() == []


async def test_missing_keys_are_422(client: httpx.AsyncClient, ada: Headers) -> None:
    answer = await client.post("/v1/security/alerts", json={}, headers=ada)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["error"]["details"]["errors"]] == ["alert_type", "message"]


async def test_alert_is_listed_acknowledged_and_resolved(client: httpx.AsyncClient, ada: Headers, bob: Headers) -> None:
    alert_id = (await report(client, ada))["alert_id"]
    listed = await client.get("/v1/security/alerts?status=active", headers=ada)
    assert (listed.headers["x-total-count"], [alert["id"] for alert in listed.json()]) == ("1", [alert_id])
    assert (await client.put(f"/v1/security/alerts/{alert_id}/acknowledge", headers=bob)).status_code == 404
    seen = (await client.put(f"/v1/security/alerts/{alert_id}/acknowledge", headers=ada)).json()
    assert (seen["status"], seen["acknowledged_at"]) == ("acknowledged", "2026-03-02T09:30:00.000Z")
    assert (await client.put(f"/v1/security/alerts/{alert_id}/resolve", headers=ada)).json()["status"] == "resolved"
    again = await client.put(f"/v1/security/alerts/{alert_id}/acknowledge", headers=ada)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "INVALID_ALERT_STATE")
    assert (await client.get(f"/v1/security/alerts/{alert_id}", headers=ada)).json()["status"] == "resolved"
