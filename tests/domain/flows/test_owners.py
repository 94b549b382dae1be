import pytest

from domain.accounts import administration, service
from domain.accounts.models import User
from domain.flows.models import ExecutionStatus, FlowStatus
from domain.flows.running import run_execution
from domain.flows.service import get_flow
from domain.flows.triggering import begin_due_cycles, start_flow
from domain.kernel.clock import ManualClock
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.accounts import provide_accounts
from tests.audit_log import entries
from tests.databases import both_databases
from tests.domain.flows.runs import executions, new_flow, orders, record, trigger


async def switch(ada: Operation, active: bool) -> None:
    async with ada.runtime.operation().unit_of_work() as work:
        await administration.set_user_active(work, ada.caller.id, active=active)


async def delete_own(ada: Operation) -> None:
    async with ada.unit_of_work() as work:
        await service.delete_me(work)


async def switch_off(ada: Operation) -> None:
    await switch(ada, active=False)


@both_databases
@pytest.mark.parametrize("close", [delete_own, switch_off])
async def test_flows_of_a_closed_account_stop(ada: Operation, trading: Runtime, clock: ManualClock, close: object) -> None:
    provide_accounts(trading)
    looping, single, idle = [await new_flow(ada) for _ in range(3)]
    async with ada.unit_of_work() as work:
        await start_flow(work, looping.id)
    waiting = await trigger(ada, single)
    await close(ada)  # type: ignore[operator]
    assert (await entries(trading))[-1].details["stopped_flows"] == [looping.id]
    async with ada.reading() as work:
        found = [await get_flow(work, flow.id) for flow in (looping, single, idle)]
    assert [flow.status for flow in found] == [FlowStatus.PAUSED, FlowStatus.DRAFT, FlowStatus.DRAFT]
    assert not any(flow.is_looping for flow in found)
    for execution in await executions(ada):
        await run_execution(trading.operation(), execution.id)
    failed = (await record(ada, waiting)).execution
    assert failed.status is ExecutionStatus.FAILED
    assert failed.error == {"code": "ACCOUNT_INACTIVE", "message": "The account of the flow's owner is closed or switched off"}
    assert await orders(ada) == []
    clock.advance(hours=1)
    assert await begin_due_cycles(trading.operation()) == 0
    assert len(await executions(ada)) == 2


async def test_loop_that_was_started_meanwhile_ends_at_its_next_turn(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    flow = await new_flow(ada)
    async with trading.operation().unit_of_work() as work:
        (await work.session.get_one(User, ada.caller.id)).is_active = False
    async with ada.unit_of_work() as work:
        await start_flow(work, flow.id)
    [first] = await executions(ada)
    await run_execution(trading.operation(), first.id)
    clock.advance(minutes=10)
    assert await begin_due_cycles(trading.operation()) == 0
    async with ada.reading() as work:
        stopped = await get_flow(work, flow.id)
    assert (stopped.status, stopped.is_looping, stopped.next_run_at) == (FlowStatus.PAUSED, False, None)


async def test_flow_stays_paused_when_the_account_is_on_again(ada: Operation, trading: Runtime) -> None:
    provide_accounts(trading)
    flow = await new_flow(ada)
    async with ada.unit_of_work() as work:
        await start_flow(work, flow.id)
    await switch(ada, active=False)
    await switch(ada, active=True)
    async with ada.reading() as work:
        assert (await get_flow(work, flow.id)).status is FlowStatus.PAUSED
