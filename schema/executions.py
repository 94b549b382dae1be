"""What clients see of a run: its steps, votes, decisions, verdicts, conversation, and the market it saw."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from domain.analysts.opinion import VoteStatus
from domain.flows import relations
from domain.flows.models import ExecutionStatus, FlowMode, StepStatus
from domain.kernel.money import exact
from domain.risk import relations as risk_relations
from domain.trading import relations as trading_relations
from schema.enums import graphql_enum
from schema.fields import field, related
from schema.flows import Flow
from schema.risk import RiskVerdict
from schema.scalars import JSON, Cursor

if TYPE_CHECKING:
    from schema.orders import Order

graphql_enum(
    ExecutionStatus,
    description="How far a run has come.",
    values={
        "PENDING": "It waits for a worker.",
        "RUNNING": "A worker carries it on.",
        "COMPLETED": "It ended with a trade, or with a reason for none.",
        "FAILED": "It could not be finished; `error` says why.",
        "CANCELLED": "It was given up.",
    },
)
graphql_enum(
    StepStatus,
    description="How far a step has come.",
    values={
        "PENDING": "Not begun.",
        "RUNNING": "Under way.",
        "COMPLETED": "Done.",
        "FAILED": "It ended the run.",
        "SKIPPED": "Not needed any more.",
    },
)
graphql_enum(
    VoteStatus,
    description="Whether an analyst gave a vote.",
    values={
        "VOTED": "It did, and counts.",
        "ABSTAINED": "It could not judge; it counts for nothing.",
        "FAILED": "It broke down or ran out of time; it counts for nothing.",
    },
)
ItsOrders = list[Annotated["Order", strawberry.lazy("schema.orders")]]
ItsExecution = Annotated["Execution", strawberry.lazy("schema.executions")] | None


@strawberry.type(description="Why something did not happen.")
class Problem:
    code: str = strawberry.field(description="A code of the error catalogue.")
    message: str = strawberry.field(description="One sentence with its values.")

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> "Problem | None":
        return cls(code=str(document.get("code", "")), message=str(document.get("message", ""))) if document else None


@strawberry.type(description="One of the four steps of a run.")
class ExecutionStep:
    id: strawberry.ID = strawberry.field(description="Begins with `step_`.")
    position: int = strawberry.field(description="0 to 3.")
    name: str = strawberry.field(description="`data_fetch`, `market_analysis`, `risk_validation` or `decision`.")
    status: StepStatus = strawberry.field(description="How far it has come.")
    started_at: datetime | None = strawberry.field(description="When it began.")
    completed_at: datetime | None = strawberry.field(description="When it ended.")
    data: JSON | None = strawberry.field(description="What it found, in the words of `/api/v1`.")
    error: str | None = strawberry.field(description="What went wrong.")


@strawberry.type(description="What one analyst said in one run, or why it said nothing.")
class Vote:
    id: strawberry.ID = strawberry.field(description="Begins with `vote_`.")
    member: int = strawberry.field(description="Its number in the panel, from 1.")
    name: str = strawberry.field(description="The analyst's name.")
    role: str = strawberry.field(description="What it looks at: trend, mean reversion, breakout, volatility, volume and so on.")
    model: str = strawberry.field(description="The model or the method behind it.")
    status: VoteStatus = strawberry.field(description="Whether it voted.")
    action: str | None = strawberry.field(description="`buy`, `sell` or `hold`; null without a vote.")
    confidence: Decimal | None = strawberry.field(description="0 to 1; null without a vote.")
    weight: Decimal = strawberry.field(description="How much its role counts.")
    reasoning: str = strawberry.field(description="Why, with the numbers it looked at.")
    stop_loss: Decimal | None = strawberry.field(description="The price at which it would give up.")
    take_profit: Decimal | None = strawberry.field(description="The price at which it would cash in.")
    risk_level: str | None = strawberry.field(description="`low`, `medium` or `high`.")
    tokens_in: int = strawberry.field(description="Tokens it read; 0 for a rule-based analyst.")
    tokens_out: int = strawberry.field(description="Tokens it wrote.")
    cost: Decimal | None = strawberry.field(description="In USD; null where the model has no known price.")
    created_at: datetime = strawberry.field(description="When the vote fell.")


@strawberry.type(description="What one stage of a run decided.")
class Decision:
    id: strawberry.ID = strawberry.field(description="Begins with `decision_`.")
    execution_id: strawberry.ID = strawberry.field(description="The run.")
    agent_role: str = strawberry.field(description="The stage, for instance `market_analyst` or `risk_rules_engine`.")
    action: str = strawberry.field(description="What it decided.")
    confidence: Decimal = strawberry.field(description="0 to 1.")
    reasoning: str = strawberry.field(description="Why.")
    data: JSON = strawberry.field(description="The numbers behind it.")
    created_at: datetime = strawberry.field(description="When it was written.")
    execution = related(ItsExecution, relations.executions_by_id, "execution_id", "The run.")


@strawberry.type(description="One contribution to a conversation.")
class Message:
    id: strawberry.ID = strawberry.field(description="Begins with `msg_`.")
    agent_name: str = strawberry.field(description="Who speaks.")
    agent_role: str = strawberry.field(description="In which role.")
    ai_model: str | None = strawberry.field(description="The model or method behind it.")
    message_type: str = strawberry.field(description="For instance `vote`.")
    content: JSON = strawberry.field(description="`text`, `confidence` in percent, `sentiment`, `data`.")
    vote: JSON | None = strawberry.field(description="`action`, `confidence` in percent and `weight`, if it is a vote.")
    created_at: datetime = strawberry.field(description="When it was written.")


@strawberry.type(description="The discussion of one run.")
class Conversation:
    id: strawberry.ID = strawberry.field(description="Begins with `conv_`.")
    status: str = strawberry.field(description="`active`, `completed` or `failed`.")
    context: JSON = strawberry.field(description="What it is about.")
    messages: list[Message] = strawberry.field(description="In the order they were made.")
    swarm_vote: JSON | None = strawberry.field(description="The count of the votes; null before it.")
    outcome: JSON | None = strawberry.field(description="What came of it; null before the run has ended.")
    created_at: datetime = strawberry.field(description="When it began.")
    updated_at: datetime | None = strawberry.field(description="Last change.")


@strawberry.type(description="The market exactly as a run saw it, stored before anybody judged it.")
class MarketSnapshot:
    fingerprint: str = strawberry.field(description="SHA-256 over the document.")
    document: JSON = strawberry.field(description="Candles, ticker and indicators with their source.")
    created_at: datetime = strawberry.field(description="When it was taken.")


@strawberry.type(description="What a run came to.")
class ExecutionOutcome:
    action: str = strawberry.field(description="`buy`, `sell` or `hold`.")
    confidence: Decimal = strawberry.field(description="0 to 1.")
    reasoning: str = strawberry.field(description="Why.")
    order_id: strawberry.ID | None = strawberry.field(description="The order that was placed.")
    position_id: strawberry.ID | None = strawberry.field(description="The position it opened or changed.")
    refusal: Problem | None = strawberry.field(description="What stood in the way of a trade.")

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "ExecutionOutcome":
        confidence = document.get("confidence", 0)
        return cls(
            action=str(document.get("action", "hold")),
            confidence=exact(repr(confidence) if isinstance(confidence, float) else confidence),
            reasoning=str(document.get("reasoning", "")),
            order_id=document.get("order_id"),
            position_id=document.get("position_id"),
            refusal=Problem.of(document.get("refusal")),
        )


@strawberry.type(description="One run of a flow.")
class Execution:
    id: strawberry.ID = strawberry.field(description="Begins with `exec_`.")
    flow_id: strawberry.ID = strawberry.field(description="The flow.")
    flow_name: str = strawberry.field(description="What the flow was called then.")
    symbol: str = strawberry.field(description="What it trades.")
    mode: FlowMode = strawberry.field(description="How many analysts decide.")
    provider: str = strawberry.field(description="Who answers: `rule_based` for the built-in analysts, or a model provider.")
    model: str | None = strawberry.field(description="The model.")
    config: JSON = strawberry.field(description="The settings of the flow when the run was triggered.")
    order_quantity_override: Decimal | None = strawberry.field(description="Size of this run alone, in contracts.")
    order_size_override: Decimal | None = strawberry.field(name="orderSizeUsdOverride", description="Size of this run alone, in money.")
    is_loop: bool = strawberry.field(description="Begun by the loop and not by hand.")
    status: ExecutionStatus = strawberry.field(description="How far it has come.")
    current_step: int = strawberry.field(description="The step under way, or the last one: 0 to 3.")
    created_at: datetime = strawberry.field(description="When it was triggered.")
    started_at: datetime | None = strawberry.field(description="When a worker took it first.")
    completed_at: datetime | None = strawberry.field(description="When it ended.")
    duration: int | None = strawberry.field(name="durationMilliseconds", description="From start to end, in milliseconds.")
    flow = related(Flow | None, relations.flows_by_id, "flow_id", "The flow; null once it has been deleted.")
    steps = related(list[ExecutionStep], relations.steps_of_executions, "id", "The four steps, in order.", at_most=4)
    votes = related(list[Vote], relations.votes_of_executions, "id", "What each analyst said, in the order of the panel.")
    decisions = related(list[Decision], relations.decisions_of_executions, "id", "What each stage decided, oldest first.")
    risk_verdicts = related(list[RiskVerdict], risk_relations.verdicts_of_executions, "id", "What the risk rules said, oldest first.")
    orders = related(ItsOrders, trading_relations.orders_of_executions, "id", "The orders it placed, oldest first.", at_most=5)
    conversation = related(
        Conversation | None, relations.conversations_of_executions, "id", "The discussion; null before the analysts begin."
    )
    snapshot = related(MarketSnapshot | None, relations.snapshots_of_executions, "id", "The market it saw; null before it has fetched it.")

    @field(ExecutionOutcome | None, "What it came to; null before it has completed.")
    def result(self) -> ExecutionOutcome | None:
        document: Mapping[str, Any] | None = self.result  # type: ignore[assignment]
        return ExecutionOutcome.of(document) if document else None

    @field(Problem | None, "Why it failed, or what stood in the way of a trade.")
    def error(self) -> Problem | None:
        document: Mapping[str, Any] | None = self.error  # type: ignore[assignment]
        return Problem.of(document)


@strawberry.type(description="A run has moved on. The first ones of a stream without `after` tell how things stand.")
class ExecutionUpdate:
    cursor: Cursor = strawberry.field(description="Hand it back as `after` to go on behind this update.")
    execution_id: strawberry.ID = strawberry.field(description="The run.")
    flow_id: strawberry.ID = strawberry.field(description="Its flow.")
    status: ExecutionStatus = strawberry.field(description="How far it had come.")
    current_step: int = strawberry.field(description="0 to 3.")
    step_name: str = strawberry.field(description="The step in words.")
    progress_percent: int = strawberry.field(description="0 to 100; 0 again when it failed.")
    message: str = strawberry.field(description="One sentence.")
    error: Problem | None = strawberry.field(description="Why it failed.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    execution = related(Execution | None, relations.executions_by_id, "execution_id", "The run as it stands now; null once deleted.")

    @classmethod
    def of(cls, payload: Mapping[str, Any], cursor: Cursor, occurred_at: datetime) -> "ExecutionUpdate":
        return cls(
            cursor=cursor,
            execution_id=payload["execution_id"],
            flow_id=payload["flow_id"],
            status=ExecutionStatus(payload["status"].lower()),
            current_step=payload["current_step"],
            step_name=payload["step_name"],
            progress_percent=payload["progress_percent"],
            message=payload["message"],
            error=Problem.of(payload.get("error")),
            occurred_at=occurred_at,
        )


@strawberry.type(description="Something was said, or the votes were counted. The first one of a stream without `after` holds all so far.")
class ConversationUpdate:
    cursor: Cursor = strawberry.field(description="Hand it back as `after` to go on behind this update.")
    type: str = strawberry.field(description="`initial`, `message` or `swarm_vote`.")
    messages: list[Message] = strawberry.field(description="What was said: one message, or all so far.")
    swarm_vote: JSON | None = strawberry.field(description="The count of the votes, once it is known.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
