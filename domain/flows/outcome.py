"""How a step ends, and how a run does: with a trade, with a reasoned hold, or with the next step."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from domain.analysts.opinion import Action
from domain.flows.conversing import conclude
from domain.flows.events import tell_completed, tell_step
from domain.flows.lease import Hold
from domain.flows.models import Execution, ExecutionStatus, StepStatus
from domain.flows.service import count_finished, steps_of
from domain.flows.steps import Step
from domain.flows.triggering import schedule_next_cycle
from domain.runtime.unit_of_work import UnitOfWork


class Ended(Enum):
    """Whether a step was the run's last."""

    YES = True
    NO = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to. `refusal` holds the code and the message of whatever stood in the way of a trade."""

    action: Action
    confidence: Decimal
    reasoning: str
    order_id: str | None = None
    position_id: str | None = None
    refusal: Mapping[str, Any] | None = None

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"action": self.action.value, "confidence": self.confidence, "reasoning": self.reasoning}
        if self.order_id:
            document["order_id"] = self.order_id
        if self.position_id:
            document["position_id"] = self.position_id
        if self.refusal:
            document["refusal"] = dict(self.refusal)
        return document


async def complete_step(work: UnitOfWork, execution: Execution, step: Step, data: Mapping[str, Any]) -> None:
    """Record what a step found and begin the next one, in the caller's transaction."""
    steps = (await steps_of(work, [execution.id]))[execution.id]
    done, following = steps[step], steps[step + 1]
    done.status, done.completed_at, done.data = StepStatus.COMPLETED, work.now, dict(data)
    following.status, following.started_at = StepStatus.RUNNING, work.now
    execution.current_step = int(step) + 1
    tell_step(work, execution, Step(step + 1))


async def complete_run(hold: Hold, step: Step, result: Result, data: Mapping[str, Any]) -> Ended:
    """End the run in its own unit of work: a trade, or a hold with its reason."""
    async with hold.unit_of_work() as (work, execution):
        await end_run(work, execution, step, result, data)
    return Ended.YES


async def end_run(
    work: UnitOfWork, execution: Execution, step: Step, result: Result, data: Mapping[str, Any], *, skipped: bool = False
) -> None:
    """Close the steps, store the result, count the run, plan the loop's next one and tell everyone, in the caller's transaction."""
    steps = (await steps_of(work, [execution.id]))[execution.id]
    current = steps[step]
    current.status = StepStatus.SKIPPED if skipped else StepStatus.COMPLETED
    current.completed_at, current.data = work.now, dict(data)
    final = steps[Step.DECISION]
    if step is not Step.DECISION:
        final.status, final.started_at, final.completed_at = StepStatus.COMPLETED, work.now, work.now
        final.data = {"final_action": result.action.value, "confidence": result.confidence, "reason": result.reasoning}
    execution.current_step = int(Step.DECISION)
    execution.status, execution.completed_at, execution.result = ExecutionStatus.COMPLETED, work.now, result.to_document()
    execution.error = dict(result.refusal) if result.refusal else None
    execution.lease_owner = execution.lease_until = None
    if execution.started_at:
        execution.duration = round((work.now - execution.started_at).total_seconds() * 1000)
    traded = result.order_id is not None
    words = f"Trade {result.action.value.upper()} executed successfully" if traded else f"No trade: {result.reasoning}"
    tell_completed(work, execution, words)
    await conclude(work, execution.id, executed=traded, action=result.action.value, reasoning=result.reasoning, status="completed")
    await count_finished(work, execution.flow_id, successful=True)
    await schedule_next_cycle(work, execution)
