"""Whether a device is there: observed, never declared. The machine as a table."""

from enum import StrEnum

from domain.kernel.errors import ErrorCode
from domain.kernel.state_machine import StateMachine


class DeviceStatus(StrEnum):
    """`online` was heard of lately, `offline` was not, `maintenance` is being worked on and warns of nothing."""

    ONLINE = "online"
    OFFLINE = "offline"
    MAINTENANCE = "maintenance"


class DeviceTrigger(StrEnum):
    """What happens to a device; the value completes the sentence "the device cannot …"."""

    CONTACT = "be heard of"
    SILENCE = "fall silent"
    MAINTAIN = "go into maintenance"
    RETURN_SEEN = "return as online"
    RETURN_UNSEEN = "return as offline"


DEVICE_MACHINE = StateMachine(
    "Device",
    ErrorCode.INVALID_DEVICE_STATE,
    {
        (DeviceStatus.OFFLINE, DeviceTrigger.CONTACT): DeviceStatus.ONLINE,
        (DeviceStatus.ONLINE, DeviceTrigger.CONTACT): DeviceStatus.ONLINE,
        (DeviceStatus.MAINTENANCE, DeviceTrigger.CONTACT): DeviceStatus.MAINTENANCE,  # only its last contact moves
        (DeviceStatus.ONLINE, DeviceTrigger.SILENCE): DeviceStatus.OFFLINE,
        (DeviceStatus.ONLINE, DeviceTrigger.MAINTAIN): DeviceStatus.MAINTENANCE,
        (DeviceStatus.OFFLINE, DeviceTrigger.MAINTAIN): DeviceStatus.MAINTENANCE,
        (DeviceStatus.MAINTENANCE, DeviceTrigger.RETURN_SEEN): DeviceStatus.ONLINE,
        (DeviceStatus.MAINTENANCE, DeviceTrigger.RETURN_UNSEEN): DeviceStatus.OFFLINE,
    },
)
