"""The facts that devices tell: one is there, has fallen silent, or was changed."""

from domain.devices.models import Device
from domain.kernel.clock import to_wire
from domain.kernel.events import Event

DEVICE_UPDATED = "device.updated"
DEVICE_OFFLINE = "device.offline"


def device_updated(device: Device) -> Event:
    """Tell the device as it now stands."""
    return Event(DEVICE_UPDATED, device.user_id, device.id, _payload(device))


def device_offline(device: Device) -> Event:
    """Tell that the device has fallen silent."""
    return Event(DEVICE_OFFLINE, device.user_id, device.id, _payload(device))


def _payload(device: Device) -> dict[str, object]:
    return {
        "device": device.id,
        "device_id": device.device_id,
        "name": device.name,
        "type": device.type.value,
        "status": device.status.value,
        "last_seen": to_wire(device.last_seen) if device.last_seen else None,
    }
