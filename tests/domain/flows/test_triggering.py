import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from domain.flows import service
from domain.flows.lease import revive_silent_runs
from domain.flows.models import ExecutionStatus, FlowStatus, FlowTrigger
from domain.flows.running import run_execution
from domain.flows.service import (
    FlowChanges,
    NewFlow,
    create_flow,
    delete_execution,
    delete_executions,
    delete_flow,
    get_flow,
    list_executions,
    update_flow,
)
from domain.flows.triggering import (
    RUN_JOB,
    StartOptions,
    TriggerOptions,
    begin_due_cycles,
    start_flow,
    stop_flow,
    trigger_flow,
    wait_for_execution,
)
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.risk.states import SwitchState
from domain.risk.switch import SwitchSetting, set_trading_switch
from domain.runtime.operation import Operation
from domain.runtime.outbox import OutboxJob
from domain.runtime.runtime import Runtime
from tests.builders import make_trader, operation_of_new_user
from tests.databases import both_databases
from tests.domain.flows.runs import events, executions, new_flow, orders, record, run, trigger
from tests.market_script import ScriptedSource


async def jobs(runtime: Runtime) -> list[OutboxJob]:
    async with runtime.operation().reading() as work:
        return list(await work.session.scalars(select(OutboxJob).order_by(OutboxJob.id)))


async def start(user: Operation, flow_id: str, **options: str) -> None:
    async with user.unit_of_work() as work:
        await start_flow(work, flow_id, StartOptions(**options))


async def finish_runs(user: Operation) -> None:
    for execution in await executions(user):
        await run_execution(user.runtime.operation(), execution.id)


async def test_trigger_answers_at_once_with_a_pending_run_and_leaves_a_job(ada: Operation, trading: Runtime) -> None:
    flow = await new_flow(ada)
    execution_id = await trigger(ada, flow)
    found = await record(ada, execution_id)
    assert found.execution.status is ExecutionStatus.PENDING
    assert [step.name for step in found.steps] == ["data_fetch", "market_analysis", "risk_validation", "decision"]
    (job,) = await jobs(trading)
    assert (job.name, job.arguments) == (RUN_JOB, {"execution_id": execution_id})
    assert job.request_id == ada.request_id == found.execution.request_id


@both_databases
async def test_of_many_triggers_at_once_one_begins_a_run(ada: Operation) -> None:
    flow = await new_flow(ada)
    answers = await asyncio.gather(*(trigger(ada, flow) for _ in range(8)), return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, DomainError)]
    assert len(refusals) == 7
    assert {refusal.code for refusal in refusals} == {ErrorCode.FLOW_BUSY}
    assert len(await executions(ada)) == 1


@both_databases
async def test_retries_with_one_key_answer_with_one_run(ada: Operation) -> None:
    flow = await new_flow(ada)
    keyed = replace(ada, idempotency_key="once")
    answers = await asyncio.gather(*(trigger(keyed, flow) for _ in range(8)))
    assert len(set(answers)) == 1
    with pytest.raises(DomainError) as refusal:
        await trigger(keyed, flow, order_quantity_override=Decimal(1))
    assert refusal.value.code is ErrorCode.IDEMPOTENCY_CONFLICT


async def test_flow_of_another_user_is_not_found_and_nothing_begins(ada: Operation, trading: Runtime) -> None:
    flow = await new_flow(ada)
    bob = trading.operation(await make_trader(trading))
    for act in (trigger_flow, start_flow, stop_flow, get_flow, delete_flow):
        with pytest.raises(DomainError) as refusal:
            async with bob.unit_of_work() as work:
                await act(work, flow.id)
        assert refusal.value.code is ErrorCode.NOT_FOUND
    assert await executions(ada) == []


async def test_viewer_may_not_trigger(trading: Runtime) -> None:
    viewer = await operation_of_new_user(trading, role="viewer")
    with pytest.raises(DomainError) as refusal:
        async with viewer.unit_of_work() as work:
            await trigger_flow(work, "flow_1")
    assert refusal.value.code is ErrorCode.FORBIDDEN


async def test_provider_without_its_key_is_refused_with_the_variable_to_set(ada: Operation) -> None:
    flow = await new_flow(ada)
    with pytest.raises(DomainError) as refusal:
        async with ada.unit_of_work() as work:
            await trigger_flow(work, flow.id, TriggerOptions(model_provider="groq"))
    assert refusal.value.code is ErrorCode.MODEL_NOT_CONFIGURED
    assert refusal.value.details["variable"] == "GROQ_API_KEY"
    assert await executions(ada) == []


