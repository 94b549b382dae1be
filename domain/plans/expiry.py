"""What the end of a subscription brings: a new period for one that renews itself, expiry for the others."""

from datetime import timedelta

from sqlalchemy import or_, select

from domain.accounts.models import User
from domain.plans.events import subscription_expiring, subscription_updated
from domain.plans.machine import LIVE, SUBSCRIPTION_MACHINE, SubscriptionTrigger
from domain.plans.models import Plan, Subscription
from domain.plans.rules import end_of_period_at
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

BATCH = 500
ANNOUNCED_AHEAD = timedelta(days=3)


async def settle(work: UnitOfWork, subscription: Subscription) -> bool:
    """Do what is due for a locked subscription whose end has come; says whether something was.

    It goes on if it renews itself and its plan and its owner are still there, in the period that now lies in; else it expires.
    """
    if not subscription.is_live or subscription.end_date > work.now:
        return False
    if subscription.auto_renew and await _can_go_on(work, subscription):
        subscription.status = SUBSCRIPTION_MACHINE.after(subscription.status, SubscriptionTrigger.RENEW)
        subscription.end_date = end_of_period_at(subscription.end_date, work.now, subscription.billing_cycle)
    else:
        subscription.status = SUBSCRIPTION_MACHINE.after(subscription.status, SubscriptionTrigger.RUN_OUT)
        subscription.auto_renew = False
    subscription.updated_at = work.now
    work.emit(subscription_updated(subscription, await _plan_name(work, subscription)))
    return True


async def settle_due_subscriptions(operation: Operation) -> int:
    """Renew or expire every subscription whose end has come; says how many. Each has a transaction of its own."""
    async with operation.reading() as work:
        due = select(Subscription.id).where(Subscription.status.in_(LIVE), Subscription.end_date <= work.now)
        ids = (await work.session.scalars(due.order_by(Subscription.end_date).limit(BATCH))).all()
    settled = 0
    for subscription_id in ids:
        async with operation.unit_of_work() as work:
            # looked at again under the lock: its owner, or another process, may have been faster
            subscription = await work.session.get(Subscription, subscription_id, with_for_update=True)
            settled += subscription is not None and await settle(work, subscription)
    return settled


async def announce_expiring_subscriptions(operation: Operation) -> int:
    """Tell the owners of subscriptions that run out within three days and do not renew themselves, once for each end; says how many."""
    async with operation.unit_of_work() as work:
        query = select(Subscription).where(
            Subscription.status.in_(LIVE),
            Subscription.auto_renew.is_(False),
            Subscription.end_date > work.now,
            Subscription.end_date <= work.now + ANNOUNCED_AHEAD,
            or_(Subscription.announced_end_date.is_(None), Subscription.announced_end_date != Subscription.end_date),
        )
        ending = (await work.session.scalars(query.order_by(Subscription.id).limit(BATCH).with_for_update())).all()
        for subscription in ending:
            subscription.announced_end_date = subscription.end_date
            work.emit(subscription_expiring(subscription, await _plan_name(work, subscription)))
        return len(ending)


async def _plan_name(work: UnitOfWork, subscription: Subscription) -> str:
    return (await work.session.get_one(Plan, subscription.plan_id)).name


async def _can_go_on(work: UnitOfWork, subscription: Subscription) -> bool:
    offered = select(Plan.id).where(Plan.id == subscription.plan_id, Plan.deleted_at.is_(None))
    owned = select(User.id).where(User.id == subscription.user_id, User.deleted_at.is_(None))
    return await work.session.scalar(offered) is not None and await work.session.scalar(owned) is not None
