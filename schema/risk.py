"""What clients see of risk rules and their verdicts, and what they may set."""

from datetime import datetime

import strawberry

from domain.risk.models import RuleAction, RuleType
from schema.enums import graphql_enum
from schema.scalars import JSON

graphql_enum(
    RuleType,
    name="RiskRuleType",
    description="What a rule measures.",
    values={"MAX_POSITION_SIZE": 'The value of the position after the trade; `condition` is `{"max_usd": "1000"}`, in the quote currency.'},
)
graphql_enum(
    RuleAction,
    name="RiskRuleAction",
    description="What happens to a trade that breaks the rule.",
    values={"REJECT": "It is refused.", "WARN": "It goes on, with a warning on record."},
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
