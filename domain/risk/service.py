"""What people do with their risk rules, and the record of what the rules said."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select

from domain.audit.recording import audited
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, requires
from domain.risk.conditions import checked_condition
from domain.risk.models import RiskRule, RiskVerdict
from domain.risk.rules import RuleAction, RuleType, Verdict
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

MAX_NAME = 100
MAX_DESCRIPTION = 500


def risk_rules_visible_to(caller: Caller) -> Select[RiskRule]:
    """Return the select that every reading of rules starts from: the caller's own."""
    query = select(RiskRule)
    return query if caller.is_system else query.where(RiskRule.user_id == caller.id)


@audited("risk_rule.create", id="result.id")
@requires(Permission.RISK_RULES_WRITE)
async def create_rule(
    work: UnitOfWork,
    name: str,
    rule_type: RuleType | str,
    condition: Mapping[str, Any],
    action: RuleAction | str = RuleAction.REJECT,
    description: str | None = None,
    is_active: bool = True,
) -> RiskRule:
    """Set a limit for all of the caller's trades. Raises VALIDATION_ERROR, UNKNOWN_SYMBOL."""
    kind = _member(RuleType, rule_type, "rule_type")
    rule = RiskRule(
        id=new_id("rule"),
        user_id=work.caller.id,
        name=_name(name),
        description=_description(description),
        rule_type=kind,
        condition=checked_condition(kind, condition),
        action=_member(RuleAction, action, "action"),
        is_active=is_active,
        created_at=work.now,
    )
    work.session.add(rule)
    return rule


@requires(Permission.RISK_RULES_READ)
async def list_rules(work: UnitOfWork, is_active: bool | None = None, limit: Limit = 10, offset: Offset = 0) -> Page[RiskRule]:
    """Return the caller's rules, newest first."""
    query = risk_rules_visible_to(work.caller).order_by(RiskRule.created_at.desc(), RiskRule.id.desc())
    if is_active is not None:
        query = query.where(RiskRule.is_active == is_active)
    return await page_of(work.session, query, limit, offset)


@requires(Permission.RISK_RULES_READ)
async def get_rule(work: UnitOfWork, rule_id: str) -> RiskRule:
    """Return one rule. Raises NotFound."""
    return await _rule(work, rule_id)


@audited("risk_rule.update", id="rule_id")
@requires(Permission.RISK_RULES_WRITE)
async def update_rule(
    work: UnitOfWork,
    rule_id: str,
    name: str | None = None,
    rule_type: RuleType | str | None = None,
    condition: Mapping[str, Any] | None = None,
    action: RuleAction | str | None = None,
    description: str | None = None,
    is_active: bool | None = None,
) -> RiskRule:
    """Change what is given and leave the rest. Raises NotFound, VALIDATION_ERROR, UNKNOWN_SYMBOL."""
    rule = await _rule(work, rule_id)
    kind = rule.rule_type if rule_type is None else _member(RuleType, rule_type, "rule_type")
    checked = checked_condition(kind, rule.condition if condition is None else condition)
    new_action = rule.action if action is None else _member(RuleAction, action, "action")
    new_name = rule.name if name is None else _name(name)
    new_description = rule.description if description is None else _description(description)
    rule.rule_type, rule.condition, rule.action, rule.name, rule.description = kind, checked, new_action, new_name, new_description
    rule.is_active = rule.is_active if is_active is None else is_active
    rule.updated_at = work.now
    return rule


@audited("risk_rule.delete", id="rule_id")
@requires(Permission.RISK_RULES_WRITE)
async def delete_rule(work: UnitOfWork, rule_id: str) -> None:
    """Remove a rule for good; its past verdicts stay. Raises NotFound."""
    await work.session.delete(await _rule(work, rule_id))


async def active_rules_of(work: UnitOfWork, user_id: str) -> Sequence[RiskRule]:
    """Return a user's active rules, oldest first."""
    query = select(RiskRule).where(RiskRule.user_id == user_id, RiskRule.is_active.is_(True))
    return (await work.session.scalars(query.order_by(RiskRule.created_at, RiskRule.id))).all()


async def store_verdicts(
    work: UnitOfWork, user_id: str, verdicts: Sequence[Verdict], execution_id: str | None = None, order_id: str | None = None
) -> None:
    """Keep verdicts with the run and the order they were given on."""
    work.session.add_all(
        RiskVerdict(
            id=new_id("verdict"),
            user_id=user_id,
            execution_id=execution_id,
            order_id=order_id,
            rule_id=verdict.rule_id,
            rule_name=verdict.rule_name,
            rule_type=verdict.rule_type,
            action=verdict.action,
            passed=verdict.passed,
            message=verdict.message,
            numbers=verdict.numbers,
            created_at=work.now,
        )
        for verdict in verdicts
    )


async def _rule(work: UnitOfWork, rule_id: str) -> RiskRule:
    rule = await work.session.scalar(risk_rules_visible_to(work.caller).where(RiskRule.id == rule_id))
    if rule is None:
        raise NotFound("Risk rule", rule_id)
    return rule


def _member[E: (RuleType, RuleAction)](kind: type[E], value: E | str, field: str) -> E:
    try:
        return kind(value)
    except ValueError:
        known = [member.value for member in kind]
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} must be one of {', '.join(known)}", field=field, known=known) from None


def _name(name: str) -> str:
    if not 1 <= len(name.strip()) <= MAX_NAME:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"name must have 1 to {MAX_NAME} characters", field="name")
    return name.strip()


def _description(description: str | None) -> str | None:
    if description is not None and len(description) > MAX_DESCRIPTION:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"description must have at most {MAX_DESCRIPTION} characters", field="description")
    return description
