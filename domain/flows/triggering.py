"""Begins runs: once by trigger, again and again by start until stop; the loop lives in the database."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

import structlog
from pydantic import Field
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from domain.analysts.providers import ModelProvider, choose_provider
from domain.audit.recording import audited
from domain.flows.config import FlowConfig, config_of_run, panel_size
from domain.flows.events import tell_queued
from domain.flows.models import Execution, ExecutionStatus, ExecutionStep, Flow, FlowStatus, StepStatus
from domain.flows.owners import is_owner_live
from domain.flows.service import LIVE, ExecutionRecord, find_execution, find_flow, get_execution, live_execution
from domain.flows.steps import NAMES
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.ids import new_id
from domain.kernel.permissions import Permission, requires
from domain.plans.limits import check_limit
from domain.plans.rules import LimitedResource
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.operation import Operation
from domain.runtime.settings import Settings
from domain.runtime.unit_of_work import UnitOfWork

log = structlog.get_logger()

RUN_JOB = "flows.run_execution"
MAX_WAIT_SECONDS = 30.0
SHORTEST_PAUSE = Decimal(5)
# A loop that cannot begin (a provider that lost its key, say) is tried again, not forgotten.
AFTER_REFUSAL = timedelta(seconds=60)

ModelName = Annotated[str, Field(max_length=80)]
Amount = Annotated[Decimal, Field(gt=0)]


@dataclass(frozen=True, slots=True)
class StartOptions:
    """Who answers in the runs of a loop; None leaves it to the server's default."""

    model_provider: ModelName | None = None
    model_name: ModelName | None = None


@dataclass(frozen=True, slots=True)
class TriggerOptions:
    """Who answers in this run, and its size in place of the flow's: a quantity in lots' unit, or money in the quote currency."""

    model_provider: ModelName | None = None
    model_name: ModelName | None = None
    order_quantity_override: Amount | None = None
    order_size_usd_override: Amount | None = None


@audited("flow.trigger", id="flow_id")
@requires(Permission.FLOWS_RUN)
async def trigger_flow(work: UnitOfWork, flow_id: str, body: TriggerOptions | None = None) -> ExecutionRecord:
    """Start one run of a flow, in whatever status the flow is; a worker carries it on.

    Answers at once with the pending run. Raises NOT_FOUND if the caller cannot see the flow, FLOW_BUSY while a run is under
    way, MODEL_NOT_CONFIGURED for a provider that cannot answer, PLAN_LIMIT_REACHED for more agents than the owner's plan allows.
    """
    options = body or TriggerOptions()
    provider = choose_provider(configured_models(work.operation.runtime.settings), options.model_provider)
    flow = await find_flow(work, flow_id, for_update=True)
    execution_id = new_id("exec")
    fingerprint = fingerprint_of("trigger_flow", flow_id=flow.id, provider=options.model_provider, model=options.model_name,
                                 quantity=options.order_quantity_override, size=options.order_size_usd_override)  # fmt: skip
    if earlier := await claim(work, fingerprint, execution_id):
        return await _record(work, await find_execution(work, earlier))
    return await _begin(work, flow, execution_id, provider, options)


@audited("flow.start", id="flow_id")
@requires(Permission.FLOWS_RUN)
async def start_flow(work: UnitOfWork, flow_id: str, body: StartOptions | None = None) -> Flow:
    """Make a flow active and run it again and again, the first time now; answers at once. Starting it twice makes no second loop.

    Raises NOT_FOUND, MODEL_NOT_CONFIGURED, PLAN_LIMIT_REACHED.
    """
    options = body or StartOptions()
    provider = choose_provider(configured_models(work.operation.runtime.settings), options.model_provider)
    flow = await find_flow(work, flow_id, for_update=True)
    if flow.is_looping:
        return flow
    flow.status = FlowStatus.ACTIVE
    flow.config = {**flow.config, "auto_loop_enabled": True}
    flow.loop_provider, flow.loop_model, flow.loop_cycles = provider.id, options.model_name, 0
    flow.updated_at = work.now
    if await live_execution(work, flow.id) is not None:
        flow.next_run_at = work.now  # a single run is under way; the loop begins when it has ended
        return flow
    await _begin_cycle(work, flow)
    return flow


@audited("flow.stop", id="flow_id")
@requires(Permission.FLOWS_RUN)
async def stop_flow(work: UnitOfWork, flow_id: str) -> Flow:
    """Pause a flow and end its loop; a run under way is finished. Stopping a stopped flow changes nothing."""
    flow = await find_flow(work, flow_id, for_update=True)
    if flow.status is not FlowStatus.PAUSED:
        flow.status, flow.updated_at = FlowStatus.PAUSED, work.now
        flow.end_loop()
    return flow


