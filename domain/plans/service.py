"""What people do with their subscriptions: begin, read, change, cancel and renew them."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field
from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from domain.audit.recording import audited
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, requires
from domain.plans.catalogue import find_plan
from domain.plans.events import subscription_updated
from domain.plans.expiry import settle
from domain.plans.machine import LIVE, SUBSCRIPTION_MACHINE, SubscriptionStatus, SubscriptionTrigger
from domain.plans.models import Plan, Subscription
from domain.plans.rules import BillingCycle, end_after_renewal
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.operation import Operation
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

# Far enough for everybody, and near enough for every calendar.
LONGEST_AHEAD = timedelta(days=3650)

Word = Annotated[str, Field(min_length=1, max_length=50)]


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """How a subscription is paid, for people to recognise; nothing is charged. `last4` are the last digits of a card."""

    type: Word
    last4: Annotated[str, Field(min_length=4, max_length=4)] | None = None
    brand: Word | None = None


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What a subscription is made from; `trial` begins with the plan's free days instead of a period."""

    plan_id: Annotated[str, Field(max_length=80)]
    billing_cycle: BillingCycle = BillingCycle.MONTHLY
    auto_renew: bool = True
    payment_method: PaymentMethod | None = None
    trial: bool = False


@dataclass(frozen=True, slots=True)
class SubscriptionChanges:
    """What is to change; None leaves a field as it is."""

    auto_renew: bool | None = None
    payment_method: PaymentMethod | None = None


def subscriptions_visible_to(caller: Caller) -> Select[Subscription]:
    """Return the select that every reading of subscriptions starts from: the caller's own."""
    query = select(Subscription)
    return query if caller.is_system else query.where(Subscription.user_id == caller.id)


@audited("subscription.create", id="result.id")
@requires(Permission.USER_PLANS_WRITE)
async def create_subscription(work: UnitOfWork, body: NewSubscription) -> Subscription:
    """Subscribe the caller to a plan, from now on for 30 or 365 days, or for the days of the plan's trial.

    Raises NOT_FOUND for the plan, SUBSCRIPTION_ACTIVE while another one runs, TRIAL_UNAVAILABLE for a plan without a trial or whose
    trial the caller has had, IDEMPOTENCY_CONFLICT.
    """
    subscription_id = new_id("sub")
    if earlier := await claim(work, fingerprint_of("create_subscription", **asdict(body)), subscription_id):
        return await find_subscription(work, earlier)
    plan = await find_plan(work, body.plan_id)
    if await live_subscription(work, work.caller.id) is not None:
        raise _already_active()
    if body.trial:
        await _check_trial(work, plan)
    length = timedelta(days=plan.trial_days) if body.trial else body.billing_cycle.period
    subscription = Subscription(
        id=subscription_id,
        user_id=work.caller.id,
        plan_id=plan.id,
        status=SubscriptionStatus.TRIAL if body.trial else SubscriptionStatus.ACTIVE,
        billing_cycle=body.billing_cycle,
        start_date=work.now,
        end_date=work.now + length,
        trial_end_date=work.now + length if body.trial else None,
        auto_renew=body.auto_renew,
        payment_method=asdict(body.payment_method) if body.payment_method else None,
        created_at=work.now,
    )
    work.session.add(subscription)
    await _flush(work)
    work.emit(subscription_updated(subscription))
    return subscription


@requires(Permission.USER_PLANS_READ)
async def get_current_subscription(operation: Operation) -> Subscription:
    """Return the caller's subscription that runs now. Raises NOT_FOUND if there is none."""
    async with operation.reading() as work:
        current = await work.session.scalar(_live_of(operation.caller.id))
    if current is not None and current.end_date <= operation.clock.now():
        # Its end is here before the timetable: do what the timetable would do.
        async with operation.unit_of_work() as work:
            current = await live_subscription(work, operation.caller.id)
    if current is None:
        raise DomainError(ErrorCode.NOT_FOUND, "No active subscription found", resource="subscription")
    return current


@requires(Permission.USER_PLANS_READ)
async def list_subscriptions(
    work: UnitOfWork, status: SubscriptionStatus | None = None, limit: Limit = 10, offset: Offset = 0
) -> Page[Subscription]:
    """Return all subscriptions of the caller, newest first."""
    query = subscriptions_visible_to(work.caller).order_by(Subscription.created_at.desc(), Subscription.id.desc())
    if status is not None:
        query = query.where(Subscription.status == status)
    return await page_of(work.session, query, limit, offset)


@requires(Permission.USER_PLANS_READ)
async def get_subscription(work: UnitOfWork, subscription_id: str) -> Subscription:
    """Return one subscription. Raises NOT_FOUND."""
    return await find_subscription(work, subscription_id)


@audited("subscription.update", id="subscription_id")
@requires(Permission.USER_PLANS_WRITE)
async def update_subscription(work: UnitOfWork, subscription_id: str, body: SubscriptionChanges) -> Subscription:
    """Change how a subscription is paid and whether it goes on by itself.

    Raises NOT_FOUND, INVALID_SUBSCRIPTION_STATE when one that has ended is to renew itself: it must be renewed by hand first.
    """
    subscription = await _locked(work, subscription_id)
    if body.auto_renew and not subscription.is_live:
        raise _ended(subscription)
    if body.auto_renew is not None:
        subscription.auto_renew = body.auto_renew
    if body.payment_method is not None:
        subscription.payment_method = asdict(body.payment_method)
    subscription.updated_at = work.now
    work.emit(subscription_updated(subscription))
    return subscription


