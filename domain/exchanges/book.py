"""The order book of one instrument as a value, and the document in which it is stored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

from domain.exchanges.liquidity import DEFAULT_MODEL, Level, LiquidityModel, bucket_of, levels_of
from domain.exchanges.orders import ZERO, BookOrder, Kind, Listing, Tick
from domain.exchanges.venue import Side, TimeInForce
from domain.kernel.money import EXACT, plain

VERSION = 1

# The rank of a resting order on its side: the better price first, then the earlier; its id says whose rank it is.
Rank = tuple[Decimal, int, str]
# What was taken of the synthetic book, by side and price.
Taken = Mapping[tuple[Side, Decimal], Decimal]


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that the matching of one instrument depends on.

    `orders` are the live ones, waiting stops among them; `bids` and `asks` rank those that rest at a price. `taken` holds for the
    stretch of time of `market`, whose moment is also the book's own time. `positions` are known for accounts with reduce-only
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
    positions: Mapping[str, Decimal] = field(default_factory=dict)


def rank_of(order: BookOrder) -> Rank:
    """Return the rank of an order that has a price."""
    assert order.price is not None
    return (EXACT.minus(order.price) if order.side is Side.BUY else order.price, order.sequence, order.id)


def offers(listing: Listing, seed: int, model: LiquidityModel, market: Tick | None, taken: Taken, side: Side) -> Iterator[Level]:
    """Yield what is left of one side of the synthetic book, best first; to be consumed within the EXACT context."""
    if market is None:
        return
    for level in levels_of(listing, side, market.price, bucket_of(market.at, model), seed, market.volume, model):
        left = level.quantity - taken.get((side, level.price), ZERO)
        if left > 0:
            yield Level(level.price, left)


def depth(book: Book, side: Side) -> tuple[Level, ...]:
    """Return what can be traded with on one side, best price first: resting orders and the synthetic book, added up by price."""
    with localcontext(EXACT):
        total: dict[Decimal, Decimal] = {}
        for level in offers(book.listing, book.seed, book.model, book.market, book.taken, side):
            total[level.price] = level.quantity
        for _, _, id in book.bids if side is Side.BUY else book.asks:
            order = book.orders[id]
            assert order.price is not None
            total[order.price] = total.get(order.price, ZERO) + order.remaining
    return tuple(Level(price, total[price]) for price in sorted(total, reverse=side is Side.BUY))


def snapshot(book: Book) -> dict[str, Any]:
    """Return the book as a JSON document; numbers are texts, and equal books give equal documents.

    Listing, seed and model are settings, not state: they are given again when the book is restored.
    """
    market = book.market
    return {
        "version": VERSION,
        "symbol": book.listing.symbol,
        "sequence": book.sequence,
        "trades": book.trades,
        "market": market and {"price": plain(market.price), "at": market.at.isoformat(), "volume": plain(market.volume)},
        "orders": [_document_of(order) for order in sorted(book.orders.values(), key=lambda order: order.sequence)],
        "taken": [[side.value, plain(price), plain(quantity)] for (side, price), quantity in sorted(book.taken.items())],
        "positions": {account: plain(book.positions[account]) for account in sorted(book.positions)},
    }


def restore(document: Mapping[str, Any], listing: Listing, seed: int = 0, model: LiquidityModel = DEFAULT_MODEL) -> Book:
    """Return the book that `snapshot` wrote down; it goes on exactly as the first would have. Raises ValueError for another's."""
    if document["version"] != VERSION or document["symbol"] != listing.symbol:
        raise ValueError(f"Not a book of {listing.symbol} in version {VERSION}: {document['symbol']}, {document['version']}")
    orders = [_order_of(entry) for entry in document["orders"]]
    ranks = {side: sorted(rank_of(order) for order in orders if not order.waiting and order.side is side) for side in Side}
    market = document["market"]
    return Book(
        listing=listing,
        seed=seed,
        model=model,
        market=market and Tick(Decimal(market["price"]), datetime.fromisoformat(market["at"]), Decimal(market["volume"])),
        sequence=document["sequence"],
        trades=document["trades"],
        orders={order.id: order for order in orders},
        bids=tuple(ranks[Side.BUY]),
        asks=tuple(ranks[Side.SELL]),
        taken={(Side(side), Decimal(price)): Decimal(quantity) for side, price, quantity in document["taken"]},
        positions={account: Decimal(position) for account, position in document["positions"].items()},
    )


def _document_of(order: BookOrder) -> dict[str, Any]:
    return {
        "id": order.id,
        "account": order.account,
        "side": order.side.value,
        "kind": order.kind.value,
        "quantity": plain(order.quantity),
        "filled": plain(order.filled),
        "price": _text_of(order.price),
        "stop_price": _text_of(order.stop_price),
        "trail": _text_of(order.trail),
        "trail_is_percent": order.trail_is_percent,
        "time_in_force": order.time_in_force.value,
        "expires_at": order.expires_at and order.expires_at.isoformat(),
        "post_only": order.post_only,
        "reduce_only": order.reduce_only,
        "waiting": order.waiting,
        "sequence": order.sequence,
    }


def _order_of(entry: Mapping[str, Any]) -> BookOrder:
    return BookOrder(
        id=entry["id"],
        account=entry["account"],
        side=Side(entry["side"]),
        kind=Kind(entry["kind"]),
        quantity=Decimal(entry["quantity"]),
        filled=Decimal(entry["filled"]),
        price=_number_of(entry["price"]),
        stop_price=_number_of(entry["stop_price"]),
        trail=_number_of(entry["trail"]),
        trail_is_percent=entry["trail_is_percent"],
        time_in_force=TimeInForce(entry["time_in_force"]),
        expires_at=entry["expires_at"] and datetime.fromisoformat(entry["expires_at"]),
        post_only=entry["post_only"],
        reduce_only=entry["reduce_only"],
        waiting=entry["waiting"],
        sequence=entry["sequence"],
    )


def _text_of(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def _number_of(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
