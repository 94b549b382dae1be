"""Notifications, what people want to be told, and webhooks as `/api/v1` shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from domain.notifications.models import Notification, Webhook, WebhookAttempt, WebhookDelivery
from domain.notifications.preferences import ChannelChoice
from domain.notifications.webhooks import DeliveryRecord, WebhookWithSecret


@dataclass(frozen=True, slots=True)
class NotificationView:
    """A notification of the caller; `kind` says what it is about, `subject_id` which object."""

    id: str
    user_id: str
    type: str
    title: str
    message: str
    metadata: dict[str, Any] | None
    is_read: bool
    read_at: datetime | None
    created_at: datetime
    updated_at: datetime
    kind: str
    subject_id: str | None

    @classmethod
    def of(cls, notification: Notification) -> Self:
        return cls(
            id=notification.id,
            user_id=notification.user_id,
            type=notification.type.value,
            title=notification.title,
            message=notification.message,
            metadata=notification.details,
            is_read=notification.is_read,
            read_at=notification.read_at,
            created_at=notification.created_at,
            updated_at=notification.updated_at or notification.created_at,
            kind=notification.kind.value,
            subject_id=notification.subject_id,
        )


@dataclass(frozen=True, slots=True)
class ReadAllView:
    marked_count: int
    message: str


@dataclass(frozen=True, slots=True)
class ChannelChoiceView:
    """On which ways notifications of a kind go to the caller."""

    kind: str
    in_app: bool
    email: bool
    webhook: bool


@dataclass(frozen=True, slots=True)
class PreferencesView:
    """The caller's choice for every kind."""

    preferences: list[ChannelChoiceView]

    @classmethod
    def of(cls, choices: Sequence[ChannelChoice]) -> Self:
        return cls([ChannelChoiceView(choice.kind.value, choice.in_app, choice.email, choice.webhook) for choice in choices])


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook of the caller; `disabled_at` and `disabled_reason` are set when the server switched it off."""

    id: str
    url: str
    description: str | None
    is_active: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        return cls(**_webhook(webhook))


@dataclass(frozen=True, slots=True)
class WebhookWithSecretView:
    """A webhook with the secret that its signatures are made with, which is shown this once; null for a repeated request."""

    id: str
    url: str
    description: str | None
    is_active: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime
    updated_at: datetime
    secret: str | None

    @classmethod
    def of(cls, made: WebhookWithSecret) -> Self:
        return cls(**_webhook(made.webhook), secret=made.secret)


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One request; without `finished_at` it is under way, or its worker died. `response` is at most 1 KiB of the answer."""

    number: int
    started_at: datetime
    finished_at: datetime | None
    status_code: int | None
    duration_ms: int | None
    error: str | None
    response: str | None


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A message to a webhook; `id` is its `Webhook-Id`, `status_code` and `error` tell the last attempt."""

    id: str
    webhook_id: str
    notification_id: str | None
    type: str
    status: str
    attempts: int
    status_code: int | None
    error: str | None
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    log: list[AttemptView]

    @classmethod
    def of(cls, record: DeliveryRecord) -> Self:
        return cls(**_delivery(record.delivery), log=[_attempt(attempt) for attempt in record.attempts])


def new_delivery_view(delivery: WebhookDelivery) -> DeliveryView:
    """Return a delivery that has only been written down."""
    return DeliveryView(**_delivery(delivery), log=[])


def _webhook(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "description": webhook.description,
        "is_active": webhook.is_active,
        "disabled_at": webhook.disabled_at,
        "disabled_reason": webhook.disabled_reason,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at or webhook.created_at,
    }


def _delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "notification_id": delivery.notification_id,
        "type": delivery.type,
        "status": delivery.status.value,
        "attempts": delivery.attempts,
        "status_code": delivery.status_code,
        "error": delivery.error,
        "next_attempt_at": delivery.next_attempt_at,
        "created_at": delivery.created_at,
        "finished_at": delivery.finished_at,
    }


def _attempt(attempt: WebhookAttempt) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
        status_code=attempt.status_code,
        duration_ms=attempt.duration_ms,
        error=attempt.error,
        response=attempt.response,
    )
