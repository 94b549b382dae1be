"""The plans on offer: the three that are there, and what administrators do with them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.kernel.errors import ErrorCode
from domain.plans import catalogue
from domain.plans.catalogue import NewPlan, PlanChanges, PlanFeature, PlanLimit
from domain.plans.limits import limits_of
from domain.plans.models import Plan
from domain.runtime.operation import Operation
from tests.databases import both_databases
from tests.domain.plans.subscribers import SEEDED, plan_named, refusal_of, subscribe, subscriptions_of

TRADES = PlanLimit("trades_per_day", "Trades", "Orders a day.", 3)


async def make(admin: Operation, name: str = "Team", price: str = "49.999", **more: Any) -> Plan:
    async with admin.unit_of_work() as work:
        return await catalogue.create_plan(work, NewPlan(name, "For teams.", Decimal(price), **more))


async def change(admin: Operation, plan: Plan, **changes: Any) -> Plan:
    async with admin.unit_of_work() as work:
        return await catalogue.update_plan(work, plan.id, PlanChanges(**changes))


async def delete(admin: Operation, plan: Plan) -> None:
    async with admin.unit_of_work() as work:
        await catalogue.delete_plan(work, plan.id)


async def names(user: Operation) -> list[str]:
    async with user.reading() as work:
        return [plan.name for plan in (await catalogue.list_plans(work)).items]


@both_databases
async def test_every_installation_begins_with_three_plans(ada: Operation) -> None:
    async with ada.reading() as work:
        page = await catalogue.list_plans(work)
    found = [(plan.name, plan.price, {limit["resource"]: limit["value"] for limit in plan.limits}) for plan in page.items]
    assert found == [
        ("Free", Decimal(0), {"trades_per_day": 10, "agents": 1, "position_size": 1_000}),
        ("Pro", Decimal(29), {"trades_per_day": 100, "agents": 5, "position_size": 10_000}),
        ("Enterprise", Decimal(99), {"trades_per_day": 10_000, "agents": 999_999, "position_size": 1_000_000}),
    ]
    assert page.total == 3


@both_databases
async def test_a_plan_is_made_changed_and_deleted(admin: Operation, ada: Operation) -> None:
    plan = await make(admin, features=[PlanFeature("chat", "Chat", "Talk to people.")], limits=[TRADES])
    assert (plan.price, plan.trial_days) == (Decimal(50), 0)
    changed = await change(admin, plan, price=Decimal("1.005"), trial_days=7)
    assert (changed.name, changed.price, changed.trial_days, changed.limits) == ("Team", Decimal(1), 7, plan.limits)
    assert await names(ada) == [*SEEDED, "Team"]
    await delete(admin, plan)
    assert await names(ada) == list(SEEDED)
    assert (await refusal_of(delete(admin, plan))).code is ErrorCode.NOT_FOUND
    assert (await refusal_of(change(admin, plan, name="Crew"))).code is ErrorCode.NOT_FOUND


@both_databases
async def test_a_name_is_taken_until_its_plan_is_deleted(admin: Operation) -> None:
    plan = await make(admin)
    other = await make(admin, "Crew")
    assert (await refusal_of(make(admin, " Team "))).code is ErrorCode.PLAN_NAME_TAKEN
    assert (await refusal_of(change(admin, other, name="Team"))).code is ErrorCode.PLAN_NAME_TAKEN
    await change(admin, plan, name="Team")
    await delete(admin, plan)
    assert (await make(admin)).id != plan.id


async def test_a_retried_creation_is_one_plan(admin: Operation) -> None:
    keyed = replace(admin, idempotency_key="once")
    assert (await make(keyed)).id == (await make(keyed)).id
    assert (await refusal_of(make(keyed, "Crew"))).code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert await names(admin) == [*SEEDED, "Team"]


async def test_one_resource_has_one_limit(admin: Operation) -> None:
    assert (await refusal_of(make(admin, limits=[TRADES, replace(TRADES, value=5)]))).code is ErrorCode.VALIDATION_ERROR
    assert await names(admin) == list(SEEDED)


async def test_only_administrators_change_plans(ada: Operation, admin: Operation) -> None:
    pro = await plan_named(ada, "Pro")
    for call in (make(ada), change(ada, pro, price=Decimal(0)), delete(ada, pro)):
        assert (await refusal_of(call)).code is ErrorCode.FORBIDDEN
    assert (await plan_named(ada, "Pro")).price == 29


async def test_new_limits_bind_subscribers_at_once_and_a_deleted_plan_binds_them_still(admin: Operation, ada: Operation) -> None:
    plan = await make(admin, limits=[TRADES])
    await subscribe(ada, "Team")
    await change(admin, plan, limits=[replace(TRADES, value=4)])
    await delete(admin, plan)
    async with ada.reading() as work:
        limits = await limits_of(work, ada.caller.id)
    assert limits is not None and limits.values == {"trades_per_day": 4}
    assert [subscription.is_live for subscription in await subscriptions_of(ada)] == [True]
