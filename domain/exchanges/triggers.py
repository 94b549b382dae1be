"""When waiting orders wake up: stops, targets and trailing stops as pure functions of the market's price."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Protocol

from domain.exchanges.venue import OrderType, Side
from domain.kernel.money import EXACT, round_to_step

WAITING_KINDS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP})


class Ticked(Protocol):
    """What has prices in whole ticks."""

    @property
    def tick(self) -> Decimal: ...


class Waiting(Protocol):
    """What an order that waits for a price must show; `kind` is one of the words of `Kind`."""

    @property
    def side(self) -> Side: ...
    @property
    def kind(self) -> str: ...
    @property
    def stop_price(self) -> Decimal | None: ...
    @property
    def trail(self) -> Decimal | None: ...
    @property
    def trail_is_percent(self) -> bool: ...


class Queued(Waiting, Protocol):
    """One that also has its place in time; `sequence` is anything that sorts."""

    @property
    def sequence(self) -> Any: ...


def is_reached(order: Waiting, last: Decimal) -> bool:
    """Return whether the market's price has reached the order's stop price; the price itself counts.

    A buy stop is reached from below and a sell stop from above; a target (`take_profit`) the other way round.
    """
    assert order.stop_price is not None
    rising = (order.side is Side.BUY) is not (order.kind == OrderType.TAKE_PROFIT)
    return last >= order.stop_price if rising else last <= order.stop_price


def stop_behind(listing: Ticked, side: Side, trail: Decimal, trail_is_percent: bool, last: Decimal) -> Decimal:
    """Return where a trailing stop belongs while the market stands at `last`: above it for a buy, below it for a sell.

    The distance is `trail` in price units, or in percent of the absolute price; the result is rounded to the tick away from the price.
    """
    distance = EXACT.multiply(abs(last), EXACT.scaleb(trail, -2)) if trail_is_percent else trail
    if side is Side.BUY:
        return round_to_step(EXACT.add(last, distance), listing.tick, "ceiling")
    return round_to_step(EXACT.subtract(last, distance), listing.tick, "floor")


def followed(listing: Ticked, order: Waiting, last: Decimal) -> Decimal:
    """Return the stop price of a trailing stop after the market moved to `last`: a sell's only rises, a buy's only falls."""
    assert order.trail is not None and order.stop_price is not None
    behind = stop_behind(listing, order.side, order.trail, order.trail_is_percent, last)
    return min(order.stop_price, behind) if order.side is Side.BUY else max(order.stop_price, behind)


def in_order_of_passing[Q: Queued](orders: Iterable[Q], last: Decimal) -> list[Q]:
    """Return the orders that the market has reached, in the order in which it passed their stops on its way to `last`.

    The stop furthest behind the price was passed first; orders at the same stop keep their priority in time.
    """
    reached = [(order, order.stop_price) for order in orders if order.stop_price is not None and is_reached(order, last)]
    # A stop of 0 is a price like any other where prices may fall below it.
    in_order = sorted(reached, key=lambda one: (-abs(EXACT.subtract(one[1], last)), one[0].sequence))
    return [order for order, _ in in_order]
