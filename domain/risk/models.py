"""Tables of risk: rules and what each said about a trade, what equity is compared with, and the trading switch with its history."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Enum, ForeignKey, Index, PrimaryKeyConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from domain.risk.rules import RuleAction as RuleAction
from domain.risk.rules import RuleType as RuleType
from domain.risk.states import SwitchOrigin as SwitchOrigin
from domain.risk.states import SwitchState as SwitchState
from domain.runtime.database import Base

# `max_portfolio_utilization` is longer than the enums of other tables.
RULE_TYPE = Enum(
    RuleType, native_enum=False, create_constraint=False, length=40, values_callable=lambda kind: [item.value for item in kind]
)
# The subject of the switch over everybody; its row comes with the migration.
SYSTEM_SUBJECT = "system"


class RiskRule(Base):
    """One limit of one user; `condition` depends on the type, e.g. `{"max_usd": "1000"}`."""

    __tablename__ = "risk_rules"
    __table_args__ = (Index("ix_risk_rules_user_id_created_at", "user_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(String(500))
    rule_type: Mapped[RuleType] = mapped_column(RULE_TYPE)
    condition: Mapped[dict[str, Any]]
    action: Mapped[RuleAction]
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]


class RiskVerdict(Base):
    """What one rule said about one intended trade, with the numbers it compared. `rule_id` may outlive its rule."""

    __tablename__ = "risk_verdicts"
    __table_args__ = (Index("ix_risk_verdicts_user_id_created_at_id", "user_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    execution_id: Mapped[str | None] = mapped_column(String(40), index=True)
    order_id: Mapped[str | None] = mapped_column(String(40), index=True)
    rule_id: Mapped[str] = mapped_column(String(40))
    rule_name: Mapped[str] = mapped_column(String(100))
    rule_type: Mapped[RuleType] = mapped_column(RULE_TYPE)
    action: Mapped[RuleAction]
    passed: Mapped[bool]
    message: Mapped[str] = mapped_column(Text)
    numbers: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class EquityMark(Base):
    """What a wallet's equity in one currency was when last measured, when its day began and at its best: see `equity.Basis`."""

    __tablename__ = "equity_marks"
    __table_args__ = (PrimaryKeyConstraint("wallet_id", "currency"),)

    wallet_id: Mapped[str] = mapped_column(ForeignKey("wallets.id"))
    currency: Mapped[str] = mapped_column(String(20))
    day: Mapped[datetime]
    day_start: Mapped[Decimal]
    peak: Mapped[Decimal]
    peak_at: Mapped[datetime]
    equity: Mapped[Decimal]
    entries: Mapped[int]
    measured_at: Mapped[datetime]


class TradingSwitch(Base):
    """Whether a user, or with the subject `system` everybody, may trade; the last of its changes, as a row that can be locked."""

    __tablename__ = "trading_switches"

    subject: Mapped[str] = mapped_column(String(40), primary_key=True)
    state: Mapped[SwitchState]
    reason: Mapped[str | None] = mapped_column(String(500))
    origin: Mapped[SwitchOrigin | None]
    rule_id: Mapped[str | None] = mapped_column(String(40))
    changed_at: Mapped[datetime | None]


class TradingSwitchChange(Base):
    """One change of a switch, never edited: who moved it, from where to where, and why. `changed_by` is None for a rule."""

    __tablename__ = "trading_switch_changes"
    __table_args__ = (Index("ix_trading_switch_changes_subject_created_at_id", "subject", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject: Mapped[str] = mapped_column(String(40))
    from_state: Mapped[SwitchState]
    state: Mapped[SwitchState]
    reason: Mapped[str | None] = mapped_column(String(500))
    origin: Mapped[SwitchOrigin]
    changed_by: Mapped[str | None] = mapped_column(String(40))
    rule_id: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]

    @property
    def is_global(self) -> bool:
        return self.subject == SYSTEM_SUBJECT
