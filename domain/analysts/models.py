"""Tables of analysts: each member's vote as a row, decisions, and the conversation of a run."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.analysts.opinion import VoteStatus
from domain.runtime.database import Base


class VoteRow(Base):
    """What one analyst said in one run, or why it said nothing. `cost` is in USD; None means unpriced."""

    __tablename__ = "votes"
    __table_args__ = (UniqueConstraint("execution_id", "member"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    execution_id: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    member: Mapped[int]
    name: Mapped[str] = mapped_column(String(60))
    role: Mapped[str] = mapped_column(String(40))
    model: Mapped[str] = mapped_column(String(80))
    status: Mapped[VoteStatus]
    action: Mapped[str | None] = mapped_column(String(10))
    confidence: Mapped[Decimal | None]
    weight: Mapped[Decimal]
    reasoning: Mapped[str] = mapped_column(Text)
    stop_loss: Mapped[Decimal | None]
    take_profit: Mapped[Decimal | None]
    risk_level: Mapped[str | None] = mapped_column(String(10))
    tokens_in: Mapped[int] = mapped_column(default=0)
    tokens_out: Mapped[int] = mapped_column(default=0)
    cost: Mapped[Decimal | None]
    created_at: Mapped[datetime]


class Decision(Base):
    """What one stage of a run decided: the analysts, the pre-trade gate, the risk rules."""

    __tablename__ = "decisions"
    __table_args__ = (
        UniqueConstraint("execution_id", "agent_role"),
        Index("ix_decisions_user_id_created_at", "user_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    execution_id: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    agent_role: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(20))
    confidence: Mapped[Decimal]
    reasoning: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Conversation(Base):
    """The discussion of one run; made when the analysts start, completed when the run ends."""

    __tablename__ = "conversations"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    execution_id: Mapped[str] = mapped_column(String(40), unique=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    flow_id: Mapped[str] = mapped_column(String(40))
    context: Mapped[dict[str, Any]]
    swarm_vote: Mapped[dict[str, Any] | None]
    outcome: Mapped[dict[str, Any] | None]
    status: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]


class Message(Base):
    """One contribution to a conversation, in the order it was made."""

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("conversation_id", "seq"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    seq: Mapped[int]
    agent_name: Mapped[str] = mapped_column(String(60))
    agent_role: Mapped[str] = mapped_column(String(40))
    ai_model: Mapped[str | None] = mapped_column(String(80))
    message_type: Mapped[str] = mapped_column(String(20))
    content: Mapped[dict[str, Any]]
    vote: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
