"""The book as a view and as a document."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.exchanges.book import Book, depth, restore, snapshot
from domain.exchanges.liquidity import Level, liquidity_of
from domain.exchanges.orders import Kind
from tests.domain.exchanges.exchange_floor import BUY, COINS, NOON, SELL, Floor


def test_depth_adds_up_orders_and_what_is_left_of_the_market() -> None:
    floor = Floor(volume="800")
    asks = liquidity_of(COINS, Decimal(100), NOON, 5, Decimal(800)).asks
    assert depth(floor.book, SELL) == asks
    floor.place("ask", "bob", SELL, "4", "102")
    floor.place("bid", "bob", BUY, "4", "98")
    floor.place("stop", "bob", BUY, "4", "120", kind=Kind.STOP_LIMIT, stop_price="119")
    floor.place("buy", "ann", BUY, str(asks[0].quantity + 1), "102")
    assert depth(floor.book, SELL)[:2] == (Level(Decimal(102), asks[1].quantity + 3), asks[2])
    assert [level.price for level in depth(floor.book, BUY)[:3]] == [Decimal(99), Decimal(98), Decimal(97)]


def test_an_empty_book_is_a_small_document() -> None:
    empty = Book(COINS)
    assert snapshot(empty) == {
        "version": 1,
        "symbol": "COIN/EUR",
        "sequence": 0,
        "trades": 0,
        "market": None,
        "orders": [],
        "taken": [],
        "positions": {},
    }
    assert restore(snapshot(empty), COINS) == empty


def test_a_stored_book_is_the_same_book() -> None:
    floor = Floor(volume="800")
    floor.place("ask", "bob", SELL, "4", "102", post_only=True)
    floor.place("trail", "bob", SELL, "2", kind=Kind.TRAILING_STOP, trail="2.5", trail_is_percent=True)
    floor.place("exit", "cem", SELL, "2", "103", reduce_only=True, position="7.0")
    floor.place("buy", "ann", BUY, "9", "102")
    stored = json.loads(json.dumps(snapshot(floor.book)))
    assert stored["market"] == {"price": "100", "at": "2026-03-02T12:00:00+00:00", "volume": "800"}
    assert stored["positions"] == {"cem": "7"}
    assert stored["taken"] and all(side == "sell" for side, _, _ in stored["taken"])
    assert restore(stored, COINS, seed=5) == floor.book


@pytest.mark.parametrize("change", [{"version": 2}, {"symbol": "CL"}])
def test_another_books_document_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Not a book of COIN/EUR in version 1"):
        restore({**snapshot(Book(COINS)), **change}, COINS)


def backwards[K, V](entries: Mapping[K, V]) -> dict[K, V]:
    return dict(reversed(list(entries.items())))


def test_equal_books_give_equal_documents_in_whatever_order_they_came_about() -> None:
    floor = Floor(volume="800")
    for account, side, price in (("zoe", SELL, "120"), ("bob", BUY, "80")):
        floor.place(f"{account}'s", account, side, "1", price, reduce_only=True, position=str(-3 * side.sign))
        floor.place("taker", "cem", side, "9.0")
    book = floor.book
    other = replace(book, orders=backwards(book.orders), taken=backwards(book.taken), positions=backwards(book.positions))
    assert other == book and len(book.orders) == len(book.positions) == 2 and len(book.taken) > 2
    assert [entry["id"] for entry in snapshot(other)["orders"]] == ["zoe's", "bob's"]
    assert json.dumps(snapshot(other)) == json.dumps(snapshot(book))
