"""What live clients are sent: the payloads of Socket.IO events and the frames of the conversation socket."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, NotRequired, TypedDict

from domain.analysts.conversations import ConversationRecord
from domain.flows.conversing import message_document
from domain.flows.events import update_of
from domain.flows.models import Execution
from domain.kernel.clock import to_wire
from domain.market.candles import Tick, Ticker
from domain.runtime.event_log import Cursor, StoredEvent

# Written as strings in the log; on the wire they are JSON numbers with the same digits.
POSITION_NUMBERS = (
    "quantity",
    "entry_price",
    "current_price",
    "unrealized_pnl",
    "unrealized_pnl_percent",
    "realized_pnl",
    "exit_quantity",
    "exit_price",
    "stop_loss",
    "take_profit",
)


class Refusal(TypedDict):
    """Why a run failed."""

    code: str
    message: str


class ExecutionUpdate(TypedDict):
    """`execution_update`; `snapshot` marks the present state, sent on joining, which is not an event of its own."""

    execution_id: str
    flow_id: str
    status: Literal["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]
    current_step: int
    step_name: str
    progress_percent: int
    message: str
    error: NotRequired[Refusal]
    snapshot: NotRequired[bool]
    cursor: str


class PositionUpdate(TypedDict):
    """`position_update`; prices and profits in the quote currency."""

    position_id: str
    status: str
    current_price: Decimal | None
    unrealized_pnl: Decimal | None
    unrealized_pnl_percent: Decimal | None
    symbol: NotRequired[str]
    side: NotRequired[str]
    quantity: NotRequired[Decimal | None]
    entry_price: NotRequired[Decimal | None]
    realized_pnl: NotRequired[Decimal | None]
    currency: NotRequired[str]
    exit_quantity: NotRequired[Decimal]
    exit_price: NotRequired[Decimal | None]
    stop_loss: NotRequired[Decimal | None]
    take_profit: NotRequired[Decimal | None]
    exit_reason: NotRequired[str | None]
    flow_id: NotRequired[str | None]
    cursor: str


class MarketUpdate(TypedDict):
    """`market_update`; it has no cursor, since prices are not stored: the newest is the one that counts."""

    symbol: str
    price: Decimal
    change_24h: Decimal | None
    change_percent_24h: Decimal | None
    high_24h: Decimal | None
    low_24h: Decimal | None
    volume_24h: Decimal | None
    timestamp: str
    source: str
    simulated: bool
    stale: bool


class MessageView(TypedDict):
    """One contribution to a conversation."""

    id: str
    agent_name: str
    agent_role: str
    ai_model: str | None
    message_type: str
    content: dict[str, Any]
    vote: dict[str, Any] | None
    timestamp: str
    ui: dict[str, str]


class ConversationView(TypedDict):
    """The whole discussion of one run."""

    id: str
    user_id: str
    execution_id: str
    flow_id: str
    context: dict[str, Any]
    messages: list[MessageView]
    swarm_vote: dict[str, Any] | None
    outcome: dict[str, Any] | None
    status: str
    created_at: str
    updated_at: str | None


class VotingView(TypedDict):
    """The votes of a conversation; None before they are counted."""

    id: str
    swarm_vote: dict[str, Any] | None


class EmptyConversation(TypedDict):
    """What `initial` carries for a run whose analysts have not begun, or that has none."""

    messages: list[MessageView]
    swarm_vote: None


class Frame(TypedDict):
    """One frame of the conversation socket; `cursor` is what `?after=` takes."""

    type: Literal["initial", "message", "swarm_vote"]
    data: Mapping[str, Any]
    cursor: str


def execution_update(event: StoredEvent) -> dict[str, Any]:
    """Return an `ExecutionUpdate`."""
    return {**event.payload, "cursor": str(event.cursor)}


def execution_snapshot(execution: Execution, cursor: Cursor) -> dict[str, Any]:
    """Return an `ExecutionUpdate` that tells how the run stands."""
    return {**update_of(execution), "snapshot": True, "cursor": str(cursor)}


def position_update(event: StoredEvent) -> dict[str, Any]:
    """Return a `PositionUpdate`."""
    numbers = {name: Decimal(event.payload[name]) for name in POSITION_NUMBERS if isinstance(event.payload.get(name), str)}
    return {
        "position_id": event.subject_id,
        "status": None,
        "current_price": None,
        "unrealized_pnl": None,
        "unrealized_pnl_percent": None,
        **event.payload,
        **numbers,
        "cursor": str(event.cursor),
    }


def market_update(price: Tick | Ticker) -> MarketUpdate:
    """Return the update of one price, with the figures of the last 24 hours where they are known."""
    day = price if isinstance(price, Ticker) else None
    return {
        "symbol": price.symbol,
        "price": price.price,
        "change_24h": day.change_24h if day else None,
        "change_percent_24h": day.change_percent_24h if day else None,
        "high_24h": day.high_24h if day else None,
        "low_24h": day.low_24h if day else None,
        "volume_24h": day.volume_24h if day else None,
        "timestamp": to_wire(price.as_of),
        "source": price.origin.source,
        "simulated": price.origin.simulated,
        "stale": price.origin.stale,
    }


def conversation_view(record: ConversationRecord) -> ConversationView:
    conversation = record.conversation
    return {
        "id": conversation.id,
        "user_id": conversation.user_id,
        "execution_id": conversation.execution_id,
        "flow_id": conversation.flow_id,
        "context": conversation.context,
        "messages": [MessageView(**message_document(message)) for message in record.messages],  # type: ignore[typeddict-item]
        "swarm_vote": conversation.swarm_vote,
        "outcome": conversation.outcome,
        "status": conversation.status,
        "created_at": to_wire(conversation.created_at),
        "updated_at": to_wire(conversation.updated_at) if conversation.updated_at else None,
    }


def voting_view(record: ConversationRecord) -> VotingView:
    return {"id": record.conversation.id, "swarm_vote": record.conversation.swarm_vote}


def initial_frame(record: ConversationRecord | None, cursor: Cursor) -> Frame:
    data: Mapping[str, Any] = conversation_view(record) if record else EmptyConversation(messages=[], swarm_vote=None)
    return {"type": "initial", "data": data, "cursor": str(cursor)}
