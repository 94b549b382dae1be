"""What clients see of flows, and what they may set."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain.flows import relations
from domain.flows.config import config_warnings
from domain.flows.models import FlowMode, FlowStatus, FlowTrigger
from schema.enums import graphql_enum
from schema.fields import field, related
from schema.scalars import JSON

if TYPE_CHECKING:
    from schema.executions import Execution

graphql_enum(
    FlowMode,
    description="How many analysts decide.",
    values={"SOLO": "One analyst that weighs all methods.", "SWARM": "A panel votes."},
)
graphql_enum(
    FlowStatus,
    description="What a flow is doing.",
    values={
        "DRAFT": "New; it can be triggered by hand.",
        "ACTIVE": "Its loop runs, or it waits for a signal.",
        "PAUSED": "Stopped; it can be triggered by hand.",
    },
)
graphql_enum(
    FlowTrigger,
    description="What a flow is meant to be started by.",
    values={"MANUAL": "People.", "SCHEDULE": "The clock.", "SIGNAL": "An event."},
)

CONFIG = (
    "Settings of a run, with the words of `/api/v1`: `interval`, `candles`, `order_size_usd`, `order_quantity`, `swarm_runs`, "
    "`swarm_min_agreement`, `swarm_role_weights`, `single_position_mode`, `user_wallet_id`, `default_stop_loss_percent`, "
    "`default_take_profit_percent`, `pre_trade_min_confidence`, `pre_trade_signal_min_confidence`, `pre_trade_require_signal`, "
    "`pre_trade_require_signal_alignment`, `auto_loop_enabled`, `auto_loop_delay_seconds`, `auto_loop_max_cycles`; other keys are kept, "
    "without effect."
)
LatestExecution = Annotated["Execution", strawberry.lazy("schema.executions")] | None


@strawberry.type(description="A trading automation: what to trade, who decides, and how much.")
class Flow:
    id: strawberry.ID = strawberry.field(description="Begins with `flow_`.")
    name: str = strawberry.field(description="1 to 100 characters.")
    symbol: str = strawberry.field(description="What it trades.")
    mode: FlowMode = strawberry.field(description="How many analysts decide.")
    status: FlowStatus = strawberry.field(description="What it is doing.")
    trigger: FlowTrigger = strawberry.field(description="What it is meant to be started by.")
    agents: list[str] = strawberry.field(description="The roles that take part.")
    schedule: str | None = strawberry.field(description="When, for flows started by the clock.")
    config: JSON = strawberry.field(description=CONFIG)
    total_executions: int = strawberry.field(description="Runs that have ended.")
    successful_executions: int = strawberry.field(description="Runs that completed.")
    winning_trades: int = strawberry.field(description="Positions of this flow that closed with a profit.")
    win_rate: Decimal = strawberry.field(description="Winning trades as percent of the completed runs.")
    total_pnl_usd: Decimal = strawberry.field(description="Realised profit and loss of all its positions, fees included.")
    loop_cycles: int = strawberry.field(description="Runs that the loop has begun since it was started.")
    next_run_at: datetime | None = strawberry.field(description="When the loop begins the next run; null while none is planned.")
    last_run_at: datetime | None = strawberry.field(description="End of the last run.")
    created_at: datetime = strawberry.field(description="When the flow was made.")
    updated_at: datetime | None = strawberry.field(description="Last change by a person.")

    @field(list[str], "A sentence for each key of `config` that has no effect, with the key that may have been meant.")
    def config_warnings(self) -> list[str]:
        return config_warnings(self.config)  # type: ignore[arg-type]

    latest_execution = related(LatestExecution, relations.latest_executions, "id", "The newest run.")


@strawberry.input(description="A new flow; it is made as a draft.")
class FlowInput:
    name: str = strawberry.field(description="1 to 100 characters, not only blanks.")
    symbol: str = strawberry.field(description="Any spelling or alias of an instrument.")
    mode: FlowMode = strawberry.field(default=FlowMode.SOLO, description="How many analysts decide.")
    trigger: FlowTrigger = strawberry.field(default=FlowTrigger.MANUAL, description="What it is meant to be started by.")
    agents: list[str] | None = strawberry.field(default=None, description="At most 20 roles; null for the usual ones.")
    schedule: str | None = strawberry.field(default=None, description="At most 100 characters.")
    config: JSON | None = strawberry.field(default=None, description=CONFIG)


@strawberry.input(description="Changes of a flow; what is left out or null stays as it is. A run under way keeps its settings.")
class FlowChangesInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters, not only blanks.")
    symbol: str | None = strawberry.field(default=None, description="Any spelling or alias of an instrument.")
    mode: FlowMode | None = strawberry.field(default=None, description="How many analysts decide.")
    trigger: FlowTrigger | None = strawberry.field(default=None, description="What it is meant to be started by.")
    agents: list[str] | None = strawberry.field(default=None, description="At most 20 roles.")
    schedule: str | None = strawberry.field(default=None, description="At most 100 characters.")
    config: JSON | None = strawberry.field(default=None, description=f"Replaces the whole object. {CONFIG}")
    status: FlowStatus | None = strawberry.field(default=None, description="Leaving `ACTIVE` ends the loop; entering it starts none.")


@strawberry.input(description="Who answers in the runs of a loop.")
class StartFlowInput:
    model_provider: str | None = strawberry.field(default=None, description="For instance `groq`; null for the server's default.")
    model_name: str | None = strawberry.field(default=None, description="A model of the provider; null for its default.")


@strawberry.input(description="Who answers in one run, and its size in place of the flow's. The quantity wins over the money.")
class TriggerFlowInput:
    model_provider: str | None = strawberry.field(default=None, description="For instance `groq`; null for the server's default.")
    model_name: str | None = strawberry.field(default=None, description="A model of the provider; null for its default.")
    order_quantity_override: Decimal | None = strawberry.field(default=None, description="Contracts, for this run alone.")
    order_size_usd_override: Decimal | None = strawberry.field(default=None, description="Money in the quote currency, for this run alone.")
