"""The life of a security alert as a table."""

from enum import StrEnum

from domain.kernel.errors import ErrorCode
from domain.kernel.state_machine import StateMachine


class AlertStatus(StrEnum):
    """`active` waits for somebody, `acknowledged` was seen, `resolved` is done with."""

    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class AlertSeverity(StrEnum):
    """How much it matters."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class AlertTrigger(StrEnum):
    """What happens to an alert; the value completes the sentence "the security alert cannot …"."""

    ACKNOWLEDGE = "be acknowledged"
    RESOLVE = "be resolved"


ALERT_MACHINE = StateMachine(
    "Security alert",
    ErrorCode.INVALID_ALERT_STATE,
    {
        (AlertStatus.ACTIVE, AlertTrigger.ACKNOWLEDGE): AlertStatus.ACKNOWLEDGED,
        (AlertStatus.ACTIVE, AlertTrigger.RESOLVE): AlertStatus.RESOLVED,
        (AlertStatus.ACKNOWLEDGED, AlertTrigger.RESOLVE): AlertStatus.RESOLVED,
    },
)
