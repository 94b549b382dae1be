"""Messages to webhooks: signed, repeated until they arrive, given up at last, and never lost."""

import asyncio
import base64
import hmac
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from domain.accounts.models import User
from domain.kernel.clock import ManualClock
from domain.notifications import deliveries, webhooks
from domain.notifications.deliveries import PAUSES, deliver, pause_after, queue_lost_deliveries
from domain.notifications.models import DeliveryStatus, Notification, Webhook, WebhookAttempt, WebhookDelivery
from domain.notifications.sender import Outcome, WebhookSender
from domain.notifications.webhooks import NewWebhook, WebhookChanges, WebhookWithSecret, create_webhook, update_webhook
from domain.runtime.encryption import KeyRing
from domain.runtime.operation import Operation
from domain.runtime.outbox import OutboxJob
from domain.runtime.runtime import Runtime
from tests.conftest import START
from tests.databases import both_databases
from tests.domain.notifications.receiver import ALERT, BROKEN, OK, Received, do_jobs, happen, jobs, notified, receiving, rows, status
from workers.notifications import prune

JOB = "notifications.deliver"


def is_signed(secret: str | None, request: Received) -> bool:
    """Check a signature as standardwebhooks.com says, with nothing of ours."""
    assert secret is not None
    key = base64.b64decode(secret[len("whsec_") :])
    content = b".".join((request.headers["webhook-id"].encode(), request.headers["webhook-timestamp"].encode(), request.body))
    return request.headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()


async def subscribed(user: Operation, url: str) -> WebhookWithSecret:
    return await create_webhook(user, NewWebhook(url))


async def alert(user: Operation, subject_id: str = "alert_1") -> WebhookDelivery:
    """Have the user told of something, and return the newest delivery."""
    await happen(user, "price_alert.triggered", ALERT, subject_id)
    return (await rows(user, WebhookDelivery))[-1]


async def delivery_of(user: Operation) -> WebhookDelivery:
    (only,) = await rows(user, WebhookDelivery)
    return only


async def attempts(user: Operation, delivery: WebhookDelivery) -> Sequence[WebhookAttempt]:
    async with user.reading() as work:
        return (await webhooks.attempts_of(work, [delivery.id]))[delivery.id]


async def exhaust(told: Runtime, clock: ManualClock) -> None:
    """Do what is due, and let time pass, until nothing is left to do."""
    for _ in range(20):
        await do_jobs(told, JOB)
        left = await jobs(told, JOB)
        if not left:
            return
        clock.set(min(job.run_at for job in left))
    raise AssertionError("it never ends")


