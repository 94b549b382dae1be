"""What people do with flows: create, change, read and delete them and their runs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import batched
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Select, delete, select, update

from domain.analysts.models import Conversation, Decision, Message, VoteRow
from domain.audit.recording import audited, entry_of
from domain.flows.config import FlowConfig, checked_config
from domain.flows.models import (
    Execution,
    ExecutionSnapshot,
    ExecutionStatus,
    ExecutionStep,
    Flow,
    FlowMode,
    FlowStatus,
    FlowTrigger,
)
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, requires
from domain.market.instruments import find_instrument
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

LIVE = (ExecutionStatus.PENDING, ExecutionStatus.RUNNING)
DEFAULT_AGENTS = ("market_analyst", "risk_manager")
# PostgreSQL takes 32 767 arguments to a statement.
ERASED_AT_ONCE = 1_000

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
AgentName = Annotated[str, Field(min_length=1, max_length=40)]
Agents = Annotated[list[AgentName], Field(max_length=20)]


@dataclass(frozen=True, slots=True)
class NewFlow:
    """What a flow is made from."""

    name: Name
    symbol: Annotated[str, Field(max_length=40)]
    mode: FlowMode = FlowMode.SOLO
    trigger: FlowTrigger = FlowTrigger.MANUAL
    agents: Agents | None = None
    schedule: Annotated[str, Field(max_length=100)] | None = None
    config: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FlowChanges:
    """What is to change; None leaves a field as it is. `config` replaces the whole object."""

    name: Name | None = None
    symbol: Annotated[str, Field(max_length=40)] | None = None
    mode: FlowMode | None = None
    trigger: FlowTrigger | None = None
    agents: Agents | None = None
    schedule: Annotated[str, Field(max_length=100)] | None = None
    config: dict[str, Any] | None = None
    status: FlowStatus | None = None


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """A run with its steps, in order."""

    execution: Execution
    steps: Sequence[ExecutionStep]


def flows_visible_to(caller: Caller) -> Select[Flow]:
    return select(Flow).where(Flow.user_id == caller.id, Flow.deleted_at.is_(None))


def executions_visible_to(caller: Caller) -> Select[Execution]:
    return select(Execution).where(Execution.user_id == caller.id)


def decisions_visible_to(caller: Caller) -> Select[Decision]:
    return select(Decision).where(Decision.user_id == caller.id)


@audited("flow.create", id="result.id")
@requires(Permission.FLOWS_WRITE)
async def create_flow(work: UnitOfWork, body: NewFlow) -> Flow:
    """Create a flow, as a draft.

    Raises UNKNOWN_SYMBOL for a symbol outside the catalogue, UNKNOWN_INTERVAL and VALIDATION_ERROR for a setting outside its limits,
    IDEMPOTENCY_CONFLICT.
    """
    instrument = find_instrument(body.symbol)
    config = checked_config(body.config or {})
    flow = Flow(
        id=new_id("flow"),
        user_id=work.caller.id,
        name=body.name.strip(),
        symbol=instrument.symbol,
        mode=body.mode,
        status=FlowStatus.DRAFT,
        trigger=body.trigger,
        agents=list(DEFAULT_AGENTS if body.agents is None else body.agents),
        schedule=body.schedule,
        config=config,
        total_executions=0,
        successful_executions=0,
        winning_trades=0,
        total_pnl_usd=Decimal(0),
        loop_cycles=0,
        created_at=work.now,
    )
    fingerprint = fingerprint_of("create_flow", name=flow.name, symbol=flow.symbol, mode=flow.mode, trigger=flow.trigger,
                                 agents=flow.agents, schedule=flow.schedule, config=config)  # fmt: skip
    if earlier := await claim(work, fingerprint, flow.id):
        return await find_flow(work, earlier)
    work.session.add(flow)
    return flow


@requires(Permission.FLOWS_READ)
async def list_flows(work: UnitOfWork, status: FlowStatus | None = None, limit: Limit = 10, offset: Offset = 0) -> Page[Flow]:
    """Return the caller's flows, newest first."""
    query = flows_visible_to(work.caller).order_by(Flow.created_at.desc(), Flow.id.desc())
    if status is not None:
        query = query.where(Flow.status == status)
    return await page_of(work.session, query, limit, offset)


