"""The subscription machine, whole: every pair of a state and a trigger."""

from itertools import product

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.plans.machine import LIVE, SUBSCRIPTION_MACHINE, SubscriptionStatus, SubscriptionTrigger

PAIRS = list(product(SubscriptionStatus, SubscriptionTrigger))


@pytest.mark.parametrize(("status", "trigger"), PAIRS, ids=lambda value: value.name)
def test_every_pair_either_leads_on_or_is_refused(status: SubscriptionStatus, trigger: SubscriptionTrigger) -> None:
    if (status, trigger) in SUBSCRIPTION_MACHINE.table:
        assert SUBSCRIPTION_MACHINE.after(status, trigger) in SubscriptionStatus
        return
    with pytest.raises(DomainError) as refusal:
        SUBSCRIPTION_MACHINE.after(status, trigger)
    assert refusal.value.code is ErrorCode.INVALID_SUBSCRIPTION_STATE


def test_only_what_runs_can_end_and_everything_can_be_renewed() -> None:
    for status in SubscriptionStatus:
        assert SUBSCRIPTION_MACHINE.allows(status, SubscriptionTrigger.RENEW)
        assert SUBSCRIPTION_MACHINE.allows(status, SubscriptionTrigger.CANCEL) == (status in LIVE)
        assert SUBSCRIPTION_MACHINE.allows(status, SubscriptionTrigger.RUN_OUT) == (status in LIVE)
