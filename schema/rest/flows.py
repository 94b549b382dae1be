"""Flows, runs and decisions as `/api/v1` shows them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from domain.flows.config import FlowConfig, config_of_run, config_warnings
from domain.flows.models import ExecutionStep, Flow
from domain.flows.service import ExecutionRecord
from domain.kernel.errors import DomainError


@dataclass(frozen=True, slots=True)
class FlowView:
    """`total_pnl_usd` is in the quote currency of the flow's symbol, `win_rate` in percent."""

    id: str
    name: str
    symbol: str
    mode: str
    status: str
    trigger: str
    agents: list[str]
    schedule: str | None
    config: dict[str, Any]
    total_executions: int
    successful_executions: int
    total_pnl_usd: Decimal
    win_rate: Decimal
    last_run_at: datetime | None
    created_at: datetime
    updated_at: datetime | None
    config_warnings: list[str]

    @classmethod
    def of(cls, flow: Flow) -> Self:
        return cls(
            id=flow.id,
            name=flow.name,
            symbol=flow.symbol,
            mode=flow.mode.value,
            status=flow.status.value,
            trigger=flow.trigger.value,
            agents=flow.agents,
            schedule=flow.schedule,
            config={**flow.config, **_documented_settings(flow), "auto_loop_cycle_count": flow.loop_cycles},
            total_executions=flow.total_executions,
            successful_executions=flow.successful_executions,
            total_pnl_usd=flow.total_pnl_usd,
            win_rate=flow.win_rate,
            last_run_at=flow.last_run_at,
            created_at=flow.created_at,
            updated_at=flow.updated_at,
            config_warnings=config_warnings(flow.config),
        )


def _documented_settings(flow: Flow) -> dict[str, Any]:
    # The document shows these five on every flow: those that were never set stand there with the value that a run uses.
    try:
        config = FlowConfig.of(config_of_run(flow.config, flow.agents))
    except DomainError:
        return {}  # written under other limits than today's
    return {
        "order_size_usd": config.order_size_usd,
        "swarm_runs": config.swarm_runs,
        "swarm_min_agreement": config.swarm_min_agreement,
        "auto_loop_enabled": config.auto_loop_enabled,
        "auto_loop_delay_seconds": config.auto_loop_delay_seconds,
    }


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a run; `data` holds what it found."""

    name: str
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    data: dict[str, Any] | None
    error: str | None

    @classmethod
    def of(cls, step: ExecutionStep) -> Self:
        return cls(step.name, step.status.value, step.started_at, step.completed_at, step.data, step.error)


@dataclass(frozen=True, slots=True)
class ExecutionView:
    """A run; `duration` is in milliseconds, `error` says why it failed or why its trade was refused."""

    id: str
    flow_id: str
    flow_name: str
    symbol: str
    mode: str
    status: str
    model_provider: str
    model_name: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration: int | None
    steps: list[StepView]
    result: dict[str, Any] | None
    error: dict[str, Any] | None

    @classmethod
    def of(cls, record: ExecutionRecord) -> Self:
        execution = record.execution
        return cls(
            id=execution.id,
            flow_id=execution.flow_id,
            flow_name=execution.flow_name,
            symbol=execution.symbol,
            mode=execution.mode.value,
            status=execution.status.value,
            model_provider=execution.provider,
            model_name=execution.model,
            created_at=execution.created_at,
            started_at=execution.started_at,
            completed_at=execution.completed_at,
            duration=execution.duration,
            steps=[StepView.of(step) for step in record.steps],
            result=execution.result,
            error=execution.error,
        )


@dataclass(frozen=True, slots=True)
class DecisionView:
    """What one stage of a run decided; `confidence` is 0 to 1."""

    id: str
    execution_id: str
    agent_role: str
    action: str
    confidence: Decimal
    reasoning: str
    data: dict[str, Any] | None
    created_at: datetime
    timestamp: datetime

    @classmethod
    def of(cls, decision: Any) -> Self:
        return cls(
            decision.id,
            decision.execution_id,
            decision.agent_role,
            decision.action,
            decision.confidence,
            decision.reasoning,
            decision.data,
            decision.created_at,
            decision.created_at,
        )
