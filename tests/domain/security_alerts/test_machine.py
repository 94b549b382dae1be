"""The life of a security alert, pair by pair."""

import itertools

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.security_alerts.machine import ALERT_MACHINE, AlertStatus, AlertTrigger

PAIRS = list(itertools.product(AlertStatus, AlertTrigger))
ALLOWED = {
    ("active", "be acknowledged"): "acknowledged",
    ("active", "be resolved"): "resolved",
    ("acknowledged", "be resolved"): "resolved",
}


@pytest.mark.parametrize(("status", "trigger"), PAIRS)
def test_every_pair_of_the_table(status: AlertStatus, trigger: AlertTrigger) -> None:
    expected = ALLOWED.get((status.value, trigger.value))
    if expected is not None:
        assert ALERT_MACHINE.after(status, trigger) == AlertStatus(expected)
        return
    with pytest.raises(DomainError) as refusal:
        ALERT_MACHINE.after(status, trigger)
    assert refusal.value.code is ErrorCode.INVALID_ALERT_STATE
