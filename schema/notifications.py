"""What clients see of notifications, of what people want to be told, and of webhooks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry

from domain.notifications import relations, webhooks
from domain.notifications.kinds import NotificationKind, NotificationType
from domain.notifications.models import DeliveryStatus
from schema.enums import graphql_enum
from schema.fields import field, related
from schema.scalars import JSON, Cursor

graphql_enum(
    NotificationType,
    description="How a notification is to be taken.",
    values={
        "INFO": "For information.",
        "SUCCESS": "Something went well.",
        "WARNING": "Something needs a look.",
        "ERROR": "Something failed.",
    },
)
graphql_enum(
    NotificationKind,
    description="What a notification is about.",
    values={
        "EXECUTION_COMPLETED": "A run ended: with a trade, or, if a person triggered it, without one.",
        "EXECUTION_FAILED": "A run could not be finished.",
        "ORDER_FILLED": "An order was filled; the exits of stops and targets have kinds of their own.",
        "ORDER_REJECTED": "The venue refused an order, or it never got there.",
        "MARGIN_WARNING": "A wallet is about to be short of margin.",
        "POSITION_STOP_HIT": "The stop of a position closed it.",
        "POSITION_TARGET_HIT": "The target of a position closed it.",
        "POSITION_LIQUIDATED": "A position was closed because its wallet was short of margin.",
        "PRICE_ALERT_TRIGGERED": "A price reached what an alert waits for.",
        "DEVICE_OFFLINE": "A device has not been heard of for too long.",
        "SECURITY_ALERT_RAISED": "Something suspicious happened to the account.",
        "SUBSCRIPTION_EXPIRING": "A subscription to a plan will end soon.",
        "SUBSCRIPTION_EXPIRED": "A subscription to a plan has ended.",
        "TRADING_SWITCH_CHANGED": "A risk rule or an administrator moved the trading switch.",
        "WEBHOOK_DISABLED": "The server has switched a webhook off.",
        "MANUAL": "A person wrote it to themselves.",
    },
)
graphql_enum(
    DeliveryStatus,
    description="How far a message to a webhook has come.",
    values={
        "PENDING": "It is to be sent, now or again.",
        "DELIVERED": "It arrived.",
        "FAILED": "It was given up.",
        "CANCELLED": "Its webhook was switched off or deleted before it arrived.",
    },
)


@strawberry.type(description="Something that a user is told.")
class Notification:
    id: strawberry.ID = strawberry.field(description="Begins with `notif_`.")
    kind: NotificationKind = strawberry.field(description="What it is about.")
    subject_id: strawberry.ID | None = strawberry.field(description="The object it is about: a run, an order, a position, …")
    type: NotificationType = strawberry.field(description="How it is to be taken.")
    title: str = strawberry.field(description="A few words, at most 200 characters.")
    message: str = strawberry.field(description="A sentence or more, at most 1000 characters.")
    is_read: bool = strawberry.field(description="Whether it was marked as read.")
    read_at: datetime | None = strawberry.field(description="When it was first marked as read.")
    created_at: datetime = strawberry.field(description="When it was written.")
    updated_at: datetime | None = strawberry.field(description="Last change.")

    @field(JSON | None, "What else is known: for what the system tells, the values of the event.")
    def metadata(self) -> JSON | None:
        # `self` is the row, on which SQLAlchemy keeps this name for itself.
        details: JSON | None = self.details  # type: ignore[attr-defined]
        return details


@strawberry.type(description="A notification has been written. The first ones of a stream without `after` are those that are unread.")
class NotificationReceived:
    cursor: Cursor = strawberry.field(description="Hand it back as `after` to go on behind this notification.")
    notification_id: strawberry.ID = strawberry.field(description="The notification.")
    user_id: strawberry.Private[str]
    occurred_at: datetime = strawberry.field(description="When it was written.")
    notification = related(
        Notification | None, relations.notifications_by_id, "notification_id", "The notification as it stands now; null once it is deleted."
    )
    unread_count = related(int, relations.unread_counts, "user_id", "How many notifications the caller has not read now.")

    @classmethod
    def of(cls, payload: Mapping[str, Any], cursor: Cursor, occurred_at: datetime) -> "NotificationReceived":
        return cls(cursor=cursor, notification_id=payload["notification_id"], user_id=payload["user_id"], occurred_at=occurred_at)


@strawberry.type(description="On which ways notifications of a kind go to the caller.")
class NotificationPreference:
    kind: NotificationKind = strawberry.field(description="What the notifications are about.")
    in_app: bool = strawberry.field(description="They are listed and streamed.")
    email: bool = strawberry.field(description="They are mailed: at most once a day about the same thing, and to a confirmed address only.")
    webhook: bool = strawberry.field(description="They are sent to all active webhooks.")


@strawberry.type(description="An address that the caller's notifications are sent to, signed.")
class Webhook:
    id: strawberry.ID = strawberry.field(description="Begins with `hook_`.")
    url: str = strawberry.field(description="Where to.")
    description: str | None = strawberry.field(description="The caller's own words.")
    is_active: bool = strawberry.field(description="Whether anything is sent to it.")
    disabled_at: datetime | None = strawberry.field(description="When the server switched it off.")
    disabled_reason: str | None = strawberry.field(description="Why it did.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime | None = strawberry.field(description="Last change.")


@strawberry.type(description="A webhook with its secret, which is shown this once.")
class WebhookWithSecret:
    webhook: Webhook = strawberry.field(description="The webhook.")
    secret: str | None = strawberry.field(
        description="`whsec_` and the key of its signatures in base64. Null when a repeated call finds the webhook already made."
    )


@strawberry.type(description="One request to a webhook.")
class WebhookAttempt:
    number: int = strawberry.field(description="1 for the first.")
    started_at: datetime = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(
        description="When its outcome was known; null while it is under way, or if it broke off."
    )
    status_code: int | None = strawberry.field(description="The HTTP status that was answered.")
    duration_ms: int | None = strawberry.field(description="How long it took, in milliseconds.")
    error: str | None = strawberry.field(description="What went wrong.")
    response: str | None = strawberry.field(description="The beginning of the answer, at most 1 KiB.")


@strawberry.type(description="A message to a webhook.")
class WebhookDelivery:
    id: strawberry.ID = strawberry.field(description="Begins with `msg_`; the `Webhook-Id` of all its attempts.")
    webhook_id: strawberry.ID = strawberry.field(description="The webhook.")
    notification_id: strawberry.ID | None = strawberry.field(description="The notification that it tells of.")
    type: str = strawberry.field(description="The kind of the notification, or `webhook.test`.")
    status: DeliveryStatus = strawberry.field(description="How far it has come.")
    attempts: int = strawberry.field(description="How often it was sent.")
    status_code: int | None = strawberry.field(description="The HTTP status of the last attempt.")
    error: str | None = strawberry.field(description="What went wrong at the last attempt.")
    next_attempt_at: datetime | None = strawberry.field(description="When it is sent next.")
    created_at: datetime = strawberry.field(description="When it was written.")
    finished_at: datetime | None = strawberry.field(description="When it arrived or was given up.")
    log = related(list[WebhookAttempt], webhooks.attempts_of, "id", "Its attempts, first one first.")


@strawberry.input(description="A notification to oneself.")
class NotificationInput:
    type: NotificationType = strawberry.field(description="How it is to be taken.")
    title: str = strawberry.field(description="1 to 200 characters.")
    message: str = strawberry.field(description="1 to 1000 characters.")
    metadata: JSON | None = strawberry.field(default=None, description="Any JSON object of at most 16 KiB.")


@strawberry.input(description="Changes for one kind; what is left out or null stays as it is.")
class NotificationPreferenceInput:
    kind: NotificationKind = strawberry.field(description="What the notifications are about.")
    in_app: bool | None = strawberry.field(default=None, description="List and stream them.")
    email: bool | None = strawberry.field(default=None, description="Mail them.")
    webhook: bool | None = strawberry.field(default=None, description="Send them to all active webhooks.")


@strawberry.input(description="Changes of what one wants to be told.")
class NotificationPreferencesInput:
    preferences: list[NotificationPreferenceInput] = strawberry.field(description="At most 100; a later one of the same kind wins.")


@strawberry.input(description="A new webhook.")
class WebhookInput:
    url: str = strawberry.field(description="https or http, on a public host and on port 80, 443 or 8000 to 65535.")
    description: str | None = strawberry.field(default=None, description="At most 200 characters.")


@strawberry.input(description="Changes of a webhook; what is left out or null stays as it is.")
class WebhookChangesInput:
    url: str | None = strawberry.field(default=None, description="https or http, on a public host and on port 80, 443 or 8000 to 65535.")
    description: str | None = strawberry.field(default=None, description="At most 200 characters; empty takes it away.")
    is_active: bool | None = strawberry.field(default=None, description="Whether anything is sent to it.")
