import asyncio
from dataclasses import replace
from decimal import Decimal
from types import TracebackType

import pytest
from sqlalchemy import delete, select

from domain.analysts.models import Conversation, Decision, Message, VoteRow
from domain.exchanges.venue import Venues, VenueUnavailable
from domain.flows.deciding import decide
from domain.flows.lease import Hold, LostLease, let_go, renewed, revive_silent_runs, take
from domain.flows.models import ExecutionSnapshot, ExecutionStatus, FlowMode, StepStatus
from domain.flows.running import run_execution
from domain.flows.service import NewFlow, create_flow, get_flow
from domain.flows.stages import analyse_market, fetch_data, validate_risk
from domain.kernel.clock import ManualClock
from domain.kernel.errors import ErrorCode
from domain.kernel.permissions import SYSTEM
from domain.market.market import Market
from domain.risk.models import RiskVerdict
from domain.risk.service import create_rule
from domain.risk.states import SwitchState
from domain.risk.switch import SwitchSetting, set_trading_switch
from domain.runtime.operation import Operation
from domain.runtime.outbox import OutboxJob
from domain.runtime.runtime import Runtime
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.models import Fill, OrderPurpose, OrderStatus, Position, PositionStatus
from domain.trading.paper_models import PaperOrder
from domain.trading.syncing import resume_orders
from domain.wallets.ledger import verify_ledger
from domain.wallets.service import default_wallet
from tests.databases import both_databases
from tests.domain.flows.runs import events, executions, new_flow, orders, record, run, trigger
from tests.domain.trading.desk import CrashingVenue
from tests.market_script import ScriptedSource


async def assert_books_are_right(user: Operation) -> None:
    async with user.reading() as work:
        wallet = await default_wallet(work, user.caller.id)
        assert await verify_ledger(work, wallet.id) == []


@both_databases
async def test_run_goes_from_market_to_position(ada: Operation) -> None:
    flow = await new_flow(ada)
    done = await run(ada, flow)
    assert done.execution.status is ExecutionStatus.COMPLETED
    assert [step.status for step in done.steps] == [StepStatus.COMPLETED] * 4
    assert done.execution.result is not None
    assert done.execution.result["action"] == "buy"
    (order,) = await orders(ada)
    assert (order.status, order.purpose, order.execution_id) == (OrderStatus.FILLED, OrderPurpose.ENTRY, done.execution.id)
    assert order.quantity == Decimal("0.002")  # 100 USDT at 50 000
    async with ada.reading() as work:
        position = await work.session.scalar(select(Position).where(Position.id == order.position_id))
        votes = (await work.session.scalars(select(VoteRow).where(VoteRow.execution_id == done.execution.id))).all()
        roles = (await work.session.scalars(select(Decision.agent_role).order_by(Decision.id))).all()
        messages = (await work.session.scalars(select(Message).order_by(Message.seq))).all()
        conversation = await work.session.scalar(select(Conversation))
        snapshot = await work.session.get(ExecutionSnapshot, done.execution.id)
    assert position is not None
    assert position.stop_loss and order.average_fill_price and position.take_profit
    assert position.stop_loss < order.average_fill_price < position.take_profit
    assert [vote.member for vote in votes] == [1, 2, 3, 4, 5]
    assert roles == ["market_analyst", "pre_trade_evaluator", "risk_rules_engine"]
    assert [message.seq for message in messages] == [1, 2, 3, 4, 5]
    assert conversation is not None and conversation.outcome["executed"] is True
    assert conversation.swarm_vote["total_agents"] == 5
    assert snapshot is not None and len(snapshot.fingerprint) == 64
    await assert_books_are_right(ada)


async def test_progress_is_told_in_the_documented_steps(ada: Operation) -> None:
    flow = await new_flow(ada)
    done = await run(ada, flow)
    told = [event.payload for event in await events(ada, "execution.updated")]
    assert [update["progress_percent"] for update in told] == [0, 10, 30, 60, 90, 100]
    assert [update["status"] for update in told] == ["PENDING", "RUNNING", "RUNNING", "RUNNING", "RUNNING", "COMPLETED"]
    assert told[2] == {
        "execution_id": done.execution.id,
        "flow_id": flow.id,
        "status": "RUNNING",
        "current_step": 1,
        "step_name": "AI Swarm Analyzing",
        "progress_percent": 30,
        "message": "Running market analysis with AI agents...",
    }
    assert told[-1]["message"] == "Trade BUY executed successfully"


