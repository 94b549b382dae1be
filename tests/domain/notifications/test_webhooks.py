"""Webhooks as their owners keep them."""

import asyncio
import base64
from collections.abc import Awaitable

import pytest

from domain.kernel.errors import ErrorCode
from domain.notifications import webhooks
from domain.notifications.models import Webhook, WebhookDelivery
from domain.notifications.sender import WebhookSender
from domain.notifications.webhooks import NewWebhook, WebhookChanges, create_webhook, update_webhook
from domain.runtime.addresses import AllowedTargets
from domain.runtime.encryption import KeyRing
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.builders import operation_of_new_user
from tests.databases import both_databases
from tests.domain.notifications.receiver import refusal_of, rows

URL = "http://127.0.0.1:9000/hook"


async def delete(user: Operation, webhook_id: str) -> None:
    async with user.unit_of_work() as work:
        await webhooks.delete_webhook(work, webhook_id)


async def test_secret_is_random_and_stored_sealed(ada: Operation, told: Runtime) -> None:
    first, second = await create_webhook(ada, NewWebhook(URL, "mine")), await create_webhook(ada, NewWebhook(URL))
    assert first.secret is not None and first.secret != second.secret
    assert first.secret.startswith("whsec_") and len(base64.b64decode(first.secret[6:])) == 32
    row, other = await rows(ada, Webhook)
    assert (row.url, row.description, row.is_active, other.description) == (URL, "mine", True, None)
    assert row.secret.startswith("v1.") and first.secret not in row.secret and first.secret[6:] not in row.secret
    assert told.use(KeyRing).open(row.secret, ada.caller.id, row.id) == first.secret


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://169.254.169.254/latest", "https://[::1]/", "ftp://x/", "http://127.0.0.1:22/"])
async def test_url_that_may_not_be_called_is_refused_and_nothing_changes(ada: Operation, url: str) -> None:
    assert (await refusal_of(create_webhook(ada, NewWebhook(url)))).code is ErrorCode.WEBHOOK_URL_REFUSED
    assert await rows(ada, Webhook) == []
    made = (await create_webhook(ada, NewWebhook(URL))).webhook
    assert (await refusal_of(update_webhook(ada, made.id, WebhookChanges(url=url)))).code is ErrorCode.WEBHOOK_URL_REFUSED
    assert [row.url for row in await rows(ada, Webhook)] == [URL]


@both_databases
async def test_there_are_ten_at_most_however_they_are_made(ada: Operation, bob: Operation) -> None:
    await create_webhook(bob, NewWebhook(URL))
    done = await asyncio.gather(*(create_webhook(ada, NewWebhook(URL)) for _ in range(12)), return_exceptions=True)
    refused = [one for one in done if isinstance(one, BaseException)]
    assert [getattr(one, "code", one) for one in refused] == [ErrorCode.WEBHOOK_LIMIT_REACHED] * 2
    assert len(await rows(ada, Webhook)) == 10
    await delete(ada, (await rows(ada, Webhook))[0].id)
    await create_webhook(ada, NewWebhook(URL))


async def test_same_key_makes_one_and_shows_its_secret_once(told: Runtime) -> None:
    user = await operation_of_new_user(told, idempotency_key="k1")
    first, again = await create_webhook(user, NewWebhook(URL)), await create_webhook(user, NewWebhook(URL))
    assert first.secret is not None
    assert (again.webhook.id, again.secret) == (first.webhook.id, None)
    refusal = await refusal_of(create_webhook(user, NewWebhook("http://127.0.0.1:9001/")))
    assert refusal.code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert len(await rows(user, Webhook)) == 1


async def test_switching_on_again_forgets_why_it_was_off(ada: Operation, told: Runtime) -> None:
    made = (await create_webhook(ada, NewWebhook(URL, "mine"))).webhook
    async with ada.unit_of_work() as work:
        row = await work.session.get_one(Webhook, made.id)
        row.is_active, row.failures, row.disabled_at, row.disabled_reason = False, 5, work.now, "it was gone"
    assert (await update_webhook(ada, made.id, WebhookChanges(description=""))).disabled_reason == "it was gone"
    on = await update_webhook(ada, made.id, WebhookChanges(is_active=True))
    assert (on.is_active, on.failures, on.disabled_at, on.disabled_reason, on.description) == (True, 0, None, None, None)


async def test_webhook_that_may_no_longer_be_called_is_not_switched_on(ada: Operation, told: Runtime) -> None:
    made = (await create_webhook(ada, NewWebhook(URL))).webhook
    await update_webhook(ada, made.id, WebhookChanges(is_active=False))
    told.provide(WebhookSender, WebhookSender(AllowedTargets()))
    refusal = await refusal_of(update_webhook(ada, made.id, WebhookChanges(is_active=True)))
    assert refusal.details["reason"] == "127.0.0.1 leads to a loopback address"
    assert not (await rows(ada, Webhook))[0].is_active


async def test_deleted_webhook_is_gone_with_its_secret(ada: Operation) -> None:
    made = (await create_webhook(ada, NewWebhook(URL))).webhook
    await delete(ada, made.id)
    assert (await refusal_of(delete(ada, made.id))).code is ErrorCode.NOT_FOUND
    async with ada.reading() as work:
        assert (await webhooks.list_webhooks(work)).total == 0
    (row,) = await rows(ada, Webhook)
    assert (row.secret, row.is_active) == ("", False)


async def test_anothers_webhook_is_not_there(ada: Operation, bob: Operation) -> None:
    made = (await create_webhook(ada, NewWebhook(URL))).webhook

    async def in_work(verb: str) -> object:
        async with bob.unit_of_work() as work:
            return await getattr(webhooks, verb)(work, made.id)

    verbs = ("get_webhook", "rotate_webhook_secret", "delete_webhook", "test_webhook", "list_deliveries")
    calls: list[Awaitable[object]] = [in_work(verb) for verb in verbs]
    for call in (*calls, update_webhook(bob, made.id, WebhookChanges(is_active=False))):
        assert (await refusal_of(call)).code is ErrorCode.NOT_FOUND
    (row,) = await rows(ada, Webhook)
    assert (row.secret, row.is_active, row.deleted_at) == (made.secret, True, None)
    assert await rows(ada, WebhookDelivery) == []
