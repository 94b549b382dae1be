"""Risk rules as `/api/v1` shows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from domain.risk.models import RiskRule, RuleAction, RuleType
from domain.trading.exposure import Validation

Condition = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RuleBody:
    """A limit; `condition` depends on the type, `{"max_usd": 1000}` for `max_position_size`."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    rule_type: RuleType
    condition: Condition
    action: RuleAction = RuleAction.REJECT
    description: Annotated[str, Field(max_length=500)] | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class RuleChangesBody:
    """What is left out or null stays as it is."""

    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    rule_type: RuleType | None = None
    condition: Condition | None = None
    action: RuleAction | None = None
    description: Annotated[str, Field(max_length=500)] | None = None
    is_active: bool | None = None


@dataclass(frozen=True, slots=True)
class RuleView:
    """A limit of the caller."""

    id: str
    user_id: str
    name: str
    description: str | None
    rule_type: str
    condition: dict[str, Any]
    action: str
    is_active: bool
    created_at: datetime
    updated_at: datetime | None

    @classmethod
    def of(cls, rule: RiskRule) -> Self:
        return cls(
            id=rule.id,
            user_id=rule.user_id,
            name=rule.name,
            description=rule.description,
            rule_type=rule.rule_type.value,
            condition=rule.condition,
            action=rule.action.value,
            is_active=rule.is_active,
            created_at=rule.created_at,
            updated_at=rule.updated_at,
        )


@dataclass(frozen=True, slots=True)
class ValidationView:
    """Whether the caller's rules would let a trade pass, and what each measured."""

    approved: bool
    violations: list[str]
    warnings: list[str]
    summary: dict[str, Any]
    rule_ids: list[str]

    @classmethod
    def of(cls, validation: Validation) -> Self:
        return cls(validation.approved, validation.violations, validation.warnings, dict(validation.summary), validation.rule_ids)
