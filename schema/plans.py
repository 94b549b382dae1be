"""What clients see of plans and subscriptions, and what they may set.

The type of a subscription is `PlanSubscription`: `Subscription` is the root of GraphQL's own subscriptions.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry

from domain.plans import relations
from domain.plans.models import BillingCycle, SubscriptionStatus
from schema.enums import graphql_enum
from schema.fields import field, related

graphql_enum(
    BillingCycle,
    description="How long one period of a subscription lasts.",
    values={"MONTHLY": "30 days.", "YEARLY": "365 days."},
)
graphql_enum(
    SubscriptionStatus,
    description="Where a subscription stands.",
    values={
        "TRIAL": "It runs, on the plan's free days.",
        "ACTIVE": "It runs.",
        "EXPIRED": "Its end came and it did not renew itself.",
        "CANCELLED": "Its owner ended it.",
    },
)

RESOURCE = "What it is about, for instance `trades_per_day`, `agents` or `position_size`."


@strawberry.type(description="Something that a plan comes with, in words.")
class PlanFeature:
    resource: str = strawberry.field(description=RESOURCE)
    title: str = strawberry.field(description="Its heading, for people.")
    description: str = strawberry.field(description="What it means, for people.")


@strawberry.type(description="The most that a plan allows of a resource.")
class PlanLimit:
    resource: str = strawberry.field(description=RESOURCE)
    title: str = strawberry.field(description="Its heading, for people.")
    description: str = strawberry.field(description="What it means, for people.")
    value: int = strawberry.field(description="The most: orders a day, agents in a run, or the value of a position in its quote currency.")


@strawberry.type(description="What can be subscribed to.")
class Plan:
    id: strawberry.ID = strawberry.field(description="Begins with `plan_`.")
    name: str = strawberry.field(description="1 to 100 characters; no other plan that is offered has it.")
    description: str = strawberry.field(description="1 to 1000 characters.")
    price: Decimal = strawberry.field(description="US dollars for 30 days.")
    trial_days: int = strawberry.field(description="How long it can be tried out, once; 0 for not at all.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime | None = strawberry.field(description="Last change.")

    @field(list[PlanFeature], "What it comes with.")
    def features(self) -> list[PlanFeature]:
        # `self` is the row: the schema's type only names its attributes.
        rows: list[dict[str, Any]] = self.features  # type: ignore[assignment]
        return [PlanFeature(**row) for row in rows]

    @field(list[PlanLimit], "What it limits; a resource that is not named here is not limited.")
    def limits(self) -> list[PlanLimit]:
        rows: list[dict[str, Any]] = self.limits  # type: ignore[assignment]
        return [PlanLimit(**row) for row in rows]


@strawberry.type(description="How a subscription is paid, for people to recognise; nothing is charged.")
class PaymentMethod:
    type: str = strawberry.field(description="For instance `card`.")
    last4: str | None = strawberry.field(description="The last four digits of a card.")
    brand: str | None = strawberry.field(description="For instance `visa`.")


@strawberry.type(description="A user's subscription to a plan. One runs at a time.")
class PlanSubscription:
    id: strawberry.ID = strawberry.field(description="Begins with `sub_`.")
    plan_id: strawberry.ID = strawberry.field(description="The plan, which may no longer be offered.")
    status: SubscriptionStatus = strawberry.field(description="Where it stands.")
    billing_cycle: BillingCycle = strawberry.field(description="How long one period lasts.")
    start_date: datetime = strawberry.field(description="When it began.")
    end_date: datetime = strawberry.field(description="When its last period ends, or when it was cancelled.")
    trial_end_date: datetime | None = strawberry.field(description="When its trial ends, or ended, if it began with one.")
    auto_renew: bool = strawberry.field(description="Whether a new period follows at the end by itself.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime | None = strawberry.field(description="Last change.")
    cancelled_at: datetime | None = strawberry.field(description="When it was cancelled.")
    plan = related(Plan | None, relations.plans_by_id, "plan_id", "The plan.")

    @field(PaymentMethod | None, "How it is paid.")
    def payment_method(self) -> PaymentMethod | None:
        method: dict[str, Any] | None = self.payment_method  # type: ignore[assignment]
        return PaymentMethod(**method) if method else None


@strawberry.input(description="Something that a plan comes with, in words.")
class PlanFeatureInput:
    resource: str = strawberry.field(description="1 to 100 characters.")
    title: str = strawberry.field(description="1 to 200 characters.")
    description: str = strawberry.field(description="1 to 500 characters.")


@strawberry.input(description="The most that a plan allows of a resource.")
class PlanLimitInput:
    resource: str = strawberry.field(description="`trades_per_day`, `agents` and `position_size` are measured; others are only shown.")
    title: str = strawberry.field(description="1 to 200 characters.")
    description: str = strawberry.field(description="1 to 500 characters.")
    value: int = strawberry.field(description="0 or more.")


@strawberry.input(description="A new plan.")
class PlanInput:
    name: str = strawberry.field(description="1 to 100 characters, not only blanks.")
    description: str = strawberry.field(description="1 to 1000 characters.")
    price: Decimal = strawberry.field(description="US dollars for 30 days, 0 or more; rounded to cents.")
    features: list[PlanFeatureInput] | None = strawberry.field(default=None, description="At most 50.")
    limits: list[PlanLimitInput] | None = strawberry.field(default=None, description="At most 50, one for a resource.")
    trial_days: int = strawberry.field(default=0, description="0 to 365.")


@strawberry.input(description="Changes of a plan; what is left out or null stays as it is.")
class PlanChangesInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters, not only blanks.")
    description: str | None = strawberry.field(default=None, description="1 to 1000 characters.")
    price: Decimal | None = strawberry.field(default=None, description="US dollars for 30 days, 0 or more; rounded to cents.")
    features: list[PlanFeatureInput] | None = strawberry.field(default=None, description="Replaces the whole list.")
    limits: list[PlanLimitInput] | None = strawberry.field(default=None, description="Replaces the whole list.")
    trial_days: int | None = strawberry.field(default=None, description="0 to 365.")


@strawberry.input(description="How a subscription is paid, for people to recognise.")
class PaymentMethodInput:
    type: str = strawberry.field(description="1 to 50 characters, for instance `card`.")
    last4: str | None = strawberry.field(default=None, description="Exactly four characters.")
    brand: str | None = strawberry.field(default=None, description="1 to 50 characters.")


@strawberry.input(description="A new subscription; it runs from now on.")
class PlanSubscriptionInput:
    plan_id: strawberry.ID = strawberry.field(description="The plan.")
    billing_cycle: BillingCycle = strawberry.field(default=BillingCycle.MONTHLY, description="How long one period lasts.")
    auto_renew: bool = strawberry.field(default=True, description="Whether a new period follows at the end by itself.")
    payment_method: PaymentMethodInput | None = strawberry.field(default=None, description="How it is paid.")
    trial: bool = strawberry.field(default=False, description="Begin with the plan's trial, which everybody has once.")


@strawberry.input(description="Changes of a subscription; what is left out or null stays as it is.")
class PlanSubscriptionChangesInput:
    auto_renew: bool | None = strawberry.field(default=None, description="Whether a new period follows at the end by itself.")
    payment_method: PaymentMethodInput | None = strawberry.field(default=None, description="How it is paid.")
