"""The audit log as the two REST dialects show it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from domain.audit.models import AuditEntry
from domain.runtime.paging import Page


@dataclass(frozen=True, slots=True)
class AuditEntryView:
    """An entry of the audit log, as `/api/v1` shows it."""

    id: str
    position: int | None
    occurred_at: datetime
    actor_kind: str
    actor_id: str | None
    actor_email: str | None
    actor_role: str | None
    session_id: str | None
    door: str
    action: str
    event_type: str
    object_type: str
    object_id: str | None
    result: str
    code: str | None
    severity: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    details: dict[str, Any]
    request_id: str
    ip: str | None
    user_agent: str | None
    hash: str | None


@dataclass(frozen=True, slots=True)
class AuditLogView:
    """An entry in the words of `/v1`; `action` of a `trade_order` is create, amend or cancel, old and new values are in `details`."""

    id: str
    user_id: str | None
    event_type: str
    event_description: str
    ip_address: str | None
    user_agent: str | None
    timestamp: datetime
    severity: str
    action: str
    resource: str
    result: str
    details: dict[str, Any]

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        who = entry.actor_email or entry.actor_id or entry.actor_kind.value
        resource = entry.object_type if entry.object_id is None else f"{entry.object_type}:{entry.object_id}"
        verb = entry.action.partition(".")[2]
        more = {"door": entry.door, "request_id": entry.request_id, "old_values": entry.before, "new_values": entry.after}
        refused = "" if entry.code is None else f", refused with {entry.code}"
        return cls(
            id=entry.id,
            user_id=entry.actor_id,
            event_type=entry.event_type,
            event_description=f"{entry.action} of {resource} by {who}{refused}",
            ip_address=entry.ip,
            user_agent=entry.user_agent,
            timestamp=entry.occurred_at,
            severity=entry.severity.value,
            action=verb,
            resource=resource,
            result=entry.result.value,
            details={**entry.details, **more, "code": entry.code},
        )


@dataclass(frozen=True, slots=True)
class AuditLogsView:
    """Entries, newest first; `total` counts all that match."""

    logs: list[AuditLogView]
    total: int

    @classmethod
    def of(cls, page: Page[AuditEntry]) -> Self:
        return cls([AuditLogView.of(entry) for entry in page.items], page.total)
