"""The limits of a plan, as orders meet them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.plans.catalogue import NewPlan, PlanLimit, create_plan
from domain.plans.service import NewSubscription, create_subscription
from domain.risk.service import create_rule
from domain.trading.closing import close_position
from domain.trading.models import Fill, Order, Position
from domain.trading.paper_models import PaperOrder
from domain.trading.placing import place_order
from domain.trading.requests import OrderRequest
from tests.databases import both_databases
from tests.domain.trading.desk import Desk, buy, sell
from tests.domain.trading.test_concurrency import all_at_once


async def put_on_plan(desk: Desk, **limits: int) -> None:
    """Subscribe Ada to a plan with these limits."""
    async with desk.system.unit_of_work() as work:
        named = [PlanLimit(resource, resource, "As it says.", value) for resource, value in limits.items()]
        plan = await create_plan(work, NewPlan("Tight", "For tests.", Decimal(5), limits=named))
    async with desk.operation.unit_of_work() as work:
        await create_subscription(work, NewSubscription(plan.id))


async def refusal_of(desk: Desk, request: OrderRequest) -> DomainError:
    before = [len(await desk.rows(kind)) for kind in (Order, Fill, PaperOrder, Position)]
    with pytest.raises(DomainError) as refusal:
        await place_order(desk.operation, request)
    assert [len(await desk.rows(kind)) for kind in (Order, Fill, PaperOrder, Position)] == before
    return refusal.value


@both_databases
async def test_the_order_after_the_last_of_the_day_is_refused_until_midnight(desk: Desk) -> None:
    await put_on_plan(desk, trades_per_day=2)
    for _ in range(2):
        await place_order(desk.operation, buy(quantity="0.01"))
    refusal = await refusal_of(desk, buy(quantity="0.01"))
    assert refusal.code is ErrorCode.PLAN_LIMIT_REACHED
    assert refusal.message == "The plan Tight allows 2 trades a day; this would be number 3"
    assert refusal.details == {"resource": "trades_per_day", "limit": 2, "measured": 3, "plan": "Tight"}
    midnight = desk.clock.now().replace(hour=0, minute=0) + timedelta(days=1)
    desk.clock.set(midnight - timedelta(seconds=1))
    assert (await refusal_of(desk, buy(quantity="0.01"))).code is ErrorCode.PLAN_LIMIT_REACHED
    desk.clock.set(midnight)
    await place_order(desk.operation, buy(quantity="0.01"))


async def test_exits_are_neither_counted_nor_stopped(desk: Desk) -> None:
    await put_on_plan(desk, trades_per_day=2, position_size=1_000_000)
    for _ in range(2):
        await place_order(desk.operation, buy(quantity="0.01"))
        await close_position(desk.operation, (await desk.open_position()).id)
    assert (await refusal_of(desk, buy(quantity="0.01"))).details["measured"] == 3


async def test_a_position_grows_to_the_limit_and_no_further(desk: Desk) -> None:
    await put_on_plan(desk, position_size=1_000)
    await place_order(desk.operation, buy(quantity="0.02"))
    refusal = await refusal_of(desk, buy(quantity="0.0002"))
    assert refusal.details == {"resource": "position_size", "limit": 1000, "measured": Decimal(1010), "plan": "Tight"}
    assert (await refusal_of(desk, sell(quantity="0.05"))).details["measured"] == 1500


async def test_a_position_above_the_limit_may_shrink(desk: Desk) -> None:
    await place_order(desk.operation, buy(quantity="0.1"))
    await put_on_plan(desk, position_size=1_000)
    await place_order(desk.operation, sell(quantity="0.01"))
    assert (await desk.open_position()).quantity == Decimal("0.09")
    await close_position(desk.operation, (await desk.open_position()).id)


async def test_without_a_subscription_nothing_is_limited(desk: Desk) -> None:
    for _ in range(12):
        await place_order(desk.operation, buy(quantity="0.01"))
    assert (await desk.open_position()).quantity == Decimal("0.12")


async def test_the_own_risk_rule_speaks_before_the_plan(desk: Desk) -> None:
    await put_on_plan(desk, position_size=1_000)
    async with desk.operation.unit_of_work() as work:
        await create_rule(work, "Small", "max_position_size", {"max_usd": 500})
    assert (await refusal_of(desk, buy(quantity="0.1"))).code is ErrorCode.RISK_LIMIT_EXCEEDED


@both_databases
async def test_many_orders_at_once_stay_within_the_day(desk: Desk) -> None:
    await put_on_plan(desk, trades_per_day=3)
    orders, refusals = await all_at_once(*(place_order(desk.operation, buy(quantity="0.01")) for _ in range(8)))
    assert (len(orders), {refusal.code for refusal in refusals}) == (3, {ErrorCode.PLAN_LIMIT_REACHED})
    assert len(await desk.rows(Order)) == 3
