"""Reading risk rules and their verdicts for clients that follow relations."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Select, select

from domain.kernel.permissions import Caller, Permission, requires
from domain.risk.models import RiskRule, RiskVerdict
from domain.risk.service import risk_rules_visible_to
from domain.runtime.keyset import KeysetPage, PageRequest, equal, grouped, keyset_page
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork


def verdicts_visible_to(caller: Caller) -> Select[RiskVerdict]:
    """Return the select that every reading of verdicts starts from: those on the caller's own trades."""
    query = select(RiskVerdict)
    return query if caller.is_system else query.where(RiskVerdict.user_id == caller.id)


@requires(Permission.RISK_RULES_READ)
async def page_of_rules(work: UnitOfWork, page: PageRequest, is_active: bool | None = None) -> KeysetPage[RiskRule]:
    """Return a page of the caller's rules, newest first."""
    return await keyset_page(work.session, equal(risk_rules_visible_to(work.caller), (RiskRule.is_active, is_active)), RiskRule, page)


@requires(Permission.RISK_RULES_READ)
async def page_of_verdicts(
    work: UnitOfWork,
    page: PageRequest,
    order_id: str | None = None,
    execution_id: str | None = None,
    rule_id: str | None = None,
    passed: bool | None = None,
) -> KeysetPage[RiskVerdict]:
    """Return a page of what rules said to the caller's trades, newest first; refused trades have verdicts too, and no order."""
    return await keyset_page(work.session, _filtered(work.caller, order_id, execution_id, rule_id, passed), RiskVerdict, page)


@requires(Permission.RISK_RULES_READ)
async def list_verdicts(
    work: UnitOfWork,
    order_id: str | None = None,
    execution_id: str | None = None,
    rule_id: str | None = None,
    passed: bool | None = None,
    limit: Limit = 10,
    offset: Offset = 0,
) -> Page[RiskVerdict]:
    """Return what rules said to the caller's trades, newest first; refused trades have verdicts too, and no order."""
    query = _filtered(work.caller, order_id, execution_id, rule_id, passed)
    return await page_of(work.session, query.order_by(RiskVerdict.created_at.desc(), RiskVerdict.id.desc()), limit, offset)


@requires(Permission.RISK_RULES_READ)
async def verdicts_of_executions(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Sequence[RiskVerdict]]:
    """Return what the rules said in each run, oldest first."""
    query = verdicts_visible_to(work.caller).where(RiskVerdict.execution_id.in_(ids)).order_by(RiskVerdict.id)
    return await grouped(work.session, query, "execution_id", ids)


@requires(Permission.RISK_RULES_READ)
async def verdicts_of_orders(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Sequence[RiskVerdict]]:
    """Return what the rules said to each order, oldest first."""
    query = verdicts_visible_to(work.caller).where(RiskVerdict.order_id.in_(ids)).order_by(RiskVerdict.id)
    return await grouped(work.session, query, "order_id", ids)


def _filtered(
    caller: Caller, order_id: str | None, execution_id: str | None, rule_id: str | None, passed: bool | None
) -> Select[RiskVerdict]:
    terms = ((RiskVerdict.order_id, order_id), (RiskVerdict.execution_id, execution_id), (RiskVerdict.rule_id, rule_id))
    return equal(verdicts_visible_to(caller), *terms, (RiskVerdict.passed, passed))
