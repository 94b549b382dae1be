"""What clients see of devices, and what they may set."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

import strawberry

from domain.devices.models import DeviceStatus, DeviceType
from domain.kernel.clock import as_utc
from schema.enums import graphql_enum
from schema.scalars import JSON, Cursor

graphql_enum(
    DeviceType,
    description="Kinds of devices.",
    values={
        "ENERGY_METER": "Counts energy.",
        "SOLAR_PANEL": "Makes power from light.",
        "INVERTER": "Turns direct into alternating current.",
        "WIND_TURBINE": "Makes power from wind.",
        "BATTERY": "Stores energy.",
        "SENSOR": "Measures something.",
        "CONTROLLER": "Switches loads.",
        "EV_CHARGER": "Charges vehicles.",
        "WEATHER_STATION": "Measures the weather.",
        "TRANSFORMER": "Changes voltages.",
    },
)
graphql_enum(
    DeviceStatus,
    description="Whether a device is there.",
    values={
        "ONLINE": "It was heard of lately.",
        "OFFLINE": "It was not.",
        "MAINTENANCE": "It is being worked on, and warns of nothing.",
    },
)
CONFIGURATION = (
    "Free, at most 16 KiB. `reporting_interval` (seconds, or `30s`, `15min`, `1h`) says how often it reports: after three missed reports, "
    "and five minutes at least, it counts as offline."
)


@strawberry.type(description="A thing that reports to its owner.")
class Device:
    id: strawberry.ID = strawberry.field(description="Begins with `device_`.")
    device_id: str = strawberry.field(description="The hardware's own id.")
    name: str = strawberry.field(description="What its owner calls it.")
    type: DeviceType = strawberry.field(description="What kind of device it is.")
    location: str = strawberry.field(description="Where it is.")
    description: str | None = strawberry.field(description="What its owner notes about it.")
    configuration: JSON = strawberry.field(description=CONFIGURATION)
    firmware_version: str | None = strawberry.field(description="From its configuration.")
    status: DeviceStatus = strawberry.field(description="Whether it is there.")
    last_seen: datetime | None = strawberry.field(description="When it was heard of last; null before the first time.")
    created_at: datetime = strawberry.field(description="When it was registered.")
    updated_at: datetime | None = strawberry.field(description="Last change by its owner.")


@strawberry.type(description="A device with the key it reports with.")
class RegisteredDevice:
    device: Device = strawberry.field(description="The device.")
    api_key: str | None = strawberry.field(
        description="For the header `X-Device-Key`; shown this once, and null when a repeated call is answered."
    )


@strawberry.type(description="A device has changed. The first ones of a stream without `after` tell how things stand.")
class DeviceUpdate:
    cursor: Cursor = strawberry.field(description="Hand it back as `after` to go on behind this update.")
    device: strawberry.ID = strawberry.field(description="The device.")
    device_id: str = strawberry.field(description="The hardware's own id.")
    name: str = strawberry.field(description="What its owner calls it.")
    type: DeviceType = strawberry.field(description="What kind of device it is.")
    status: DeviceStatus = strawberry.field(description="Whether it was there.")
    last_seen: datetime | None = strawberry.field(description="When it had been heard of last.")

    @classmethod
    def of(cls, payload: Mapping[str, Any], cursor: Cursor) -> Self:
        seen = payload["last_seen"]
        return cls(
            cursor=cursor,
            device=strawberry.ID(payload["device"]),
            device_id=payload["device_id"],
            name=payload["name"],
            type=DeviceType(payload["type"]),
            status=DeviceStatus(payload["status"]),
            last_seen=as_utc(datetime.fromisoformat(seen)) if seen else None,
        )


@strawberry.input(description="What a device is made from.")
class DeviceInput:
    name: str = strawberry.field(description="1 to 100 characters.")
    type: DeviceType = strawberry.field(description="What kind of device it is.")
    device_id: str | None = strawberry.field(default=None, description="The hardware's own id, 1 to 64 characters; made up without.")
    location: str = strawberry.field(default="", description="At most 200 characters.")
    description: str | None = strawberry.field(default=None, description="At most 500 characters.")
    configuration: JSON | None = strawberry.field(default=None, description=CONFIGURATION)


@strawberry.input(description="What is to change; null leaves a field as it is.")
class DeviceChangesInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters.")
    location: str | None = strawberry.field(default=None, description="At most 200 characters.")
    description: str | None = strawberry.field(default=None, description="At most 500 characters.")
    configuration: JSON | None = strawberry.field(default=None, description=f"Replaces the whole object. {CONFIGURATION}")
    status: DeviceStatus | None = strawberry.field(
        default=None, description="`MAINTENANCE`, or either other to end it; what it is then is what was observed."
    )
