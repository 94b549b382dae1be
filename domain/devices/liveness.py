"""Tells whether devices are there: a sign of life makes one online, silence makes it offline."""

from sqlalchemy import Select, select

from domain.audit.recording import audited, entry_of
from domain.devices.events import device_offline, device_updated
from domain.devices.keys import device_with_key
from domain.devices.machine import DEVICE_MACHINE, DeviceTrigger
from domain.devices.models import Device, DeviceStatus
from domain.devices.rules import silence_allowed
from domain.devices.service import locked_device
from domain.kernel.permissions import Permission, requires
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

AT_ONCE = 100


@audited("device.heartbeat", id="result.id")
@requires(Permission.DEVICES_WRITE)
async def report_alive(work: UnitOfWork, device_id: str) -> Device:
    """Note a sign of life in the name of one of the caller's devices. Raises NOT_FOUND."""
    found = await locked_device(work, device_id)
    note_contact(work, found)
    return found


@audited("device.heartbeat", id="result.id")
async def heartbeat(work: UnitOfWork, device_id: str, device_key: str | None = None) -> Device:
    """Note a sign of life, sent by the device itself with its key or by its owner with `devices:write`.

    Raises UNAUTHORIZED, FORBIDDEN, NOT_FOUND.
    """
    if device_key is None:
        return await report_alive(work, device_id)
    found = await device_with_key(work, device_id, device_key)
    entry_of(work).act_as_device(found.id)
    note_contact(work, found)
    return found


def note_contact(work: UnitOfWork, device: Device) -> None:
    """Move the last contact to now; one that was offline is online from now on, and that is told."""
    before = device.status
    device.status = DEVICE_MACHINE.after(before, DeviceTrigger.CONTACT)
    device.last_seen = work.now
    device.silent_at = work.now + silence_allowed(device.configuration)
    if device.status is not before:
        work.emit(device_updated(device))


async def notice_silence(operation: Operation) -> int:
    """Mark the online devices whose time has passed as offline, tell their owners, and return how many there were.

    Asked every second and mostly for nothing: it takes its turn to write only when there is somebody to mark.
    """
    noticed = 0
    while await _is_one_silent(operation):
        async with operation.unit_of_work() as work:
            batch = _silent(work).order_by(Device.silent_at).limit(AT_ONCE).with_for_update(skip_locked=True)
            found = (await work.session.scalars(batch.execution_options(populate_existing=True))).all()
            for device in found:
                device.status = DEVICE_MACHINE.after(device.status, DeviceTrigger.SILENCE)
                work.emit(device_updated(device))
                work.emit(device_offline(device))
        noticed += len(found)
        if len(found) < AT_ONCE:
            break  # the rest, if any, is being marked by somebody else
    return noticed


async def _is_one_silent(operation: Operation) -> bool:
    async with operation.reading() as work:
        return await work.session.scalar(_silent(work).limit(1)) is not None


def _silent(work: UnitOfWork) -> Select[Device]:
    return select(Device).where(Device.status == DeviceStatus.ONLINE, Device.silent_at <= work.now, Device.deleted_at.is_(None))
