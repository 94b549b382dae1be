"""The words of the audit log: what kinds of actors, results and severities there are, and what clients call each action."""

from enum import StrEnum


class ActorKind(StrEnum):
    """Who acts: a person, a key of a person, a device, the system itself (perhaps for a person), or nobody who is known."""

    USER = "user"
    API_KEY = "api_key"
    DEVICE = "device"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


class AuditResult(StrEnum):
    """Whether it was done or refused."""

    SUCCESS = "success"
    FAILURE = "failure"


class Severity(StrEnum):
    """How much somebody should care."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


READ = "data.read"

# Action -> the word of `/v1` for it; any other action is its own word, with an underscore in place of the point.
EVENT_TYPES = {
    "audit.read": "data_access",
    READ: "data_access",
    "device.command": "device_command",
    "device.register": "device_registered",
    "device.update": "device_updated",
    "order.amend": "trade_order",
    "order.cancel": "trade_order",
    "order.create": "trade_order",
    "price_alert.trigger": "price_alert_triggered",
    "report.generate": "report_generated",
    "request.limit": "rate_limited",
    "security_alert.create": "security_alert_created",
    "session.log_in": "login",
    "session.log_out": "logout",
    "session.refresh": "token_refreshed",
    "session.revoke": "session_revoked",
    "session.revoke_others": "session_revoked",
    "permission.delete": "permission_change",
    "role.delete": "permission_change",
    "role.update": "permission_change",
    "user.assign_role": "permission_change",
    "user.change_password": "password_change",
    "user.register": "user_registered",
    "user.reset_password": "password_change",
    "user.set_active": "user_updated",
    "user.set_permissions": "permission_change",
    "user.update": "user_updated",
}
# What a failure is called where it has a word of its own.
FAILURE_TYPES = {"session.log_in": "login_failed"}


def event_type_of(action: str, result: AuditResult) -> str:
    """Return the word of `/v1` for an action that went this way."""
    if result is AuditResult.FAILURE and action in FAILURE_TYPES:
        return FAILURE_TYPES[action]
    return EVENT_TYPES.get(action, action.replace(".", "_"))
