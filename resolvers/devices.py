"""Answers GraphQL's questions about devices, does with them what clients ask, and tells how they come and go."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import asdict

import strawberry

from domain.devices import liveness, models, service
from domain.devices.events import DEVICE_UPDATED, device_updated
from domain.runtime.event_log import Interest, StoredEvent
from domain.runtime.unit_of_work import UnitOfWork
from resolvers.graphql_door.streams import AFTER, updates
from schema.connections import listing
from schema.context import Info
from schema.devices import Device, DeviceChangesInput, DeviceInput, DeviceUpdate, RegisteredDevice
from schema.fields import field, mutation, subscription
from schema.inputs import checked
from schema.scalars import Cursor


@strawberry.type
class DeviceQueries:
    devices = listing(Device, "The caller's devices, newest first; `location` finds a part of the text.", service.page_of_devices)

    @field(Device | None, "One device, by its id or the hardware's own. Raises NOT_FOUND.", service=service.get_device)
    async def device(self, info: Info, id: strawberry.ID) -> models.Device:
        async with info.context.reading() as work:
            return await service.get_device(work, id)


@strawberry.type
class DeviceMutations:
    @mutation(
        RegisteredDevice,
        "Register a device; it is offline until it is heard of. With an `idempotencyKey` a repeated call answers with the same device, "
        "without its key. Raises DEVICE_EXISTS, VALIDATION_ERROR, IDEMPOTENCY_CONFLICT.",
        service=service.register_device,
    )
    async def register_device(self, info: Info, input: DeviceInput, idempotency_key: str | None = None) -> service.RegisteredDevice:
        given = asdict(input) | {"configuration": {} if input.configuration is None else input.configuration}
        body = checked(service.NewDevice, given)
        async with info.context.unit_of_work(idempotency_key) as work:
            return await service.register_device(work, body)

    @mutation(
        Device,
        "Change a device, or take it into maintenance and out of it. Raises NOT_FOUND, VALIDATION_ERROR, INVALID_DEVICE_STATE.",
        service=service.update_device,
    )
    async def update_device(self, info: Info, device_id: strawberry.ID, input: DeviceChangesInput) -> models.Device:
        changes = checked(service.DeviceChanges, asdict(input))
        async with info.context.unit_of_work() as work:
            return await service.update_device(work, device_id, changes)

    @mutation(
        RegisteredDevice, "Give a device another key; the old one is void at once. Raises NOT_FOUND.", service=service.rotate_device_key
    )
    async def rotate_device_key(self, info: Info, device_id: strawberry.ID) -> service.RegisteredDevice:
        async with info.context.unit_of_work() as work:
            return await service.rotate_device_key(work, device_id)

    @mutation(Device, "Note a sign of life in the name of a device. Raises NOT_FOUND.", service=liveness.report_alive)
    async def device_heartbeat(self, info: Info, device_id: strawberry.ID) -> models.Device:
        async with info.context.unit_of_work() as work:
            return await liveness.report_alive(work, device_id)

    @mutation(strawberry.ID, "Remove a device and return its id; its key is void at once. Raises NOT_FOUND.", service=service.delete_device)
    async def delete_device(self, info: Info, device_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            return strawberry.ID((await service.delete_device(work, device_id)).id)


@strawberry.type
class DeviceSubscriptions:
    @subscription(
        DeviceUpdate,
        f"How devices come and go: one of them, or all of the caller's. {AFTER} The current state is the device, or the fifty newest. "
        "Raises NOT_FOUND.",
        service=service.get_device,
    )
    async def device_updates(
        self, info: Info, device_id: strawberry.ID | None = None, after: Cursor | None = None
    ) -> AsyncGenerator[DeviceUpdate]:
        wanted: tuple[str, ...] = ()
        if device_id is not None:
            async with info.context.reading() as work:
                wanted = ((await service.get_device(work, device_id)).id,)

        async def current(work: UnitOfWork, head: Cursor) -> Iterable[DeviceUpdate]:
            found = [await service.get_device(work, wanted[0])] if wanted else (await service.list_devices(work)).items
            return [DeviceUpdate.of(device_updated(device).payload, head) for device in found]

        def read(event: StoredEvent) -> DeviceUpdate:
            return DeviceUpdate.of(event.payload, Cursor(str(event.cursor)))

        interest = Interest(info.context.caller.id, (DEVICE_UPDATED,), None, wanted)
        async for update in updates(info.context, interest, after, current=current, read=read):
            yield update
