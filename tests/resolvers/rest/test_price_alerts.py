"""Price alerts of `/v1`, word for word."""

from typing import Any

import httpx
import pytest

from tests.market_script import ScriptedSource

Headers = dict[str, str]
HIGH: dict[str, Any] = {"symbol": "BRENT", "condition": "above", "target_price": 60000, "message": "Oil!"}


async def test_alert_is_set_listed_switched_and_deleted(ada: httpx.AsyncClient, bob: Headers, source: ScriptedSource) -> None:
    answer = await ada.post("/v1/market/alerts", json=HIGH)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert sorted(body) == ["alert", "alert_id", "message"]
    assert (body["message"], body["alert"]["id"]) == ("Alert created successfully", body["alert_id"])
    alert = body["alert"]
    assert {key: alert[key] for key in ("symbol", "condition", "target_price", "message", "is_active", "created_at", "triggered_at")} == {
        "symbol": "BZ",
        "condition": "above",
        "target_price": 60000,
        "message": "Oil!",
        "is_active": True,
        "created_at": "2026-03-02T09:30:00.000Z",
        "triggered_at": None,
    }
    path = f"/v1/market/alerts/{body['alert_id']}"
    listed = await ada.get("/v1/market/alerts?is_active=true&symbol=BRENT")
    assert (listed.json(), listed.headers["x-total-count"]) == ([alert], "1")
    assert (await ada.put(path, json={"is_active": False})).json()["is_active"] is False
    assert (await ada.put(path, json={"is_active": True}, headers=bob)).status_code == 404
    assert (await ada.get(path)).json()["is_active"] is False
    assert (await ada.delete(path)).json() == {"message": "Alert deleted successfully", "alert_id": body["alert_id"]}
    assert (await ada.delete(path)).status_code == 404


async def test_percent_form_of_older_clients_is_taken(ada: httpx.AsyncClient) -> None:
    answer = await ada.post("/v1/market/alerts", json={"symbol": "BZ", "condition": "change_percent", "threshold": 2.5})
    assert (answer.status_code, answer.json()["alert"]["target_price"]) == (201, 2.5)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"condition": "sideways"}, "VALIDATION_ERROR", "condition"),
        ({"target_price": 0}, "VALIDATION_ERROR", "target_price"),
        ({"target_price": -1}, "VALIDATION_ERROR", "target_price"),
        ({"target_price": "NaN"}, "VALIDATION_ERROR", "target_price"),
        ({"message": "x" * 501}, "VALIDATION_ERROR", "message"),
        ({"symbol": "TULIP"}, "UNKNOWN_SYMBOL", None),
    ],
)
async def test_what_is_out_of_shape_is_refused(ada: httpx.AsyncClient, change: dict[str, Any], code: str, field: str | None) -> None:
    answer = await ada.post("/v1/market/alerts", json=HIGH | change)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, code)
    assert field is None or error["details"]["errors"][0]["field"] == field
    assert (await ada.get("/v1/market/alerts")).json() == []
