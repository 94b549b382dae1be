"""The table of security alerts."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.runtime.database import Base
from domain.security_alerts.machine import AlertSeverity as AlertSeverity
from domain.security_alerts.machine import AlertStatus as AlertStatus


class SecurityAlert(Base):
    """A warning. `user_id` is the person it concerns, None for one that concerns the whole installation.

    `cause` names what the system has seen (`brute_force:203.0.113.7`); the database lets one alert of a cause be active at a time, and
    `occurrences` counts how often it was seen while it was. Alerts of people have no cause.
    """

    __tablename__ = "security_alerts"
    __table_args__ = (
        Index(
            "uq_security_alerts_cause_active",
            "cause",
            unique=True,
            sqlite_where=text("status = 'active'"),
            postgresql_where=text("status = 'active'"),
        ),
        Index("ix_security_alerts_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_security_alerts_created_at_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str | None] = mapped_column(String(40))
    created_by: Mapped[str | None] = mapped_column(String(40))  # None for the system
    alert_type: Mapped[str] = mapped_column(String(64))
    message: Mapped[str] = mapped_column(String(1000))
    severity: Mapped[AlertSeverity]
    status: Mapped[AlertStatus]
    details: Mapped[dict[str, Any]]
    cause: Mapped[str | None] = mapped_column(String(200))
    occurrences: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None] = mapped_column(String(40))
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(String(40))
