"""Subscriptions from the first day to the last, with every refusal."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.kernel.clock import ManualClock
from domain.kernel.errors import ErrorCode
from domain.plans import catalogue, service
from domain.plans.expiry import settle_due_subscriptions
from domain.plans.models import SubscriptionStatus
from domain.plans.rules import BillingCycle
from domain.plans.service import PaymentMethod, get_current_subscription
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.builders import operation_of_new_user
from tests.conftest import START
from tests.databases import both_databases
from tests.domain.plans.subscribers import cancel, change, plan_named, refusal_of, renew, subscribe, subscriptions_of, told

VISA = PaymentMethod("card", "4242", "visa")


@both_databases
@pytest.mark.parametrize(("cycle", "days"), [(BillingCycle.MONTHLY, 30), (BillingCycle.YEARLY, 365)])
async def test_a_subscription_runs_from_now_for_one_period(ada: Operation, cycle: BillingCycle, days: int) -> None:
    subscription = await subscribe(ada, billing_cycle=cycle, payment_method=VISA)
    assert (subscription.status, subscription.auto_renew) == (SubscriptionStatus.ACTIVE, True)
    assert (subscription.start_date, subscription.end_date) == (START, START + timedelta(days=days))
    assert subscription.payment_method == {"type": "card", "last4": "4242", "brand": "visa"}
    assert (await get_current_subscription(ada)).id == subscription.id
    (event,) = await told(ada, "subscription.updated")
    assert (event.subject_id, event.payload["status"]) == (subscription.id, "active")


async def test_a_second_subscription_is_refused_while_the_first_runs(ada: Operation, bob: Operation) -> None:
    first = await subscribe(ada)
    for plan in ("Pro", "Enterprise"):
        refusal = await refusal_of(subscribe(ada, plan))
        assert (refusal.code, refusal.message) == (ErrorCode.SUBSCRIPTION_ACTIVE, "User already has an active subscription")
    assert [row.id for row in await subscriptions_of(ada)] == [first.id]
    assert (await subscribe(bob)).id != first.id
    await cancel(ada, first)
    second = await subscribe(ada, "Enterprise")
    assert (await get_current_subscription(ada)).id == second.id


async def test_a_plan_that_is_not_there_cannot_be_subscribed_to(ada: Operation, admin: Operation) -> None:
    free = await plan_named(ada, "Free")
    async with admin.unit_of_work() as work:
        await catalogue.delete_plan(work, free.id)
    for plan_id in (free.id, "plan_nothing"):
        async with ada.unit_of_work() as work:
            assert (await refusal_of(service.create_subscription(work, service.NewSubscription(plan_id)))).code is ErrorCode.NOT_FOUND
    assert await subscriptions_of(ada) == []


async def test_cancelling_ends_it_at_once(ada: Operation, clock: ManualClock) -> None:
    subscription = await subscribe(ada)
    clock.advance(days=3)
    cancelled = await cancel(ada, subscription)
    assert (cancelled.status, cancelled.auto_renew) == (SubscriptionStatus.CANCELLED, False)
    assert cancelled.end_date == cancelled.cancelled_at == START + timedelta(days=3)
    refusal = await refusal_of(cancel(ada, subscription))
    assert (refusal.code, refusal.message) == (ErrorCode.INVALID_SUBSCRIPTION_STATE, "Subscription is already cancelled")
    missing = await refusal_of(get_current_subscription(ada))
    assert (missing.code, missing.message) == (ErrorCode.NOT_FOUND, "No active subscription found")


async def test_the_current_one_is_over_at_its_end_before_the_timetable_comes(ada: Operation, clock: ManualClock) -> None:
    subscription = await subscribe(ada, auto_renew=False)
    clock.set(subscription.end_date - timedelta(microseconds=1))
    assert (await get_current_subscription(ada)).id == subscription.id
    clock.set(subscription.end_date)
    assert (await refusal_of(get_current_subscription(ada))).message == "No active subscription found"
    assert (await refusal_of(cancel(ada, subscription))).message == "Subscription has already expired"
    assert (await subscribe(ada)).start_date == subscription.end_date


async def test_the_current_one_that_renews_itself_goes_on_before_the_timetable_comes(ada: Operation, clock: ManualClock) -> None:
    subscription = await subscribe(ada)
    clock.set(subscription.end_date)
    assert (await get_current_subscription(ada)).end_date == START + timedelta(days=60)
    assert (await refusal_of(subscribe(ada))).code is ErrorCode.SUBSCRIPTION_ACTIVE


async def test_renewing_adds_a_period_and_revives_what_has_ended(ada: Operation, clock: ManualClock) -> None:
    subscription = await subscribe(ada)
    assert (await renew(ada, subscription)).end_date == START + timedelta(days=60)
    await cancel(ada, subscription)
    clock.advance(days=100)
    revived = await renew(ada, subscription)
    assert (revived.status, revived.end_date) == (SubscriptionStatus.ACTIVE, START + timedelta(days=130))
    assert (revived.cancelled_at, revived.auto_renew) == (None, False)
    clock.advance(days=31)
    await settle_due_subscriptions(ada.runtime.operation())
    assert (await renew(ada, subscription)).end_date == START + timedelta(days=161)


async def test_renewing_cannot_leave_two(ada: Operation) -> None:
    first = await subscribe(ada)
    await cancel(ada, first)
    second = await subscribe(ada, "Enterprise")
    refusal = await refusal_of(renew(ada, first))
    assert (refusal.code, refusal.message) == (ErrorCode.SUBSCRIPTION_ACTIVE, "User already has an active subscription")
    assert [(row.id, row.status) for row in await subscriptions_of(ada)] == [
        (first.id, SubscriptionStatus.CANCELLED),
        (second.id, SubscriptionStatus.ACTIVE),
    ]


async def test_renewing_ends_ten_years_ahead(ada: Operation) -> None:
    subscription = await subscribe(ada, billing_cycle=BillingCycle.YEARLY)
    for _ in range(9):
        await renew(ada, subscription)
    assert (await refusal_of(renew(ada, subscription))).code is ErrorCode.INVALID_SUBSCRIPTION_STATE
    assert (await get_current_subscription(ada)).end_date == START + timedelta(days=3650)


async def test_a_plan_no_longer_offered_is_not_renewed(ada: Operation, admin: Operation) -> None:
    subscription = await subscribe(ada)
    async with admin.unit_of_work() as work:
        await catalogue.delete_plan(work, subscription.plan_id)
    assert (await refusal_of(renew(ada, subscription))).code is ErrorCode.NOT_FOUND
    assert (await get_current_subscription(ada)).end_date == START + timedelta(days=30)


@both_databases
async def test_retries_under_one_key_do_it_once(ada: Operation) -> None:
    keyed = replace(ada, idempotency_key="subscribe")
    subscription = await subscribe(keyed)
    assert (await subscribe(keyed)).id == subscription.id
    assert (await refusal_of(subscribe(keyed, "Free"))).code is ErrorCode.IDEMPOTENCY_CONFLICT
    keyed = replace(ada, idempotency_key="renew")
    ends = {(await renew(keyed, subscription)).end_date for _ in range(3)}
    assert ends == {START + timedelta(days=60)}
    assert len(await subscriptions_of(ada)) == 1


async def test_payment_and_renewal_are_changed_and_the_rest_stays(ada: Operation) -> None:
    subscription = await subscribe(ada, payment_method=VISA)
    changed = await change(ada, subscription, auto_renew=False)
    assert (changed.auto_renew, changed.payment_method) == (False, {"type": "card", "last4": "4242", "brand": "visa"})
    changed = await change(ada, subscription, payment_method=PaymentMethod("paypal"))
    assert (changed.auto_renew, changed.payment_method) == (False, {"type": "paypal", "last4": None, "brand": None})
    await cancel(ada, subscription)
    assert (await refusal_of(change(ada, subscription, auto_renew=True))).code is ErrorCode.INVALID_SUBSCRIPTION_STATE
    assert (await change(ada, subscription, payment_method=VISA)).status is SubscriptionStatus.CANCELLED


async def test_a_trial_is_free_for_its_days_and_had_once(ada: Operation, clock: ManualClock) -> None:
    trial = await subscribe(ada, trial=True, auto_renew=False)
    assert (trial.status, trial.end_date, trial.trial_end_date) == (SubscriptionStatus.TRIAL, *[START + timedelta(days=14)] * 2)
    assert (await get_current_subscription(ada)).id == trial.id
    assert (await refusal_of(subscribe(ada))).code is ErrorCode.SUBSCRIPTION_ACTIVE
    await cancel(ada, trial)
    assert (await refusal_of(subscribe(ada, trial=True))).message == "The trial of the plan Pro has been used"
    assert (await refusal_of(subscribe(ada, "Free", trial=True))).message == "The plan Free has no trial"
    assert (await subscribe(ada, "Enterprise", trial=True)).status is SubscriptionStatus.TRIAL


async def test_a_trial_renewed_by_hand_keeps_its_days(ada: Operation) -> None:
    renewed = await renew(ada, await subscribe(ada, trial=True))
    assert (renewed.status, renewed.end_date) == (SubscriptionStatus.ACTIVE, START + timedelta(days=44))


async def test_subscriptions_of_others_are_not_there(ada: Operation, bob: Operation) -> None:
    subscription = await subscribe(ada)
    async with bob.reading() as work:
        assert (await refusal_of(service.get_subscription(work, subscription.id))).code is ErrorCode.NOT_FOUND
        assert (await service.list_subscriptions(work)).total == 0
    for call in (cancel(bob, subscription), renew(bob, subscription), change(bob, subscription, auto_renew=False)):
        assert (await refusal_of(call)).code is ErrorCode.NOT_FOUND
    assert (await subscriptions_of(ada))[0].updated_at is None


async def test_the_list_is_newest_first_and_by_status(ada: Operation, clock: ManualClock) -> None:
    first = await subscribe(ada)
    await cancel(ada, first)
    clock.advance(hours=1)
    second = await subscribe(ada)
    async with ada.reading() as work:
        assert [row.id for row in (await service.list_subscriptions(work)).items] == [second.id, first.id]
        assert [row.id for row in (await service.list_subscriptions(work, SubscriptionStatus.CANCELLED)).items] == [first.id]


async def test_a_viewer_reads_and_does_not_subscribe(runtime: Runtime) -> None:
    viewer = await operation_of_new_user(runtime, role="viewer")
    assert (await refusal_of(subscribe(viewer))).code is ErrorCode.FORBIDDEN
    assert (await refusal_of(get_current_subscription(viewer))).code is ErrorCode.NOT_FOUND
