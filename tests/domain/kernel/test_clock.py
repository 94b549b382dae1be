from datetime import UTC, datetime, timedelta, timezone

from domain.kernel.clock import AcceleratedClock, ManualClock, as_utc, to_wire

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_accelerated_clock_runs_at_its_speed_from_its_start() -> None:
    base = ManualClock(START)
    clock = AcceleratedClock(base, datetime(2023, 5, 1, tzinfo=UTC), speed=3600)
    base.advance(seconds=2)
    assert clock.now() == datetime(2023, 5, 1, 2, tzinfo=UTC)


def test_wire_form_is_utc_with_milliseconds_and_z() -> None:
    eastern = timezone(timedelta(hours=-5))
    assert to_wire(datetime(2026, 1, 28, 10, 30, 0, 123456, tzinfo=eastern)) == "2026-01-28T15:30:00.123Z"
    assert as_utc(datetime(2026, 1, 1)) == START  # noqa: DTZ001 - a naive time is taken as UTC
