"""What the timetable does at the end of subscriptions."""

from datetime import timedelta

from domain.accounts.models import User
from domain.kernel.clock import ManualClock
from domain.plans import catalogue
from domain.plans.expiry import announce_expiring_subscriptions, settle_due_subscriptions
from domain.plans.models import SubscriptionStatus
from domain.runtime.operation import Operation
from tests.conftest import START
from tests.databases import both_databases
from tests.domain.plans.subscribers import cancel, change, renew, subscribe, subscriptions_of, told


@both_databases
async def test_at_its_end_one_expires_and_another_goes_on(ada: Operation, bob: Operation, system: Operation, clock: ManualClock) -> None:
    ending, lasting = await subscribe(ada, auto_renew=False), await subscribe(bob)
    clock.set(ending.end_date - timedelta(microseconds=1))
    assert await settle_due_subscriptions(system) == 0
    clock.set(ending.end_date)
    assert await settle_due_subscriptions(system) == 2
    assert await settle_due_subscriptions(system) == 0
    (expired,), (renewed,) = await subscriptions_of(ada), await subscriptions_of(bob)
    assert (expired.status, expired.end_date) == (SubscriptionStatus.EXPIRED, START + timedelta(days=30))
    assert (renewed.status, renewed.end_date, renewed.id) == (SubscriptionStatus.ACTIVE, START + timedelta(days=60), lasting.id)
    assert [event.payload["status"] for event in await told(ada, "subscription.updated")] == ["active", "expired"]


async def test_after_a_long_standstill_the_present_period_is_found(ada: Operation, system: Operation, clock: ManualClock) -> None:
    await subscribe(ada)
    clock.advance(days=100)
    assert await settle_due_subscriptions(system) == 1
    assert (await subscriptions_of(ada))[0].end_date == START + timedelta(days=120)


async def test_a_trial_becomes_a_subscription_or_expires(ada: Operation, bob: Operation, system: Operation, clock: ManualClock) -> None:
    await subscribe(ada, trial=True)
    await subscribe(bob, trial=True, auto_renew=False)
    clock.advance(days=14)
    await settle_due_subscriptions(system)
    (converted,), (expired,) = await subscriptions_of(ada), await subscriptions_of(bob)
    assert (converted.status, converted.end_date) == (SubscriptionStatus.ACTIVE, START + timedelta(days=44))
    assert converted.trial_end_date == START + timedelta(days=14)
    assert expired.status is SubscriptionStatus.EXPIRED


async def test_a_deleted_plan_and_a_deleted_owner_end_it(
    ada: Operation, bob: Operation, admin: Operation, system: Operation, clock: ManualClock
) -> None:
    pro = await subscribe(ada, "Pro")
    await subscribe(bob, "Enterprise")
    async with admin.unit_of_work() as work:
        await catalogue.delete_plan(work, pro.plan_id)
        (await work.session.get_one(User, bob.caller.id)).deleted_at = work.now
    clock.advance(days=30)
    await settle_due_subscriptions(system)
    assert [row.status for user in (ada, bob) for row in await subscriptions_of(user)] == [SubscriptionStatus.EXPIRED] * 2


async def test_what_was_cancelled_stays_cancelled(ada: Operation, system: Operation, clock: ManualClock) -> None:
    await cancel(ada, await subscribe(ada))
    clock.advance(days=31)
    assert await settle_due_subscriptions(system) == 0
    assert (await subscriptions_of(ada))[0].status is SubscriptionStatus.CANCELLED


@both_databases
async def test_the_end_is_announced_once_to_those_it_will_come_for(
    ada: Operation, bob: Operation, system: Operation, clock: ManualClock
) -> None:
    ending = await subscribe(ada, auto_renew=False)
    await subscribe(bob)
    clock.advance(days=26)
    assert await announce_expiring_subscriptions(system) == 0
    clock.advance(days=1)
    assert await announce_expiring_subscriptions(system) == 1
    assert await announce_expiring_subscriptions(system) == 0
    (event,) = await told(ada, "subscription.expiring")
    assert (event.subject_id, event.payload["end_date"]) == (ending.id, "2026-04-01T09:30:00.000Z")
    assert await told(bob, "subscription.expiring") == []


async def test_a_new_end_is_announced_anew(ada: Operation, system: Operation, clock: ManualClock) -> None:
    subscription = await subscribe(ada)
    clock.advance(days=29)
    await change(ada, subscription, auto_renew=False)
    assert await announce_expiring_subscriptions(system) == 1
    await renew(ada, subscription)
    assert await announce_expiring_subscriptions(system) == 0
    clock.advance(days=30)
    assert await announce_expiring_subscriptions(system) == 1
