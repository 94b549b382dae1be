"""The facts that notifications tell: somebody was told something, or a webhook was switched off."""

from urllib.parse import urlsplit

from domain.kernel.clock import to_wire
from domain.kernel.events import Event
from domain.notifications.models import Notification, Webhook

NOTIFICATION_CREATED = "notification.created"
WEBHOOK_DISABLED = "webhook.disabled"


def notification_created(notification: Notification) -> Event:
    """Tell a new notification as it stands in the list."""
    return Event(NOTIFICATION_CREATED, notification.user_id, notification.id, document_of(notification))


def webhook_disabled(webhook: Webhook) -> Event:
    """Tell that the server has switched a webhook off, and why."""
    payload = {
        "webhook_id": webhook.id,
        "url": webhook.url,
        "host": urlsplit(webhook.url).hostname or webhook.url,
        "reason": webhook.disabled_reason,
    }
    return Event(WEBHOOK_DISABLED, webhook.user_id, webhook.id, payload)


def document_of(notification: Notification) -> dict[str, object]:
    """Return a notification in the words in which it is streamed and sent to webhooks."""
    return {
        "notification_id": notification.id,
        "user_id": notification.user_id,
        "kind": notification.kind.value,
        "subject_id": notification.subject_id,
        "type": notification.type.value,
        "title": notification.title,
        "message": notification.message,
        "metadata": notification.details,
        "created_at": to_wire(notification.created_at),
    }