@requires(Permission.FLOWS_READ)
async def get_flow(work: UnitOfWork, flow_id: str) -> Flow:
    """Return one flow. Raises NOT_FOUND."""
    return await find_flow(work, flow_id)


@audited("flow.update", id="flow_id")
@requires(Permission.FLOWS_WRITE)
async def update_flow(work: UnitOfWork, flow_id: str, body: FlowChanges) -> Flow:
    """Change a flow; a run under way keeps the settings it began with.

    Making it active by hand lets it be triggered but starts no loop; taking it out of active, or `auto_loop_enabled` false, ends one.
    Raises NOT_FOUND, UNKNOWN_SYMBOL, UNKNOWN_INTERVAL, VALIDATION_ERROR.
    """
    flow = await find_flow(work, flow_id, for_update=True)
    if body.name is not None:
        flow.name = body.name.strip()
    if body.symbol is not None:
        flow.symbol = find_instrument(body.symbol).symbol
    if body.config is not None:
        flow.config = checked_config(body.config)
    if body.agents is not None:
        flow.agents = list(body.agents)
    flow.mode = body.mode or flow.mode
    flow.trigger = body.trigger or flow.trigger
    flow.schedule = flow.schedule if body.schedule is None else body.schedule
    if body.status is not None:
        flow.status = body.status
    if flow.status is not FlowStatus.ACTIVE or not FlowConfig.of(flow.config).auto_loop_enabled:
        flow.end_loop()
    flow.updated_at = work.now
    return flow


@audited("flow.delete", id="flow_id")
@requires(Permission.FLOWS_WRITE)
async def delete_flow(work: UnitOfWork, flow_id: str) -> None:
    """Delete a flow; its runs, orders and positions stay. Raises FLOW_BUSY while a run is under way."""
    flow = await find_flow(work, flow_id, for_update=True)
    if await live_execution(work, flow.id) is not None:
        raise DomainError(ErrorCode.FLOW_BUSY, "A run of this flow is under way", flow_id=flow.id)
    flow.deleted_at, flow.status = work.now, FlowStatus.PAUSED
    flow.end_loop()


@requires(Permission.EXECUTIONS_READ)
async def list_flow_executions(work: UnitOfWork, flow_id: str, limit: Limit = 10, offset: Offset = 0) -> Page[ExecutionRecord]:
    """Return the runs of one flow, newest first."""
    flow = await find_flow(work, flow_id)
    return await _execution_page(work, executions_visible_to(work.caller).where(Execution.flow_id == flow.id), limit, offset)


@requires(Permission.EXECUTIONS_READ)
async def list_executions(work: UnitOfWork, limit: Limit = 10, offset: Offset = 0) -> Page[ExecutionRecord]:
    """Return all runs of the caller, newest first."""
    return await _execution_page(work, executions_visible_to(work.caller), limit, offset)


@requires(Permission.EXECUTIONS_READ)
async def get_execution(work: UnitOfWork, execution_id: str) -> ExecutionRecord:
    """Return one run with its steps. Raises NOT_FOUND."""
    execution = await find_execution(work, execution_id)
    return ExecutionRecord(execution, (await steps_of(work, [execution.id]))[execution.id])


@audited("execution.delete", id="execution_id")
@requires(Permission.EXECUTIONS_DELETE)
async def delete_execution(work: UnitOfWork, execution_id: str) -> None:
    """Delete a run and all that was said in it; its orders and positions stay. Raises EXECUTION_RUNNING while it is under way."""
    execution = await find_execution(work, execution_id)
    if execution.status in LIVE:
        raise DomainError(ErrorCode.EXECUTION_RUNNING, "The execution is still under way", execution_id=execution.id)
    await _erase(work, [execution.id])


