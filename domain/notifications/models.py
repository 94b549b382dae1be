"""Tables of notifications: what people were told, what they want to be told, and whom else the system tells for them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, PrimaryKeyConstraint, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.notifications.kinds import Channel, NotificationKind, NotificationType
from domain.runtime.database import Base

UNREAD = "read_at IS NULL AND deleted_at IS NULL AND is_listed"


class Notification(Base):
    """Something that a user is told. One that is not listed goes by mail or webhook only.

    `read_at` is set once. `emailed_at` is when its mail was handed over, for one that is mailed.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_notifications_user_id_subject_id", "user_id", "subject_id"),
        Index("ix_notifications_user_id_unread", "user_id", sqlite_where=text(UNREAD), postgresql_where=text(UNREAD)),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[NotificationKind]
    subject_id: Mapped[str | None] = mapped_column(String(40))
    type: Mapped[NotificationType]
    title: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(String(1000))
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata")  # SQLAlchemy keeps that name for itself
    is_listed: Mapped[bool] = mapped_column(Boolean, default=True)
    read_at: Mapped[datetime | None]
    emailed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    @property
    def is_read(self) -> bool:
        return self.read_at is not None


class Preference(Base):
    """A user's wish that differs from, or insists on, what holds by default."""

    __tablename__ = "notification_preferences"
    __table_args__ = (PrimaryKeyConstraint("user_id", "kind", "channel"),)

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[NotificationKind]
    channel: Mapped[Channel]
    is_on: Mapped[bool]
    updated_at: Mapped[datetime]


class MailRation(Base):
    """When a user was last sent mail of a kind about an object; `key` is the object's id, or what rations it instead."""

    __tablename__ = "notification_mail_rations"
    __table_args__ = (PrimaryKeyConstraint("user_id", "kind", "key"),)

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[NotificationKind]
    key: Mapped[str] = mapped_column(String(40))
    mailed_at: Mapped[datetime] = mapped_column(index=True)


class Webhook(Base):
    """An address that a user has notifications sent to. `secret` is sealed; a deleted one keeps its row for its deliveries.

    `failures` counts deliveries given up since the last that arrived; `disabled_at` and its reason are set when the server itself
    switched it off.
    """

    __tablename__ = "webhooks"
    __table_args__ = (Index("ix_webhooks_user_id_created_at_id", "user_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str | None] = mapped_column(String(200))
    secret: Mapped[str] = mapped_column(String(255), info={"secret": True})
    is_active: Mapped[bool] = mapped_column(default=True)
    failures: Mapped[int] = mapped_column(default=0)
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class DeliveryStatus(StrEnum):
    """`pending` is to be sent, now or again; `failed` was given up; `cancelled` lost its webhook before it arrived."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class WebhookDelivery(Base):
    """One message to one webhook. Its id is the `Webhook-Id` of every attempt, and `body` what each of them sends, to the letter.

    `attempts` counts them and fences off an attempt that was taken for dead; until `claimed_until` a worker is at it.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_webhook_id_created_at_id", "webhook_id", "created_at", "id"),
        Index("ix_webhook_deliveries_status_next_attempt_at", "status", "next_attempt_at"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    notification_id: Mapped[str | None] = mapped_column(String(40))
    type: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[DeliveryStatus]
    attempts: Mapped[int] = mapped_column(default=0)
    status_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(String(255))
    next_attempt_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class WebhookAttempt(Base):
    """One attempt at a delivery: written before the request leaves, completed when its outcome is known.

    `response` is the beginning of what was answered, at most 1 KiB; `duration_ms` counts from resolving the name.
    """

    __tablename__ = "webhook_attempts"
    __table_args__ = (UniqueConstraint("delivery_id", "number"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"))
    number: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    status_code: Mapped[int | None]
    duration_ms: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(String(255))
    response: Mapped[str | None] = mapped_column(String(1024))
