"""How much of an account's money is spoken for by its live orders: a sum over them, so it can always be checked by adding up."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext

from domain.exchanges.book import Book
from domain.exchanges.orders import ZERO, BookOrder, Listing
from domain.exchanges.venue import Side
from domain.kernel.money import EXACT


@dataclass(frozen=True, slots=True)
class Reserved:
    """Amounts set aside: of the base asset (contracts) and of the quote currency."""

    base: Decimal = ZERO
    quote: Decimal = ZERO

    def __add__(self, other: "Reserved") -> "Reserved":
        return Reserved(EXACT.add(self.base, other.base), EXACT.add(self.quote, other.quote))

    def __sub__(self, other: "Reserved") -> "Reserved":
        return Reserved(EXACT.subtract(self.base, other.base), EXACT.subtract(self.quote, other.quote))


NOTHING = Reserved()


def reserved_by(listing: Listing, order: BookOrder) -> Reserved:
    """Return what the unfilled part of a live order reserves.

    A buy reserves its worst price plus the larger of the two fees; at a negative price it brings money in and reserves nothing. A
    sell reserves the base asset where the instrument cannot be sold short, and money where its price is negative. The worst price of
    an order that will trade at the market is its stop price: what it slips beyond that is paid from free money. A reduce-only order
    reserves nothing, since it only gives back what the position holds.
    """
    if order.reduce_only:
        return NOTHING
    price = order.stop_price if order.price is None else order.price
    assert price is not None
    with localcontext(EXACT):
        value = order.remaining * price * listing.contract_size
        fee_rate = max(listing.maker_rate, listing.taker_rate, ZERO)
        # A buy pays at a positive price and a sell at a negative one; trading at a better price never costs more than this.
        paid = max(value * order.side.sign, ZERO)
        base = order.remaining if order.side is Side.SELL and not listing.allow_short else ZERO
        return Reserved(base, paid + paid * fee_rate)


def reserved_of(book: Book, account: str) -> Reserved:
    """Return what all live orders of an account reserve in this book."""
    return _sum(reserved_by(book.listing, order) for order in book.orders.values() if order.account == account)


def reservation_changes(before: Book, after: Book) -> dict[str, Reserved]:
    """Return by account how much more (or, negative, less) is reserved after a command; accounts without a change are left out."""
    changes: dict[str, Reserved] = {}
    for id in before.orders.keys() | after.orders.keys():
        old, new = before.orders.get(id), after.orders.get(id)
        if old is new:
            continue
        for order, sign in ((old, -1), (new, 1)):
            if order is not None:
                amount = reserved_by(after.listing, order)
                known = changes.get(order.account, NOTHING)
                changes[order.account] = known + amount if sign > 0 else known - amount
    return {account: changes[account] for account in sorted(changes) if changes[account] != NOTHING}


def _sum(amounts: Iterable[Reserved]) -> Reserved:
    total = NOTHING
    for amount in amounts:
        total += amount
    return total