async def test_statistics_count_a_run_once(ada: Operation, source: ScriptedSource) -> None:
    flow = await new_flow(ada)
    await run(ada, flow)
    source.silent = True
    await run(ada, flow)
    async with ada.reading() as work:
        counted = await get_flow(work, flow.id)
    assert (counted.total_executions, counted.successful_executions) == (2, 1)


async def test_second_signal_the_same_way_holds_the_position(ada: Operation) -> None:
    flow = await new_flow(ada)
    await run(ada, flow)
    again = await run(ada, flow)
    assert again.execution.result is not None
    assert again.execution.result["action"] == "hold"
    assert "already holds" in again.execution.result["reasoning"]
    assert len(await orders(ada)) == 1


async def test_entry_that_the_venue_has_not_answered_counts_as_a_position(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    venue = trading.use(Venues).of("demo")
    trading.provide(Venues, Venues({"demo": CrashingVenue(venue, VenueUnavailable("timeout"))}))
    flow = await new_flow(ada)
    first = await run(ada, flow)
    assert first.execution.error is not None and first.execution.error["code"] == "VENUE_UNAVAILABLE"
    trading.provide(Venues, Venues({"demo": venue}))
    second = await run(ada, flow)
    assert second.execution.result is not None
    assert second.execution.result["action"] == "hold"
    assert "still under way" in second.execution.result["reasoning"]
    clock.advance(seconds=10)
    await resume_orders(trading.operation())
    assert [order.status for order in await orders(ada)] == [OrderStatus.FILLED]


async def test_opposite_signal_closes_and_turns_the_position(ada: Operation, source: ScriptedSource, clock: ManualClock) -> None:
    flow = await new_flow(ada)
    await run(ada, flow)
    source.slope = Decimal(-60)
    clock.advance(hours=1)
    await run(ada, flow)
    first, closing, second = await orders(ada)
    assert [order.side.value for order in (first, closing, second)] == ["buy", "sell", "sell"]
    assert closing.purpose is OrderPurpose.REVERSE_SIGNAL
    assert closing.quantity == first.quantity
    async with ada.reading() as work:
        positions = (await work.session.scalars(select(Position).order_by(Position.id))).all()
        counted = await get_flow(work, flow.id)
    assert [position.status for position in positions] == [PositionStatus.CLOSED, PositionStatus.OPEN]
    assert positions[0].exit_reason is OrderPurpose.REVERSE_SIGNAL
    assert counted.total_pnl_usd == positions[0].realized_pnl < 0  # the same price, so fees and slippage are lost
    await assert_books_are_right(ada)


async def test_unsure_analysis_ends_in_a_hold_with_its_reason(ada: Operation) -> None:
    flow = await new_flow(ada, pre_trade_min_confidence=1)
    done = await run(ada, flow)
    assert done.execution.status is ExecutionStatus.COMPLETED
    assert [step.status for step in done.steps[2:]] == [StepStatus.SKIPPED, StepStatus.COMPLETED]
    assert done.execution.result is not None and done.execution.result["action"] == "hold"
    assert await orders(ada) == []
    assert (await events(ada, "execution.updated"))[-1].payload["progress_percent"] == 100


async def test_broken_risk_rule_ends_in_a_hold_with_a_stored_verdict(ada: Operation) -> None:
    async with ada.unit_of_work() as work:
        rule = await create_rule(work, "Small", "max_position_size", {"max_usd": 50})
    flow = await new_flow(ada)
    done = await run(ada, flow)
    assert done.execution.status is ExecutionStatus.COMPLETED
    assert done.execution.error is not None and done.execution.error["code"] == "RISK_LIMIT_EXCEEDED"
    assert await orders(ada) == []
    async with ada.reading() as work:
        (verdict,) = (await work.session.scalars(select(RiskVerdict))).all()
    assert (verdict.rule_id, verdict.passed, verdict.execution_id) == (rule.id, False, done.execution.id)


async def test_risk_rule_that_is_broken_at_the_last_step_is_on_record(ada: Operation, source: ScriptedSource, clock: ManualClock) -> None:
    flow = await new_flow(ada)
    await run(ada, flow)
    async with ada.unit_of_work() as work:
        await create_rule(work, "Small", "max_position_size", {"max_usd": 60})
    source.slope = Decimal(-60)
    clock.advance(hours=1)
    done = await run(ada, flow)  # turning 100 USDT round may close them, not open them again
    assert done.execution.error is not None and done.execution.error["code"] == "RISK_LIMIT_EXCEEDED"
    assert [order.purpose for order in await orders(ada)] == [OrderPurpose.ENTRY, OrderPurpose.REVERSE_SIGNAL]
    async with ada.reading() as work:
        verdicts = (await work.session.scalars(select(RiskVerdict).order_by(RiskVerdict.id))).all()
    assert [(verdict.passed, verdict.execution_id) for verdict in verdicts] == [(True, done.execution.id), (False, done.execution.id)]


@pytest.mark.parametrize("state", [SwitchState.REDUCING, SwitchState.HALTED])
async def test_run_that_the_trading_switch_stops_is_completed_and_says_so(ada: Operation, state: SwitchState) -> None:
    async with ada.unit_of_work() as work:
        await set_trading_switch(work, SwitchSetting(state, "Enough for today"))
    done = await run(ada, await new_flow(ada))
    assert done.execution.status is ExecutionStatus.COMPLETED
    assert done.execution.error is not None and done.execution.error["code"] == "TRADING_HALTED"
    assert "Enough for today" in done.execution.error["message"]
    assert await orders(ada) == []


@pytest.mark.parametrize(
    ("state", "purposes"),
    [
        (SwitchState.REDUCING, [OrderPurpose.ENTRY, OrderPurpose.REVERSE_SIGNAL]),
        (SwitchState.HALTED, [OrderPurpose.ENTRY]),
    ],
)
async def test_flow_that_turns_round_closes_while_reducing_and_does_nothing_while_halted(
    ada: Operation, source: ScriptedSource, clock: ManualClock, state: SwitchState, purposes: list[OrderPurpose]
) -> None:
    flow = await new_flow(ada)
    await run(ada, flow)
    async with ada.unit_of_work() as work:
        await set_trading_switch(work, SwitchSetting(state))
    source.slope = Decimal(-60)
    clock.advance(hours=1)
    done = await run(ada, flow)
    assert done.execution.status is ExecutionStatus.COMPLETED
    assert done.execution.error is not None and done.execution.error["code"] == "TRADING_HALTED"
    assert [order.purpose for order in await orders(ada)] == purposes


async def test_flow_is_held_to_the_same_rules_as_its_owner(ada: Operation) -> None:
    async with ada.unit_of_work() as work:
        await create_rule(work, "One a day", "max_orders_per_day", {"max_count": 1})
        await create_rule(work, "Only ether", "symbol_allow_list", {"symbols": ["ETH/USDT"]}, "warn")
    flow = await new_flow(ada, single_position_mode=False)
    first, second = await run(ada, flow), await run(ada, flow)
    assert first.execution.error is None
    assert second.execution.error is not None and second.execution.error["code"] == "RISK_LIMIT_EXCEEDED"
    assert len(await orders(ada)) == 1


async def test_levels_are_rounded_away_from_the_price(ada: Operation, trading: Runtime, source: ScriptedSource) -> None:
    source.price_now, source.slope = Decimal("0.50"), Decimal("0.01")
    flow = await new_flow(ada, symbol="NL_DAY_AHEAD", order_quantity=10, default_stop_loss_percent=0.3, default_take_profit_percent=0.3)
    execution = await take(trading.operation(), await trigger(ada, flow))
    assert execution is not None
    hold = Hold(trading.operation(replace(SYSTEM, user_id=ada.caller.id)), execution.id, execution.attempt)
    for stage in (fetch_data, analyse_market, validate_risk):
        await stage(hold, execution)
    source.price_now = Decimal("0.20")  # below the analysts' stop, so that the flow's own percents count
    await decide(hold, execution)
    (order,) = await orders(ada)
    assert (order.status, order.attached_stop_loss) == (OrderStatus.FILLED, Decimal("0.19"))


@pytest.mark.parametrize(
    ("symbol", "price", "code"), [("NL_DAY_AHEAD", "-12.5", "PRICE_NOT_POSITIVE"), ("BTC/USDT", "99000000", "QUANTITY_TOO_SMALL")]
)
async def test_size_that_makes_no_order_is_refused_with_its_code(
    ada: Operation, source: ScriptedSource, symbol: str, price: str, code: str
) -> None:
    source.price_now, source.slope = Decimal(price), Decimal(price).copy_abs() / 500
    done = await run(ada, await new_flow(ada, symbol=symbol))
    assert done.execution.status is ExecutionStatus.COMPLETED
    assert done.execution.error is not None and done.execution.error["code"] == code
    assert await orders(ada) == []


async def test_quantity_trades_at_a_negative_price_and_the_books_add_up(ada: Operation, source: ScriptedSource) -> None:
    source.price_now, source.slope = Decimal("-12.5"), Decimal("0.25")
    done = await run(ada, await new_flow(ada, symbol="NL_DAY_AHEAD"), order_quantity_override=Decimal(5))
    assert done.execution.result is not None and done.execution.result["action"] == "buy"
    await assert_books_are_right(ada)


async def test_override_holds_for_one_run_and_quantity_beats_money(ada: Operation) -> None:
    flow = await new_flow(ada)
    await run(ada, flow, order_quantity_override=Decimal("0.003"), order_size_usd_override=Decimal(900))
    assert [order.quantity for order in await orders(ada)] == [Decimal("0.003")]
    other = await new_flow(ada)
    await run(ada, other, order_size_usd_override=Decimal(200))
    assert (await orders(ada))[1].quantity == Decimal("0.004")


async def test_silent_market_fails_the_run_and_says_why(ada: Operation, source: ScriptedSource) -> None:
    source.silent = True
    done = await run(ada, await new_flow(ada))
    assert done.execution.status is ExecutionStatus.FAILED
    assert done.execution.error == {"code": "MARKET_UNAVAILABLE", "message": "The scripted market is silent"}
    assert {step.status for step in done.steps} == {StepStatus.FAILED}
    last = (await events(ada, "execution.updated"))[-1].payload
    assert (last["status"], last["progress_percent"]) == ("FAILED", 0)
    assert last["error"]["code"] == ErrorCode.MARKET_UNAVAILABLE.value


async def test_solo_run_asks_one_analyst(ada: Operation) -> None:
    done = await run(ada, await new_flow(ada, mode=FlowMode.SOLO))
    async with ada.reading() as work:
        votes = (await work.session.scalars(select(VoteRow))).all()
    assert len(votes) == 1
    assert done.execution.status is ExecutionStatus.COMPLETED


@pytest.mark.parametrize(("agents", "members"), [(1, 3), (4, 4), (20, 20)])
async def test_swarm_of_no_given_size_has_a_member_for_each_agent(ada: Operation, agents: int, members: int) -> None:
    wish = NewFlow("Swing", "BTC/USDT", mode=FlowMode.SWARM, agents=[f"agent {number}" for number in range(agents)])
    async with ada.unit_of_work() as work:
        flow = await create_flow(work, wish)
    await run(ada, flow)
    async with ada.reading() as work:
        assert len((await work.session.scalars(select(VoteRow))).all()) == members


async def test_message_for_a_run_that_has_ended_does_nothing(ada: Operation) -> None:
    done = await run(ada, await new_flow(ada))
    before = await events(ada)
    await run_execution(ada.runtime.operation(), done.execution.id)
    assert await events(ada) == before


class Crash(BaseException):
    """Stands for a SIGKILL: no handler of the domain catches it."""


def crash_after(runtime: Runtime, commits: int) -> None:
    """Let the process die right after so many writing transactions have been committed."""
    left = commits

    class DyingWork(UnitOfWork):
        async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
            nonlocal left
            await super().__aexit__(kind, error, trace)
            left -= 1
            if left == 0:
                raise Crash

    runtime.unit_of_work = lambda operation: DyingWork(operation, runtime.database.writing(), writes=True)  # type: ignore[method-assign]


@pytest.mark.parametrize("commits", range(1, 11))
async def test_run_killed_after_any_commit_is_finished_by_the_next_worker(
    ada: Operation, trading: Runtime, clock: ManualClock, commits: int
) -> None:
    execution_id = await trigger(ada, await new_flow(ada))
    crash_after(trading, commits)
    with pytest.raises(Crash):
        await run_execution(trading.operation(), execution_id)
    del trading.unit_of_work
    clock.advance(seconds=30)
    await revive_silent_runs(trading.operation())
    await run_execution(trading.operation(), execution_id)
    done = await record(ada, execution_id)
    assert done.execution.status is ExecutionStatus.COMPLETED, done.execution.error
    assert done.execution.result is not None and done.execution.result["action"] == "buy"
    assert len(await orders(ada)) == 1
    async with ada.reading() as work:
        assert len((await work.session.scalars(select(PaperOrder))).all()) == 1
        assert len((await work.session.scalars(select(Fill))).all()) == 1
        assert len((await work.session.scalars(select(VoteRow))).all()) == 5
        assert len((await work.session.scalars(select(Message))).all()) == 5
    await assert_books_are_right(ada)


@both_databases
async def test_two_workers_do_not_carry_the_same_run(ada: Operation, trading: Runtime) -> None:
    execution_id = await trigger(ada, await new_flow(ada))
    await asyncio.gather(*(run_execution(trading.operation(), execution_id) for _ in range(4)))
    assert (await record(ada, execution_id)).execution.attempt == 1
    assert len(await orders(ada)) == 1


async def test_worker_that_lost_its_lease_cannot_write(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    execution_id = await trigger(ada, await new_flow(ada))
    first = await take(trading.operation(), execution_id)
    assert first is not None
    assert await take(trading.operation(), execution_id) is None
    clock.advance(seconds=30)
    second = await take(trading.operation(), execution_id)
    assert second is not None and second.attempt == 2
    with pytest.raises(LostLease):
        async with Hold(trading.operation(), execution_id, first.attempt).unit_of_work():
            pass


async def test_each_silence_queues_a_run_once(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    execution_id = await trigger(ada, await new_flow(ada))
    await take(trading.operation(), execution_id)
    assert await revive_silent_runs(trading.operation()) == 0
    clock.advance(seconds=30)
    assert await revive_silent_runs(trading.operation()) == 1
    assert await revive_silent_runs(trading.operation()) == 0


async def test_run_that_was_let_go_is_revived_though_its_job_is_gone(ada: Operation, trading: Runtime, clock: ManualClock) -> None:
    execution_id = await trigger(ada, await new_flow(ada))
    held = await take(trading.operation(), execution_id)
    assert held is not None
    async with trading.operation().unit_of_work() as work:
        # What a second delivery of the same job does when it finds the run taken.
        await work.session.execute(delete(OutboxJob))
    await let_go(Hold(trading.operation(), execution_id, held.attempt))
    assert await revive_silent_runs(trading.operation()) == 1
    await run_execution(trading.operation(), execution_id)
    assert (await record(ada, execution_id)).execution.status is ExecutionStatus.COMPLETED


async def test_lease_of_a_run_that_has_ended_is_not_lost(ada: Operation, trading: Runtime) -> None:
    trading.settings = trading.settings.model_copy(update={"lease_seconds": 0.06})
    held = await take(trading.operation(), await trigger(ada, await new_flow(ada)))
    assert held is not None
    hold = Hold(trading.operation(), held.id, held.attempt)
    async with renewed(hold):
        async with hold.unit_of_work() as (_, execution):
            execution.status, execution.lease_owner, execution.lease_until = ExecutionStatus.COMPLETED, None, None
        await asyncio.sleep(0.1)  # the end is told to everybody while the lease comes up for renewal


async def test_analysts_see_only_closed_candles(ada: Operation, trading: Runtime) -> None:
    done = await run(ada, await new_flow(ada))
    async with ada.reading() as work:
        snapshot = await work.session.get(ExecutionSnapshot, done.execution.id)
    assert snapshot is not None
    assert snapshot.document["source"] == trading.use(Market).source
    assert len(await executions(ada)) == 1
