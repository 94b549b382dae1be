"""What people do with their devices: register, read, change and remove them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from sqlalchemy import Select, func, or_, select
from sqlalchemy.exc import IntegrityError

from domain.audit.recording import audited
from domain.devices.events import device_updated
from domain.devices.keys import new_key
from domain.devices.machine import DEVICE_MACHINE, DeviceTrigger
from domain.devices.models import Device, DeviceStatus, DeviceType
from domain.devices.rules import silence_allowed
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, requires
from domain.runtime.columns import dump_json
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.keyset import KeysetPage, PageRequest, equal, keyset_page
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

MAX_CONFIGURATION = 16_384
DeviceLimit = Annotated[int, Field(ge=1, le=200)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
HardwareId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Location = Annotated[str, StringConstraints(max_length=200)]
Description = Annotated[str, StringConstraints(max_length=500)]


@dataclass(frozen=True, slots=True)
class NewDevice:
    """What a device is made from. Without `device_id`, the hardware's own id, one is made up; `configuration` is at most 16 KiB of JSON."""

    name: Name
    type: DeviceType
    device_id: HardwareId | None = None
    location: Location = ""
    description: Description | None = None
    configuration: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceChanges:
    """What is to change; None leaves a field as it is, and `configuration` replaces the whole object."""

    name: Name | None = None
    location: Location | None = None
    description: Description | None = None
    configuration: dict[str, Any] | None = None
    status: DeviceStatus | None = None


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A new device with the key it reports with, which is never shown again; None for a repeated request."""

    device: Device
    api_key: str | None


def devices_visible_to(caller: Caller) -> Select[Device]:
    """Return the select that every reading of devices starts from: the caller's own that are not deleted."""
    return select(Device).where(Device.user_id == caller.id, Device.deleted_at.is_(None))


@audited("device.register", id="result.device.id")
@requires(Permission.DEVICES_WRITE)
async def register_device(work: UnitOfWork, body: NewDevice) -> RegisteredDevice:
    """Register a device; it is offline until it is heard of. Raises DEVICE_EXISTS, VALIDATION_ERROR.

    With an idempotency key a repeated request answers with the same device, without its key: that is shown once.
    """
    _check_configuration(body.configuration)
    device_id = new_id("device")
    if earlier := await claim(work, fingerprint_of("register_device", **asdict(body)), device_id):
        return RegisteredDevice(await find_device(work, earlier), None)
    key, digest = new_key()
    device = Device(
        id=device_id,
        user_id=work.caller.id,
        device_id=body.device_id or device_id,
        name=body.name,
        type=body.type,
        location=body.location,
        description=body.description,
        configuration=body.configuration,
        status=DeviceStatus.OFFLINE,
        key_digest=digest,
        created_at=work.now,
    )
    work.session.add(device)
    try:
        await work.session.flush()
    except IntegrityError:
        raise DomainError(
            ErrorCode.DEVICE_EXISTS, f"A device with the id {body.device_id} is registered already", field="device_id"
        ) from None
    work.emit(device_updated(device))
    return RegisteredDevice(device, key)


