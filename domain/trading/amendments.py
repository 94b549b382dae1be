"""What a change does to a resting order, and what the venue's word does to a change that was under way. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from domain.exchanges.venue import OrderType, VenueReport
from domain.kernel.money import plain
from domain.trading.models import Order


@dataclass(frozen=True, slots=True)
class Terms:
    """The values of an order that can change."""

    quantity: Decimal
    price: Decimal | None
    stop_price: Decimal | None

    @classmethod
    def of(cls, order: Order) -> "Terms":
        return cls(order.quantity, order.price, order.stop_price)

    @classmethod
    def wanted(cls, order: Order) -> "Terms":
        """Return the values that the order has if the change under way is made."""
        now = cls.of(order)
        return cls(
            now.quantity if order.amend_quantity is None else order.amend_quantity,
            now.price if order.amend_price is None else order.amend_price,
            now.stop_price if order.amend_stop_price is None else order.amend_stop_price,
        )

    def keeps_priority(self, changed: "Terms") -> bool:
        """Return whether an order keeps its place in the queue with the changed values: only a smaller quantity does."""
        return (changed.price, changed.stop_price) == (self.price, self.stop_price) and changed.quantity <= self.quantity


def adopt(order: Order, report: VenueReport, *, amended: bool) -> str | None:
    """Give the order the values that it has at the venue, end the change that was under way, and return what to tell of it.

    None means that there is nothing to tell: nothing changed, or a trailing stop only followed the market. `amended` says that the venue
    has just confirmed the change; without that, the venue's values tell whether it was made.
    """
    before, wanted, was_amending = Terms.of(order), Terms.wanted(order), order.is_amending
    order.amend_quantity = order.amend_price = order.amend_stop_price = None
    base = wanted if was_amending and (amended or _is_nearer(report, before, wanted)) else before
    order.quantity = base.quantity if report.quantity is None else report.quantity
    order.price = base.price if report.price is None or base.price is None else report.price
    order.stop_price = base.stop_price if report.stop_price is None or base.stop_price is None else report.stop_price
    after = Terms.of(order)
    follows = order.order_type is OrderType.TRAILING_STOP
    if after == before or (follows and (after.quantity, after.price) == (before.quantity, before.price)):
        return None
    place = "it keeps its place" if before.keeps_priority(after) else "it goes to the end of the queue"
    return f"Amended: {_differences(before, after)}; {place}"


def _is_nearer(report: VenueReport, before: Terms, wanted: Terms) -> bool:
    # Venues round: what they hold is compared with both, not held to either.
    for told, old, new in (
        (report.quantity, before.quantity, wanted.quantity),
        (report.price, before.price, wanted.price),
        (report.stop_price, before.stop_price, wanted.stop_price),
    ):
        if told is not None and old is not None and new is not None and old != new:
            return abs(told - new) < abs(told - old)
    return False


def _differences(before: Terms, after: Terms) -> str:
    pairs = (
        ("quantity", before.quantity, after.quantity),
        ("price", before.price, after.price),
        ("stop price", before.stop_price, after.stop_price),
    )
    return ", ".join(
        f"{name} {plain(old)} to {plain(new)}" for name, old, new in pairs if old != new and old is not None and new is not None
    )