@pytest.mark.parametrize("status", list(FlowStatus))
async def test_flow_in_any_status_can_be_triggered(ada: Operation, status: FlowStatus) -> None:
    flow = await new_flow(ada)
    async with ada.unit_of_work() as work:
        await update_flow(work, flow.id, FlowChanges(status=status))
    done = await run(ada, flow)
    assert done.execution.status is ExecutionStatus.COMPLETED
    async with ada.reading() as work:
        assert (await get_flow(work, flow.id)).status is status


async def test_wait_answers_when_the_run_has_ended_or_the_time_is_up(ada: Operation) -> None:
    execution_id = await trigger(ada, await new_flow(ada))
    assert (await wait_for_execution(ada, execution_id, 0.05)).execution.status is ExecutionStatus.PENDING
    waiting = asyncio.create_task(wait_for_execution(ada, execution_id, 20))
    await run_execution(ada.runtime.operation(), execution_id)
    assert (await asyncio.wait_for(waiting, 5)).execution.status is ExecutionStatus.COMPLETED


async def test_started_flow_runs_again_and_again_until_it_is_stopped(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    flow = await new_flow(ada, auto_loop_delay_seconds=30)
    await start(ada, flow.id)
    for cycle in range(1, 4):
        assert len(await executions(ada)) == cycle
        await finish_runs(ada)
        assert await begin_due_cycles(trading.operation()) == 0  # the pause has just begun
        clock.advance(seconds=31)
        assert await begin_due_cycles(trading.operation()) == 1
    async with ada.unit_of_work() as work:
        await stop_flow(work, flow.id)
    await finish_runs(ada)
    clock.advance(hours=1)
    assert await begin_due_cycles(trading.operation()) == 0
    async with ada.reading() as work:
        stopped = await get_flow(work, flow.id)
    assert (stopped.status, stopped.loop_cycles, stopped.next_run_at) == (FlowStatus.PAUSED, 4, None)


async def test_starting_twice_makes_one_loop(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    flow = await new_flow(ada)
    await start(ada, flow.id)
    await start(ada, flow.id)
    await finish_runs(ada)
    await start(ada, flow.id)
    clock.advance(minutes=5)
    assert await begin_due_cycles(trading.operation()) == 1
    assert len(await executions(ada)) == 2


@both_databases
async def test_two_tickers_begin_a_cycle_once(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    flow = await new_flow(ada)
    await start(ada, flow.id)
    await finish_runs(ada)
    clock.advance(minutes=1)
    begun = await asyncio.gather(*(begin_due_cycles(trading.operation()) for _ in range(4)))
    assert sum(begun) == 1


async def test_loop_goes_on_after_a_failed_run(ada: Operation, trading: Runtime, clock: ManualClock, source: ScriptedSource) -> None:
    source.silent = True
    flow = await new_flow(ada)
    await start(ada, flow.id)
    await finish_runs(ada)
    clock.advance(minutes=1)
    assert await begin_due_cycles(trading.operation()) == 1


async def test_loop_goes_on_after_a_run_that_the_trading_switch_stopped(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    async with ada.unit_of_work() as work:
        await set_trading_switch(work, SwitchSetting(SwitchState.HALTED))
    await start(ada, (await new_flow(ada)).id)
    await finish_runs(ada)
    (stopped,) = await executions(ada)
    assert (stopped.error or {})["code"] == "TRADING_HALTED"
    clock.advance(minutes=1)
    assert await begin_due_cycles(trading.operation()) == 1


async def test_loop_ends_after_its_last_cycle(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    flow = await new_flow(ada, auto_loop_max_cycles=2)
    await start(ada, flow.id)
    for _ in range(3):
        await finish_runs(ada)
        clock.advance(minutes=1)
        await begin_due_cycles(trading.operation())
    assert len(await executions(ada)) == 2


async def test_single_run_begins_no_loop_and_a_loop_waits_for_it(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    flow = await new_flow(ada)
    await trigger(ada, flow)
    await start(ada, flow.id)
    assert len(await executions(ada)) == 1
    assert await begin_due_cycles(trading.operation()) == 0
    await finish_runs(ada)
    assert await begin_due_cycles(trading.operation()) == 1


async def test_taking_a_flow_out_of_active_ends_its_loop(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    flow = await new_flow(ada)
    await start(ada, flow.id)
    await finish_runs(ada)
    async with ada.unit_of_work() as work:
        await update_flow(work, flow.id, FlowChanges(status=FlowStatus.DRAFT))
    async with ada.unit_of_work() as work:
        await update_flow(work, flow.id, FlowChanges(status=FlowStatus.ACTIVE))
    clock.advance(hours=1)
    assert await begin_due_cycles(trading.operation()) == 0


@pytest.mark.parametrize("ended_by", [FlowStatus.PAUSED, FlowStatus.DRAFT])
async def test_loop_that_was_ended_during_its_run_stays_ended(
    ada: Operation, trading: Runtime, clock: ManualClock, ended_by: FlowStatus
) -> None:
    flow = await new_flow(ada)
    await start(ada, flow.id)
    async with ada.unit_of_work() as work:
        if ended_by is FlowStatus.PAUSED:
            await stop_flow(work, flow.id)
        else:
            await update_flow(work, flow.id, FlowChanges(status=ended_by))
    async with ada.unit_of_work() as work:
        await update_flow(work, flow.id, FlowChanges(status=FlowStatus.ACTIVE))
    await finish_runs(ada)
    clock.advance(hours=1)
    assert await begin_due_cycles(trading.operation()) == 0


async def test_loop_that_is_switched_off_while_it_waits_begins_no_other_run(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    flow = await new_flow(ada)
    await start(ada, flow.id)
    await finish_runs(ada)
    async with ada.unit_of_work() as work:
        await update_flow(work, flow.id, FlowChanges(config={"auto_loop_enabled": False}))
    clock.advance(hours=1)
    assert await begin_due_cycles(trading.operation()) == 0


async def test_flow_started_again_during_the_run_of_its_old_loop_has_one_loop(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    flow = await new_flow(ada)
    await start(ada, flow.id)
    async with ada.unit_of_work() as work:
        await stop_flow(work, flow.id)
    await start(ada, flow.id)
    await finish_runs(ada)
    clock.advance(minutes=1)
    assert await begin_due_cycles(trading.operation()) == 1
    assert len(await executions(ada)) == 2


@pytest.mark.parametrize("changes", [{"schedule": "* * * * *"}, {"trigger": FlowTrigger.SCHEDULE}, {"agents": ["a"]}, {"name": "Other"}])
async def test_key_of_one_flow_does_not_answer_for_another(ada: Operation, changes: dict[str, Any]) -> None:
    keyed, wish = replace(ada, idempotency_key="once"), NewFlow("Swing", "BTC/USDT")
    async with keyed.unit_of_work() as work:
        first = await create_flow(work, wish)
    async with keyed.unit_of_work() as work:
        assert (await create_flow(work, wish)).id == first.id
    with pytest.raises(DomainError) as refusal:
        async with keyed.unit_of_work() as work:
            await create_flow(work, replace(wish, **changes))
    assert refusal.value.code is ErrorCode.IDEMPOTENCY_CONFLICT


async def test_run_under_way_keeps_its_settings(ada: Operation) -> None:
    flow = await new_flow(ada)
    execution_id = await trigger(ada, flow)
    async with ada.unit_of_work() as work:
        await update_flow(work, flow.id, FlowChanges(config={"order_size_usd": 5000}))
    await run_execution(ada.runtime.operation(), execution_id)
    assert [order.quantity for order in await orders(ada)] == [Decimal("0.002")]


async def test_running_execution_and_its_flow_cannot_be_deleted(ada: Operation) -> None:
    flow = await new_flow(ada)
    execution_id = await trigger(ada, flow)
    for delete, which, code in (
        (delete_execution, execution_id, ErrorCode.EXECUTION_RUNNING),
        (delete_flow, flow.id, ErrorCode.FLOW_BUSY),
    ):
        with pytest.raises(DomainError) as refusal:
            async with ada.unit_of_work() as work:
                await delete(work, which)
        assert refusal.value.code is code


async def test_deleting_runs_spares_others_orders_and_what_is_under_way(ada: Operation, trading: Runtime) -> None:
    flow = await new_flow(ada)
    await run(ada, flow)
    await trigger(ada, flow)
    bob = trading.operation(await make_trader(trading))
    await run(bob, await new_flow(bob))
    async with ada.unit_of_work() as work:
        await delete_executions(work)
    async with ada.reading() as work:
        assert [found.execution.status for found in (await list_executions(work)).items] == [ExecutionStatus.PENDING]
    assert len(await orders(ada)) == 1
    assert len(await executions(bob)) == 1
    assert await events(ada, "order.updated") != []


async def test_more_runs_than_a_statement_can_name_are_deleted(ada: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ERASED_AT_ONCE", 2)  # PostgreSQL takes 32 767 arguments, and a loop makes as many runs in days
    flow = await new_flow(ada, pre_trade_min_confidence=1)
    for _ in range(5):
        await run(ada, flow)
    async with ada.unit_of_work() as work:
        await delete_executions(work)
    assert await executions(ada) == []


async def test_sweep_finds_nothing_where_nothing_runs(trading: Runtime) -> None:
    assert await revive_silent_runs(trading.operation()) == 0
