"""The facts that security alerts tell: one was raised, or somebody has dealt with it."""

from domain.kernel.clock import to_wire
from domain.kernel.events import Event
from domain.security_alerts.models import SecurityAlert

SECURITY_ALERT_RAISED = "security_alert.raised"
SECURITY_ALERT_UPDATED = "security_alert.updated"


def security_alert_raised(alert: SecurityAlert, recipient_id: str) -> Event:
    """Tell one of the people who should know that the alert is there."""
    return Event(SECURITY_ALERT_RAISED, recipient_id, alert.id, _payload(alert))


def security_alert_updated(alert: SecurityAlert, recipient_id: str) -> Event:
    """Tell the person concerned that the alert was acknowledged or resolved."""
    return Event(SECURITY_ALERT_UPDATED, recipient_id, alert.id, _payload(alert))


def _payload(alert: SecurityAlert) -> dict[str, object]:
    return {
        "alert_id": alert.id,
        "user_id": alert.user_id,
        "alert_type": alert.alert_type,
        "severity": alert.severity.value,
        "status": alert.status.value,
        "message": alert.message,
        "created_at": to_wire(alert.created_at),
    }
