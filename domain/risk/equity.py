"""What a wallet's equity is compared with: its value when the day began, and the highest it has been."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from domain.kernel.money import EXACT

# A basis that has not changed is written again this often: the last one before midnight is at most this much older.
KEPT_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Basis:
    """The equity of one wallet in one currency as last measured, and what later measurements are compared with.

    `day_start` is the equity when `day` (a midnight, UTC) began, `peak` the highest that was measured, at `peak_at`. `entries` is how many
    entries of the ledger it has seen.
    """

    day: datetime
    day_start: Decimal
    peak: Decimal
    peak_at: datetime
    equity: Decimal
    entries: int
    measured_at: datetime


def midnight_before(now: datetime) -> datetime:
    """Return when this day, in UTC, began."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


async def measured(
    basis: Basis | None, equity: Decimal, entries: int, moved: Decimal, now: datetime, start_of_day: Callable[[], Awaitable[Decimal]]
) -> Basis:
    """Return the basis after a measurement.

    `moved` is what deposits brought and withdrawals took since the one before: gains and losses are none of them, so that the marks move
    along. A day begins with the last equity that was measured on the day before. Where there is none, it begins with `start_of_day`,
    which is asked for only then. The first measurement is the first peak.
    """
    day = midnight_before(now)
    with localcontext(EXACT):
        if basis is None:
            return Basis(day, await start_of_day(), equity, now, equity, entries, now)
        peak, peak_at = basis.peak + moved, basis.peak_at
        if equity > peak:
            peak, peak_at = equity, now
        if basis.day == day:
            day_start = basis.day_start + moved
        elif basis.measured_at >= day - timedelta(days=1):
            day_start = basis.equity + moved
        else:
            day_start = await start_of_day()
    return Basis(day, day_start, peak, peak_at, equity, entries, now)


def is_worth_writing(before: Basis | None, after: Basis) -> bool:
    """Tell whether a basis must replace the one that is stored, or would only differ by a moment."""
    if before is None or (before.day, before.day_start, before.peak) != (after.day, after.day_start, after.peak):
        return True
    return before.equity != after.equity and after.measured_at >= before.measured_at + KEPT_FOR
