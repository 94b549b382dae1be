"""People with plans, and what a test says to them in one line."""

from collections.abc import Awaitable, Sequence
from typing import Any

from sqlalchemy import select

from domain.kernel.errors import DomainError
from domain.plans import catalogue, service
from domain.plans.models import Plan, Subscription
from domain.runtime.event_log import EventRow
from domain.runtime.operation import Operation

SEEDED = ("Free", "Pro", "Enterprise")


async def plan_named(user: Operation, name: str) -> Plan:
    async with user.reading() as work:
        (found,) = [plan for plan in (await catalogue.list_plans(work, limit=100)).items if plan.name == name]
        return found


async def subscribe(user: Operation, plan: str = "Pro", **options: Any) -> Subscription:
    plan_id = (await plan_named(user, plan)).id
    async with user.unit_of_work() as work:
        return await service.create_subscription(work, service.NewSubscription(plan_id, **options))


async def cancel(user: Operation, subscription: Subscription) -> Subscription:
    async with user.unit_of_work() as work:
        return await service.cancel_subscription(work, subscription.id)


async def renew(user: Operation, subscription: Subscription) -> Subscription:
    async with user.unit_of_work() as work:
        return await service.renew_subscription(work, subscription.id)


async def change(user: Operation, subscription: Subscription, **changes: Any) -> Subscription:
    async with user.unit_of_work() as work:
        return await service.update_subscription(work, subscription.id, service.SubscriptionChanges(**changes))


async def subscriptions_of(user: Operation) -> Sequence[Subscription]:
    """Return all of the user's rows, oldest first."""
    async with user.reading() as work:
        return (
            await work.session.scalars(select(Subscription).where(Subscription.user_id == user.caller.id).order_by(Subscription.id))
        ).all()


async def told(user: Operation, *types: str) -> Sequence[EventRow]:
    """Return what the log holds for the user, read from the table: a stream would wait for writers elsewhere on the server."""
    async with user.reading() as work:
        query = select(EventRow).where(EventRow.user_id == user.caller.id, EventRow.type.in_(types)).order_by(EventRow.seq)
        return (await work.session.scalars(query)).all()


async def refusal_of(call: Awaitable[object]) -> DomainError:
    try:
        await call
    except DomainError as refusal:
        return refusal
    raise AssertionError("nothing was refused")
