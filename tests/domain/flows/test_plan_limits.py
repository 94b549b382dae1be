"""The limits of a plan, as runs meet them."""

from typing import Any

import pytest

from domain.flows.models import ExecutionStatus, FlowMode, FlowStatus
from domain.flows.service import get_flow
from domain.flows.triggering import StartOptions, start_flow
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.operation import Operation
from tests.domain.flows.runs import executions, new_flow, orders, run, trigger
from tests.domain.plans.subscribers import subscribe


async def refusal_of(user: Operation, **config: Any) -> DomainError:
    flow = await new_flow(user, **config)
    with pytest.raises(DomainError) as refusal:
        await trigger(user, flow)
    assert await executions(user) == []
    return refusal.value


async def test_a_swarm_larger_than_the_plan_allows_does_not_begin(ada: Operation) -> None:
    await subscribe(ada, "Pro")
    refusal = await refusal_of(ada, swarm_runs=6)
    assert refusal.code is ErrorCode.PLAN_LIMIT_REACHED
    assert refusal.details == {"resource": "agents", "limit": 5, "measured": 6, "plan": "Pro"}
    await trigger(ada, await new_flow(ada, swarm_runs=5))


async def test_one_analyst_is_what_the_free_plan_allows(ada: Operation) -> None:
    await subscribe(ada, "Free")
    assert (await refusal_of(ada, swarm_runs=None)).details["measured"] == 3
    await trigger(ada, await new_flow(ada, FlowMode.SOLO))


async def test_a_loop_that_the_plan_does_not_allow_is_not_started(ada: Operation) -> None:
    await subscribe(ada, "Free")
    flow = await new_flow(ada)
    with pytest.raises(DomainError) as refusal:
        async with ada.unit_of_work() as work:
            await start_flow(work, flow.id, StartOptions())
    assert refusal.value.code is ErrorCode.PLAN_LIMIT_REACHED
    async with ada.reading() as work:
        assert (await get_flow(work, flow.id)).status is FlowStatus.DRAFT


async def test_a_run_whose_trade_the_plan_does_not_allow_ends_in_a_reasoned_hold(ada: Operation) -> None:
    await subscribe(ada, "Free")
    found = await run(ada, await new_flow(ada, FlowMode.SOLO, order_size_usd=1_500))
    assert found.execution.status is ExecutionStatus.COMPLETED
    assert found.execution.error is not None
    assert found.execution.error["code"] == "PLAN_LIMIT_REACHED"
    assert await orders(ada) == []
