"""Devices in the vocabulary of `/v1`."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AliasChoices, BeforeValidator, Field

from domain.devices.models import Device, DeviceStatus, DeviceType
from domain.devices.service import Description, DeviceChanges, HardwareId, Location, Name, NewDevice, RegisteredDevice
from domain.kernel.clock import to_wire

# What other clients call the same.
TYPE_WORDS = {
    "smart_meter": "energy_meter",
    "solar_inverter": "inverter",
    "battery_storage": "battery",
    "grid_sensor": "sensor",
    "load_controller": "controller",
    "plc": "controller",
}
STATUS_WORDS = {"active": "online", "connected": "online", "registered": "offline", "disconnected": "offline", "error": "offline"}
KEPT_IN_CONFIGURATION = (
    "manufacturer",
    "model",
    "firmware_version",
    "protocol",
    "reporting_interval",
    "data_retention",
    "alert_thresholds",
)

TypeWord = Annotated[DeviceType, BeforeValidator(lambda value: TYPE_WORDS.get(value, value) if isinstance(value, str) else value)]
StatusWord = Annotated[DeviceStatus, BeforeValidator(lambda value: STATUS_WORDS.get(value, value) if isinstance(value, str) else value)]
Word = Annotated[str, Field(max_length=100)]
Time = Annotated[str, Field(pattern=r"^\d{1,7}[ _]?[A-Za-z]{0,10}$")]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device is; its `address` is what `location` shows."""

    latitude: Annotated[float | None, Field(ge=-90, le=90)] = None
    longitude: Annotated[float | None, Field(ge=-180, le=180)] = None
    address: Location | None = None
    grid_zone: Word | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceBody:
    """A new device; `device_type` is another name of `type`. A `location` object is kept in the configuration."""

    name: Name
    type: Annotated[TypeWord, Field(validation_alias=AliasChoices("type", "device_type"))]
    device_id: HardwareId | None = None
    location: Location | Place = ""
    description: Description | None = None
    configuration: dict[str, Any] = field(default_factory=dict)
    manufacturer: Word | None = None
    model: Word | None = None
    firmware_version: Word | None = None
    protocol: Word | None = None
    reporting_interval: int | Time | None = None
    data_retention: int | Time | None = None
    alert_thresholds: dict[str, Any] | None = None

    def arguments(self) -> dict[str, Any]:
        more = {name: getattr(self, name) for name in KEPT_IN_CONFIGURATION if getattr(self, name) is not None}
        location, configuration = _placed(self.location, {**self.configuration, **more})
        return {"body": NewDevice(self.name, self.type, self.device_id, location or "", self.description, configuration or {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChangesBody:
    """What is to change. A client may send the whole device back: what never changes must be what it is."""

    name: Name | None = None
    location: Location | Place | None = None
    description: Description | None = None
    configuration: dict[str, Any] | None = None
    status: StatusWord | None = None
    id: str | None = None
    device_id: str | None = None
    user_id: str | None = None
    type: Annotated[TypeWord | None, Field(validation_alias=AliasChoices("type", "device_type"))] = None
    last_seen: datetime | None = None
    created_at: datetime | None = None

    def arguments(self) -> dict[str, Any]:
        location, configuration = _placed(self.location, self.configuration)
        stated = {name: getattr(self, name) for name in IMMUTABLE}
        return {
            "changes": DeviceChanges(self.name, location, self.description, configuration, self.status),
            "stated": {name: value for name, value in stated.items() if value is not None},
        }


IMMUTABLE = ("id", "device_id", "user_id", "type", "last_seen", "created_at")


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device of the caller."""

    id: str
    device_id: str
    user_id: str
    name: str
    type: str
    location: str
    status: str
    last_seen: datetime | None
    description: str | None
    configuration: dict[str, Any]
    firmware_version: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, device: Device) -> Self:
        return cls(**_values(device))


@dataclass(frozen=True, slots=True)
class RegisteredDeviceView(DeviceView):
    """A new device with its key, which is shown this once; null when a repeated request is answered."""

    api_key: str | None

    @classmethod
    def of(cls, registered: RegisteredDevice) -> Self:  # type: ignore[override]
        return cls(**_values(registered.device), api_key=registered.api_key)


def changed_field(device: Device, stated: dict[str, Any]) -> str | None:
    """Return the first field that was stated to be something else than it is; None if all agree."""
    shown = DeviceView.of(device)
    return next((name for name, value in stated.items() if _sent(getattr(shown, name)) != _sent(value)), None)


def _values(device: Device) -> dict[str, Any]:
    values = {one.name: getattr(device, one.name) for one in fields(DeviceView)}
    return values | {"type": device.type.value, "status": device.status.value, "updated_at": device.updated_at or device.created_at}


def _placed(location: str | Place | None, configuration: dict[str, Any] | None) -> tuple[str | None, dict[str, Any] | None]:
    if not isinstance(location, Place):
        return location, configuration
    place = {one.name: getattr(location, one.name) for one in fields(location) if getattr(location, one.name) is not None}
    return location.address or "", {**(configuration or {}), "location": place}


def _sent(value: Any) -> Any:
    return to_wire(value) if isinstance(value, datetime) else value
