"""Devices, as a GraphQL client uses them and watches them."""

from domain.devices.liveness import notice_silence
from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.accounts import tokens_of
from tests.graphql_client import GraphQLClient, socket_to

FIELDS = "id deviceId name type location status lastSeen firmwareVersion configuration"
REGISTER = f"""mutation ($input: DeviceInput!, $key: String) {{
    registerDevice(input: $input, idempotencyKey: $key) {{ apiKey device {{ {FIELDS} }} }} }}"""
UPDATE = f"mutation ($id: ID!, $input: DeviceChangesInput!) {{ updateDevice(deviceId: $id, input: $input) {{ {FIELDS} }} }}"
BEAT = f"mutation ($id: ID!) {{ deviceHeartbeat(deviceId: $id) {{ {FIELDS} }} }}"
ROTATE = "mutation ($id: ID!) { rotateDeviceKey(deviceId: $id) { apiKey } }"
DELETE = "mutation ($id: ID!) { deleteDevice(deviceId: $id) }"
LIST = "query ($status: DeviceStatus) { devices(status: $status) { totalCount nodes { id } } }"
METER = {"name": "Meter", "type": "ENERGY_METER", "deviceId": "MTR-1", "configuration": {"reporting_interval": 60, "firmware_version": "1"}}


async def test_device_from_registration_to_removal(ada: GraphQLClient, bob: GraphQLClient, system: Operation, clock: ManualClock) -> None:
    made = (await ada.data(REGISTER, input=METER, key="once"))["registerDevice"]
    device = made["device"]
    assert (device["deviceId"], device["status"], device["lastSeen"], device["firmwareVersion"]) == ("MTR-1", "OFFLINE", None, "1")
    assert (await ada.data(REGISTER, input=METER, key="once"))["registerDevice"] == {"apiKey": None, "device": device}
    assert await ada.refusal(REGISTER, input=METER) == "DEVICE_EXISTS"
    assert (await ada.data(BEAT, id="MTR-1"))["deviceHeartbeat"]["status"] == "ONLINE"
    assert (await ada.data(LIST, status="ONLINE"))["devices"] == {"totalCount": 1, "nodes": [{"id": device["id"]}]}
    clock.advance(seconds=300)
    await notice_silence(system)
    assert (await ada.data(LIST, status="ONLINE"))["devices"]["totalCount"] == 0
    renamed = (await ada.data(UPDATE, id=device["id"], input={"name": "Cellar", "status": "MAINTENANCE"}))["updateDevice"]
    assert (renamed["name"], renamed["status"]) == ("Cellar", "MAINTENANCE")
    assert (await ada.data(ROTATE, id=device["id"]))["rotateDeviceKey"]["apiKey"] != made["apiKey"]
    for query in (BEAT, ROTATE, DELETE):
        assert await bob.refusal(query, id=device["id"]) == "NOT_FOUND"
    assert (await ada.data(DELETE, id="MTR-1"))["deleteDevice"] == device["id"]
    assert await ada.refusal("query ($id: ID!) { device(id: $id) { id } }", id=device["id"]) == "NOT_FOUND"


async def test_devices_are_watched_as_they_come_and_go(
    port: int, ada: GraphQLClient, runtime: Runtime, trader: Caller, system: Operation, clock: ManualClock
) -> None:
    device = (await ada.data(REGISTER, input=METER))["registerDevice"]["device"]["id"]
    token = (await tokens_of(runtime, trader)).access_token
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe("subscription { deviceUpdates { cursor device name status lastSeen } }")
        first = (await socket.next())["deviceUpdates"]
        assert (first["device"], first["status"], first["lastSeen"]) == (device, "OFFLINE", None)
        await ada.data(BEAT, id=device)
        seen = (await socket.next())["deviceUpdates"]
        assert (seen["status"], seen["lastSeen"]) == ("ONLINE", "2026-03-02T09:30:00.000Z")
        clock.advance(seconds=300)
        await notice_silence(system)
        assert (await socket.next())["deviceUpdates"]["status"] == "OFFLINE"
