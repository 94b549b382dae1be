"""What clients see of risk rules, their verdicts and the trading switch, and what they may set."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

import strawberry

from domain.kernel.clock import as_utc
from domain.risk.models import RuleAction, RuleType, SwitchOrigin, SwitchState
from schema.enums import graphql_enum
from schema.scalars import JSON, Cursor

graphql_enum(
    RuleType,
    name="RiskRuleType",
    description="What a rule measures.",
    values={
        "MAX_POSITION_SIZE": 'The value of the position after the trade; `condition` is `{"max_usd": "1000"}`, in the quote currency.',
        "MAX_POSITION_PERCENT": 'The same as a share of the wallet\'s equity: `{"max_percent": "25"}`.',
        "MAX_PORTFOLIO_UTILIZATION": 'The value of all positions as a share of equity: `{"max_percent": "80"}`.',
        "MAX_OPEN_POSITIONS": 'How many positions are open: `{"max_count": 5}`.',
        "MAX_DAILY_LOSS": 'What equity has lost since midnight UTC: `{"max_usd": "100"}`, in the quote currency.',
        "MAX_DRAWDOWN": 'How far equity is below its peak: `{"max_percent": "10"}`.',
        "COOLDOWN_AFTER_LOSS": 'A rest after losing, or after so many losses in a row: `{"seconds": 300, "losses": 2}`.',
        "MAX_ORDERS_PER_DAY": 'Orders since midnight UTC: `{"max_count": 50}`.',
        "MAX_ORDER_RATE": 'Orders within so many seconds: `{"max_count": 3, "seconds": 60}`.',
        "PRICE_BAND": 'How far the order\'s prices are from the market\'s: `{"max_percent": "5"}`.',
        "SYMBOL_ALLOW_LIST": 'What may be traded at all: `{"symbols": ["BTC/USDT"]}`.',
    },
)
graphql_enum(
    RuleAction,
    name="RiskRuleAction",
    description="What happens to a trade that breaks the rule.",
    values={"REJECT": "It is refused.", "WARN": "It goes on, with a warning on record."},
)
graphql_enum(
    SwitchState,
    name="TradingSwitchState",
    description="Who may send orders; strictest last.",
    values={
        "ACTIVE": "All orders.",
        "REDUCING": "Only orders that shrink a position; stops and targets fire.",
        "HALTED": "None, stops and targets included; orders can be cancelled.",
    },
)
graphql_enum(
    SwitchOrigin,
    name="TradingSwitchOrigin",
    description="Who moved a trading switch.",
    values={"OWNER": "Its owner.", "ADMINISTRATOR": "An administrator, for everybody.", "RULE": "A risk rule that was broken."},
)


@strawberry.type(description="A limit for all trades of a user; models cannot override it.")
class RiskRule:
    id: strawberry.ID = strawberry.field(description="Begins with `rule_`.")
    name: str = strawberry.field(description="1 to 100 characters.")
    description: str | None = strawberry.field(description="What it is for.")
    rule_type: RuleType = strawberry.field(description="What it measures.")
    condition: JSON = strawberry.field(description="The limit; its keys depend on the type.")
    action: RuleAction = strawberry.field(description="What happens to a trade that breaks it.")
    is_active: bool = strawberry.field(description="Whether it counts.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime | None = strawberry.field(description="Last change.")


@strawberry.type(description="What one rule said about one trade, with the numbers it compared.")
class RiskVerdict:
    id: strawberry.ID = strawberry.field(description="Begins with `verdict_`.")
    rule_id: strawberry.ID = strawberry.field(description="The rule, which may have been deleted since.")
    rule_name: str = strawberry.field(description="What it was called.")
    rule_type: RuleType = strawberry.field(description="What it measured.")
    action: RuleAction = strawberry.field(description="What it does to a trade that breaks it.")
    passed: bool = strawberry.field(description="Whether the trade kept it.")
    message: str = strawberry.field(description="One sentence with the numbers.")
    numbers: JSON = strawberry.field(description="What was compared, measured from our own books.")
    execution_id: strawberry.ID | None = strawberry.field(description="The run.")
    order_id: strawberry.ID | None = strawberry.field(description="The order.")
    created_at: datetime = strawberry.field(description="When it was written.")


@strawberry.input(description="A new limit.")
class RiskRuleInput:
    name: str = strawberry.field(description="1 to 100 characters.")
    rule_type: RuleType = strawberry.field(description="What it measures.")
    condition: JSON = strawberry.field(description="The limit; its keys depend on the type.")
    action: RuleAction = strawberry.field(default=RuleAction.REJECT, description="What happens to a trade that breaks it.")
    description: str | None = strawberry.field(default=None, description="At most 500 characters.")
    is_active: bool = strawberry.field(default=True, description="Whether it counts.")


@strawberry.input(description="Changes of a limit; what is left out or null stays as it is.")
class RiskRuleChangesInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters.")
    rule_type: RuleType | None = strawberry.field(default=None, description="What it measures.")
    condition: JSON | None = strawberry.field(default=None, description="The limit; its keys depend on the type.")
    action: RuleAction | None = strawberry.field(default=None, description="What happens to a trade that breaks it.")
    description: str | None = strawberry.field(default=None, description="At most 500 characters.")
    is_active: bool | None = strawberry.field(default=None, description="Whether it counts.")


@strawberry.type(description="What would become of a trade.")
class TradeValidation:
    approved: bool = strawberry.field(description="Whether no rule and no trading switch forbids it.")
    violations: list[str] = strawberry.field(description="What forbids it, in sentences.")
    warnings: list[str] = strawberry.field(description="What is on record, and lets it pass.")
    summary: JSON = strawberry.field(description="What was measured from the caller's own books.")
    rule_id: strawberry.ID | None = strawberry.field(description="The rule that was asked for, else the first that is broken.")
    rule_ids: list[strawberry.ID] = strawberry.field(description="The rules that are broken.")


@strawberry.type(description="Where one trading switch stands.")
class TradingSwitchStanding:
    state: SwitchState = strawberry.field(description="What it lets through.")
    reason: str | None = strawberry.field(description="Why it was moved.")
    origin: SwitchOrigin | None = strawberry.field(description="Who moved it; null if nobody has.")
    rule_id: strawberry.ID | None = strawberry.field(description="The rule that moved it, or the wallet whose own limit did.")
    changed_at: datetime | None = strawberry.field(description="When it was moved last.")


@strawberry.type(description="Whether the caller may trade.")
class TradingSwitch:
    effective_state: SwitchState = strawberry.field(description="What holds: the stricter of the two.")
    own: TradingSwitchStanding = strawberry.field(description="The caller's own switch.")
    everybody: TradingSwitchStanding = strawberry.field(description="The switch over all trading.")


@strawberry.type(description="One change of the caller's trading switch, or of the one over everybody; never edited.")
class TradingSwitchChange:
    id: strawberry.ID = strawberry.field(description="Begins with `swchange_`.")
    is_global: bool = strawberry.field(description="Whether it is the switch over everybody.")
    from_state: SwitchState = strawberry.field(description="What it was.")
    state: SwitchState = strawberry.field(description="What it became.")
    reason: str | None = strawberry.field(description="Why.")
    origin: SwitchOrigin = strawberry.field(description="Who moved it.")
    rule_id: strawberry.ID | None = strawberry.field(description="The rule that moved it, or the wallet whose own limit did.")
    created_at: datetime = strawberry.field(description="When.")


@strawberry.type(description="A trading switch was moved. The first two of a stream without `after` tell how they stand.")
class TradingSwitchUpdate:
    cursor: Cursor = strawberry.field(description="Hand it back as `after` to go on behind this update.")
    is_global: bool = strawberry.field(description="Whether it is the switch over everybody.")
    state: SwitchState = strawberry.field(description="What it lets through.")
    reason: str | None = strawberry.field(description="Why it was moved.")
    origin: SwitchOrigin | None = strawberry.field(description="Who moved it; null if nobody has.")
    rule_id: strawberry.ID | None = strawberry.field(description="The rule that moved it, or the wallet whose own limit did.")
    changed_at: datetime | None = strawberry.field(description="When it was moved.")

    @classmethod
    def of(cls, payload: Mapping[str, Any], cursor: Cursor) -> Self:
        return cls(
            cursor=cursor,
            is_global=payload["is_global"],
            state=SwitchState(payload["state"]),
            reason=payload["reason"],
            origin=SwitchOrigin(payload["origin"]),
            rule_id=payload["rule_id"],
            changed_at=as_utc(datetime.fromisoformat(payload["changed_at"])),
        )


@strawberry.input(description="Where a trading switch is to stand.")
class TradingSwitchInput:
    state: SwitchState = strawberry.field(description="What it is to let through.")
    reason: str | None = strawberry.field(default=None, description="At most 500 characters; refusals tell it.")
    flatten: bool = strawberry.field(default=False, description="Cancel all live orders and close all positions too.")
