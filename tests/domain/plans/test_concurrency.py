"""Everybody at once, on both databases: whatever the order, a user never has two live subscriptions."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.plans.expiry import settle_due_subscriptions
from domain.plans.models import Subscription, SubscriptionStatus
from domain.plans.service import get_current_subscription
from domain.runtime.operation import Operation
from tests.conftest import START
from tests.databases import both_databases
from tests.domain.plans.subscribers import cancel, renew, subscribe, subscriptions_of

pytestmark = both_databases
ROUNDS = 5


async def all_at_once(*calls: Awaitable[object]) -> list[ErrorCode]:
    """Return the codes of those that were refused; anything else that goes wrong is raised."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, DomainError):
            raise answer
    return [answer.code for answer in answers if isinstance(answer, DomainError)]


async def live(user: Operation) -> list[Subscription]:
    return [row for row in await subscriptions_of(user) if row.is_live]


async def test_of_many_subscribing_at_once_one_does(ada: Operation) -> None:
    refusals = await all_at_once(*(subscribe(ada, name) for name in ("Free", "Pro", "Enterprise") * 3))
    assert refusals == [ErrorCode.SUBSCRIPTION_ACTIVE] * 8
    assert len(await subscriptions_of(ada)) == 1


async def test_many_retries_under_one_key_subscribe_once(ada: Operation) -> None:
    assert await all_at_once(*(subscribe(replace(ada, idempotency_key="once")) for _ in range(8))) == []
    assert len(await subscriptions_of(ada)) == 1


async def test_many_retries_under_one_key_renew_once(ada: Operation) -> None:
    subscription = await subscribe(ada)
    assert await all_at_once(*(renew(replace(ada, idempotency_key="once"), subscription) for _ in range(8))) == []
    assert [row.end_date for row in await live(ada)] == [START + timedelta(days=60)]


async def test_renewals_without_a_key_are_all_counted(ada: Operation) -> None:
    subscription = await subscribe(ada)
    assert await all_at_once(*(renew(ada, subscription) for _ in range(6))) == []
    assert [row.end_date for row in await live(ada)] == [START + timedelta(days=7 * 30)]


async def test_of_two_renewed_at_once_one_lives(ada: Operation) -> None:
    first = await subscribe(ada)
    await cancel(ada, first)
    second = await subscribe(ada)
    await cancel(ada, second)
    refusals = await all_at_once(renew(ada, first), renew(ada, second), subscribe(ada))
    assert refusals == [ErrorCode.SUBSCRIPTION_ACTIVE] * 2
    assert len(await live(ada)) == 1


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_cancel_against_renew(ada: Operation, cancel_first: bool) -> None:
    for _ in range(ROUNDS):
        subscription = await subscribe(ada)
        calls = [cancel(ada, subscription), renew(ada, subscription)]
        assert await all_at_once(*(calls if cancel_first else reversed(calls))) == []
        (row,) = [row for row in await subscriptions_of(ada) if row.id == subscription.id]
        # Whoever came last has the word; half of either is not to be seen.
        if row.is_live:
            assert (row.cancelled_at, row.end_date) == (None, START + timedelta(days=30))
            await cancel(ada, row)
        else:
            assert (row.cancelled_at, row.end_date) == (START, START)


@pytest.mark.parametrize("auto_renew", [True, False])
async def test_expiry_against_renew_against_subscribe(ada: Operation, system: Operation, clock: ManualClock, auto_renew: bool) -> None:
    subscription = await subscribe(ada, auto_renew=auto_renew)
    clock.set(subscription.end_date)
    refusals = await all_at_once(
        *(settle_due_subscriptions(system) for _ in range(3)),
        renew(ada, subscription),
        subscribe(ada),
        *(settle_due_subscriptions(system) for _ in range(3)),
    )
    assert refusals == [ErrorCode.SUBSCRIPTION_ACTIVE]
    (row,) = await live(ada)
    if auto_renew:
        assert (row.id, row.end_date) == (subscription.id, START + timedelta(days=90))
    else:
        assert row.end_date == START + timedelta(days=60)
        assert len(await subscriptions_of(ada)) == (1 if row.id == subscription.id else 2)


async def test_expiry_against_reading_and_cancelling(ada: Operation, system: Operation, clock: ManualClock) -> None:
    subscription = await subscribe(ada)
    clock.set(subscription.end_date)
    refusals = await all_at_once(
        *(get_current_subscription(ada) for _ in range(4)), settle_due_subscriptions(system), cancel(ada, subscription)
    )
    assert set(refusals) <= {ErrorCode.NOT_FOUND}
    (row,) = await subscriptions_of(ada)
    assert (row.status, row.end_date) == (SubscriptionStatus.CANCELLED, START + timedelta(days=30))
