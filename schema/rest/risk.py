"""Risk rules, verdicts and the trading switch as `/api/v1` shows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from domain.risk.models import RiskRule, RiskVerdict, RuleAction, RuleType, SwitchState, TradingSwitchChange
from domain.risk.switch import Reason, Switches, SwitchSetting, SwitchStanding
from domain.trading.judging import Validation

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
    rule_id: str | None
    rule_ids: list[str]

    @classmethod
    def of(cls, validation: Validation) -> Self:
        return cls(
            approved=validation.approved,
            violations=validation.violations,
            warnings=validation.warnings,
            summary=dict(validation.summary),
            rule_id=validation.rule_id,
            rule_ids=validation.rule_ids,
        )


@dataclass(frozen=True, slots=True)
class VerdictView:
    """What one rule said about one trade, with the numbers it compared."""

    id: str
    rule_id: str
    rule_name: str
    rule_type: str
    action: str
    passed: bool
    message: str
    numbers: dict[str, Any]
    execution_id: str | None
    order_id: str | None
    created_at: datetime

    @classmethod
    def of(cls, verdict: RiskVerdict) -> Self:
        return cls(
            id=verdict.id,
            rule_id=verdict.rule_id,
            rule_name=verdict.rule_name,
            rule_type=verdict.rule_type.value,
            action=verdict.action.value,
            passed=verdict.passed,
            message=verdict.message,
            numbers=verdict.numbers,
            execution_id=verdict.execution_id,
            order_id=verdict.order_id,
            created_at=verdict.created_at,
        )


@dataclass(frozen=True, slots=True)
class SwitchStandingView:
    """Where one trading switch stands."""

    state: str
    reason: str | None
    origin: str | None
    rule_id: str | None
    changed_at: datetime | None

    @classmethod
    def of(cls, standing: SwitchStanding) -> Self:
        origin = standing.origin.value if standing.origin else None
        return cls(standing.state.value, standing.reason, origin, standing.rule_id, standing.changed_at)


@dataclass(frozen=True, slots=True)
class SwitchBody:
    """Where a switch is to stand, and why; `flatten` cancels all live orders and closes all positions too."""

    state: SwitchState
    reason: Reason | None = None
    flatten: bool = False

    def arguments(self) -> dict[str, Any]:
        return {"setting": SwitchSetting(self.state, self.reason), "flatten": self.flatten}


@dataclass(frozen=True, slots=True)
class TradingSwitchView:
    """Whether the caller may trade: `effective_state` is the stricter of their own switch and the one over everybody."""

    effective_state: str
    own: SwitchStandingView
    everybody: SwitchStandingView

    @classmethod
    def of(cls, switches: Switches) -> Self:
        return cls(switches.effective_state.value, SwitchStandingView.of(switches.own), SwitchStandingView.of(switches.everybody))


@dataclass(frozen=True, slots=True)
class SwitchChangeView:
    """One change of the caller's trading switch, or of the one over everybody."""

    id: str
    is_global: bool
    from_state: str
    state: str
    reason: str | None
    origin: str
    rule_id: str | None
    created_at: datetime

    @classmethod
    def of(cls, change: TradingSwitchChange) -> Self:
        return cls(
            id=change.id,
            is_global=change.is_global,
            from_state=change.from_state.value,
            state=change.state.value,
            reason=change.reason,
            origin=change.origin.value,
            rule_id=change.rule_id,
            created_at=change.created_at,
        )
