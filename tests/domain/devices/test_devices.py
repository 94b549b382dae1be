"""Registering devices, and seeing them come and go."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from domain.audit.vocabulary import ActorKind
from domain.devices import liveness, service
from domain.devices.liveness import notice_silence
from domain.devices.models import Device, DeviceStatus, DeviceType
from domain.devices.service import DeviceChanges, NewDevice, RegisteredDevice
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.event_log import EventRow
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.runtime.unit_of_work import UnitOfWork
from tests.accounts import nobody
from tests.audit_log import entries
from tests.databases import both_databases

METER = NewDevice("Main meter", DeviceType.ENERGY_METER, "MTR-1", "Cellar, rack 100%", None, {"reporting_interval": "1min"})


async def register(operation: Operation, body: NewDevice = METER) -> RegisteredDevice:
    async with operation.unit_of_work() as work:
        return await service.register_device(work, body)


async def beat(operation: Operation, device: str, key: str | None = None) -> Device:
    async with operation.unit_of_work() as work:
        return await liveness.heartbeat(work, device, key)


async def change(operation: Operation, device: str, **changes: Any) -> Device:
    async with operation.unit_of_work() as work:
        return await service.update_device(work, device, DeviceChanges(**changes))


async def code_of(operation: Operation, act: Callable[[UnitOfWork], Awaitable[object]]) -> ErrorCode:
    with pytest.raises(DomainError) as refusal:
        async with operation.unit_of_work() as work:
            await act(work)
    return refusal.value.code


async def told(operation: Operation) -> list[tuple[str, str]]:
    async with operation.reading() as work:
        rows = await work.session.scalars(select(EventRow).order_by(EventRow.seq))
        return [(row.type, str(row.payload["status"])) for row in rows]


async def test_device_is_offline_until_it_is_heard_of(ada: Operation, runtime: Runtime, clock: ManualClock) -> None:
    made = await register(ada)
    assert made.api_key is not None and made.api_key.startswith("twd_")
    assert (made.device.status, made.device.last_seen, made.device.device_id) == (DeviceStatus.OFFLINE, None, "MTR-1")
    assert made.api_key not in str(vars(made.device))
    clock.advance(seconds=10)
    device = await beat(nobody(runtime), made.device.id, made.api_key)
    assert (device.status, device.last_seen) == (DeviceStatus.ONLINE, clock.now())
    assert await told(ada) == [("device.updated", "offline"), ("device.updated", "online")]


async def test_beat_is_the_act_of_whoever_sent_it(ada: Operation, runtime: Runtime) -> None:
    made = await register(ada)
    await beat(nobody(runtime), made.device.id, made.api_key)
    await beat(ada, made.device.id)
    found = await entries(runtime, "device.heartbeat")
    assert [(entry.actor_kind, entry.actor_id, entry.object_id) for entry in found] == [
        (ActorKind.DEVICE, made.device.id, made.device.id),
        (ActorKind.USER, ada.caller.id, made.device.id),
    ]


async def test_looking_for_silence_does_not_write(ada: Operation, system: Operation, clock: ManualClock) -> None:
    await beat(ada, (await register(ada)).device.id)
    async with system.unit_of_work():  # on SQLite the only one that may write
        assert await asyncio.wait_for(notice_silence(system), 1) == 0
    clock.advance(seconds=300)
    assert await notice_silence(system) == 1


async def test_silence_turns_a_device_offline_and_is_told_once(ada: Operation, system: Operation, clock: ManualClock) -> None:
    made = await register(ada)
    await beat(ada, made.device.id)
    clock.advance(seconds=299)
    assert await notice_silence(system) == 0
    await beat(ada, made.device.id)
    clock.advance(seconds=299)
    assert await notice_silence(system) == 0
    clock.advance(seconds=1)
    assert await notice_silence(system) == 1
    assert await notice_silence(system) == 0
    assert (await told(ada))[-2:] == [("device.updated", "offline"), ("device.offline", "offline")]
    assert (await beat(ada, made.device.id)).status is DeviceStatus.ONLINE


@both_databases
async def test_many_lookouts_notice_a_silence_once(ada: Operation, system: Operation, clock: ManualClock) -> None:
    for number in range(7):
        made = await register(ada, dataclasses.replace(METER, device_id=f"MTR-{number}"))
        await beat(ada, made.device.id)
    clock.advance(seconds=300)
    assert sum(await asyncio.gather(*(notice_silence(system) for _ in range(5)))) == 7
    assert (await told(ada)).count(("device.offline", "offline")) == 7


async def test_maintenance_warns_of_nothing_and_ends_as_was_observed(ada: Operation, system: Operation, clock: ManualClock) -> None:
    device = (await register(ada)).device
    await beat(ada, device.id)
    assert (await change(ada, device.id, status=DeviceStatus.MAINTENANCE)).status is DeviceStatus.MAINTENANCE
    clock.advance(seconds=400)
    assert await notice_silence(system) == 0
    assert (await change(ada, device.id, status=DeviceStatus.ONLINE)).status is DeviceStatus.OFFLINE
    await change(ada, device.id, status=DeviceStatus.MAINTENANCE)
    assert (await beat(ada, device.id)).status is DeviceStatus.MAINTENANCE
    assert (await change(ada, device.id, status=DeviceStatus.OFFLINE)).status is DeviceStatus.ONLINE
    refused = await code_of(ada, lambda work: service.update_device(work, device.id, DeviceChanges(status=DeviceStatus.OFFLINE)))
    assert refused is ErrorCode.INVALID_DEVICE_STATE


@both_databases
async def test_hardware_id_is_its_owners_once(ada: Operation, bob: Operation) -> None:
    answers = await asyncio.gather(*(register(ada) for _ in range(4)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["DomainError"] * 3 + ["RegisteredDevice"]
    assert {one.code for one in answers if isinstance(one, DomainError)} == {ErrorCode.DEVICE_EXISTS}
    assert (await register(bob)).device.device_id == "MTR-1"
    async with ada.unit_of_work() as work:
        await service.delete_device(work, "MTR-1")
    assert (await register(ada)).device.device_id == "MTR-1"


async def test_key_is_shown_once_even_for_a_repeated_request(ada: Operation) -> None:
    keyed = dataclasses.replace(ada, idempotency_key="once")
    first, again = await register(keyed), await register(keyed)
    assert (again.device.id, again.api_key) == (first.device.id, None)


async def test_only_the_right_key_speaks_for_a_device(ada: Operation, bob: Operation, runtime: Runtime) -> None:
    made, other, stranger = await register(ada), await register(bob), nobody(runtime)
    device, old_key = made.device.id, made.api_key or ""

    async def refused(key: str | None, id: str = device, who: Operation = stranger) -> ErrorCode:
        return await code_of(who, lambda work: liveness.heartbeat(work, id, key))

    for key in ("", "twd_", other.api_key or "", "x" * 1000, "\ud800", None):
        assert await refused(key) is ErrorCode.UNAUTHORIZED
    assert await refused(old_key, "device_x") is ErrorCode.UNAUTHORIZED
    assert await refused(None, who=bob) is ErrorCode.NOT_FOUND
    async with ada.unit_of_work() as work:
        fresh = (await service.rotate_device_key(work, device)).api_key or ""
    assert await refused(old_key) is ErrorCode.UNAUTHORIZED
    assert (await beat(stranger, device, fresh)).status is DeviceStatus.ONLINE
    async with ada.unit_of_work() as work:
        await service.delete_device(work, device)
    assert await refused(fresh) is ErrorCode.UNAUTHORIZED


async def test_devices_are_found_by_what_is_known_of_them(ada: Operation, bob: Operation) -> None:
    meter = (await register(ada)).device
    panel = (await register(ada, NewDevice("Roof", DeviceType.SOLAR_PANEL, location="South roof"))).device
    await register(bob)
    assert panel.device_id == panel.id
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, [panel.id, meter.id]),
        ({"type": DeviceType.SOLAR_PANEL}, [panel.id]),
        ({"location": "cellar"}, [meter.id]),
        ({"location": "100%"}, [meter.id]),
        ({"location": "%"}, [meter.id]),
        ({"status": DeviceStatus.ONLINE}, []),
    ]
    async with ada.reading() as work:
        assert (await service.get_device(work, "MTR-1")).id == meter.id
        for filters, expected in cases:
            assert [device.id for device in (await service.list_devices(work, **filters)).items] == expected


async def test_what_cannot_be_configured_is_refused_and_changes_nothing(ada: Operation, bob: Operation) -> None:
    device = (await register(ada)).device
    for configuration in ({"reporting_interval": "never"}, {"text": "x" * 16_384}):
        body = dataclasses.replace(METER, device_id="MTR-2", configuration=configuration)
        changes = DeviceChanges(name="New", configuration=configuration)
        for act in (
            lambda work, body=body: service.register_device(work, body),
            lambda work, changes=changes: service.update_device(work, device.id, changes),
        ):
            assert await code_of(ada, act) is ErrorCode.VALIDATION_ERROR
    assert await code_of(bob, lambda work: service.update_device(work, device.id, DeviceChanges(name="Mine"))) is ErrorCode.NOT_FOUND
    async with ada.reading() as work:
        page = await service.list_devices(work)
        assert [(found.name, found.configuration) for found in page.items] == [("Main meter", {"reporting_interval": "1min"})]


async def test_shorter_interval_counts_from_the_last_contact(ada: Operation, system: Operation, clock: ManualClock) -> None:
    device = (await register(ada, dataclasses.replace(METER, configuration={}))).device
    await beat(ada, device.id)
    clock.advance(seconds=600)
    assert await notice_silence(system) == 0
    await change(ada, device.id, configuration={"reporting_interval": 60})
    assert await notice_silence(system) == 1