@audited("execution.delete_all")
@requires(Permission.EXECUTIONS_DELETE)
async def delete_executions(work: UnitOfWork) -> None:
    """Delete all runs of the caller that have ended."""
    ended = select(Execution.id).where(Execution.user_id == work.caller.id, Execution.status.not_in(LIVE))
    await _erase(work, (await work.session.scalars(ended)).all())


@requires(Permission.EXECUTIONS_READ)
async def list_decisions(
    work: UnitOfWork, execution_id: str | None = None, limit: Annotated[int, Field(ge=1, le=200)] = 50
) -> Sequence[Decision]:
    """Return what the stages of the caller's runs decided, newest first."""
    query = decisions_visible_to(work.caller).order_by(Decision.created_at.desc(), Decision.id.desc()).limit(limit)
    if execution_id is not None:
        query = query.where(Decision.execution_id == execution_id)
    return (await work.session.scalars(query)).all()


async def find_flow(work: UnitOfWork, flow_id: str, *, for_update: bool = False) -> Flow:
    """Return the caller's flow; raises NOT_FOUND."""
    query = flows_visible_to(work.caller).where(Flow.id == flow_id)
    flow = await work.session.scalar(query.with_for_update() if for_update else query)
    if flow is None:
        raise NotFound("Flow", flow_id)
    return flow


async def find_execution(work: UnitOfWork, execution_id: str) -> Execution:
    """Return the caller's run; raises NOT_FOUND."""
    execution = await work.session.scalar(executions_visible_to(work.caller).where(Execution.id == execution_id))
    if execution is None:
        raise NotFound("Execution", execution_id)
    return execution


async def live_execution(work: UnitOfWork, flow_id: str) -> Execution | None:
    return await work.session.scalar(select(Execution).where(Execution.flow_id == flow_id, Execution.status.in_(LIVE)))


async def steps_of(work: UnitOfWork, execution_ids: Collection[str]) -> dict[str, list[ExecutionStep]]:
    """Return the steps of each run, in order, in one statement."""
    found: dict[str, list[ExecutionStep]] = {execution_id: [] for execution_id in execution_ids}
    query = select(ExecutionStep).where(ExecutionStep.execution_id.in_(execution_ids)).order_by(ExecutionStep.position)
    for step in await work.session.scalars(query):
        found[step.execution_id].append(step)
    return found


async def _execution_page(work: UnitOfWork, query: Select[Execution], limit: int, offset: int) -> Page[ExecutionRecord]:
    page = await page_of(work.session, query.order_by(Execution.created_at.desc(), Execution.id.desc()), limit, offset)
    steps = await steps_of(work, [execution.id for execution in page.items])
    return Page([ExecutionRecord(execution, steps[execution.id]) for execution in page.items], page.total)


async def _erase(work: UnitOfWork, execution_ids: Sequence[str]) -> None:
    session = work.session
    entry_of(work).add(deleted_executions=list(execution_ids))
    for some in batched(execution_ids, ERASED_AT_ONCE):
        conversations = select(Conversation.id).where(Conversation.execution_id.in_(some))
        await session.execute(delete(Message).where(Message.conversation_id.in_(conversations)))
        for table in (Conversation, VoteRow, Decision, ExecutionStep, ExecutionSnapshot):
            await session.execute(delete(table).where(table.execution_id.in_(some)))
        await session.execute(delete(Execution).where(Execution.id.in_(some)))


async def count_finished(work: UnitOfWork, flow_id: str, *, successful: bool) -> None:
    """Count a run that has ended in its flow's statistics."""
    await work.session.execute(
        update(Flow)
        .where(Flow.id == flow_id)
        .values(
            total_executions=Flow.total_executions + 1,
            successful_executions=Flow.successful_executions + (1 if successful else 0),
            last_run_at=work.now,
        )
    )
