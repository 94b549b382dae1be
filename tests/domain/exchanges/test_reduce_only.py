"""Orders that may only shrink a position: cut to it, ended with it, and never turning it."""

from decimal import Decimal

from domain.exchanges.orders import Accepted, Amended, Reason, SetPosition
from domain.exchanges.venue import OrderType, TimeInForce
from tests.domain.exchanges.exchange_floor import BUY, SELL, Floor, ends, fills, refusal


def test_reduce_only_is_cut_to_the_position_and_refused_without_one() -> None:
    floor = Floor()
    assert refusal(floor.place("none", "ann", SELL, "5", "101", reduce_only=True, position="0")) == "reduce_only"
    assert refusal(floor.place("same", "ann", SELL, "5", "101", reduce_only=True, position="-3")) == "reduce_only"
    assert floor.place("cut", "ann", SELL, "5", "101", reduce_only=True, position="3") == (Accepted("cut", Decimal(3)),)
    assert floor.place("short", "bob", BUY, "5", "99", reduce_only=True, position="-8") == (Accepted("short", Decimal(5)),)


def test_reduce_only_counts_whole_lots_of_the_position() -> None:
    floor = Floor()
    assert floor.place("cut", "ann", SELL, "5", "101", reduce_only=True, position="3.7") == (Accepted("cut", Decimal(3)),)
    assert ends(floor.send(SetPosition("ann", Decimal("0.9")))) == [("cut", "cancelled", "reduce_only")]
    assert refusal(floor.place("dust", "ann", SELL, "1", "101", reduce_only=True, position="0.9")) == "reduce_only"


def test_a_stop_shrinks_and_ends_with_the_position_that_it_protects() -> None:
    floor = Floor()
    floor.place("target", "ann", SELL, "5", "110", reduce_only=True, position="5")
    floor.place("stop", "ann", SELL, "5", kind=OrderType.STOP, stop_price="90", reduce_only=True, position="5")
    floor.place("some", "bob", BUY, "2", "110")
    assert floor.resting() == {"target": "3", "stop": "3"}
    events = floor.place("rest", "bob", BUY, "3", "110")
    assert ends(events) == [("target", "filled", None), ("stop", "cancelled", "reduce_only"), ("rest", "filled", None)]
    assert floor.book.positions == {}


def test_a_stop_ends_when_the_position_is_sold_at_the_market() -> None:
    floor = Floor()
    floor.place("stop", "ann", SELL, "5", kind=OrderType.STOP, stop_price="90", reduce_only=True, position="5")
    floor.place("bid", "bob", BUY, "9", "99")
    floor.place("part", "ann", SELL, "2")
    assert floor.resting() == {"stop": "3", "bid": "7"}
    events = floor.place("all", "ann", SELL, "3")
    assert ends(events) == [("stop", "cancelled", "reduce_only"), ("all", "filled", None)]
    assert floor.tick("80") == () and floor.resting() == {"bid": "4"}


def test_a_position_that_changed_elsewhere_cuts_reduce_only_orders() -> None:
    floor = Floor()
    floor.place("stop", "ann", SELL, "5", kind=OrderType.STOP, stop_price="90", reduce_only=True, position="5")
    floor.send(SetPosition("ann", Decimal(2)))
    assert floor.resting() == {"stop": "2"}
    assert ends(floor.send(SetPosition("ann", Decimal(-1)))) == [("stop", "cancelled", "reduce_only")]


def test_a_newer_position_given_with_an_order_cuts_the_older_orders() -> None:
    floor = Floor()
    floor.place("stop", "ann", SELL, "5", kind=OrderType.STOP, stop_price="90", reduce_only=True, position="5")
    events = floor.place("target", "ann", SELL, "5", "110", reduce_only=True, position="2")
    assert events == (Amended("stop", Decimal(2), None, Decimal(90), True, Reason.REDUCE_ONLY), Accepted("target", Decimal(2)))
    assert floor.resting() == {"stop": "2", "target": "2"}


def test_two_reduce_only_orders_met_by_one_taker_never_turn_the_position() -> None:
    floor = Floor()
    floor.place("near", "ann", SELL, "4", "100", reduce_only=True, position="5")
    floor.place("far", "ann", SELL, "5", "101", reduce_only=True, position="5")
    assert fills(floor.place("fok", "bob", BUY, "6", "101", time_in_force=TimeInForce.FOK)) == []
    events = floor.place("buy", "bob", BUY, "6", "101")
    assert fills(events) == [("near", "4", "100"), ("buy", "4", "100"), ("far", "1", "101"), ("buy", "1", "101")]
    assert floor.resting() == {"buy": "1"}


def test_the_market_never_turns_a_position_through_reduce_only_orders() -> None:
    floor = Floor()
    floor.place("near", "ann", SELL, "2", "101", reduce_only=True, position="3")
    floor.place("far", "ann", SELL, "2", "102", reduce_only=True, position="3")
    floor.place("further", "ann", SELL, "2", "103", reduce_only=True, position="3")
    floor.place("bob's", "bob", SELL, "1", "104")
    events = floor.tick("110", volume="800")
    assert fills(events) == [("near", "2", "101"), ("far", "1", "102"), ("bob's", "1", "104")]
    assert [end for end in ends(events) if end[2]] == [("further", "cancelled", "reduce_only")]
    assert floor.resting() == {} == floor.book.positions


def test_a_long_and_a_short_of_two_books_of_one_account_are_two_positions() -> None:
    floor = Floor()
    floor.place("of the long", "ann", SELL, "5", "110", reduce_only=True, position="5", book="swing")
    floor.place("of the short", "ann", BUY, "3", "90", reduce_only=True, position="-3", book="hedge")
    assert floor.resting() == {"of the long": "5", "of the short": "3"}
    floor.place("ask", "bob", SELL, "2", "100")
    floor.place("cover", "ann", BUY, "2", "100", book="hedge")
    assert floor.resting() == {"of the long": "5", "of the short": "1"}
    assert floor.book.positions == {("ann", "swing"): Decimal(5), ("ann", "hedge"): Decimal(-1)}
    assert ends(floor.send(SetPosition("ann", Decimal(0), "swing"))) == [("of the long", "cancelled", "reduce_only")]
