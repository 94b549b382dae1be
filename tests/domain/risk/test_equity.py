"""What equity is compared with: the beginning of the day and the peak, with money that comes and goes left out."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.risk.equity import Basis, is_worth_writing, measured

MORNING = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def said(*values: object) -> tuple[object, ...]:
    """Return what is compared with whole numbers and moments alike."""
    return values


async def not_asked() -> Decimal:
    raise AssertionError("nobody has to ask how the day began")


async def from_the_books() -> Decimal:
    return Decimal(1030)


async def first(equity: str = "1000") -> Basis:
    return await measured(None, Decimal(equity), 3, Decimal(0), MORNING, from_the_books)


async def later(basis: Basis, equity: str, moved: str = "0", **after: int) -> Basis:
    return await measured(basis, Decimal(equity), 9, Decimal(moved), basis.measured_at + timedelta(**after), not_asked)


async def test_first_measurement_counts_what_the_day_brought_so_far_and_is_the_first_peak() -> None:
    basis = await first()
    assert said(basis.day, basis.day_start, basis.peak, basis.peak_at, basis.entries) == (MIDNIGHT, 1030, 1000, MORNING, 3)


async def test_the_peak_rises_and_never_falls() -> None:
    basis = await later(await first(), "1200", minutes=1)
    assert said(basis.peak, basis.peak_at) == (1200, MORNING + timedelta(minutes=1))
    basis = await later(basis, "900", minutes=1)
    assert said(basis.peak, basis.peak_at, basis.day_start, basis.equity) == (1200, MORNING + timedelta(minutes=1), 1030, 900)


async def test_deposits_and_withdrawals_move_the_marks_along() -> None:
    basis = await later(await first(), "1500", moved="500", minutes=1)
    assert said(basis.day_start, basis.peak, basis.peak_at) == (1530, 1500, MORNING)
    basis = await later(basis, "1300", moved="-200", minutes=1)
    assert said(basis.day_start, basis.peak, basis.peak_at) == (1330, 1300, MORNING)


async def test_a_day_begins_with_the_last_equity_before_midnight() -> None:
    evening = await later(await first(), "1100", hours=14)
    morning = await later(evening, "1050", hours=9)
    assert said(morning.day, morning.day_start) == (MIDNIGHT + timedelta(days=1), 1100)
    assert (await later(evening, "1150", moved="100", hours=9)).day_start == 1200


async def test_what_nobody_measured_on_the_day_before_is_asked_for() -> None:
    basis = await first()
    late = await measured(basis, Decimal(800), 9, Decimal(0), MORNING + timedelta(days=2), from_the_books)
    assert said(late.day_start, late.peak) == (1030, 1000)
    in_time = await measured(basis, Decimal(800), 9, Decimal(0), MORNING + timedelta(days=1), not_asked)
    assert in_time.day_start == 1000


async def test_only_news_is_written() -> None:
    basis = await first()
    assert is_worth_writing(None, basis)
    assert not is_worth_writing(basis, await later(basis, "1000", hours=1))
    assert not is_worth_writing(basis, await later(basis, "999", seconds=59))
    assert is_worth_writing(basis, await later(basis, "999", seconds=60))
    assert is_worth_writing(basis, await later(basis, "1001", seconds=1))
    assert is_worth_writing(basis, await later(basis, "1000", hours=15))
    assert is_worth_writing(basis, await later(basis, "1010", moved="10", seconds=1))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(-500, 500), st.integers(-500, 500)), max_size=30))
async def test_peak_is_the_best_result_whatever_comes_and_goes(steps: list[tuple[int, int]]) -> None:
    """Of (won, moved) steps: the distance to the peak is the distance of the result to the best result so far."""
    basis = await first()
    equity, result, best = Decimal(1000), 0, 0
    for won, moved in steps:
        equity += won + moved
        result += won
        best = max(best, result)
        basis = await later(basis, str(equity), str(moved), seconds=1)
        assert basis.peak - basis.equity == best - result
        assert basis.day_start - basis.equity == 30 - result