@requires(Permission.DEVICES_READ)
async def list_devices(
    work: UnitOfWork,
    type: DeviceType | None = None,
    status: DeviceStatus | None = None,
    location: str | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Page[Device]:
    """Return the caller's devices, newest first; `location` finds a part of the text in any case."""
    query = _filtered(work, type, status, location).order_by(Device.created_at.desc(), Device.id.desc())
    return await page_of(work.session, query, limit, offset)


@requires(Permission.DEVICES_READ)
async def page_of_devices(
    work: UnitOfWork,
    page: PageRequest,
    type: DeviceType | None = None,
    status: DeviceStatus | None = None,
    location: str | None = None,
) -> KeysetPage[Device]:
    """Return one page of the caller's devices, newest first."""
    return await keyset_page(work.session, _filtered(work, type, status, location), Device, page)


@requires(Permission.DEVICES_READ)
async def get_device(work: UnitOfWork, device_id: str) -> Device:
    """Return one device by its id, or else by the hardware's own. Raises NOT_FOUND."""
    return await find_device(work, device_id)


@audited("device.update", id="result.id")
@requires(Permission.DEVICES_WRITE)
async def update_device(work: UnitOfWork, device_id: str, changes: DeviceChanges) -> Device:
    """Change a device. `status` takes it into maintenance or out of it: whether it is online then is what was observed.

    Raises NOT_FOUND, VALIDATION_ERROR, INVALID_DEVICE_STATE for a status that only being heard of can give.
    """
    found = await locked_device(work, device_id)
    if changes.configuration is not None:
        _check_configuration(changes.configuration)
        found.configuration = changes.configuration
        if found.last_seen is not None:
            found.silent_at = found.last_seen + silence_allowed(found.configuration)
    for name in ("name", "location", "description"):
        if (value := getattr(changes, name)) is not None:
            setattr(found, name, value)
    if changes.status is not None and changes.status is not found.status:
        found.status = DEVICE_MACHINE.after(found.status, _trigger(work, found, changes.status))
    found.updated_at = work.now
    work.emit(device_updated(found))
    return found


@audited("device.rotate_key", id="result.device.id")
@requires(Permission.DEVICES_WRITE)
async def rotate_device_key(work: UnitOfWork, device_id: str) -> RegisteredDevice:
    """Give a device another key; the old one is void at once. Raises NOT_FOUND."""
    found = await locked_device(work, device_id)
    key, found.key_digest = new_key()
    found.updated_at = work.now
    return RegisteredDevice(found, key)


@audited("device.delete", id="result.id")
@requires(Permission.DEVICES_WRITE)
async def delete_device(work: UnitOfWork, device_id: str) -> Device:
    """Remove a device: its key is void, its hardware id is free again, what it reported stays. Raises NOT_FOUND."""
    found = await locked_device(work, device_id)
    found.deleted_at = found.updated_at = work.now
    return found


async def find_device(work: UnitOfWork, device_id: str) -> Device:
    """Return the caller's device; raises NOT_FOUND."""
    return await _found(work, devices_visible_to(work.caller), device_id)


async def locked_device(work: UnitOfWork, device_id: str) -> Device:
    """Return the caller's device, locked until the end of the transaction; raises NOT_FOUND."""
    return await _found(work, devices_visible_to(work.caller).with_for_update().execution_options(populate_existing=True), device_id)


async def _found(work: UnitOfWork, query: Select[Device], device_id: str) -> Device:
    # the server's own id wins over hardware that is called like it
    either = query.where(or_(Device.id == device_id, Device.device_id == device_id)).order_by((Device.id == device_id).desc())
    found: Device | None = await work.session.scalar(either.limit(1))
    if found is None:
        raise NotFound("Device", device_id)
    return found


def _filtered(work: UnitOfWork, type: DeviceType | None, status: DeviceStatus | None, location: str | None) -> Select[Device]:
    query = equal(devices_visible_to(work.caller), (Device.type, type), (Device.status, status))
    return query if location is None else query.where(func.lower(Device.location).contains(location.lower(), autoescape=True))


def _trigger(work: UnitOfWork, device: Device, wanted: DeviceStatus) -> DeviceTrigger:
    if wanted is DeviceStatus.MAINTENANCE:
        return DeviceTrigger.MAINTAIN
    if device.status is DeviceStatus.MAINTENANCE:
        was_seen = device.silent_at is not None and device.silent_at > work.now
        return DeviceTrigger.RETURN_SEEN if was_seen else DeviceTrigger.RETURN_UNSEEN
    raise DomainError(
        ErrorCode.INVALID_DEVICE_STATE,
        f"Device is {device.status.value}: whether it is {wanted.value} is observed, not declared",
        status=device.status.value,
    )


def _check_configuration(configuration: Mapping[str, Any]) -> None:
    if len(dump_json(dict(configuration)).encode()) > MAX_CONFIGURATION:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "configuration must not be larger than 16 KiB", field="configuration")
    silence_allowed(configuration)
