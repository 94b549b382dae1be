"""The limits that a user's plan sets, for the nouns that measure themselves against them."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import or_, select

from domain.plans.machine import LIVE
from domain.plans.models import Plan, Subscription
from domain.plans.rules import LimitedResource, PlanLimits
from domain.runtime.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class CurrentPlan:
    """The plan whose limits bind a user now. `is_paid` says that it costs something; its trial counts as the plan itself."""

    limits: PlanLimits
    is_paid: bool


async def current_plan(work: UnitOfWork, user_id: str) -> CurrentPlan | None:
    """Return the plan that the user has now; None without a subscription.

    One that renews itself counts beyond its end: it is never without effect while the timetable is on its way.
    """
    query = (
        select(Plan.name, Plan.limits, Plan.price)
        .join(Subscription, Subscription.plan_id == Plan.id)
        .where(
            Subscription.user_id == user_id,
            Subscription.status.in_(LIVE),
            or_(Subscription.end_date > work.now, Subscription.auto_renew.is_(True)),
        )
    )
    found = (await work.session.execute(query)).first()
    return None if found is None else CurrentPlan(PlanLimits.of(found.name, found.limits), found.price > 0)


async def limits_of(work: UnitOfWork, user_id: str) -> PlanLimits | None:
    """Return the limits that bind the user; None without a subscription, which means that no plan limits anything."""
    plan = await current_plan(work, user_id)
    return plan.limits if plan else None


async def check_limit(work: UnitOfWork, user_id: str, resource: LimitedResource, measured: Decimal | int) -> None:
    """Raise PLAN_LIMIT_REACHED if `measured`, what there would be afterwards, is more than the user's plan allows."""
    limits = await limits_of(work, user_id)
    if limits is not None:
        limits.check(resource, measured)


async def is_premium(work: UnitOfWork, user_id: str) -> bool:
    """Tell whether the user has a paid plan, or tries one out."""
    plan = await current_plan(work, user_id)
    return plan is not None and plan.is_paid
