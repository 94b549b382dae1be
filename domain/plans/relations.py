"""Reading plans and subscriptions for clients that follow relations."""

from collections.abc import Collection, Mapping

from sqlalchemy import select

from domain.kernel.permissions import Permission, requires
from domain.plans.catalogue import live_plans
from domain.plans.machine import SubscriptionStatus
from domain.plans.models import Plan, Subscription
from domain.plans.service import subscriptions_visible_to
from domain.runtime.keyset import KeysetPage, PageRequest, equal, keyset_page
from domain.runtime.unit_of_work import UnitOfWork


@requires(Permission.PLANS_READ)
async def page_of_plans(work: UnitOfWork, page: PageRequest) -> KeysetPage[Plan]:
    """Return a page of the plans that can be subscribed to, newest first."""
    return await keyset_page(work.session, live_plans(), Plan, page)


@requires(Permission.USER_PLANS_READ)
async def page_of_subscriptions(work: UnitOfWork, page: PageRequest, status: SubscriptionStatus | None = None) -> KeysetPage[Subscription]:
    """Return a page of the caller's subscriptions, newest first."""
    query = equal(subscriptions_visible_to(work.caller), (Subscription.status, status))
    return await keyset_page(work.session, query, Subscription, page)


@requires(Permission.PLANS_READ)
async def plans_by_id(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Plan]:
    """Return plans by id, those that are no longer offered too: whoever subscribed to one may read what it gives."""
    return {plan.id: plan for plan in await work.session.scalars(select(Plan).where(Plan.id.in_(ids)))}
