"""Stops of positions that move by themselves, and only in favour of the position. Pure.

A trailing stop follows the price at a distance once the price has reached its activation price, or, without one, the entry. A
break-even stop goes to the entry once, when the profit has reached its percentage.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.exchanges.triggers import Ticked, stop_behind
from domain.kernel.money import EXACT, exact, round_to_step
from domain.trading.models import Position
from domain.trading.positions import PositionSide
from domain.trading.requests import MAX_TRAIL_PERCENT, invalid

MAX_PROFIT_PERCENT = 1000


@dataclass(frozen=True, slots=True)
class TrailingStop:
    """`distance_percent` of the price, above 0 and at most 50; `activation_price` None stands for the entry price."""

    distance_percent: Decimal
    activation_price: Decimal | None = None

    def check(self) -> None:
        """Raise VALIDATION_ERROR unless the numbers make sense."""
        if not 0 < exact(self.distance_percent, "distance_percent") <= MAX_TRAIL_PERCENT:
            raise invalid("distance_percent", f"must be above 0 and at most {MAX_TRAIL_PERCENT}")
        if self.activation_price is not None:
            exact(self.activation_price, "activation_price")


@dataclass(frozen=True, slots=True)
class BreakEven:
    """`activation_profit_percent` of the cost, fees included, above 0 and at most 1000."""

    activation_profit_percent: Decimal

    def check(self) -> None:
        """Raise VALIDATION_ERROR unless the number makes sense."""
        if not 0 < exact(self.activation_profit_percent, "activation_profit_percent") <= MAX_PROFIT_PERCENT:
            raise invalid("activation_profit_percent", f"must be above 0 and at most {MAX_PROFIT_PERCENT}")


def move_stop(position: Position, listing: Ticked, now: datetime) -> bool:
    """Move the stop of a position that was just priced to where its trailing stop and its break-even want it.

    Returns whether something other than the price's own movement is to be told: that one of the two has become active.
    """
    price, stop, is_news = position.current_price, position.stop_loss, False
    if position.trail_percent is not None:
        start = position.entry_price if position.trail_activation_price is None else position.trail_activation_price
        if position.trailing_since is None and EXACT.multiply(EXACT.subtract(price, start), position.side.sign) >= 0:
            position.trailing_since, is_news = now, True
        if position.trailing_since is not None:
            stop = better_stop(position.side, stop, stop_behind(listing, position.side.exit, position.trail_percent, True, price))
    if position.break_even_percent is not None and position.break_even_at is None:
        entry = round_to_step(position.entry_price, listing.tick, "ceiling" if position.side is PositionSide.LONG else "floor")
        # A tick may be wider than the profit: a stop that the price has reached already would close at once.
        is_clear = EXACT.multiply(EXACT.subtract(price, entry), position.side.sign) > 0
        if is_clear and position.unrealized_pnl_percent >= position.break_even_percent:
            stop = better_stop(position.side, stop, entry)
            position.break_even_at, is_news = now, True
    if stop != position.stop_loss:
        position.initial_stop_loss = stop if position.initial_stop_loss is None else position.initial_stop_loss
        position.stop_loss, position.updated_at = stop, now
    return is_news


def better_stop(side: PositionSide, stop: Decimal | None, candidate: Decimal) -> Decimal:
    """Return the stop that loses less."""
    if stop is None:
        return candidate
    return max(stop, candidate) if side is PositionSide.LONG else min(stop, candidate)
