"""Answers GraphQL's questions about notifications and webhooks, does with them what clients ask, and streams what is new."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import asdict

import strawberry

from domain.notifications import models, preferences, relations, service
from domain.notifications import webhooks as hooks
from domain.notifications.events import NOTIFICATION_CREATED, document_of
from domain.runtime.event_log import Interest, StoredEvent
from domain.runtime.unit_of_work import UnitOfWork
from resolvers.graphql_door.streams import AFTER, updates
from resolvers.plans import KEY
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation, subscription
from schema.inputs import checked
from schema.notifications import (
    Notification,
    NotificationInput,
    NotificationPreference,
    NotificationPreferencesInput,
    NotificationReceived,
    Webhook,
    WebhookChangesInput,
    WebhookDelivery,
    WebhookInput,
    WebhookWithSecret,
)
from schema.scalars import Cursor


@strawberry.type
class NotificationQueries:
    @field(Notification | None, "One notification. Raises NOT_FOUND.", service=service.get_notification)
    async def notification(self, info: Info, id: strawberry.ID) -> models.Notification:
        async with info.context.reading() as work:
            return await service.get_notification(work, id)

    notifications = listing(Notification, "The caller's notifications, newest first.", relations.page_of_notifications)

    @field(int, "How many notifications the caller has not read.", service=service.count_unread)
    async def unread_notification_count(self, info: Info) -> int:
        async with info.context.reading() as work:
            return (await service.count_unread(work)).unread_count

    @field(
        list[NotificationPreference],
        "On which ways the caller is told of what, for every kind.",
        service=preferences.get_preferences,
    )
    async def notification_preferences(self, info: Info) -> Sequence[preferences.ChannelChoice]:
        async with info.context.reading() as work:
            return await preferences.get_preferences(work)

    @field(Webhook | None, "One of the caller's webhooks. Raises NOT_FOUND.", service=hooks.get_webhook)
    async def webhook(self, info: Info, id: strawberry.ID) -> models.Webhook:
        async with info.context.reading() as work:
            return await hooks.get_webhook(work, id)

    webhooks = listing(Webhook, "The caller's webhooks, newest first.", hooks.page_of_webhooks)

    webhook_deliveries = listing(
        WebhookDelivery, "What was sent to a webhook in the last 30 days, newest first. Raises NOT_FOUND.", hooks.page_of_deliveries
    )


@strawberry.type
class NotificationMutations:
    @mutation(Notification, f"Write a notification to oneself. {KEY} Raises VALIDATION_ERROR.", service=service.create_notification)
    async def create_notification(self, info: Info, input: NotificationInput, idempotency_key: str | None = None) -> models.Notification:
        body = checked(service.NewNotification, asdict(input))
        async with info.context.unit_of_work(idempotency_key) as work:
            return await service.create_notification(work, body)

    @mutation(
        Notification,
        "Mark a notification as read; repeating it keeps the moment of the first time. Raises NOT_FOUND.",
        service=service.mark_read,
    )
    async def mark_notification_read(self, info: Info, notification_id: strawberry.ID) -> models.Notification:
        async with info.context.unit_of_work() as work:
            return await service.mark_read(work, notification_id)

    @mutation(int, "Mark all unread notifications as read and return how many those were.", service=service.mark_all_read)
    async def mark_all_notifications_read(self, info: Info) -> int:
        async with info.context.unit_of_work() as work:
            return (await service.mark_all_read(work)).marked_count

    @mutation(strawberry.ID, "Take a notification off the list and return its id. Raises NOT_FOUND.", service=service.delete_notification)
    async def delete_notification(self, info: Info, notification_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await service.delete_notification(work, notification_id)
        return notification_id

    @mutation(
        list[NotificationPreference],
        "Change on which ways the caller is told of what, from the next notification on; return the choice for every kind.",
        service=preferences.update_preferences,
    )
    async def update_notification_preferences(self, info: Info, input: NotificationPreferencesInput) -> Sequence[preferences.ChannelChoice]:
        body = checked(preferences.PreferenceChanges, asdict(input))
        async with info.context.unit_of_work() as work:
            return await preferences.update_preferences(work, body)

    @mutation(
        WebhookWithSecret,
        f"Have notifications sent to a URL. {KEY} Raises WEBHOOK_URL_REFUSED, WEBHOOK_LIMIT_REACHED, VALIDATION_ERROR.",
        service=hooks.create_webhook,
    )
    async def create_webhook(
        self, info: Info, input: WebhookInput, idempotency_key: str | None = None
    ) -> hooks.WebhookWithSecret:  # fmt: skip
        body = checked(hooks.NewWebhook, asdict(input))
        return await hooks.create_webhook(info.context.keyed(idempotency_key), body)

    @mutation(
        Webhook,
        "Change a webhook, switch it off, or on again. Raises NOT_FOUND, WEBHOOK_URL_REFUSED, VALIDATION_ERROR.",
        service=hooks.update_webhook,
    )
    async def update_webhook(self, info: Info, webhook_id: strawberry.ID, input: WebhookChangesInput) -> models.Webhook:
        body = checked(hooks.WebhookChanges, asdict(input))
        return await hooks.update_webhook(info.context.operation, webhook_id, body)

    @mutation(
        WebhookWithSecret,
        "Give a webhook another secret, with which every attempt from now on is signed. Raises NOT_FOUND.",
        service=hooks.rotate_webhook_secret,
    )
    async def rotate_webhook_secret(self, info: Info, webhook_id: strawberry.ID) -> hooks.WebhookWithSecret:
        async with info.context.unit_of_work() as work:
            return await hooks.rotate_webhook_secret(work, webhook_id)

    @mutation(strawberry.ID, "Send nothing more to a webhook and return its id. Raises NOT_FOUND.", service=hooks.delete_webhook)
    async def delete_webhook(self, info: Info, webhook_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await hooks.delete_webhook(work, webhook_id)
        return webhook_id

    @mutation(
        WebhookDelivery,
        "Have a test message sent once, also to a webhook that is switched off; `webhookDeliveries` tells how it went. Raises NOT_FOUND.",
        service=hooks.test_webhook,
    )
    async def test_webhook(self, info: Info, webhook_id: strawberry.ID) -> models.WebhookDelivery:
        async with info.context.unit_of_work() as work:
            return await hooks.test_webhook(work, webhook_id)


@strawberry.type
class NotificationSubscriptions:
    @subscription(
        NotificationReceived,
        f"What the caller is told, as it is told. {AFTER} The current state is the newest 50 unread notifications, oldest first.",
        service=service.get_notification,
    )
    async def notification_received(self, info: Info, after: Cursor | None = None) -> AsyncGenerator[NotificationReceived]:
        async def current(work: UnitOfWork, head: Cursor) -> Iterable[NotificationReceived]:
            unread = await relations.newest_unread(work)
            return [NotificationReceived.of(document_of(found), head, found.created_at) for found in unread]

        def read(event: StoredEvent) -> NotificationReceived:
            return NotificationReceived.of(event.payload, Cursor(str(event.cursor)), event.occurred_at)

        interest = Interest(info.context.caller.id, (NOTIFICATION_CREATED,))
        async for update in updates(info.context, interest, after, current=current, read=read):
            yield update
