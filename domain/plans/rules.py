"""What plans mean, as pure functions: how long a billing period lasts, and when a limit is reached."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import plain, trimmed


class BillingCycle(StrEnum):
    """How long one period lasts: 30 or 365 days, whatever the calendar says."""

    MONTHLY = "monthly"
    YEARLY = "yearly"

    @property
    def period(self) -> timedelta:
        return timedelta(days=30 if self is BillingCycle.MONTHLY else 365)


class LimitedResource(StrEnum):
    """What the server measures for plans. A plan may name other resources too; those are shown and bind nobody."""

    AGENTS = "agents"
    POSITION_SIZE = "position_size"
    TRADES_PER_DAY = "trades_per_day"


_REFUSALS = {
    LimitedResource.AGENTS: "The plan {plan} allows {limit} agents in a run; this one has {measured}",
    LimitedResource.POSITION_SIZE: "The plan {plan} allows a position of {limit}; this trade would make it {measured}",
    LimitedResource.TRADES_PER_DAY: "The plan {plan} allows {limit} trades a day; this would be number {measured}",
}


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """The limits of the plan that a user has now, by resource."""

    plan_name: str
    values: Mapping[str, int]

    @classmethod
    def of(cls, plan_name: str, limits: Iterable[Mapping[str, Any]]) -> Self:
        return cls(plan_name, {limit["resource"]: limit["value"] for limit in limits})

    def limits(self, resource: LimitedResource) -> bool:
        return resource.value in self.values

    def check(self, resource: LimitedResource, measured: Decimal | int) -> None:
        """Raise PLAN_LIMIT_REACHED if `measured`, what there would be afterwards, is more than the plan allows."""
        limit = self.values.get(resource.value)
        if limit is None or measured <= limit:
            return
        amount = trimmed(Decimal(measured))
        raise DomainError(
            ErrorCode.PLAN_LIMIT_REACHED,
            _REFUSALS[resource].format(plan=self.plan_name, limit=limit, measured=plain(amount)),
            resource=resource.value,
            limit=limit,
            measured=amount,
            plan=self.plan_name,
        )


def end_after_renewal(end: datetime, now: datetime, cycle: BillingCycle) -> datetime:
    """Return the end of a subscription that is renewed by hand: one period more, counted from now if it has ended already."""
    return max(end, now) + cycle.period


def end_of_period_at(end: datetime, now: datetime, cycle: BillingCycle) -> datetime:
    """Return the end of the period that `now` lies in, where one period follows another from `end` on; later than `now`."""
    if end > now:
        return end
    return end + ((now - end) // cycle.period + 1) * cycle.period
