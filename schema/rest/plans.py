"""Plans and subscriptions as `/api/v1` shows them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Self

from domain.plans.catalogue import PlanFeature, PlanLimit
from domain.plans.models import Plan, Subscription
from domain.plans.service import PaymentMethod


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan; `price` is in US dollars for 30 days."""

    id: str
    name: str
    description: str
    price: Decimal
    trial_days: int
    features: list[PlanFeature]
    limits: list[PlanLimit]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, plan: Plan) -> Self:
        return cls(
            id=plan.id,
            name=plan.name,
            description=plan.description,
            price=plan.price,
            trial_days=plan.trial_days,
            features=[PlanFeature(**feature) for feature in plan.features],
            limits=[PlanLimit(**limit) for limit in plan.limits],
            created_at=plan.created_at,
            updated_at=plan.updated_at or plan.created_at,
        )


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """A subscription of the caller."""

    id: str
    user_id: str
    plan_id: str
    status: str
    start_date: datetime
    end_date: datetime
    trial_end_date: datetime | None
    cancelled_at: datetime | None
    auto_renew: bool
    billing_cycle: str
    payment_method: PaymentMethod | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, subscription: Subscription) -> Self:
        return cls(
            id=subscription.id,
            user_id=subscription.user_id,
            plan_id=subscription.plan_id,
            status=subscription.status.value,
            start_date=subscription.start_date,
            end_date=subscription.end_date,
            trial_end_date=subscription.trial_end_date,
            cancelled_at=subscription.cancelled_at,
            auto_renew=subscription.auto_renew,
            billing_cycle=subscription.billing_cycle.value,
            payment_method=PaymentMethod(**subscription.payment_method) if subscription.payment_method else None,
            created_at=subscription.created_at,
            updated_at=subscription.updated_at or subscription.created_at,
        )
