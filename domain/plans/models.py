"""Tables of plans: what can be subscribed to, and who has subscribed."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.plans.machine import LIVE
from domain.plans.machine import SubscriptionStatus as SubscriptionStatus
from domain.plans.rules import BillingCycle as BillingCycle
from domain.runtime.database import Base


class Plan(Base):
    """What can be subscribed to. A deleted one keeps its row, its subscriptions run to their end, and its name is free again.

    `price` is in US dollars for 30 days. `features` are `{resource, title, description}`, `limits` the same with a `value`.
    """

    __tablename__ = "plans"
    __table_args__ = (
        Index(
            "uq_plans_name_live",
            "name",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_plans_created_at_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(1000))
    price: Mapped[Decimal]
    trial_days: Mapped[int] = mapped_column(default=0)
    features: Mapped[list[Any]]
    limits: Mapped[list[Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class Subscription(Base):
    """A user's plan from `start_date` to `end_date`; the database lets a user have one live subscription at a time.

    `trial_end_date` is set for good on one that began as a trial. `announced_end_date` is the end that its owner was told of.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        Index(
            "uq_subscriptions_user_id_live",
            "user_id",
            unique=True,
            sqlite_where=text("status IN ('active', 'trial')"),
            postgresql_where=text("status IN ('active', 'trial')"),
        ),
        Index("ix_subscriptions_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_subscriptions_status_end_date", "status", "end_date"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), index=True)
    status: Mapped[SubscriptionStatus]
    billing_cycle: Mapped[BillingCycle]
    start_date: Mapped[datetime]
    end_date: Mapped[datetime]
    trial_end_date: Mapped[datetime | None]
    announced_end_date: Mapped[datetime | None]
    auto_renew: Mapped[bool]
    payment_method: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]

    @property
    def is_live(self) -> bool:
        return self.status in LIVE
