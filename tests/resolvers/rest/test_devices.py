"""Devices of `/v1`, word for word."""

from typing import Any

import httpx
import pytest

from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_user

Headers = dict[str, str]
METER: dict[str, Any] = {"name": "Main meter", "type": "energy_meter", "device_id": "MTR-1", "location": "Cellar"}


@pytest.fixture
async def ada(client: httpx.AsyncClient, runtime: Runtime) -> Headers:
    return await bearer(runtime, await make_user(runtime))


async def register(client: httpx.AsyncClient, who: Headers, **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/iot/devices", json=METER | more, headers=who)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_device_is_registered_as_documented(client: httpx.AsyncClient, ada: Headers) -> None:
    made = await register(client, ada)
    assert made["api_key"].startswith("twd_")
    shown = {key: made[key] for key in ("name", "type", "device_id", "location", "status", "last_seen", "description", "firmware_version")}
    assert shown == METER | {"status": "offline", "last_seen": None, "description": None, "firmware_version": None}
    one = (await client.get(f"/v1/iot/devices/{made['id']}", headers=ada)).json()
    assert one == {key: value for key, value in made.items() if key != "api_key"}
    assert (await client.get("/v1/iot/devices/MTR-1", headers=ada)).json() == one
    listed = await client.get("/v1/iot/devices?type=smart_meter&location=cell", headers=ada)
    assert (listed.json(), listed.headers["x-total-count"]) == ([one], "1")
    again = await client.post("/v1/iot/devices", json=METER, headers=ada)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "DEVICE_EXISTS")


async def test_words_of_other_clients_are_taken(client: httpx.AsyncClient, ada: Headers) -> None:
    body = {
        "name": "Inverter",
        "device_type": "solar_inverter",
        "location": {"latitude": 52.1, "longitude": 4.3, "address": "Dike 1", "grid_zone": "NL"},
        "firmware_version": "2.1",
        "reporting_interval": "5min",
    }
    made = (await client.post("/v1/iot/devices", json=body, headers=ada)).json()
    assert (made["type"], made["location"], made["firmware_version"], made["device_id"]) == ("inverter", "Dike 1", "2.1", made["id"])
    assert made["configuration"] == {
        "firmware_version": "2.1",
        "reporting_interval": "5min",
        "location": {"latitude": 52.1, "longitude": 4.3, "address": "Dike 1", "grid_zone": "NL"},
    }


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"type": "toaster"}, "type"),
        ({"name": " "}, "name"),
        ({"device_id": "x" * 65}, "device_id"),
        ({"configuration": []}, "configuration"),
        ({"configuration": {"reporting_interval": "never"}}, "configuration.reporting_interval"),
        ({"description": "x" * 501}, "description"),
    ],
)
async def test_what_is_out_of_shape_is_refused(client: httpx.AsyncClient, ada: Headers, more: dict[str, Any], field: str) -> None:
    answer = await client.post("/v1/iot/devices", json=METER | more, headers=ada)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]["errors"][0]["field"]) == (422, "VALIDATION_ERROR", field)
    assert (await client.get("/v1/iot/devices", headers=ada)).json() == []


async def test_device_speaks_with_its_key_and_its_owner_changes_it(client: httpx.AsyncClient, ada: Headers, runtime: Runtime) -> None:
    made = await register(client, ada)
    path = f"/v1/iot/devices/{made['id']}"
    beat = await client.post(f"{path}/heartbeat", headers={"X-Device-Key": made["api_key"]})
    assert (beat.status_code, beat.json()["status"], beat.json()["last_seen"]) == (200, "online", "2026-03-02T09:30:00.000Z")
    wrong = await client.post(f"{path}/heartbeat", headers={"X-Device-Key": "twd_guess"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "UNAUTHORIZED")
    assert (await client.post(f"{path}/heartbeat")).status_code == 401
    whole = (await client.get(path, headers=ada)).json()
    changed = (await client.put(path, json=whole | {"name": "Meter 2", "status": "maintenance"}, headers=ada)).json()
    assert (changed["name"], changed["status"]) == ("Meter 2", "maintenance")
    for field, value in (("device_id", "MTR-9"), ("type", "battery"), ("id", "device_9"), ("last_seen", "2026-01-01T00:00:00Z")):
        answer = await client.put(path, json={field: value}, headers=ada)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "IMMUTABLE_FIELD"), field
    online = (await client.put(path, json={"status": "active"}, headers=ada)).json()
    assert online["status"] == "online"
    answer = await client.put(path, json={"status": "offline"}, headers=ada)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "INVALID_DEVICE_STATE")
    bob = await bearer(runtime, await make_user(runtime))
    for method, where in (("GET", path), ("PUT", path), ("DELETE", path), ("POST", f"{path}/key"), ("POST", f"{path}/heartbeat")):
        assert (await client.request(method, where, json={}, headers=bob)).status_code == 404
    rotated = (await client.post(f"{path}/key", headers=ada)).json()
    assert rotated["api_key"] not in (None, made["api_key"])
    assert (await client.delete(path, headers=ada)).json() == {"message": "Device deleted successfully", "device_id": made["id"]}
    assert (await client.get(path, headers=ada)).status_code == 404
