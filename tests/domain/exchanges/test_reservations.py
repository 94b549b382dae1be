"""What live orders set aside, to the last digit; that it always adds up is checked in test_engine."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.exchanges.orders import CancelAll, Kind
from domain.exchanges.reservations import NOTHING, Reserved, reservation_changes, reserved_by, reserved_of
from tests.domain.exchanges.exchange_floor import BUY, COINS, SELL, Floor

SPOT = replace(COINS, allow_short=False, contract_size=Decimal(10), allow_negative_price=True)


def amount(base: str = "0", quote: str = "0") -> Reserved:
    return Reserved(Decimal(base), Decimal(quote))


@pytest.mark.parametrize(
    ("side", "values", "reserved"),
    [
        (BUY, {"price": "90"}, amount(quote="1803.6")),  # 2 x 90 x 10, and 0.2 % of it
        (BUY, {"price": "-90"}, NOTHING),  # it brings money in
        (SELL, {"price": "110"}, amount(base="2")),
        (SELL, {"price": "-110"}, amount(base="2", quote="2204.4")),
        (BUY, {"kind": Kind.STOP, "stop_price": "120"}, amount(quote="2404.8")),
        (BUY, {"kind": Kind.STOP_LIMIT, "stop_price": "120", "price": "125"}, amount(quote="2505")),
        (BUY, {"kind": Kind.TRAILING_STOP, "trail": "20"}, amount(quote="2404.8")),
        (BUY, {"kind": Kind.TAKE_PROFIT, "stop_price": "80"}, amount(quote="1603.2")),
        (SELL, {"kind": Kind.STOP, "stop_price": "80"}, amount(base="2")),
        (SELL, {"price": "110", "reduce_only": True, "position": "2"}, NOTHING),
    ],
)
def test_an_order_reserves_the_most_that_it_can_cost(side: Any, values: dict[str, Any], reserved: Reserved) -> None:
    floor = Floor(SPOT, price="-200" if values.get("price") == "-110" else "100")
    floor.place("order", "ann", side, "2", **values)
    assert reserved_by(SPOT, floor.book.orders["order"]) == reserved == reserved_of(floor.book, "ann")
    assert reserved_of(floor.book, "bob") == NOTHING


def test_what_can_be_sold_short_need_not_be_there() -> None:
    floor = Floor()
    floor.place("order", "ann", SELL, "2", "110")
    assert reserved_of(floor.book, "ann") == NOTHING


def test_a_rebate_reserves_no_negative_fee() -> None:
    floor = Floor(replace(COINS, maker_rate=Decimal("-0.001"), taker_rate=Decimal("-0.001")))
    floor.place("order", "ann", BUY, "2", "90")
    assert reserved_of(floor.book, "ann") == amount(quote="180")


def test_fill_amend_and_cancel_release_exactly() -> None:
    floor = Floor(SPOT)
    books = [floor.book]
    steps: list[dict[str, Reserved]] = []

    def step() -> None:
        books.append(floor.book)
        steps.append(reservation_changes(books[-2], books[-1]))

    floor.place("buy", "ann", BUY, "5", "99")
    step()
    floor.place("sell", "bob", SELL, "2", "99")
    step()
    floor.amend("buy", quantity="4")
    step()
    floor.amend("buy", price="100")
    step()
    floor.send(CancelAll("ann"))
    step()
    assert steps == [
        {"ann": amount(quote="4959.9")},
        {"ann": amount(quote="-1983.96")},
        {"ann": amount(quote="-991.98")},
        {"ann": amount(quote="20.04")},
        {"ann": amount(quote="-2004")},
    ]
    assert reservation_changes(floor.book, floor.book) == {}
    total = NOTHING
    for changes in steps:
        total += changes["ann"]
    assert total == NOTHING
