"""Security alerts as `/v1` shows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from domain.security_alerts.models import SecurityAlert


@dataclass(frozen=True, slots=True)
class SecurityAlertView:
    """A security alert; `user_id` is null for one that concerns the whole installation."""

    id: str
    user_id: str | None
    alert_type: str
    message: str
    severity: str
    status: str
    details: dict[str, Any]
    occurrences: int
    created_at: datetime
    last_seen_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None

    @classmethod
    def of(cls, alert: SecurityAlert) -> Self:
        return cls(
            id=alert.id,
            user_id=alert.user_id,
            alert_type=alert.alert_type,
            message=alert.message,
            severity=alert.severity.value,
            status=alert.status.value,
            details=alert.details,
            occurrences=alert.occurrences,
            created_at=alert.created_at,
            last_seen_at=alert.last_seen_at,
            acknowledged_at=alert.acknowledged_at,
            acknowledged_by=alert.acknowledged_by,
            resolved_at=alert.resolved_at,
            resolved_by=alert.resolved_by,
        )


@dataclass(frozen=True, slots=True)
class SecurityAlertCreatedView:
    """The answer to a new alert, which is nested so that its `message` does not clash with the answer's own."""

    alert_id: str
    message: str
    alert: SecurityAlertView

    @classmethod
    def of(cls, alert: SecurityAlert) -> Self:
        return cls(alert.id, "Security alert created", SecurityAlertView.of(alert))