@both_databases
async def test_message_arrives_signed(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    async with receiving() as receiver:
        made = await subscribed(ada, receiver.url)
        delivery = await alert(ada)
        assert (delivery.status, delivery.attempts, delivery.next_attempt_at) == (DeliveryStatus.PENDING, 0, START)
        assert await do_jobs(told, JOB) == 1
    (request,) = receiver.requests
    (note,) = await rows(ada, Notification)
    assert json.loads(request.body) == {
        "id": delivery.id,
        "type": "price_alert.triggered",
        "created_at": "2026-03-02T09:30:00.000Z",
        "data": {
            "notification_id": note.id,
            "user_id": ada.caller.id,
            "kind": "price_alert.triggered",
            "subject_id": "alert_1",
            "type": "info",
            "title": "BTC/USDT is at 60,100.50",
            "message": "BTC/USDT rose above 60,000.00.",
            "metadata": ALERT,
            "created_at": "2026-03-02T09:30:00.000Z",
        },
    }
    assert (request.headers["webhook-id"], request.headers["webhook-timestamp"]) == (delivery.id, str(int(START.timestamp())))
    assert request.headers["content-type"] == "application/json"
    assert is_signed(made.secret, request)
    assert not is_signed(made.secret, Received(request.line, request.headers, request.body + b" "))
    delivery = await delivery_of(ada)
    assert (delivery.status, delivery.attempts, delivery.status_code, delivery.error) == (DeliveryStatus.DELIVERED, 1, 200, None)
    assert (delivery.next_attempt_at, delivery.claimed_until, delivery.finished_at) == (None, None, clock.now())


@both_databases
async def test_message_is_repeated_under_one_id_until_it_arrives(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    async with receiving(BROKEN, BROKEN, OK) as receiver:
        made = await subscribed(ada, receiver.url)
        delivery = await alert(ada)
        await do_jobs(told, JOB)
        waiting = await delivery_of(ada)
        assert (waiting.status, waiting.status_code, waiting.error) == (DeliveryStatus.PENDING, 500, "Answered 500")
        assert waiting.next_attempt_at is not None
        assert timedelta(seconds=5) <= waiting.next_attempt_at - START <= timedelta(seconds=6)
        assert [job.run_at for job in await jobs(told, JOB)] == [waiting.next_attempt_at]
        await deliver(told.operation(), delivery.id)  # too early
        assert len(receiver.requests) == 1
        await exhaust(told, clock)
    assert [request.headers["webhook-id"] for request in receiver.requests] == [delivery.id] * 3
    assert len({request.body for request in receiver.requests}) == 1
    stamps = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    assert stamps == sorted(set(stamps)) and all(is_signed(made.secret, request) for request in receiver.requests)
    done = await delivery_of(ada)
    assert (done.status, done.attempts, done.status_code, done.error) == (DeliveryStatus.DELIVERED, 3, 200, None)
    log = await attempts(ada, done)
    assert [(one.number, one.status_code, one.error) for one in log] == [(1, 500, "Answered 500"), (2, 500, "Answered 500"), (3, 200, None)]
    assert [len(one.response or "") for one in log] == [1_024, 1_024, 6]
    assert all(one.finished_at is not None and one.duration_ms is not None for one in log)


async def test_message_is_given_up_after_hours_and_its_webhook_after_five_such(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    async with receiving(BROKEN) as receiver:
        hook = (await subscribed(ada, receiver.url)).webhook
        delivery = await alert(ada)
        await exhaust(told, clock)
        assert len(receiver.requests) == len(PAUSES) + 1 == 7
        assert sum(PAUSES, timedelta()) <= clock.now() - START <= sum(PAUSES, timedelta()) * 1.2
        given_up = await delivery_of(ada)
        assert (given_up.status, given_up.attempts, given_up.finished_at) == (DeliveryStatus.FAILED, 7, clock.now())
        for number in range(2, 6):
            assert (await rows(ada, Webhook))[0].is_active
            await alert(ada, f"alert_{number}")
            await exhaust(told, clock)
        (hook,) = await rows(ada, Webhook)
        assert (hook.is_active, hook.failures, hook.disabled_at) == (False, 5, clock.now())
        assert hook.disabled_reason == "5 messages in a row could not be delivered"
        assert (await notified(ada))[-1] == (
            "webhook.disabled",
            f"Nothing more is sent to {receiver.url}: 5 messages in a row could not be delivered. Switch it on again once it works.",
        )
        await alert(ada, "alert_6")
    assert len(await rows(ada, WebhookDelivery)) == 5
    assert delivery.webhook_id == hook.id


async def test_message_that_arrives_forgives_those_that_did_not(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    async with receiving(*([BROKEN] * 7), OK) as receiver:
        await subscribed(ada, receiver.url)
        await alert(ada)
        await exhaust(told, clock)
        assert (await rows(ada, Webhook))[0].failures == 1
        await alert(ada, "alert_2")
        await exhaust(told, clock)
    (hook,) = await rows(ada, Webhook)
    assert (hook.failures, hook.is_active) == (0, True)


@both_databases
async def test_receiver_that_is_gone_is_left_alone_at_once(ada: Operation, told: Runtime) -> None:
    async with receiving(status("410 Gone")) as receiver, receiving() as other:
        await subscribed(ada, receiver.url)
        await subscribed(ada, other.url)
        await alert(ada)
        await alert(ada, "alert_2")
        assert await do_jobs(told, JOB) == 4
        assert await do_jobs(told, JOB) == 1  # the other one is told that the first was switched off
    assert (len(receiver.requests), len(other.requests)) == (1, 3)
    assert json.loads(other.requests[-1].body)["type"] == "webhook.disabled"
    gone, kept = await rows(ada, Webhook)
    assert (gone.is_active, gone.disabled_reason, kept.is_active) == (False, "it answered that it is gone (410)", True)
    mine = await rows(ada, WebhookDelivery, webhook_id=gone.id)
    assert [delivery.status for delivery in mine] == [DeliveryStatus.FAILED, DeliveryStatus.CANCELLED]


async def test_hanging_receiver_holds_no_transaction(ada: Operation, told: Runtime) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def wait(writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await go_on.wait()
        writer.write(OK)

    async with receiving(wait) as receiver:
        await subscribed(ada, receiver.url)
        delivery = await alert(ada)
        sending = asyncio.create_task(deliver(told.operation(), delivery.id))
        await arrived.wait()
        (attempt,) = await attempts(ada, delivery)
        assert (attempt.number, attempt.finished_at, attempt.status_code) == (1, None, None)
        async with asyncio.timeout(5):  # SQLite has one writer, and it is free
            await alert(ada, "alert_2")
        go_on.set()
        await sending
    assert (await rows(ada, WebhookDelivery))[0].status is DeliveryStatus.DELIVERED


class Dies(WebhookSender):
    """Sends, and never comes back to say how it went."""

    async def post(self, url: str, headers: Any, body: bytes) -> Outcome:
        await super().post(url, headers, body)
        raise asyncio.CancelledError


@both_databases
async def test_death_between_sending_and_recording_sends_again_under_the_same_id(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    sender = told.use(WebhookSender)
    async with receiving() as receiver:
        await subscribed(ada, receiver.url)
        delivery = await alert(ada)
        told.provide(WebhookSender, Dies(sender._allowed))
        with pytest.raises(asyncio.CancelledError):
            await deliver(told.operation(), delivery.id)
        told.provide(WebhookSender, sender)
        await do_jobs(told, JOB)  # the relay hands the job out again at once: the claim of the dead is still good
        assert len(receiver.requests) == 1
        (job,) = await jobs(told, JOB)
        assert job.run_at == START + timedelta(seconds=30)
        clock.set(job.run_at)
        await do_jobs(told, JOB)
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.id
    done = await delivery_of(ada)
    assert (done.status, done.attempts) == (DeliveryStatus.DELIVERED, 2)
    assert [one.finished_at is None for one in await attempts(ada, done)] == [True, False]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_search_for_lost_messages_waits_for_nobody(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    async with receiving() as receiver:
        for _ in range(2):
            await subscribed(ada, receiver.url)
        await alert(ada)
        clock.advance(minutes=2)
        held = (await rows(ada, WebhookDelivery))[0]
        async with ada.unit_of_work() as work:
            await work.session.get(WebhookDelivery, held.id, with_for_update=True)
            async with asyncio.timeout(5):
                assert await queue_lost_deliveries(told.operation()) == 1


async def test_message_whose_jobs_are_all_lost_is_found(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    async with receiving() as receiver:
        await subscribed(ada, receiver.url)
        await alert(ada)
        async with told.operation().unit_of_work() as work:
            for job in await work.session.scalars(select(OutboxJob).where(OutboxJob.name == JOB)):
                await work.session.delete(job)
        clock.advance(minutes=2, microseconds=-1)
        assert await queue_lost_deliveries(told.operation()) == 0
        clock.advance(microseconds=1)
        with capture_logs() as logs:
            assert await queue_lost_deliveries(told.operation()) == 1
            assert await queue_lost_deliveries(told.operation()) == 0
        assert [line["event"] for line in logs] == ["webhooks.lost_deliveries_queued"]
        await do_jobs(told, JOB)
    assert len(receiver.requests) == 1


@both_databases
async def test_many_workers_at_the_same_message_send_it_once(ada: Operation, told: Runtime) -> None:
    async with receiving() as receiver:
        await subscribed(ada, receiver.url)
        delivery = await alert(ada)
        await asyncio.gather(*(deliver(told.operation(), delivery.id) for _ in range(8)))
    assert len(receiver.requests) == 1
    assert (await delivery_of(ada)).attempts == 1


async def test_worker_taken_for_dead_counts_only_if_it_brought_the_message_home(ada: Operation, told: Runtime) -> None:
    await subscribed(ada, "http://127.0.0.1:9999/")
    delivery = await alert(ada)
    failed = Outcome(500, "Answered 500", "", 1)
    async with told.operation().unit_of_work() as work:
        await work.session.execute(update(WebhookDelivery).values(attempts=2))
    async with told.operation().unit_of_work() as work:
        await deliveries._record(work, delivery.id, 1, failed)
    assert (await delivery_of(ada)).next_attempt_at == START  # nothing was postponed
    async with told.operation().unit_of_work() as work:
        await deliveries._record(work, delivery.id, 1, Outcome(204, None, "", 1))
    assert (await delivery_of(ada)).status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize("change", ["delete", "switch_off", "close_account", "lock_account"])
async def test_nothing_is_sent_to_what_is_gone_by_then(ada: Operation, told: Runtime, change: str) -> None:
    async with receiving() as receiver:
        hook = (await subscribed(ada, receiver.url)).webhook
        await alert(ada)
        if change == "switch_off":
            await update_webhook(ada, hook.id, WebhookChanges(is_active=False))
        else:
            async with ada.unit_of_work() as work:
                user = await work.session.get_one(User, ada.caller.id)
                if change == "delete":
                    await webhooks.delete_webhook(work, hook.id)
                elif change == "close_account":
                    user.deleted_at = work.now
                else:
                    user.is_active = False
        await do_jobs(told, JOB)
    assert receiver.requests == []
    assert (await delivery_of(ada)).status is DeliveryStatus.CANCELLED


async def test_secret_that_cannot_be_read_switches_the_webhook_off(ada: Operation, told: Runtime) -> None:
    async with receiving() as receiver:
        await subscribed(ada, receiver.url)
        await alert(ada)
        told.provide(KeyRing, KeyRing({"other": bytes(32)}))
        with capture_logs() as logs:
            await do_jobs(told, JOB)
    assert (logs[0]["event"], receiver.requests) == ("webhooks.secret_unreadable", [])
    (hook,) = await rows(ada, Webhook)
    assert (hook.is_active, hook.disabled_reason) == (False, "its secret cannot be read any more and must be rotated")
    assert (await notified(ada))[-1][0] == "webhook.disabled"


async def test_test_message_is_sent_once_and_counts_for_nothing(ada: Operation, told: Runtime) -> None:
    async with receiving(BROKEN, OK) as receiver:
        made = await subscribed(ada, receiver.url)
        await update_webhook(ada, made.webhook.id, WebhookChanges(is_active=False))
        for _ in range(2):
            async with ada.unit_of_work() as work:
                await webhooks.test_webhook(work, made.webhook.id)
            assert await do_jobs(told, JOB) == 1
            assert await jobs(told, JOB) == []
    assert [json.loads(request.body)["type"] for request in receiver.requests] == ["webhook.test"] * 2
    assert all(is_signed(made.secret, request) for request in receiver.requests)
    assert [delivery.status for delivery in await rows(ada, WebhookDelivery)] == [DeliveryStatus.FAILED, DeliveryStatus.DELIVERED]
    assert (await rows(ada, Webhook))[0].failures == 0


async def test_new_secret_signs_what_is_sent_from_then_on(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    async with receiving(BROKEN, OK) as receiver:
        made = await subscribed(ada, receiver.url)
        await alert(ada)
        await do_jobs(told, JOB)
        async with ada.unit_of_work() as work:
            rotated = await webhooks.rotate_webhook_secret(work, made.webhook.id)
        await exhaust(told, clock)
    before, after = receiver.requests
    assert rotated.secret != made.secret
    assert is_signed(made.secret, before) and is_signed(rotated.secret, after) and not is_signed(made.secret, after)


@both_databases
async def test_old_deliveries_are_forgotten_with_their_attempts(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    async with receiving(OK) as receiver:
        await subscribed(ada, receiver.url)
        await alert(ada)
        await do_jobs(told, JOB)
        clock.advance(days=30)
        await alert(ada, "alert_2")
        await do_jobs(told, JOB)
        await prune(told.operation())
        assert len(await rows(ada, WebhookDelivery)) == 2
        clock.advance(microseconds=1)
        await prune(told.operation())
    (kept,) = await rows(ada, WebhookDelivery)
    async with told.operation().reading() as work:
        assert [one.delivery_id for one in await work.session.scalars(select(WebhookAttempt))] == [kept.id]


def test_pauses_grow_and_spread_by_a_fifth_at_most() -> None:
    for attempts_, pause in enumerate(PAUSES, start=1):
        found = {pause_after(f"msg_{number}", attempts_) for number in range(50)}
        assert len(found) == 50
        assert all(one is not None and pause <= one <= pause * 1.2 for one in found)
    assert pause_after("msg_1", 7) is None
    assert pause_after("msg_1", 1) == pause_after("msg_1", 1)
