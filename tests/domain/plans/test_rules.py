"""Periods and limits, as pure functions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.errors import DomainError, ErrorCode
from domain.plans.rules import BillingCycle, LimitedResource, PlanLimits, end_after_renewal, end_of_period_at

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
LIMITS = PlanLimits.of(
    "Free", [{"resource": "agents", "value": 1}, {"resource": "position_size", "value": 1000}, {"resource": "seats", "value": 0}]
)
moments = st.timedeltas(timedelta(days=-3000), timedelta(days=3000)).map(lambda offset: NOW + offset)


def test_a_month_is_30_days_and_a_year_365() -> None:
    assert BillingCycle.MONTHLY.period == timedelta(days=30)
    assert BillingCycle.YEARLY.period == timedelta(days=365)


def test_renewal_adds_to_what_is_left_and_begins_anew_where_nothing_is() -> None:
    assert end_after_renewal(NOW + timedelta(days=2), NOW, BillingCycle.MONTHLY) == NOW + timedelta(days=32)
    assert end_after_renewal(NOW - timedelta(days=200), NOW, BillingCycle.YEARLY) == NOW + timedelta(days=365)


@given(moments, moments, st.sampled_from(BillingCycle))
def test_periods_follow_each_other_without_a_gap(end: datetime, now: datetime, cycle: BillingCycle) -> None:
    after = end_of_period_at(end, now, cycle)
    assert after > now
    assert after == end or after - cycle.period <= now
    assert (after - end) % cycle.period == timedelta(0)


def test_a_period_that_ends_now_has_ended() -> None:
    assert end_of_period_at(NOW, NOW, BillingCycle.MONTHLY) == NOW + timedelta(days=30)


def test_what_reaches_a_limit_passes_and_what_exceeds_it_is_refused() -> None:
    LIMITS.check(LimitedResource.AGENTS, 1)
    LIMITS.check(LimitedResource.POSITION_SIZE, Decimal("1000.00"))
    with pytest.raises(DomainError) as refusal:
        LIMITS.check(LimitedResource.POSITION_SIZE, Decimal("1000.50"))
    assert refusal.value.code is ErrorCode.PLAN_LIMIT_REACHED
    assert refusal.value.message == "The plan Free allows a position of 1000; this trade would make it 1000.5"
    assert refusal.value.details == {"resource": "position_size", "limit": 1000, "measured": Decimal("1000.5"), "plan": "Free"}


def test_what_the_plan_does_not_name_is_not_limited() -> None:
    assert not LIMITS.limits(LimitedResource.TRADES_PER_DAY)
    LIMITS.check(LimitedResource.TRADES_PER_DAY, 10**9)


def test_a_limit_of_zero_forbids() -> None:
    with pytest.raises(DomainError):
        PlanLimits("None", {"trades_per_day": 0}).check(LimitedResource.TRADES_PER_DAY, 1)
