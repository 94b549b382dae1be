"""Whose limits bind whom, and when."""

from datetime import timedelta

from domain.kernel.clock import ManualClock
from domain.kernel.errors import ErrorCode
from domain.plans.limits import check_limit, is_premium, limits_of
from domain.plans.rules import LimitedResource
from domain.runtime.operation import Operation
from tests.databases import both_databases
from tests.domain.plans.subscribers import cancel, refusal_of, subscribe


async def premium(user: Operation) -> bool:
    async with user.reading() as work:
        return await is_premium(work, user.caller.id)


async def limited(user: Operation) -> bool:
    async with user.reading() as work:
        return await limits_of(work, user.caller.id) is not None


@both_databases
async def test_a_limit_binds_its_subscriber_and_nobody_else(ada: Operation, bob: Operation) -> None:
    await subscribe(ada, "Free")
    async with ada.reading() as work:
        await check_limit(work, ada.caller.id, LimitedResource.AGENTS, 1)
        refusal = await refusal_of(check_limit(work, ada.caller.id, LimitedResource.AGENTS, 2))
        await check_limit(work, bob.caller.id, LimitedResource.AGENTS, 12)
    assert refusal.code is ErrorCode.PLAN_LIMIT_REACHED
    assert refusal.message == "The plan Free allows 1 agents in a run; this one has 2"
    assert refusal.details == {"resource": "agents", "limit": 1, "measured": 2, "plan": "Free"}


async def test_limits_end_with_the_subscription(ada: Operation, clock: ManualClock) -> None:
    assert not await limited(ada)
    subscription = await subscribe(ada, "Free", auto_renew=False)
    clock.set(subscription.end_date - timedelta(microseconds=1))
    assert await limited(ada)
    clock.set(subscription.end_date)
    assert not await limited(ada)


async def test_limits_of_one_that_renews_itself_wait_for_no_timetable(ada: Operation, clock: ManualClock) -> None:
    subscription = await subscribe(ada, "Free")
    clock.advance(days=30)
    assert await limited(ada)
    await cancel(ada, subscription)
    assert not await limited(ada)


async def test_premium_is_who_pays_or_tries_it_out(ada: Operation) -> None:
    assert not await premium(ada)
    await cancel(ada, await subscribe(ada, "Free"))
    trial = await subscribe(ada, "Pro", trial=True)
    assert await premium(ada)
    await cancel(ada, trial)
    assert not await premium(ada)
