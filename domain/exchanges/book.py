"""The order book of one instrument as a value."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext

from domain.exchanges.liquidity import DEFAULT_MODEL, Level, LiquidityModel, Surroundings, bucket_of
from domain.exchanges.orders import ZERO, BookOrder, Holder, Listing, Tick
from domain.exchanges.venue import Side
from domain.kernel.money import EXACT

# The rank of a resting order on its side: the better price first, then the earlier; its id says whose rank it is.
Rank = tuple[Decimal, int, str]
# What was taken of the rest of the market, by side and price.
Taken = Mapping[tuple[Side, Decimal], Decimal]


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that the matching of one instrument depends on.

    `orders` are the live ones, waiting stops among them; `bids` and `asks` rank those that rest at a price. `taken` holds for the
    stretch of time of `market`, whose moment is also the book's own time. `positions` are known for holders with reduce-only
    orders alone.
    """

    listing: Listing
    seed: int = 0
    model: LiquidityModel = DEFAULT_MODEL
    market: Tick | None = None
    sequence: int = 0
    trades: int = 0
    orders: Mapping[str, BookOrder] = field(default_factory=dict)
    bids: tuple[Rank, ...] = ()
    asks: tuple[Rank, ...] = ()
    taken: Taken = field(default_factory=dict)
    positions: Mapping[Holder, Decimal] = field(default_factory=dict)


def rank_of(order: BookOrder) -> Rank:
    """Return the rank of an order that has a price."""
    assert order.price is not None
    return (EXACT.minus(order.price) if order.side is Side.BUY else order.price, order.sequence, order.id)


def with_orders(book: Book, live: Iterable[BookOrder], ended: Iterable[str] = ()) -> Book:
    """Return the book with these orders as they are live now, and without those that have ended; nothing is traded."""
    orders = dict(book.orders)
    ranks: dict[Side, list[Rank]] = {Side.BUY: list(book.bids), Side.SELL: list(book.asks)}

    def remove(id: str) -> None:
        known = orders.pop(id, None)
        if known is not None and not known.waiting:
            del ranks[known.side][bisect_left(ranks[known.side], rank_of(known))]

    for id in ended:
        remove(id)
    for order in live:
        remove(order.id)
        orders[order.id] = order
        if not order.waiting:
            insort(ranks[order.side], rank_of(order))
    return replace(book, orders=orders, bids=tuple(ranks[Side.BUY]), asks=tuple(ranks[Side.SELL]))


def offers(book: Book, market: Tick | None, taken: Taken, side: Side, *, arriving: bool = False) -> Iterator[Level]:
    """Yield what is left of one side of the rest of the market, best first; to be consumed within the EXACT context.

    With `arriving` it is what comes to the orders that rest on the other side.
    """
    if market is None:
        return
    around = Surroundings(book.listing, market.price, bucket_of(market.at, book.model), book.seed, market.volume)
    for level in book.model.arriving(around, side) if arriving else book.model.levels(around, side):
        left = level.quantity - taken.get((side, level.price), ZERO)
        if left > 0:
            yield Level(level.price, left)


def depth(book: Book, side: Side) -> tuple[Level, ...]:
    """Return what can be traded with on one side, best price first: resting orders and the rest of the market, added up by price."""
    with localcontext(EXACT):
        total: dict[Decimal, Decimal] = {}
        for level in offers(book, book.market, book.taken, side):
            total[level.price] = level.quantity
        for _, _, id in book.bids if side is Side.BUY else book.asks:
            order = book.orders[id]
            assert order.price is not None
            total[order.price] = total.get(order.price, ZERO) + order.remaining
    return tuple(Level(price, total[price]) for price in sorted(total, reverse=side is Side.BUY))
