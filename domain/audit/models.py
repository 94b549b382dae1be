"""Tables of the audit log: its entries, and the head of the chain that they form."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, synonym

from domain.audit.vocabulary import ActorKind, AuditResult, Severity
from domain.runtime.database import Base


class AuditEntry(Base):
    """One act. It is written once and never changes; sealing fills in `position`, `hash` and `sealed_with`, once.

    `transaction_id` and `seq` order entries as those of the event log are ordered. `mac` proves the content, `hash` the place.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_occurred_at_id", "occurred_at", "id"),
        Index("ix_audit_entries_actor_id_occurred_at_id", "actor_id", "occurred_at", "id"),
        Index("ix_audit_entries_ip_occurred_at", "ip", "occurred_at"),
        Index("ix_audit_entries_object_id_occurred_at_id", "object_id", "occurred_at", "id"),
        Index("ix_audit_entries_event_type_occurred_at_id", "event_type", "occurred_at", "id"),
        Index("ix_audit_entries_severity_occurred_at_id", "severity", "occurred_at", "id"),
        Index("ix_audit_entries_request_id", "request_id"),
        Index(
            "ix_audit_entries_unsealed",
            "transaction_id",
            "seq",
            sqlite_where=text("position IS NULL"),
            postgresql_where=text("position IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    transaction_id: Mapped[int] = mapped_column(BigInteger)
    id: Mapped[str] = mapped_column(String(40), unique=True)
    occurred_at: Mapped[datetime]
    actor_kind: Mapped[ActorKind]
    actor_id: Mapped[str | None] = mapped_column(String(40))
    actor_email: Mapped[str | None] = mapped_column(String(254))
    actor_role: Mapped[str | None] = mapped_column(String(40))
    session_id: Mapped[str | None] = mapped_column(String(40))
    door: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(64))
    event_type: Mapped[str] = mapped_column(String(64))
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[str | None] = mapped_column(String(128))
    result: Mapped[AuditResult]
    code: Mapped[str | None] = mapped_column(String(64))
    severity: Mapped[Severity]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    details: Mapped[dict[str, Any]]
    request_id: Mapped[str] = mapped_column(String(64))
    ip: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(255))
    key_id: Mapped[str] = mapped_column(String(16))  # of the key behind `mac`
    mac: Mapped[str] = mapped_column(String(64))
    position: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    hash: Mapped[str | None] = mapped_column(String(64))
    sealed_with: Mapped[str | None] = mapped_column(String(16))  # id of the key behind `hash`

    created_at: Mapped[datetime] = synonym("occurred_at")  # what lists are sorted by


class AuditHead(Base):
    """The last link of the chain: a single row, which whoever seals holds meanwhile."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime | None]
