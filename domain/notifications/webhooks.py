"""What people do with their webhooks: have them made, listed, changed, tested and taken away."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import Select, func, select

from domain.accounts.models import User
from domain.audit.recording import audited, entry_of
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, requires
from domain.notifications.deliveries import TEST, cancel_pending, queue_delivery
from domain.notifications.models import DeliveryStatus, Webhook, WebhookAttempt, WebhookDelivery
from domain.notifications.sender import MAX_URL_LENGTH, WebhookSender
from domain.notifications.signing import new_secret
from domain.runtime.encryption import KeyRing
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.keyset import KeysetPage, PageRequest, equal, grouped, keyset_page
from domain.runtime.operation import Operation
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

MAX_WEBHOOKS = 10

WebhookURL = Annotated[str, Field(min_length=1, max_length=MAX_URL_LENGTH)]
Description = Annotated[str, Field(max_length=200)]


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """Where notifications are to be sent: an https or http URL on a public host."""

    url: WebhookURL
    description: Description | None = None


@dataclass(frozen=True, slots=True)
class WebhookChanges:
    """What is to change; None leaves a field as it is. Switching on forgets why the server had switched it off."""

    url: WebhookURL | None = None
    description: Description | None = None
    is_active: bool | None = None


@dataclass(frozen=True, slots=True)
class WebhookWithSecret:
    """A webhook together with what its receiver checks signatures with: shown now, and never again.

    `secret` is None when a repeated call finds the webhook already made.
    """

    webhook: Webhook
    secret: str | None


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery with its attempts, first one first."""

    delivery: WebhookDelivery
    attempts: Sequence[WebhookAttempt]


def webhooks_visible_to(caller: Caller) -> Select[Webhook]:
    """Return the select that every reading of webhooks starts from: the caller's own that are not deleted."""
    query = select(Webhook).where(Webhook.deleted_at.is_(None))
    return query if caller.is_system else query.where(Webhook.user_id == caller.id)


@audited("webhook.create")
@requires(Permission.NOTIFICATIONS_WRITE)
async def create_webhook(operation: Operation, body: NewWebhook) -> WebhookWithSecret:
    """Have the caller's notifications sent to a URL, from the next one on.

    A repeated call with the same idempotency key answers with the webhook and no secret; who has lost it rotates it.
    Raises WEBHOOK_URL_REFUSED, which says why, WEBHOOK_LIMIT_REACHED beyond ten webhooks, VALIDATION_ERROR.
    """
    await operation.use(WebhookSender).check(body.url)
    ring, user_id = operation.use(KeyRing), operation.caller.id
    webhook = Webhook(id=new_id("hook"), user_id=user_id, url=body.url, description=body.description or None, is_active=True, failures=0)
    secret = new_secret()
    async with operation.unit_of_work() as work:
        if earlier := await claim(work, fingerprint_of("create_webhook", **asdict(body)), webhook.id):
            return WebhookWithSecret(await find_webhook(work, earlier), None)
        # of two that are made at once, the second counts the first
        await work.session.execute(select(User.id).where(User.id == user_id).with_for_update())
        count = await work.session.scalar(select(func.count()).select_from(webhooks_visible_to(work.caller).subquery())) or 0
        if count >= MAX_WEBHOOKS:
            raise DomainError(ErrorCode.WEBHOOK_LIMIT_REACHED, f"There are {MAX_WEBHOOKS} webhooks, which is the most", limit=MAX_WEBHOOKS)
        entry_of(work).about(webhook.id)
        webhook.secret, webhook.created_at = ring.seal(secret, user_id, webhook.id), work.now
        work.session.add(webhook)
    return WebhookWithSecret(webhook, secret)


@requires(Permission.NOTIFICATIONS_READ)
async def list_webhooks(work: UnitOfWork, limit: Limit = 10, offset: Offset = 0) -> Page[Webhook]:
    """Return the caller's webhooks, newest first."""
    query = webhooks_visible_to(work.caller).order_by(Webhook.created_at.desc(), Webhook.id.desc())
    return await page_of(work.session, query, limit, offset)


@requires(Permission.NOTIFICATIONS_READ)
async def page_of_webhooks(work: UnitOfWork, page: PageRequest) -> KeysetPage[Webhook]:
    """Return a page of the caller's webhooks, newest first."""
    return await keyset_page(work.session, webhooks_visible_to(work.caller), Webhook, page)


@requires(Permission.NOTIFICATIONS_READ)
async def get_webhook(work: UnitOfWork, webhook_id: str) -> Webhook:
    """Return one webhook. Raises NOT_FOUND."""
    return await find_webhook(work, webhook_id)


