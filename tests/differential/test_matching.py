"""Our matching against nautilus_trader's matching engine and its book of single orders (L3): the same stream of orders to both.

Compared exactly, after every command: whether it was refused; every fill of the resting orders, in sequence, with order, price and
quantity; what the incoming order was filled at each price; which orders were cancelled; the fee of every fill; and both sides of the
book, order by order in the order in which they would trade. `nautilus_market` says how nautilus is made a venue for several traders.

Left out, because the two mean different things:

- Orders of one account meeting each other: we cancel the incoming order, nautilus knows of no owners in its book. Here each order
  has an account of its own.
- An empty side: nautilus goes on believing in the last best price of a side that has run empty, and answers a market order there with
  a refusal (we: accepted and cancelled, `no_liquidity`). Here an account rests an endless order far away on each side.
- Priority after an amendment is for nautilus what the exchange's feed says. Here the feed says it by our rule (a smaller quantity keeps
  its place, all else loses it), so this proves what follows from a priority, not the rule itself; whether an amendment is refused,
  trades at once and at which prices is nautilus' own.
- An order amended to exactly what it has filled: ended in both, as filled here and as cancelled there.
- Reduce-only: only orders that end at once (market, and limit orders as IOC). nautilus makes resting ones fit when they fill, we when
  the position changes; and it measures a FOK order before it is made smaller, we after.
- The fee of a fill at a negative price: nautilus pays it out, we charge it. Its absolute value is compared.
- Orders with an expiry, and waiting orders: see `test_triggers`.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from domain.exchanges.book import Book
from domain.exchanges.matching import apply
from domain.exchanges.orders import Amend, Cancel, Closed, Command, Event, Filled, Listing, Place, Rejected
from domain.exchanges.venue import OrderType, Side, TimeInForce, VenueStatus
from tests.differential.examples import examples
from tests.differential.nautilus_market import Answer, Execution, OrderByOrder

LISTING = Listing("POWER", Decimal("0.5"), Decimal(1), Decimal(10), True, Decimal("0.0002"), Decimal("0.001"))
FAR, ENDLESS = Decimal(1000), Decimal(10**6)
IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)

sides = st.sampled_from(Side)
quantities = st.integers(1, 12).map(Decimal)
prices = st.integers(-4, 10).map(lambda ticks: Decimal(ticks) / 2)
# Numbers choose an order: mostly one of the live ones, sometimes one that has ended.
numbers = st.integers(0, 40)
LIVE_BELOW = 35

limits = st.tuples(st.just("limit"), sides, quantities, prices, st.sampled_from([TimeInForce.GTC] * 4 + [*IMMEDIATE]), st.booleans())
markets = st.tuples(st.just("market"), sides, quantities, st.sampled_from([TimeInForce.GTC, *IMMEDIATE]))
reductions = st.tuples(st.just("reduce"), sides, quantities, st.none() | prices, st.integers(-6, 6).map(Decimal))
amends = st.tuples(st.just("amend"), numbers, st.none() | quantities, st.none() | prices)
cancels = st.tuples(st.just("cancel"), numbers)
streams = st.lists(st.one_of(limits, limits, limits, markets, reductions, amends, amends, cancels), min_size=1, max_size=40)


@examples
@given(streams)
def test_orders_trade_as_nautilus_trades_them(stream: list[tuple[object, ...]]) -> None:
    book, theirs = Book(LISTING), OrderByOrder(LISTING)
    for side in Side:
        far = Place(f"far_{side.value}", "house", side, OrderType.LIMIT, ENDLESS, -side.sign * FAR)
        book, _ = apply(book, far)
        theirs.place(far)
    placed: list[str] = []
    for what in stream:
        command = command_of(what, placed, book)
        if command is None:
            continue
        book, events = apply(book, command)
        compare(command, events, sent(theirs, command))
        for side, ranks in ((Side.BUY, book.bids), (Side.SELL, book.asks)):
            ours = [(id, book.orders[id].price, book.orders[id].remaining) for _, _, id in ranks]
            assert ours == theirs.resting(side), command
        for id, order in book.orders.items():
            assert (theirs.order(id).quantity.as_decimal(), theirs.order(id).filled_qty.as_decimal()) == (order.quantity, order.filled)


def command_of(what: tuple[object, ...], placed: list[str], book: Book) -> Place | Amend | Cancel | None:
    id = f"order_{len(placed)}"
    match what:
        case "limit", Side() as side, Decimal() as quantity, Decimal() as price, TimeInForce() as tif, bool(post_only):
            placed.append(id)
            post_only = post_only and tif not in IMMEDIATE
            return Place(id, f"of_{id}", side, OrderType.LIMIT, quantity, price, time_in_force=tif, post_only=post_only)
        case "market", Side() as side, Decimal() as quantity, TimeInForce() as tif:
            placed.append(id)
            return Place(id, f"of_{id}", side, OrderType.MARKET, quantity, time_in_force=tif)
        case "reduce", Side() as side, Decimal() as quantity, price, Decimal() as position:
            placed.append(id)
            kind = OrderType.MARKET if price is None else OrderType.LIMIT
            return Place(
                id,
                f"of_{id}",
                side,
                kind,
                quantity,
                price if isinstance(price, Decimal) else None,
                time_in_force=TimeInForce.IOC,
                reduce_only=True,
                position=position,
            )
        case "amend", int(number), quantity, price if placed and (quantity, price) != (None, None):
            id = chosen(number, placed, book)
            return Amend(id, quantity if isinstance(quantity, Decimal) else None, price if isinstance(price, Decimal) else None)
        case "cancel", int(number) if placed:
            return Cancel(chosen(number, placed, book))
    return None


def chosen(number: int, placed: list[str], book: Book) -> str:
    live = [id for id in placed if id in book.orders]
    among = live if live and number < LIVE_BELOW else placed
    return among[number % len(among)]


def sent(theirs: OrderByOrder, command: Command) -> Answer:
    match command:
        case Place():
            return theirs.place(command)
        case Amend():
            return theirs.amend(command)
        case Cancel():
            return theirs.cancel(command)
    raise AssertionError(command)


def compare(command: Command, events: Sequence[Event], theirs: Answer) -> None:
    assert isinstance(events[0], Rejected) is theirs.refused, command
    ours = [Execution(e.order_id, e.price, e.quantity, e.liquidity.value, e.fee) for e in events if isinstance(e, Filled)]
    makers, takers = ([fill for fill in ours if fill.role == role] for role in ("maker", "taker"))
    their_makers, their_takers = ([fill for fill in theirs.fills if fill.role == role] for role in ("maker", "taker"))
    assert [fill_and_fee(fill) for fill in makers] == [fill_and_fee(fill) for fill in their_makers], command
    assert by_price(takers) == by_price(their_takers), command
    ended = [e for e in events if isinstance(e, Closed) and e.status is VenueStatus.CANCELLED]
    exact = isinstance(command, Amend) and not ended and theirs.cancelled == [command.order_id]
    assert exact or [e.order_id for e in ended] == theirs.cancelled, command


def fill_and_fee(fill: Execution) -> tuple[str, Decimal, Decimal, Decimal]:
    return fill.order_id, fill.price, fill.quantity, abs(fill.fee)


def by_price(fills: list[Execution]) -> list[tuple[str, Decimal, Decimal, Decimal]]:
    # nautilus may report one fill for each order it met, or one for each price.
    grouped = [(key, list(each)) for key, each in groupby(fills, key=lambda fill: (fill.order_id, fill.price))]
    return [(*key, sum((f.quantity for f in each), Decimal(0)), sum((abs(f.fee) for f in each), Decimal(0))) for key, each in grouped]
