"""Carries messages to webhooks: at least once, again and again with growing pauses, under one id, until they arrive or are given up."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, or_, select, update

from domain.accounts.models import User
from domain.kernel.clock import to_wire
from domain.kernel.ids import new_id
from domain.notifications.events import document_of, webhook_disabled
from domain.notifications.models import DeliveryStatus, Notification, Webhook, WebhookAttempt, WebhookDelivery
from domain.notifications.sender import TOTAL_SECONDS, Outcome, WebhookSender
from domain.notifications.signing import signed_headers
from domain.runtime.columns import dump_json
from domain.runtime.encryption import KeyRing, UnreadableSecret
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

log = structlog.get_logger()
DELIVERY_JOB = "notifications.deliver"
TEST = "webhook.test"
# Pauses after the first, second, … attempt that failed; after one more the delivery is given up.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3_600, 21_600))
MAX_FAILURES = 5
KEPT = timedelta(days=30)
# An attempt that has not been recorded by then has died with its worker.
CLAIM = timedelta(seconds=3 * TOTAL_SECONDS)
LOST_AFTER = timedelta(minutes=2)
BATCH = 200
GONE = 410
USER_AGENT = "Tradewind-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is to be sent now, and the number of the attempt."""

    number: int
    url: str
    secret: str
    body: bytes
    sent_at: datetime


async def queue_deliveries(work: UnitOfWork, notification: Notification) -> None:
    """Have the notification sent to every active webhook of its user."""
    query = select(Webhook).where(Webhook.user_id == notification.user_id, Webhook.is_active, Webhook.deleted_at.is_(None))
    for webhook in await work.session.scalars(query.order_by(Webhook.id)):
        queue_delivery(work, webhook, notification.kind.value, document_of(notification), notification.id)


def queue_delivery(
    work: UnitOfWork, webhook: Webhook, type: str, data: dict[str, object], notification_id: str | None = None
) -> WebhookDelivery:
    """Write a message to a webhook, which a worker sends after the commit."""
    delivery_id = new_id("msg")
    delivery = WebhookDelivery(
        id=delivery_id,
        webhook_id=webhook.id,
        user_id=webhook.user_id,
        notification_id=notification_id,
        type=type,
        body=dump_json({"id": delivery_id, "type": type, "created_at": to_wire(work.now), "data": data}),
        status=DeliveryStatus.PENDING,
        attempts=0,
        next_attempt_at=work.now,
        created_at=work.now,
    )
    work.session.add(delivery)
    work.enqueue(DELIVERY_JOB, delivery_id=delivery_id)
    return delivery


