"""The book as a view and as a document."""

from dataclasses import replace
from decimal import Decimal

from domain.exchanges.book import depth, with_orders
from domain.exchanges.liquidity import Level, liquidity_of
from domain.exchanges.venue import OrderType
from tests.domain.exchanges.exchange_floor import BUY, COINS, NOON, SELL, Floor


def test_depth_adds_up_orders_and_what_is_left_of_the_market() -> None:
    floor = Floor(volume="800")
    asks = liquidity_of(COINS, Decimal(100), NOON, 5, Decimal(800)).asks
    assert depth(floor.book, SELL) == asks
    floor.place("ask", "bob", SELL, "4", "102")
    floor.place("bid", "bob", BUY, "4", "98")
    floor.place("stop", "bob", BUY, "4", "120", kind=OrderType.STOP_LIMIT, stop_price="119")
    floor.place("buy", "ann", BUY, str(asks[0].quantity + 1), "102")
    assert depth(floor.book, SELL)[:2] == (Level(Decimal(102), asks[1].quantity + 3), asks[2])
    assert [level.price for level in depth(floor.book, BUY)[:3]] == [Decimal(99), Decimal(98), Decimal(97)]


def test_a_book_put_together_from_its_orders_is_the_same_book() -> None:
    floor = Floor(volume="800")
    floor.place("ask", "bob", SELL, "4", "102", post_only=True)
    floor.place("trail", "bob", SELL, "2", kind=OrderType.TRAILING_STOP, trail="2.5", trail_is_percent=True)
    floor.place("exit", "cem", SELL, "2", "103", reduce_only=True, position="7.0", book="swing")
    floor.place("buy", "ann", BUY, "9", "102")
    book = floor.book
    assert book.positions == {("cem", "swing"): Decimal(7)}
    empty = replace(book, orders={}, bids=(), asks=())
    assert with_orders(empty, reversed(list(book.orders.values()))) == book


def test_orders_that_changed_elsewhere_take_their_new_rank_and_ended_ones_leave() -> None:
    floor = Floor(volume="0")
    for id, price in (("a", "101"), ("b", "102"), ("c", "103")):
        floor.place(id, "bob", SELL, "4", price)
    stale = floor.book
    floor.amend("a", price="104")
    floor.cancel("b")
    assert with_orders(stale, [floor.book.orders["a"]], ["b", "never was"]) == replace(floor.book, sequence=stale.sequence)
