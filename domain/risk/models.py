"""Tables of risk: the rules a user has set, and what each said about a trade."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from domain.risk.rules import RuleAction as RuleAction
from domain.risk.rules import RuleType as RuleType
from domain.runtime.database import Base


class RiskRule(Base):
    """One limit of one user; `condition` depends on the type, e.g. `{"max_usd": "1000"}`."""

    __tablename__ = "risk_rules"
    __table_args__ = (Index("ix_risk_rules_user_id_created_at", "user_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(String(500))
    rule_type: Mapped[RuleType]
    condition: Mapped[dict[str, Any]]
    action: Mapped[RuleAction]
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]


class RiskVerdict(Base):
    """What one rule said about one intended trade, with the numbers it compared. `rule_id` may outlive its rule."""

    __tablename__ = "risk_verdicts"
    __table_args__ = (Index("ix_risk_verdicts_user_id_created_at", "user_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    execution_id: Mapped[str | None] = mapped_column(String(40), index=True)
    order_id: Mapped[str | None] = mapped_column(String(40), index=True)
    rule_id: Mapped[str] = mapped_column(String(40))
    rule_name: Mapped[str] = mapped_column(String(100))
    rule_type: Mapped[RuleType]
    action: Mapped[RuleAction]
    passed: Mapped[bool]
    message: Mapped[str] = mapped_column(Text)
    numbers: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
