"""Changing and cancelling live orders: priority kept or lost, all or nothing."""

from decimal import Decimal

import pytest

from domain.exchanges.orders import Amended, Closed, Reason, Triggered
from domain.exchanges.venue import OrderType, TimeInForce, VenueStatus
from tests.domain.exchanges.exchange_floor import BUY, SELL, Floor, ends, fills, refusal


@pytest.fixture
def floor() -> Floor:
    """A floor with three bids of 5 at 99, oldest first, and an ask of 3 at 102."""
    floor = Floor()
    for id in ("one", "two", "three"):
        floor.place(id, id, BUY, "5", "99")
    floor.place("ask", "bob", SELL, "3", "102")
    return floor


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"quantity": "4"}, True),
        ({"quantity": "5"}, True),
        ({"price": "99"}, True),
        ({"quantity": "4", "price": "99"}, True),
        ({"quantity": "6"}, False),
        ({"price": "98"}, False),
        ({"quantity": "4", "price": "98"}, False),
    ],
)
def test_another_price_or_more_quantity_loses_priority_less_keeps_it(floor: Floor, values: dict[str, str], kept: bool) -> None:
    (event,) = floor.amend("one", **values)
    assert event == Amended("one", Decimal(values.get("quantity", "5")), Decimal(values.get("price", "99")), None, kept)
    assert list(floor.resting()) == (["one", "two", "three", "ask"] if kept else ["two", "three", "ask", "one"])


def test_quantity_is_the_total_and_what_is_filled_counts(floor: Floor) -> None:
    floor.place("sell", "bob", SELL, "2", "99")
    floor.amend("one", quantity="4")
    assert floor.resting() == {"one": "2", "two": "5", "three": "5", "ask": "3"}


def test_a_total_of_what_is_filled_completes_the_order(floor: Floor) -> None:
    floor.place("sell", "bob", SELL, "2", "99")
    assert floor.amend("one", quantity="2")[1:] == (Closed("one", VenueStatus.FILLED, None),)
    assert list(floor.resting()) == ["two", "three", "ask"]


def test_a_newly_marketable_order_trades_at_once(floor: Floor) -> None:
    events = floor.amend("three", price="102", quantity="6")
    assert events[0] == Amended("three", Decimal(6), Decimal(102), None, False)
    assert fills(events) == [("ask", "3", "102"), ("three", "3", "102")]
    assert floor.resting() == {"one": "5", "two": "5", "three": "3"}


def test_an_order_amended_into_its_own_account_is_cancelled(floor: Floor) -> None:
    floor.place("own", "one", SELL, "1", "101")
    assert ends(floor.amend("one", price="101")) == [("one", "cancelled", "self_match")]
    assert floor.resting() == {"two": "5", "three": "5", "ask": "3", "own": "1"}


@pytest.mark.parametrize(
    ("id", "values", "reason"),
    [
        ("one", {}, "invalid"),
        ("one", {"quantity": "1"}, "below_filled"),
        ("one", {"quantity": "0"}, "invalid"),
        ("one", {"quantity": "2.5"}, "invalid"),
        ("one", {"price": "0"}, "invalid"),
        ("one", {"price": "98.5", "quantity": "4"}, "invalid"),
        ("one", {"stop_price": "90"}, "invalid"),
        ("stop", {"price": "90"}, "invalid"),
        ("trail", {"stop_price": "90"}, "invalid"),
        ("maker", {"price": "102", "quantity": "1"}, "post_only"),
        ("nobody's", {"quantity": "1"}, "unknown_order"),
    ],
)
def test_a_refused_amend_changes_nothing_at_all(floor: Floor, id: str, values: dict[str, str], reason: str) -> None:
    floor.place("sell", "bob", SELL, "2", "99")
    floor.place("stop", "cem", SELL, "1", kind=OrderType.STOP, stop_price="80")
    floor.place("trail", "cem", SELL, "1", kind=OrderType.TRAILING_STOP, trail="20")
    floor.place("maker", "cem", BUY, "2", "97", post_only=True)
    before, orders = floor.book, dict(floor.book.orders)
    assert refusal(floor.amend(id, **values)) == reason
    assert floor.book is before and before.orders == orders


def test_a_stop_moved_to_the_market_triggers_at_once(floor: Floor) -> None:
    floor.place("stop", "cem", SELL, "1", kind=OrderType.STOP, stop_price="80")
    events = floor.amend("stop", stop_price="100")
    assert events[1] == Triggered("stop", Decimal(100))
    assert fills(events) == [("one", "1", "99"), ("stop", "1", "99")]


def test_a_waiting_fill_or_kill_order_can_be_amended(floor: Floor) -> None:
    floor.place("stop", "cem", BUY, "9", kind=OrderType.STOP_LIMIT, stop_price="105", price="102", time_in_force=TimeInForce.FOK)
    assert ends(floor.amend("stop", stop_price="100")) == [("stop", "cancelled", "fok")]


def test_a_reduce_only_order_grows_to_the_position_and_no_further(floor: Floor) -> None:
    floor.place("exit", "cem", SELL, "2", "110", reduce_only=True, position="6")
    (event,) = floor.amend("exit", quantity="9")
    assert event == Amended("exit", Decimal(6), Decimal(110), None, False, Reason.USER)


def test_cancel_keeps_what_was_filled(floor: Floor) -> None:
    floor.place("sell", "bob", SELL, "2", "99")
    assert floor.cancel("one") == (Closed("one", VenueStatus.CANCELLED, Reason.USER),)
    assert refusal(floor.amend("one", quantity="5")) == "unknown_order"
    assert list(floor.resting()) == ["two", "three", "ask"]
