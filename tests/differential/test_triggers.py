"""Our waiting orders against nautilus_trader's: stops, targets and trailing stops, limit orders among them, while the market moves.

Both markets buy and sell as much as anybody wants at one price: ours is `DeepLiquidity` without slippage, nautilus' a quote whose bid
and ask are the same (L1). Compared exactly, after every command and every tick: which orders were refused, which traded, at which price
and quantity, and which orders are still there, with their stop prices.

Left out, because the two mean different things:

- The sequence within one tick: we go along the market's path, nautilus first through the buying orders and then the selling ones.
  Nobody's price depends on it here, since the market has no bottom.
- Jumps over the stop of an order with a limit: nautilus takes it that the market traded at the stop and fills there, we at the market's
  price (or its limit, once it rests). Here the market moves tick by tick.
- Post-only orders that are triggered at once when they come: nautilus lets them take what they find, we refuse to. Those which the
  market triggers later are compared: there they are rejected, here they are cancelled.
- Amendments of waiting orders that would trigger them at once: nautilus refuses, we trigger. Here they only move away from the market.
- Distances of trailing stops in percent: nautilus knows basis points of a price that it rounds to the nearest tick, we round away from it.
"""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.exchanges.book import Book
from domain.exchanges.liquidity import DeepLiquidity
from domain.exchanges.matching import apply
from domain.exchanges.orders import Amend, Cancel, Command, Filled, Listing, Place, Rejected, Tick
from domain.exchanges.venue import OrderType, Side
from tests.differential.examples import examples
from tests.differential.nautilus_market import Answer, OneQuote
from tests.differential.test_matching import chosen

LISTING = Listing("POWER", Decimal("0.5"), Decimal(1), Decimal(10), True, Decimal("0.0002"), Decimal("0.001"))
PLENTY = Decimal(10**6)
START = Decimal(2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

sides = st.sampled_from(Side)
quantities = st.integers(1, 12).map(Decimal)
distances = st.integers(-6, 6).map(lambda ticks: Decimal(ticks) / 2)
kinds = st.sampled_from([kind for kind in OrderType if kind is not OrderType.MARKET])
orders = st.tuples(st.just("place"), sides, kinds, quantities, distances, distances, st.booleans(), st.booleans())
amends = st.tuples(st.just("amend"), st.integers(0, 40), quantities, st.integers(1, 4).map(lambda ticks: Decimal(ticks) / 2))
cancels = st.tuples(st.just("cancel"), st.integers(0, 40))
moves = st.tuples(st.just("move"), st.sampled_from([-1, 1]).map(lambda ticks: Decimal(ticks) / 2), st.integers(1, 6))
streams = st.lists(st.one_of(orders, orders, moves, moves, amends, cancels), min_size=1, max_size=40)


@examples
@given(streams)
def test_waiting_orders_wake_and_trade_as_those_of_nautilus(stream: list[tuple[object, ...]]) -> None:
    market = START
    book, theirs = Book(LISTING, model=DeepLiquidity(Decimal(0))), OneQuote(LISTING)
    book, _ = apply(book, Tick(market, NOON, PLENTY))
    theirs.tick(Tick(market, NOON, PLENTY))
    placed: list[str] = []
    for what in stream:
        commands: list[Command] = []
        match what:
            case "move", Decimal() as step, int(times):
                commands = [Tick(market + step * (number + 1), NOON, PLENTY) for number in range(times)]
                market += step * times
            case _:
                commands = commands_of(what, placed, market, book)
        for command in commands:
            book, events = apply(book, command)
            answer = sent(theirs, command)
            if not isinstance(command, Tick):
                assert isinstance(events[0], Rejected) is answer.refused, command
            ours = sorted((e.order_id, e.price, e.quantity) for e in events if isinstance(e, Filled))
            assert ours == sorted((fill.order_id, fill.price, fill.quantity) for fill in answer.fills), command
            compare_live(book, theirs, placed)


def compare_live(book: Book, theirs: OneQuote, placed: list[str]) -> None:
    live = {id: theirs.order(id) for id in placed if theirs.order(id).is_open}
    assert sorted(book.orders) == sorted(live)
    for id, order in book.orders.items():
        assert order.quantity == live[id].quantity.as_decimal()
        if order.waiting:
            assert order.stop_price == live[id].trigger_price.as_decimal()


def commands_of(what: tuple[object, ...], placed: list[str], market: Decimal, book: Book) -> list[Command]:
    match what:
        case "place", Side() as side, OrderType() as kind, Decimal() as quantity, Decimal() as near, Decimal() as stop, bool(a), bool(b):
            id = f"order_{len(placed)}"
            placed.append(id)
            limited = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) or (kind is OrderType.TAKE_PROFIT and a)
            trails = kind is OrderType.TRAILING_STOP
            order = Place(
                id,
                f"of_{id}",
                side,
                kind,
                quantity,
                price=market + near if limited else None,
                stop_price=None if trails or kind is OrderType.LIMIT else market + stop,
                trail=abs(stop) + LISTING.tick if trails else None,
                post_only=b and limited and (kind is OrderType.LIMIT or not reached(side, kind, stop)),
            )
            return [order]
        case "amend", int(number), Decimal() as quantity, Decimal() as away if placed:
            id = chosen(number, placed, book)
            known = book.orders.get(id)
            if known is None or known.stop_price is None or not known.waiting or known.kind is OrderType.TRAILING_STOP:
                return [Amend(id, quantity)]
            return [Amend(id, quantity, stop_price=known.stop_price + (away if known.stop_price > market else -away))]
        case "cancel", int(number) if placed:
            return [Cancel(chosen(number, placed, book))]
    return []


def reached(side: Side, kind: OrderType, above_market: Decimal) -> bool:
    return above_market * side.sign * (-1 if kind is OrderType.TAKE_PROFIT else 1) <= 0


def sent(theirs: OneQuote, command: Command) -> Answer:
    match command:
        case Place():
            return theirs.place(command)
        case Amend():
            return theirs.amend(command)
        case Cancel():
            return theirs.cancel(command)
        case Tick():
            return theirs.tick(command)
    raise AssertionError(command)
