"""Writes the conversation of a run: each vote as a row and a message when it falls, the tally, and how it ended."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from domain.analysts.models import Conversation, Decision, Message, VoteRow
from domain.analysts.opinion import Action, Opinion, RiskLevel, Usage, Vote
from domain.flows.models import Execution
from domain.kernel.clock import to_wire
from domain.kernel.events import Event
from domain.kernel.ids import new_id
from domain.runtime.unit_of_work import UnitOfWork

CONVERSATION_STARTED = "conversation.started"
CONVERSATION_MESSAGE = "conversation.message"
CONVERSATION_SWARM_VOTE = "conversation.swarm_vote"
SENTIMENT = {Action.BUY: "bullish", Action.SELL: "bearish", Action.HOLD: "neutral"}


async def open_conversation(work: UnitOfWork, execution: Execution) -> None:
    """Begin the conversation of a run, if this has not been done by a worker before."""
    if await conversation_of(work, execution.id) is not None:
        return
    conversation = Conversation(
        id=new_id("conv"),
        execution_id=execution.id,
        user_id=execution.user_id,
        flow_id=execution.flow_id,
        context={"symbol": execution.symbol, "action": "voting", "phase": "market_analysis"},
        status="active",
        created_at=work.now,
    )
    work.session.add(conversation)
    await work.session.flush()
    payload = {"conversation_id": conversation.id, "flow_id": execution.flow_id, "symbol": execution.symbol}
    work.emit(Event(CONVERSATION_STARTED, execution.user_id, conversation.id, payload, execution_id=execution.id))


async def record_votes(work: UnitOfWork, execution: Execution, votes: Sequence[Vote]) -> None:
    """Write each vote as a row and as a message that streams at once; a vote that stands already is left alone."""
    conversation = await conversation_of(work, execution.id)
    assert conversation is not None
    standing = set(await work.session.scalars(select(VoteRow.member).where(VoteRow.execution_id == execution.id)))
    seq = await work.session.scalar(select(func.max(Message.seq)).where(Message.conversation_id == conversation.id)) or 0
    for vote in votes:
        if vote.index in standing:
            continue
        seq += 1
        work.session.add(_row_of(vote, execution, work))
        message = _message_of(vote, conversation.id, seq, work)
        work.session.add(message)
        work.emit(Event(CONVERSATION_MESSAGE, execution.user_id, conversation.id, message_document(message), execution_id=execution.id))


async def standing_votes(work: UnitOfWork, execution_id: str) -> list[Vote]:
    """Return the votes that an earlier attempt of the run has stored."""
    rows = await work.session.scalars(select(VoteRow).where(VoteRow.execution_id == execution_id).order_by(VoteRow.member))
    return [_vote_of(row) for row in rows]


async def record_tally(work: UnitOfWork, execution: Execution, swarm_vote: dict[str, Any]) -> None:
    conversation = await conversation_of(work, execution.id)
    assert conversation is not None
    conversation.swarm_vote, conversation.updated_at = swarm_vote, work.now
    work.emit(Event(CONVERSATION_SWARM_VOTE, execution.user_id, conversation.id, swarm_vote, execution_id=execution.id))


async def record_decision(work: UnitOfWork, execution: Execution, role: str, action: str, confidence: Any, why: str, data: Any) -> None:
    """Write what one stage of the run decided."""
    work.session.add(
        Decision(
            id=new_id("decision"),
            execution_id=execution.id,
            user_id=execution.user_id,
            agent_role=role,
            action=action,
            confidence=confidence,
            reasoning=why,
            data=data,
            created_at=work.now,
        )
    )


async def conclude(work: UnitOfWork, execution_id: str, *, executed: bool, action: str, reasoning: str, status: str) -> None:
    """Close the conversation with what came of it."""
    conversation = await conversation_of(work, execution_id)
    if conversation is None:
        return
    conversation.outcome = {"executed": executed, "action": action, "reasoning": reasoning, "timestamp": to_wire(work.now)}
    conversation.status, conversation.updated_at = status, work.now


async def conversation_of(work: UnitOfWork, execution_id: str) -> Conversation | None:
    return await work.session.scalar(select(Conversation).where(Conversation.execution_id == execution_id))


def message_document(message: Message) -> dict[str, Any]:
    """Return a message in the documented shape."""
    return {
        "id": message.id,
        "agent_name": message.agent_name,
        "agent_role": message.agent_role,
        "ai_model": message.ai_model,
        "message_type": message.message_type,
        "content": message.content,
        "vote": message.vote,
        "timestamp": to_wire(message.created_at),
        "ui": {"tone": "neutral", "icon": "activity", "color": "blue"},
    }


def _message_of(vote: Vote, conversation_id: str, seq: int, work: UnitOfWork) -> Message:
    said = vote.opinion.reasoning if vote.opinion else (vote.reason or "")
    percent = int(vote.confidence * 100)
    return Message(
        id=new_id("msg"),
        conversation_id=conversation_id,
        seq=seq,
        agent_name=f"{vote.name}_{vote.index}",
        agent_role=vote.role,
        ai_model=vote.model,
        message_type="vote",
        content={
            "text": said,
            "confidence": percent,
            "sentiment": SENTIMENT[vote.action] if vote.action else "neutral",
            "status": vote.status.value,
            "data": vote.opinion.to_document(lambda number: number) if vote.opinion else {},
        },
        vote={"action": vote.action.value, "confidence": percent, "weight": vote.weight} if vote.action else None,
        created_at=work.now,
    )


def _row_of(vote: Vote, execution: Execution, work: UnitOfWork) -> VoteRow:
    opinion = vote.opinion
    return VoteRow(
        id=new_id("vote"),
        execution_id=execution.id,
        user_id=execution.user_id,
        member=vote.index,
        name=vote.name,
        role=vote.role,
        model=vote.model,
        status=vote.status,
        action=opinion.action.value if opinion else None,
        confidence=opinion.confidence if opinion else None,
        weight=vote.role_weight,
        reasoning=opinion.reasoning if opinion else (vote.reason or ""),
        stop_loss=opinion.stop_loss if opinion else None,
        take_profit=opinion.take_profit if opinion else None,
        risk_level=opinion.risk_level.value if opinion else None,
        tokens_in=vote.usage.tokens_in,
        tokens_out=vote.usage.tokens_out,
        cost=vote.usage.cost_usd,
        created_at=work.now,
    )


def _vote_of(row: VoteRow) -> Vote:
    usage = Usage(row.tokens_in, row.tokens_out, row.cost)
    if row.action is None or row.confidence is None:
        return Vote(row.member, row.name, row.role, row.model, row.weight, row.status, None, row.reasoning, usage)
    level = RiskLevel(row.risk_level) if row.risk_level else RiskLevel.MEDIUM
    opinion = Opinion(Action(row.action), row.confidence, row.reasoning, row.stop_loss, row.take_profit, level, usage)
    return Vote(row.member, row.name, row.role, row.model, row.weight, row.status, opinion, None, usage)
