"""Which orders, changes and prices make sense at all, whatever the book holds."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from domain.exchanges.orders import ZERO, Amend, BookOrder, Listing, Place, Reason, SetPosition, Tick
from domain.exchanges.venue import OrderType, TimeInForce
from domain.kernel.errors import DomainError, ErrorCode

# Whether a kind of order has a limit price, a stop price and a distance: always, never, or (None) as the user likes.
SHAPES: Mapping[str, tuple[bool | None, bool, bool]] = {
    OrderType.MARKET: (False, False, False),
    OrderType.LIMIT: (True, False, False),
    OrderType.STOP: (False, True, False),
    OrderType.STOP_LIMIT: (True, True, False),
    OrderType.TAKE_PROFIT: (None, True, False),  # without a price it trades at the market
    OrderType.TRAILING_STOP: (False, False, True),
}
EXPIRING = frozenset({TimeInForce.DAY, TimeInForce.GTD})
IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


class Refused(Exception):
    """The command is refused and changes nothing; its reason and sentence go back to whoever sent it."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


def check_shape(listing: Listing, command: Place) -> None:
    """Raise Refused unless the order has exactly the values that its kind and its conditions need, in whole lots and ticks."""
    _check_quantity(listing, command.quantity)
    given = {"price": command.price, "stop_price": command.stop_price, "trail": command.trail}
    for (name, value), wanted in zip(given.items(), SHAPES[command.kind], strict=True):
        if wanted is not None and (value is not None) is not wanted:
            raise Refused(Reason.INVALID, f"A {command.kind.value} order {'needs' if wanted else 'has no'} {name}")
    for name in ("price", "stop_price"):
        _check_price(listing, name, given[name])
    if command.trail is not None and not (command.trail.is_finite() and command.trail > 0):
        raise Refused(Reason.INVALID, "trail must be above zero")
    expires = command.time_in_force in EXPIRING
    # A market order never rests: it has ended before its day does.
    if (command.expires_at is None and expires and command.kind is not OrderType.MARKET) or (
        command.expires_at is not None and not expires
    ):
        raise Refused(Reason.INVALID, "DAY and GTD orders need expires_at, and no others have it")
    if command.expires_at is not None and command.expires_at.tzinfo is None:
        raise Refused(Reason.INVALID, "expires_at needs a time zone")
    if command.post_only and (command.price is None or command.time_in_force in IMMEDIATE):
        raise Refused(Reason.INVALID, "Only an order that can rest at a price can be post-only")
    if command.reduce_only and (command.position is None or not command.position.is_finite()):
        raise Refused(Reason.INVALID, "A reduce-only order needs the position that it may reduce")


def amended_shape(listing: Listing, order: BookOrder, command: Amend) -> BookOrder:
    """Return the order with the new values. Raises Refused if it has no such values or they make no sense."""
    if command.quantity is None and command.price is None and command.stop_price is None:
        raise Refused(Reason.INVALID, "There is nothing to change")
    if command.price is not None and order.price is None:
        raise Refused(Reason.INVALID, "The order has no price")
    if command.stop_price is not None and (not order.waiting or order.kind is OrderType.TRAILING_STOP):
        raise Refused(Reason.INVALID, "The order has no stop price, or the market moves or has used it")
    for name, price in (("price", command.price), ("stop_price", command.stop_price)):
        _check_price(listing, name, price)
    if command.quantity is not None:
        _check_quantity(listing, command.quantity)
        if command.quantity < order.filled:
            raise Refused(Reason.BELOW_FILLED, "More than this quantity has been filled")
    return replace(
        order,
        quantity=order.quantity if command.quantity is None else command.quantity,
        price=order.price if command.price is None else command.price,
        stop_price=order.stop_price if command.stop_price is None else command.stop_price,
    )


def check_tick(tick: Tick) -> None:
    """Raise VALIDATION_ERROR unless the price and the volume are numbers, the volume is not negative and the moment has a zone."""
    if not (tick.price.is_finite() and tick.volume.is_finite() and tick.volume >= 0) or tick.at.tzinfo is None:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "A tick needs a price, a volume and a moment in time", field="tick")


def check_position(command: SetPosition) -> None:
    """Raise VALIDATION_ERROR unless the position is a number."""
    if not command.position.is_finite():
        raise DomainError(ErrorCode.VALIDATION_ERROR, "A position is a number", field="position")


def _check_quantity(listing: Listing, quantity: Decimal) -> None:
    if not quantity.is_finite() or quantity <= 0 or quantity % listing.lot != 0:
        raise Refused(Reason.INVALID, "quantity must be whole lots, at least one")


def _check_price(listing: Listing, name: str, price: Decimal | None) -> None:
    if price is None:
        return
    if not price.is_finite() or price % listing.tick != 0:
        raise Refused(Reason.INVALID, f"{name} must be whole ticks")
    if price <= ZERO and not listing.allow_negative_price:
        raise Refused(Reason.INVALID, f"{name} must be above zero")