async def deliver(operation: Operation, delivery_id: str) -> None:
    """Make the attempt at a delivery that is due, if one is.

    The attempt is written before the request leaves and completed afterwards. A worker that dies in between leaves a claim that runs
    out, and the message is sent again under the same id: receivers may see it twice, and never miss it.
    """
    async with operation.unit_of_work() as work:
        attempt = await _begin(work, delivery_id)
    if attempt is None:
        return
    headers = signed_headers(attempt.secret, delivery_id, attempt.sent_at, attempt.body)
    headers |= {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    outcome = await operation.use(WebhookSender).post(attempt.url, headers, attempt.body)
    async with operation.unit_of_work() as work:
        await _record(work, delivery_id, attempt.number, outcome)


async def cancel_pending(work: UnitOfWork, webhook_id: str) -> None:
    """Give up what is still to be sent to a webhook. Call it under the webhook's lock."""
    pending = update(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.status == DeliveryStatus.PENDING)
    await work.session.execute(pending.values(status=DeliveryStatus.CANCELLED, next_attempt_at=None, finished_at=work.now))


async def queue_lost_deliveries(operation: Operation) -> int:
    """Queue every delivery whose time came two minutes ago and that nobody is at; says how many. Called by the timetable."""
    async with operation.unit_of_work() as work:
        lost = select(WebhookDelivery).where(
            WebhookDelivery.status == DeliveryStatus.PENDING,
            WebhookDelivery.next_attempt_at <= work.now - LOST_AFTER,
            or_(WebhookDelivery.claimed_until.is_(None), WebhookDelivery.claimed_until <= work.now),
        )
        # Without the webhook's lock, so it must not wait: what somebody holds is not lost.
        found = (
            await work.session.scalars(lost.order_by(WebhookDelivery.next_attempt_at).limit(BATCH).with_for_update(skip_locked=True))
        ).all()
        for delivery in found:
            delivery.next_attempt_at = work.now  # not lost again for another two minutes
            work.enqueue(DELIVERY_JOB, delivery_id=delivery.id)
    if found:
        log.warning("webhooks.lost_deliveries_queued", count=len(found))
    return len(found)


async def prune_deliveries(work: UnitOfWork) -> None:
    """Forget deliveries that ended more than 30 days ago, with their attempts."""
    old = WebhookDelivery.created_at < work.now - KEPT, WebhookDelivery.status != DeliveryStatus.PENDING
    await work.session.execute(delete(WebhookDelivery).where(*old))


def pause_after(delivery_id: str, attempts: int) -> timedelta | None:
    """Return how long to wait after so many attempts, up to a fifth more than the table says; None when it is time to give up.

    The extra part follows from the id, so that receivers that were down are not called by all deliveries at the same moment.
    """
    if attempts > len(PAUSES):
        return None
    spread = int.from_bytes(hashlib.sha256(f"{delivery_id}/{attempts}".encode()).digest()[:4]) / 2**32
    return PAUSES[attempts - 1] * (1 + spread / 5)


async def _begin(work: UnitOfWork, delivery_id: str) -> Attempt | None:
    delivery, webhook = await _locked(work, delivery_id)
    if delivery is None or webhook is None or delivery.status is not DeliveryStatus.PENDING:
        return None
    if delivery.claimed_until is not None and delivery.claimed_until > work.now:
        # Somebody is at it, or was when its worker died: this job was perhaps the last that knew.
        work.enqueue(DELIVERY_JOB, run_at=delivery.claimed_until, delivery_id=delivery.id)
        return None
    if delivery.next_attempt_at is not None and delivery.next_attempt_at > work.now:
        return None  # another job is due then
    owner = await work.session.get(User, delivery.user_id)
    has_owner = owner is not None and owner.deleted_at is None and owner.is_active
    if webhook.deleted_at is not None or not has_owner or not (webhook.is_active or delivery.type == TEST):
        delivery.status, delivery.next_attempt_at, delivery.finished_at = DeliveryStatus.CANCELLED, None, work.now
        return None
    try:
        secret = work.operation.use(KeyRing).open(webhook.secret, webhook.user_id, webhook.id)
    except UnreadableSecret as unreadable:
        log.error("webhooks.secret_unreadable", webhook_id=webhook.id, error=str(unreadable))
        await _switch_off(work, webhook, "its secret cannot be read any more and must be rotated")
        return None
    delivery.attempts += 1
    delivery.claimed_until = work.now + CLAIM
    work.session.add(WebhookAttempt(id=new_id("attempt"), delivery_id=delivery.id, number=delivery.attempts, started_at=work.now))
    return Attempt(delivery.attempts, webhook.url, secret, delivery.body.encode(), work.now)


async def _record(work: UnitOfWork, delivery_id: str, number: int, outcome: Outcome) -> None:
    delivery, webhook = await _locked(work, delivery_id)
    if delivery is None or webhook is None:
        return
    completed = update(WebhookAttempt).where(WebhookAttempt.delivery_id == delivery_id, WebhookAttempt.number == number)
    await work.session.execute(
        completed.values(
            finished_at=work.now,
            status_code=outcome.status_code,
            duration_ms=outcome.duration_ms,
            error=outcome.error,
            response=outcome.response,
        )
    )
    # What a worker that was taken for dead has to say counts only if it brought the message home.
    if delivery.status is not DeliveryStatus.PENDING or (delivery.attempts != number and not outcome.arrived):
        return
    delivery.status_code, delivery.error, delivery.claimed_until = outcome.status_code, outcome.error, None
    pause = None if delivery.type == TEST else pause_after(delivery.id, number)
    if outcome.arrived:
        _end(work, delivery, DeliveryStatus.DELIVERED)
        webhook.failures = 0
    elif outcome.status_code == GONE:
        _end(work, delivery, DeliveryStatus.FAILED)
        await _switch_off(work, webhook, "it answered that it is gone (410)")
    elif pause is not None:
        delivery.next_attempt_at = work.now + pause
        work.enqueue(DELIVERY_JOB, run_at=delivery.next_attempt_at, delivery_id=delivery.id)
    else:
        _end(work, delivery, DeliveryStatus.FAILED)
        if delivery.type != TEST:
            webhook.failures += 1
        if webhook.failures >= MAX_FAILURES:
            await _switch_off(work, webhook, f"{webhook.failures} messages in a row could not be delivered")


def _end(work: UnitOfWork, delivery: WebhookDelivery, status: DeliveryStatus) -> None:
    delivery.status, delivery.next_attempt_at, delivery.finished_at = status, None, work.now


async def _switch_off(work: UnitOfWork, webhook: Webhook, reason: str) -> None:
    if not webhook.is_active:
        return
    webhook.is_active, webhook.disabled_at, webhook.disabled_reason, webhook.updated_at = False, work.now, reason, work.now
    await work.session.flush()
    await cancel_pending(work, webhook.id)
    work.emit(webhook_disabled(webhook))


async def _locked(work: UnitOfWork, delivery_id: str) -> tuple[WebhookDelivery | None, Webhook | None]:
    # The webhook first, as everywhere.
    webhook_id = await work.session.scalar(select(WebhookDelivery.webhook_id).where(WebhookDelivery.id == delivery_id))
    if webhook_id is None:
        return None, None
    fresh = {"with_for_update": True, "populate_existing": True}
    webhook = await work.session.get(Webhook, webhook_id, **fresh)  # type: ignore[arg-type]
    return await work.session.get(WebhookDelivery, delivery_id, **fresh), webhook  # type: ignore[arg-type]
