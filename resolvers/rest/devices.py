"""Device routes of `/v1` that are more than one call: changing with the whole device sent back, and signs of life with a key."""

from typing import Annotated, Any

from domain.audit.recording import carried_out_by
from domain.devices import liveness, service
from domain.devices.models import Device
from domain.devices.service import DeviceChanges
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Permission, requires
from domain.runtime.unit_of_work import UnitOfWork
from resolvers.rest.inputs import Header
from schema.rest.devices import changed_field


@carried_out_by(service.update_device)
@requires(Permission.DEVICES_WRITE)
async def update_device(work: UnitOfWork, device_id: str, changes: DeviceChanges, stated: dict[str, Any]) -> Device:
    """Change a device; fields that never change may be sent along as they are.

    Raises NOT_FOUND, IMMUTABLE_FIELD, VALIDATION_ERROR, INVALID_DEVICE_STATE.
    """
    field = changed_field(await service.locked_device(work, device_id), stated)
    if field is not None:
        raise DomainError(ErrorCode.IMMUTABLE_FIELD, f"{field} of a device cannot be changed", field=field)
    return await service.update_device(work, device_id, changes)


@carried_out_by(liveness.heartbeat)
async def heartbeat(work: UnitOfWork, device_id: str, device_key: Annotated[str | None, Header("X-Device-Key")] = None) -> Device:
    """Note a sign of life, by the device with its key in `X-Device-Key`, or by its owner. Raises UNAUTHORIZED, FORBIDDEN, NOT_FOUND."""
    return await liveness.heartbeat(work, device_id, device_key)