@audited("webhook.update", id="webhook_id")
@requires(Permission.NOTIFICATIONS_WRITE)
async def update_webhook(operation: Operation, webhook_id: str, body: WebhookChanges) -> Webhook:
    """Change a webhook; what is still to be sent goes to its new URL, and is given up when it is switched off.

    Raises NOT_FOUND, WEBHOOK_URL_REFUSED (also for the old URL, when it is switched on again).
    """
    async with operation.reading() as work:
        webhook = await find_webhook(work, webhook_id)
    if body.url is not None or body.is_active:
        await operation.use(WebhookSender).check(body.url or webhook.url)
    async with operation.unit_of_work() as work:
        webhook = await find_webhook(work, webhook_id, for_update=True)
        webhook.url = webhook.url if body.url is None else body.url
        webhook.description = webhook.description if body.description is None else body.description or None
        if body.is_active is not None:
            webhook.is_active, webhook.failures, webhook.disabled_at, webhook.disabled_reason = body.is_active, 0, None, None
        webhook.updated_at = work.now
        if body.is_active is False:
            await cancel_pending(work, webhook.id)
    return webhook


@audited("webhook.rotate_secret", id="webhook_id")
@requires(Permission.NOTIFICATIONS_WRITE)
async def rotate_webhook_secret(work: UnitOfWork, webhook_id: str) -> WebhookWithSecret:
    """Give a webhook another secret, with which every attempt from now on is signed. Raises NOT_FOUND."""
    webhook = await find_webhook(work, webhook_id, for_update=True)
    secret = new_secret()
    webhook.secret = work.operation.use(KeyRing).seal(secret, webhook.user_id, webhook.id)
    webhook.updated_at = work.now
    return WebhookWithSecret(webhook, secret)


@audited("webhook.delete", id="webhook_id")
@requires(Permission.NOTIFICATIONS_WRITE)
async def delete_webhook(work: UnitOfWork, webhook_id: str) -> None:
    """Send nothing more to a webhook, and forget its secret. Raises NOT_FOUND, also the second time."""
    webhook = await find_webhook(work, webhook_id, for_update=True)
    webhook.is_active, webhook.secret, webhook.deleted_at, webhook.updated_at = False, "", work.now, work.now
    await cancel_pending(work, webhook.id)


@audited("webhook.test", id="webhook_id")
@requires(Permission.NOTIFICATIONS_WRITE)
async def test_webhook(work: UnitOfWork, webhook_id: str) -> WebhookDelivery:
    """Have a message of the type `webhook.test` sent once, also to a webhook that is switched off; its delivery tells how it went.

    Raises NOT_FOUND.
    """
    webhook = await find_webhook(work, webhook_id)
    return queue_delivery(work, webhook, TEST, {"webhook_id": webhook.id, "message": "This is a test. It is sent once."})


@requires(Permission.NOTIFICATIONS_READ)
async def list_deliveries(
    work: UnitOfWork, webhook_id: str, status: DeliveryStatus | None = None, limit: Limit = 10, offset: Offset = 0
) -> Page[DeliveryRecord]:
    """Return what was sent to a webhook in the last 30 days, newest first, with every attempt. Raises NOT_FOUND."""
    webhook = await find_webhook(work, webhook_id)
    query = equal(select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id), (WebhookDelivery.status, status))
    page = await page_of(work.session, query.order_by(WebhookDelivery.created_at.desc(), WebhookDelivery.id.desc()), limit, offset)
    attempts = await attempts_of(work, [delivery.id for delivery in page.items])
    return Page([DeliveryRecord(delivery, attempts[delivery.id]) for delivery in page.items], page.total)


@requires(Permission.NOTIFICATIONS_READ)
async def page_of_deliveries(
    work: UnitOfWork, page: PageRequest, webhook_id: str, status: DeliveryStatus | None = None
) -> KeysetPage[WebhookDelivery]:
    """Return a page of what was sent to a webhook, newest first. Raises NOT_FOUND."""
    webhook = await find_webhook(work, webhook_id)
    query = equal(select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id), (WebhookDelivery.status, status))
    return await keyset_page(work.session, query, WebhookDelivery, page)


@requires(Permission.NOTIFICATIONS_READ)
async def attempts_of(work: UnitOfWork, delivery_ids: Collection[str]) -> Mapping[str, list[WebhookAttempt]]:
    """Return the attempts at the caller's deliveries, first one first."""
    query = select(WebhookAttempt).join(WebhookDelivery, WebhookDelivery.id == WebhookAttempt.delivery_id)
    if not work.caller.is_system:
        query = query.where(WebhookDelivery.user_id == work.caller.id)
    query = query.where(WebhookAttempt.delivery_id.in_(delivery_ids)).order_by(WebhookAttempt.number)
    return await grouped(work.session, query, "delivery_id", delivery_ids)


async def find_webhook(work: UnitOfWork, webhook_id: str, *, for_update: bool = False) -> Webhook:
    """Return the caller's webhook; raises NOT_FOUND."""
    query = webhooks_visible_to(work.caller).where(Webhook.id == webhook_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    webhook = await work.session.scalar(query)
    if webhook is None:
        raise NotFound("Webhook", webhook_id)
    return webhook