@audited("subscription.cancel", id="subscription_id")
@requires(Permission.USER_PLANS_WRITE)
async def cancel_subscription(work: UnitOfWork, subscription_id: str) -> Subscription:
    """End a subscription at once. Raises NOT_FOUND, INVALID_SUBSCRIPTION_STATE if it has ended already."""
    subscription = await _locked(work, subscription_id)
    if not subscription.is_live:
        raise _ended(subscription)
    subscription.status = SUBSCRIPTION_MACHINE.after(subscription.status, SubscriptionTrigger.CANCEL)
    subscription.auto_renew = False
    subscription.end_date = subscription.cancelled_at = subscription.updated_at = work.now
    work.emit(subscription_updated(subscription))
    return subscription


@audited("subscription.renew", id="subscription_id")
@requires(Permission.USER_PLANS_WRITE)
async def renew_subscription(work: UnitOfWork, subscription_id: str) -> Subscription:
    """Give a subscription one more period; one that has ended runs again from now on. The same idempotency key gives no second one.

    Raises NOT_FOUND (also for a plan that is no longer offered), SUBSCRIPTION_ACTIVE when this one has ended and another one runs,
    INVALID_SUBSCRIPTION_STATE when it would reach more than ten years ahead, IDEMPOTENCY_CONFLICT.
    """
    subscription = await _locked(work, subscription_id)
    if await claim(work, fingerprint_of("renew_subscription", subscription_id=subscription.id), subscription.id):
        return subscription
    await find_plan(work, subscription.plan_id)
    if not subscription.is_live and await live_subscription(work, subscription.user_id) is not None:
        raise _already_active()
    end = end_after_renewal(subscription.end_date, work.now, subscription.billing_cycle)
    if end > work.now + LONGEST_AHEAD:
        raise DomainError(
            ErrorCode.INVALID_SUBSCRIPTION_STATE,
            f"Subscription is renewed until {subscription.end_date:%Y-%m-%d} already",
            status=subscription.status.value,
        )
    subscription.status = SUBSCRIPTION_MACHINE.after(subscription.status, SubscriptionTrigger.RENEW)
    subscription.end_date, subscription.cancelled_at, subscription.updated_at = end, None, work.now
    await _flush(work)
    work.emit(subscription_updated(subscription))
    return subscription


async def find_subscription(work: UnitOfWork, subscription_id: str) -> Subscription:
    """Return the caller's subscription; raises NOT_FOUND."""
    subscription = await work.session.scalar(subscriptions_visible_to(work.caller).where(Subscription.id == subscription_id))
    if subscription is None:
        raise NotFound("Subscription", subscription_id)
    return subscription


async def live_subscription(work: UnitOfWork, user_id: str) -> Subscription | None:
    """Return the user's live subscription, locked, after whatever its end date asks for has been done."""
    found = await work.session.scalar(_live_of(user_id).with_for_update().execution_options(populate_existing=True))
    if found is None:
        return None
    await settle(work, found)
    await work.session.flush()  # before another row of this user becomes live
    return found if found.is_live else None


def _live_of(user_id: str) -> Select[Subscription]:
    return select(Subscription).where(Subscription.user_id == user_id, Subscription.status.in_(LIVE))


async def _locked(work: UnitOfWork, subscription_id: str) -> Subscription:
    query = subscriptions_visible_to(work.caller).where(Subscription.id == subscription_id)
    subscription = await work.session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if subscription is None:
        raise NotFound("Subscription", subscription_id)
    await settle(work, subscription)
    return subscription


async def _check_trial(work: UnitOfWork, plan: Plan) -> None:
    if not plan.trial_days:
        raise DomainError(ErrorCode.TRIAL_UNAVAILABLE, f"The plan {plan.name} has no trial", plan_id=plan.id)
    had = select(Subscription.id).where(
        Subscription.user_id == work.caller.id, Subscription.plan_id == plan.id, Subscription.trial_end_date.is_not(None)
    )
    if await work.session.scalar(had.limit(1)) is not None:
        raise DomainError(ErrorCode.TRIAL_UNAVAILABLE, f"The trial of the plan {plan.name} has been used", plan_id=plan.id)


async def _flush(work: UnitOfWork) -> None:
    try:
        await work.session.flush()
    except IntegrityError:
        # the database allows one live subscription a user, whoever gets here
        raise _already_active() from None


def _already_active() -> DomainError:
    return DomainError(ErrorCode.SUBSCRIPTION_ACTIVE, "User already has an active subscription")


def _ended(subscription: Subscription) -> DomainError:
    how = "is already cancelled" if subscription.status is SubscriptionStatus.CANCELLED else "has already expired"
    return DomainError(ErrorCode.INVALID_SUBSCRIPTION_STATE, f"Subscription {how}", status=subscription.status.value)
