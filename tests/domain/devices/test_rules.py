"""How often devices report, when their silence counts, and their states, pair by pair."""

import itertools
from datetime import timedelta

import pytest

from domain.devices.machine import DEVICE_MACHINE, DeviceStatus, DeviceTrigger
from domain.devices.rules import reporting_interval, silence_allowed
from domain.kernel.errors import DomainError, ErrorCode


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [(None, 900), (30, 30), ("45", 45), ("30s", 30), ("15min", 900), ("5 mins", 300), ("1h", 3600), ("2 hours", 7200), ("7d", 604_800)],
)
def test_intervals_are_written_in_many_ways(stated: object, seconds: int) -> None:
    assert reporting_interval({} if stated is None else {"reporting_interval": stated}) == timedelta(seconds=seconds)


@pytest.mark.parametrize("stated", [0, -5, True, 1.5, "", "soon", "8d", "1e3", "15 fortnights", [], {}, "9" * 50])
def test_impossible_intervals_are_refused(stated: object) -> None:
    with pytest.raises(DomainError) as refusal:
        reporting_interval({"reporting_interval": stated})
    assert (refusal.value.code, refusal.value.details["field"]) == (ErrorCode.VALIDATION_ERROR, "configuration.reporting_interval")


def test_silence_is_three_missed_reports_and_five_minutes_at_least() -> None:
    assert silence_allowed({"reporting_interval": "1min"}) == timedelta(minutes=5)
    assert silence_allowed({"reporting_interval": "101s"}) == timedelta(seconds=303)
    assert silence_allowed({}) == timedelta(minutes=45)


ALLOWED = {
    ("offline", "be heard of"): "online",
    ("online", "be heard of"): "online",
    ("maintenance", "be heard of"): "maintenance",
    ("online", "fall silent"): "offline",
    ("online", "go into maintenance"): "maintenance",
    ("offline", "go into maintenance"): "maintenance",
    ("maintenance", "return as online"): "online",
    ("maintenance", "return as offline"): "offline",
}


@pytest.mark.parametrize(("status", "trigger"), list(itertools.product(DeviceStatus, DeviceTrigger)))
def test_every_pair_of_the_table(status: DeviceStatus, trigger: DeviceTrigger) -> None:
    expected = ALLOWED.get((status.value, trigger.value))
    if expected is not None:
        assert DEVICE_MACHINE.after(status, trigger) == DeviceStatus(expected)
        return
    with pytest.raises(DomainError) as refusal:
        DEVICE_MACHINE.after(status, trigger)
    assert refusal.value.code is ErrorCode.INVALID_DEVICE_STATE
