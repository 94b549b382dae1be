"""What clients see of security alerts, and what they may report."""

from datetime import datetime

import strawberry

from domain.security_alerts.models import AlertSeverity, AlertStatus
from schema.enums import graphql_enum
from schema.scalars import JSON

graphql_enum(
    AlertSeverity,
    name="SecurityAlertSeverity",
    description="How much a security alert matters.",
    values={
        "LOW": "Good to know.",
        "MEDIUM": "Worth a look.",
        "HIGH": "Look soon; administrators are told too.",
        "CRITICAL": "Act now; administrators are told too.",
    },
)
graphql_enum(
    AlertStatus,
    name="SecurityAlertStatus",
    description="Where a security alert stands.",
    values={"ACTIVE": "It waits for somebody.", "ACKNOWLEDGED": "Somebody has seen it.", "RESOLVED": "It is done with."},
)


@strawberry.type(description="A warning about an account or the installation, raised by a person or by the system.")
class SecurityAlert:
    id: strawberry.ID = strawberry.field(description="Begins with `alert_`.")
    user_id: strawberry.ID | None = strawberry.field(description="The person it concerns; null for the whole installation.")
    created_by: strawberry.ID | None = strawberry.field(description="Who reported it; null for the system.")
    alert_type: str = strawberry.field(description="What it is about, for instance `brute_force`.")
    message: str = strawberry.field(description="What happened, in a sentence.")
    severity: AlertSeverity = strawberry.field(description="How much it matters.")
    status: AlertStatus = strawberry.field(description="Where it stands.")
    details: JSON = strawberry.field(description="The values that matter.")
    occurrences: int = strawberry.field(description="How often its cause was seen while it was active.")
    created_at: datetime = strawberry.field(description="When it was raised.")
    last_seen_at: datetime = strawberry.field(description="When its cause was seen last.")
    acknowledged_at: datetime | None = strawberry.field(description="When somebody said to have seen it.")
    acknowledged_by: strawberry.ID | None = strawberry.field(description="Who that was.")
    resolved_at: datetime | None = strawberry.field(description="When somebody said that it is done with.")
    resolved_by: strawberry.ID | None = strawberry.field(description="Who that was.")


@strawberry.input(description="What a person reports about the own account.")
class SecurityAlertInput:
    alert_type: str = strawberry.field(description="1 to 64 characters.")
    message: str = strawberry.field(description="1 to 1000 characters.")
    severity: AlertSeverity = strawberry.field(default=AlertSeverity.MEDIUM, description="How much it matters.")
    details: JSON | None = strawberry.field(default=None, description="An object, at most 16 KiB of JSON.")
