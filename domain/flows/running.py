"""Carries one run from its first unfinished step to its end, however often the process dies in between."""

import asyncio
from dataclasses import dataclass

import structlog

from domain.flows.conversing import conclude
from domain.flows.deciding import decide
from domain.flows.events import tell_failed, tell_step
from domain.flows.lease import Hold, LostLease, let_go, renewed, take
from domain.flows.models import Execution, ExecutionStatus, StepStatus
from domain.flows.outcome import Ended
from domain.flows.owners import is_owner_live
from domain.flows.service import count_finished, steps_of
from domain.flows.stages import analyse_market, fetch_data, validate_risk
from domain.flows.steps import Step
from domain.flows.triggering import schedule_next_cycle
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Caller
from domain.runtime.operation import Operation

log = structlog.get_logger()

STAGES = {
    Step.DATA_FETCH: fetch_data,
    Step.MARKET_ANALYSIS: analyse_market,
    Step.RISK_VALIDATION: validate_risk,
    Step.DECISION: decide,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run could not be finished, in words that may be shown."""

    code: ErrorCode
    message: str


async def run_execution(operation: Operation, execution_id: str) -> None:
    """Do what is left of a run. A second message for the same run, or one for a run that has ended, does nothing."""
    execution = await take(operation, execution_id)
    if execution is None:
        return
    owner = Caller(user_id=execution.user_id, is_system=True, role="system")
    hold = Hold(operation.on_behalf_of(owner), execution.id, execution.attempt)
    if execution.attempt > 1:
        log.info("execution.resumed", execution_id=execution.id, attempt=execution.attempt, step=execution.current_step)
    try:
        async with renewed(hold):
            await _carry_on(hold, execution)
    except LostLease:
        log.info("execution.lost_lease", execution_id=execution.id, attempt=execution.attempt)
    except asyncio.CancelledError:
        # the worker is stopping: the next one continues at this step
        await asyncio.shield(let_go(hold))
        raise


async def _carry_on(hold: Hold, execution: Execution) -> None:
    try:
        if execution.current_step == Step.DATA_FETCH:
            await _announce_first_step(hold)
        for step in list(Step)[execution.current_step :]:
            if await STAGES[step](hold, execution) is Ended.YES:
                return
    except DomainError as refusal:
        await _fail(hold, Failure(refusal.code, refusal.message))
    except (LostLease, asyncio.CancelledError):
        raise
    except Exception as defect:
        log.exception("execution.failed", execution_id=execution.id, defect=type(defect).__name__)
        request_id = hold.operation.request_id
        await _fail(hold, Failure(ErrorCode.EXECUTION_FAILED, f"An unexpected error stopped the run; see the log under {request_id}"))


async def _announce_first_step(hold: Hold) -> None:
    async with hold.unit_of_work() as (work, execution):
        if not await is_owner_live(work, execution.user_id):
            raise DomainError(ErrorCode.ACCOUNT_INACTIVE, "The account of the flow's owner is closed or switched off")
        first = (await steps_of(work, [execution.id]))[execution.id][0]
        first.status, first.started_at = StepStatus.RUNNING, first.started_at or work.now
        tell_step(work, execution, Step.DATA_FETCH)


async def _fail(hold: Hold, failure: Failure) -> None:
    async with hold.unit_of_work() as (work, execution):
        error = {"code": failure.code.value, "message": failure.message}
        for step in (await steps_of(work, [execution.id]))[execution.id]:
            if step.status in (StepStatus.PENDING, StepStatus.RUNNING):
                step.status, step.error, step.completed_at = StepStatus.FAILED, failure.message[:500], work.now
        execution.status, execution.error, execution.completed_at = ExecutionStatus.FAILED, error, work.now
        execution.lease_owner = execution.lease_until = None
        if execution.started_at:
            execution.duration = round((work.now - execution.started_at).total_seconds() * 1000)
        tell_failed(work, execution, failure.code.value, failure.message)
        await conclude(work, execution.id, executed=False, action="hold", reasoning=failure.message, status="failed")
        await count_finished(work, execution.flow_id, successful=False)
        await schedule_next_cycle(work, execution)