@requires(Permission.EXECUTIONS_READ)
async def wait_for_execution(operation: Operation, execution_id: str, seconds: float) -> ExecutionRecord:
    """Return the run as soon as it has ended, or as it stands after so many seconds (at most 30)."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + min(max(seconds, 0), MAX_WAIT_SECONDS)
    async with operation.runtime.bus.subscribe(operation.caller.id) as wake_ups:
        while True:
            async with operation.reading() as work:
                record = await get_execution(work, execution_id)
            left = deadline - loop.time()
            if record.execution.status not in LIVE or left <= 0:
                return record
            await wake_ups.wait(min(left, 1.0))


async def begin_due_cycles(operation: Operation) -> int:
    """Begin the next run of every loop whose pause is over; says how many. One flow's trouble does not stop the others."""
    async with operation.reading() as work:
        due = select(Flow.id).where(Flow.next_run_at <= work.now).limit(500)
        flow_ids = (await work.session.scalars(due)).all()
    begun = 0
    for flow_id in flow_ids:
        try:
            begun += await _begin_due_cycle(operation, flow_id)
        except DomainError as refusal:
            log.warning("loop.postponed", flow_id=flow_id, code=refusal.code.value, reason=refusal.message)
            async with operation.unit_of_work() as work:
                later = work.now + AFTER_REFUSAL
                await work.session.execute(update(Flow).where(Flow.id == flow_id, Flow.next_run_at <= work.now).values(next_run_at=later))
    return begun


async def schedule_next_cycle(work: UnitOfWork, execution: Execution) -> None:
    """After a run of a loop, whatever its outcome: set the time of the next one, unless the loop has been stopped or is complete."""
    if not execution.is_loop:
        return
    flow = await work.session.get(Flow, execution.flow_id, with_for_update=True)
    if flow is None or not flow.is_looping:
        return
    config = FlowConfig.of(flow.config)
    finished = config.auto_loop_max_cycles is not None and flow.loop_cycles >= config.auto_loop_max_cycles
    if finished:
        flow.end_loop()
        return
    pause = config.auto_loop_delay_seconds or SHORTEST_PAUSE
    flow.next_run_at = work.now + timedelta(seconds=float(pause))


def configured_models(settings: Settings) -> Mapping[str, object]:
    """Return the settings that configure model providers, by the name of their environment variable."""
    return {
        name.upper(): value for name, value in settings.model_dump().items() if name.endswith(("_api_key", "_base_url")) or "model" in name
    }


async def _begin_due_cycle(operation: Operation, flow_id: str) -> bool:
    async with operation.unit_of_work() as work:
        # looked up again under the lock: stop, or another process, may have been faster
        due = select(Flow).where(Flow.id == flow_id, Flow.next_run_at <= work.now)
        flow = await work.session.scalar(due.with_for_update())
        if flow is None or await live_execution(work, flow_id) is not None:
            return False
        if not await is_owner_live(work, flow.user_id):  # started while the account was being closed
            flow.status = FlowStatus.PAUSED
            flow.end_loop()
            return False
        await _begin_cycle(work, flow)
        return True


async def _begin_cycle(work: UnitOfWork, flow: Flow) -> None:
    flow.next_run_at = None
    flow.loop_cycles += 1
    options = TriggerOptions(flow.loop_provider, flow.loop_model)
    provider = choose_provider(configured_models(work.operation.runtime.settings), flow.loop_provider)
    await _begin(work, flow, new_id("exec"), provider, options, is_loop=True)


async def _begin(
    work: UnitOfWork, flow: Flow, execution_id: str, provider: ModelProvider, options: TriggerOptions, *, is_loop: bool = False
) -> ExecutionRecord:
    flow_id = flow.id
    if await live_execution(work, flow_id) is not None:
        raise _busy(flow_id)
    config = config_of_run(flow.config, flow.agents)
    await check_limit(work, flow.user_id, LimitedResource.AGENTS, panel_size(flow.mode, FlowConfig.of(config)))
    execution = Execution(
        id=execution_id,
        flow_id=flow_id,
        user_id=flow.user_id,
        flow_name=flow.name,
        symbol=flow.symbol,
        mode=flow.mode,
        config=config,
        provider=provider.id,
        model=options.model_name or provider.default_model,
        order_quantity_override=options.order_quantity_override,
        order_size_override=options.order_size_usd_override,
        is_loop=is_loop,
        status=ExecutionStatus.PENDING,
        current_step=0,
        attempt=0,
        request_id=work.operation.request_id,
        created_at=work.now,
    )
    work.session.add(execution)
    try:
        await work.session.flush()
    except IntegrityError:
        # the database allows one live run a flow, whoever gets here
        raise _busy(flow_id) from None
    steps = [
        ExecutionStep(id=new_id("step"), execution_id=execution_id, position=int(step), name=name, status=StepStatus.PENDING)
        for step, name in NAMES.items()
    ]
    work.session.add_all(steps)
    tell_queued(work, execution)
    work.enqueue(RUN_JOB, execution_id=execution_id)
    return ExecutionRecord(execution, steps)


def _busy(flow_id: str) -> DomainError:
    return DomainError(ErrorCode.FLOW_BUSY, "A run of this flow is under way", flow_id=flow_id)


async def _record(work: UnitOfWork, execution: Execution) -> ExecutionRecord:
    return await get_execution(work, execution.id)
