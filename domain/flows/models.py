"""Tables of flows: the flow, each run of it (an execution) with its steps, and the exact market snapshot a run saw."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.runtime.database import Base


class FlowMode(StrEnum):
    SOLO = "solo"
    SWARM = "swarm"


class FlowStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"


class FlowTrigger(StrEnum):
    MANUAL = "manual"
    SCHEDULE = "schedule"
    SIGNAL = "signal"


class ExecutionStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StepStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Flow(Base):
    """A trading automation of one user.

    `loop_provider` is set from start until the auto loop ends, `next_run_at` while the loop waits for its next run.
    """

    __tablename__ = "flows"
    __table_args__ = (
        Index("ix_flows_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_flows_next_run_at", "next_run_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(100))
    symbol: Mapped[str] = mapped_column(String(20))
    mode: Mapped[FlowMode]
    status: Mapped[FlowStatus]
    trigger: Mapped[FlowTrigger]
    agents: Mapped[list[Any]]
    schedule: Mapped[str | None] = mapped_column(String(100))
    config: Mapped[dict[str, Any]]
    total_executions: Mapped[int] = mapped_column(default=0)
    successful_executions: Mapped[int] = mapped_column(default=0)
    winning_trades: Mapped[int] = mapped_column(default=0)
    total_pnl_usd: Mapped[Decimal]
    loop_provider: Mapped[str | None] = mapped_column(String(40))
    loop_model: Mapped[str | None] = mapped_column(String(80))
    loop_cycles: Mapped[int] = mapped_column(default=0)
    next_run_at: Mapped[datetime | None]
    last_run_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    @property
    def win_rate(self) -> Decimal:
        """Winning trades as percent of successful runs, 2 places: the documented formula."""
        if not self.successful_executions:
            return Decimal(0)
        return (Decimal(self.winning_trades) * 100 / self.successful_executions).quantize(Decimal("0.01"))

    @property
    def is_looping(self) -> bool:
        return self.loop_provider is not None

    def end_loop(self) -> None:
        self.loop_provider = self.next_run_at = None


class Execution(Base):
    """One run of a flow. Its config is frozen when it is triggered; the lease says which worker carries it on.

    `attempt` counts the workers that took it and fences off the writes of one that lost its lease.
    """

    __tablename__ = "executions"
    __table_args__ = (
        Index(
            "uq_executions_flow_id_live",
            "flow_id",
            unique=True,
            sqlite_where=text("status IN ('pending', 'running')"),
            postgresql_where=text("status IN ('pending', 'running')"),
        ),
        Index("ix_executions_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_executions_flow_id_created_at_id", "flow_id", "created_at", "id"),
        Index("ix_executions_status_lease_until", "status", "lease_until"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    flow_id: Mapped[str] = mapped_column(ForeignKey("flows.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    flow_name: Mapped[str] = mapped_column(String(100))
    symbol: Mapped[str] = mapped_column(String(20))
    mode: Mapped[FlowMode]
    config: Mapped[dict[str, Any]]
    provider: Mapped[str] = mapped_column(String(40))
    model: Mapped[str | None] = mapped_column(String(80))
    order_quantity_override: Mapped[Decimal | None]
    order_size_override: Mapped[Decimal | None]
    is_loop: Mapped[bool] = mapped_column(default=False)
    status: Mapped[ExecutionStatus]
    current_step: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(128))
    lease_until: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    request_id: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    duration: Mapped[int | None]  # milliseconds


class ExecutionStep(Base):
    """One of the four steps of a run, with what it found."""

    __tablename__ = "execution_steps"
    __table_args__ = (UniqueConstraint("execution_id", "position"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    execution_id: Mapped[str] = mapped_column(ForeignKey("executions.id"))
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(40))
    status: Mapped[StepStatus]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    data: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(String(500))


class ExecutionSnapshot(Base):
    """The market as one run saw it, word for word, and its fingerprint."""

    __tablename__ = "execution_snapshots"
    execution_id: Mapped[str] = mapped_column(ForeignKey("executions.id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    document: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
