"""Orders of every kind and condition, and what becomes of them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.exchanges.liquidity import DeepLiquidity
from domain.exchanges.matching import apply
from domain.exchanges.orders import (
    Accepted,
    CancelAll,
    Closed,
    Filled,
    Liquidity,
    Reason,
    SetPosition,
    StopMoved,
    Tick,
    Triggered,
)
from domain.exchanges.venue import OrderType, TimeInForce, VenueStatus
from domain.kernel.errors import DomainError, ErrorCode
from tests.domain.exchanges.exchange_floor import BUY, COINS, NOON, SELL, Floor, ends, fills, is_accepted, refusal

GTC, IOC, FOK, DAY, GTD = TimeInForce
LATER = NOON + timedelta(hours=5)

Outcomes = dict[TimeInForce, tuple[int, str | None]]

# A purchase of 5 at up to 100 meets 3 at 100: how many are filled, and how it ends (None: the rest rests).
AT_THE_MARKET: Outcomes = {
    GTC: (3, "no_liquidity"),
    IOC: (3, "no_liquidity"),
    FOK: (0, "fok"),
    DAY: (3, "no_liquidity"),
    GTD: (3, "no_liquidity"),
}
AT_A_LIMIT: Outcomes = {GTC: (3, None), IOC: (3, "ioc"), FOK: (0, "fok"), DAY: (3, None), GTD: (3, None)}
# Kind, its values, the price that triggers it, what becomes of it.
KINDS: list[tuple[OrderType, dict[str, str], str | None, Outcomes]] = [
    (OrderType.MARKET, {}, None, AT_THE_MARKET),
    (OrderType.LIMIT, {"price": "100"}, None, AT_A_LIMIT),
    (OrderType.STOP, {"stop_price": "101"}, "101", AT_THE_MARKET),
    (OrderType.STOP_LIMIT, {"stop_price": "101", "price": "100"}, "101", AT_A_LIMIT),
    (OrderType.TAKE_PROFIT, {"stop_price": "99"}, "99", AT_THE_MARKET),
    (OrderType.TAKE_PROFIT, {"stop_price": "99", "price": "100"}, "99", AT_A_LIMIT),
    (OrderType.TRAILING_STOP, {"trail": "1"}, "101", AT_THE_MARKET),
]


@pytest.mark.parametrize("time_in_force", TimeInForce)
@pytest.mark.parametrize(("kind", "values", "trigger", "outcome"), KINDS)
@pytest.mark.parametrize("on_offer", ["3", "5"])
def test_every_kind_under_every_condition(
    kind: OrderType,
    values: dict[str, str],
    trigger: str | None,
    outcome: Outcomes,
    time_in_force: TimeInForce,
    on_offer: str,
) -> None:
    floor = Floor()
    floor.place("ask", "bob", SELL, on_offer, "100")
    expires_at = LATER if time_in_force in (DAY, GTD) else None
    events = floor.place("buy", "ann", BUY, "5", kind=kind, time_in_force=time_in_force, expires_at=expires_at, **values)
    assert events[0] == Accepted("buy", Decimal(5))
    if trigger is not None:
        assert len(events) == 1 and floor.resting() == {"ask": on_offer, "buy": "5"}
        events = floor.tick(trigger)
        assert events[0] == Triggered("buy", Decimal(trigger))
    filled, reason = (5, None) if on_offer == "5" else outcome[time_in_force]
    assert fills(events) == ([("ask", str(filled), "100"), ("buy", str(filled), "100")] if filled else [])
    last = events[-1]
    if filled == 5:
        assert last == Closed("buy", VenueStatus.FILLED, None) and floor.resting() == {}
    elif reason:
        assert last == Closed("buy", VenueStatus.CANCELLED, Reason(reason))
        assert floor.resting() == ({} if filled else {"ask": "3"})
    else:
        assert isinstance(last, Filled) and floor.resting() == {"buy": "2"}


def test_best_price_trades_first_and_at_one_price_the_oldest() -> None:
    floor = Floor()
    for id, price in (("late", "101"), ("first", "100"), ("second", "100"), ("third", "100")):
        floor.place(id, id, SELL, "2", price)
    events = floor.place("buy", "ann", BUY, "7", "101")
    assert fills(events) == [
        *[("first", "2", "100"), ("buy", "2", "100"), ("second", "2", "100"), ("buy", "2", "100")],
        *[("third", "2", "100"), ("buy", "2", "100"), ("late", "1", "101"), ("buy", "1", "101")],
    ]
    assert floor.resting() == {"late": "1"}


def test_a_taker_pays_the_makers_price_and_each_its_own_fee() -> None:
    floor = Floor()
    floor.place("ask", "bob", SELL, "4", "100")
    _, made, _, took, _ = floor.place("buy", "ann", BUY, "4", "105")
    assert made == Filled("ask", "bob", SELL, 1, Decimal(100), Decimal(4), Decimal(0), Liquidity.MAKER, Decimal("0.4"), False)
    assert took == Filled("buy", "ann", BUY, 1, Decimal(100), Decimal(4), Decimal(0), Liquidity.TAKER, Decimal("0.8"), False)


def test_an_order_never_trades_with_its_own_account() -> None:
    floor = Floor()
    floor.place("other", "bob", SELL, "1", "99")
    floor.place("own", "ann", SELL, "1", "100")
    floor.place("behind", "bob", SELL, "9", "100")
    events = floor.place("buy", "ann", BUY, "5", "100")
    assert fills(events) == [("other", "1", "99"), ("buy", "1", "99")]
    assert ends(events) == [("other", "filled", None), ("buy", "cancelled", "self_match")]
    assert floor.resting() == {"own": "1", "behind": "9"}
    assert ends(floor.place("all", "ann", BUY, "5", "100", time_in_force=FOK)) == [("all", "cancelled", "self_match")]


def test_a_post_only_order_rests_or_is_refused() -> None:
    floor = Floor()
    floor.place("ask", "bob", SELL, "1", "100")
    before = floor.book
    assert refusal(floor.place("taking", "ann", BUY, "1", "100", post_only=True)) == "post_only"
    assert floor.book is before
    assert is_accepted(floor.place("making", "ann", BUY, "1", "99", post_only=True))
    assert refusal(floor.amend("making", price="100")) == "post_only"
    assert floor.resting() == {"ask": "1", "making": "1"}


def test_a_triggered_post_only_order_is_cancelled_if_it_would_take() -> None:
    floor = Floor()
    floor.place("ask", "bob", SELL, "1", "101")
    floor.place("stop", "ann", BUY, "1", "101", kind=OrderType.STOP_LIMIT, stop_price="101", post_only=True)
    assert ends(floor.tick("101")) == [("stop", "cancelled", "post_only")]
    assert floor.resting() == {"ask": "1"}


def test_the_market_fills_a_resting_order_at_its_price_as_far_as_its_volume_goes() -> None:
    floor = Floor()
    floor.place("bid", "ann", BUY, "1000", "99")
    assert floor.tick("100", 1, volume="800") == ()
    assert floor.tick("99", 1, volume="800") == ()
    # The synthetic asks at 99 and below come to the bid: half a step under the market's price and no closer.
    events = floor.tick("98", 1, volume="800")
    (fill,) = [event for event in events if isinstance(event, Filled)]
    assert (fill.price, fill.liquidity, fill.synthetic) == (Decimal(99), Liquidity.MAKER, True)
    assert fill.fee == fill.quantity * 99 * Decimal("0.001")
    assert 0 < fill.quantity < 50 and fill.remaining == 1000 - fill.quantity
    assert floor.tick("98", 1, volume="800") == ()
    # What was taken comes back with the next minute.
    assert fills(floor.tick("98", 60, volume="800"))


def test_what_was_taken_from_the_market_is_gone_until_the_next_minute() -> None:
    floor = Floor(volume="800")
    first = floor.place("one", "ann", BUY, "2000")
    swept = sum(event.quantity for event in first if isinstance(event, Filled))
    assert ends(first) == [("one", "cancelled", "no_liquidity")] and 400 < swept < 1200
    prices = [event.price for event in first if isinstance(event, Filled)]
    assert prices == sorted(prices) and prices[0] == 101 and len(set(prices)) == 20
    assert fills(floor.place("two", "bob", BUY, "1")) == []
    floor.tick("100", 59, volume="800")
    assert fills(floor.place("three", "bob", BUY, "1")) == []
    floor.tick("100", 1, volume="800")
    assert fills(floor.place("four", "bob", BUY, "1")) == [("four", "1", "101")]


def test_users_orders_stand_before_the_market_at_the_same_price() -> None:
    floor = Floor(volume="800")
    floor.place("ask", "bob", SELL, "2", "101")
    events = floor.place("buy", "ann", BUY, "3", "101")
    assert fills(events) == [("ask", "2", "101"), ("buy", "2", "101"), ("buy", "1", "101")]


def test_nothing_is_offered_before_the_market_has_a_price() -> None:
    floor = Floor(price=None)
    assert ends(floor.place("buy", "ann", BUY, "1")) == [("buy", "cancelled", "no_liquidity")]
    assert refusal(floor.place("trail", "ann", SELL, "1", kind=OrderType.TRAILING_STOP, trail="1")) == "no_market"
    assert is_accepted(floor.place("stop", "ann", SELL, "1", kind=OrderType.STOP, stop_price="100"))
    assert floor.resting() == {"stop": "1"}


@pytest.mark.parametrize("time_in_force", [DAY, GTD])
def test_an_order_expires_at_its_moment_and_before_it_can_trade(time_in_force: TimeInForce) -> None:
    floor = Floor()
    end = NOON + timedelta(seconds=60)
    floor.place("limit", "ann", BUY, "1", "99", time_in_force=time_in_force, expires_at=end)
    floor.place("stop", "ann", SELL, "1", kind=OrderType.STOP, stop_price="90", time_in_force=time_in_force, expires_at=end)
    assert floor.tick("100", 59) == ()
    assert ends(floor.tick("90", 1, volume="800")) == [("limit", "expired", "expired"), ("stop", "expired", "expired")]
    assert refusal(floor.place("late", "ann", BUY, "1", "99", time_in_force=time_in_force, expires_at=end)) == "expired"


def test_the_books_time_never_goes_back() -> None:
    floor = Floor()
    floor.send(Tick(Decimal(101), NOON - timedelta(seconds=1), Decimal(0)))
    assert floor.book.market == Tick(Decimal(101), NOON, Decimal(0))


def test_stops_wake_in_the_order_in_which_the_price_passed_them() -> None:
    floor = Floor()
    for id, stop in (("deep", "95"), ("near", "99"), ("near too", "99"), ("below", "93")):
        floor.place(id, id, SELL, "1", kind=OrderType.STOP, stop_price=stop)
    woken = [event.order_id for event in floor.tick("94") if isinstance(event, Triggered)]
    assert woken == ["near", "near too", "deep"]


def test_a_stop_that_wakes_stands_behind_the_orders_that_rested_before() -> None:
    floor = Floor()
    floor.place("stop", "ann", BUY, "1", "101", kind=OrderType.STOP_LIMIT, stop_price="101")
    floor.place("limit", "cem", BUY, "1", "101")
    floor.tick("101")
    assert fills(floor.place("sell", "bob", SELL, "2", "101"))[::2] == [("limit", "1", "101"), ("stop", "1", "101")]


@pytest.mark.parametrize(
    ("kind", "side", "stop", "reached_at_once"),
    [
        (OrderType.STOP, BUY, "100", True),
        (OrderType.STOP, BUY, "101", False),
        (OrderType.STOP, SELL, "100", True),
        (OrderType.STOP, SELL, "99", False),
        (OrderType.TAKE_PROFIT, BUY, "100", True),
        (OrderType.TAKE_PROFIT, BUY, "99", False),
        (OrderType.TAKE_PROFIT, SELL, "100", True),
        (OrderType.TAKE_PROFIT, SELL, "101", False),
    ],
)
def test_a_stop_that_the_market_has_reached_triggers_at_once(kind: OrderType, side: Any, stop: str, reached_at_once: bool) -> None:
    events = Floor().place("stop", "ann", side, "1", kind=kind, stop_price=stop)
    assert any(isinstance(event, Triggered) for event in events) is reached_at_once


def test_a_trailing_stop_follows_the_price_and_never_goes_back() -> None:
    floor = Floor()
    floor.place("sell", "ann", SELL, "1", kind=OrderType.TRAILING_STOP, trail="5")
    assert floor.tick("104") == (StopMoved("sell", Decimal(99)),)
    assert floor.tick("100") == ()
    assert floor.tick("110") == (StopMoved("sell", Decimal(105)),)
    assert floor.tick("106") == ()
    assert floor.tick("105")[0] == Triggered("sell", Decimal(105))


def test_a_trailing_stop_in_percent_is_rounded_away_from_the_price() -> None:
    floor = Floor()
    floor.place("buy", "ann", BUY, "1", kind=OrderType.TRAILING_STOP, trail="2.5", trail_is_percent=True)
    floor.place("sell", "ann", SELL, "1", kind=OrderType.TRAILING_STOP, trail="2.5", trail_is_percent=True)
    assert {id: order.stop_price for id, order in floor.book.orders.items()} == {"buy": Decimal(103), "sell": Decimal(97)}
    assert floor.tick("98") == (StopMoved("buy", Decimal(101)),)


def test_a_trailing_stop_works_below_zero() -> None:
    floor = Floor(replace(COINS, allow_negative_price=True), price="-20")
    floor.place("sell", "ann", SELL, "1", kind=OrderType.TRAILING_STOP, trail="10", trail_is_percent=True)
    assert floor.book.orders["sell"].stop_price == -22
    assert floor.tick("-10") == (StopMoved("sell", Decimal(-11)),)
    assert floor.tick("-11")[0] == Triggered("sell", Decimal(-11))


def test_cancel_all_ends_the_orders_of_one_account_oldest_first() -> None:
    floor = Floor()
    for id, account in (("a", "ann"), ("b", "bob"), ("c", "ann")):
        floor.place(id, account, BUY, "1", "90")
    floor.place("d", "ann", SELL, "1", kind=OrderType.STOP, stop_price="80")
    assert ends(floor.send(CancelAll("ann", Reason.SYSTEM))) == [(id, "cancelled", "system") for id in "acd"]
    assert floor.resting() == {"b": "1"}
    assert ends(floor.cancel("b")) == [("b", "cancelled", "user")]
    assert refusal(floor.cancel("b")) == "unknown_order"


INVALID: dict[str, dict[str, Any]] = {
    "no quantity": {"quantity": "0"},
    "half a lot": {"quantity": "0.5"},
    "no number": {"quantity": "NaN"},
    "market with price": {"kind": OrderType.MARKET, "price": "100"},
    "limit without price": {"kind": OrderType.LIMIT},
    "half a tick": {"price": "100.5"},
    "price of zero": {"price": "0"},
    "stop without stop price": {"kind": OrderType.STOP},
    "stop with price": {"kind": OrderType.STOP, "price": "100", "stop_price": "100"},
    "stop limit without price": {"kind": OrderType.STOP_LIMIT, "stop_price": "100"},
    "stop at half a tick": {"kind": OrderType.STOP, "stop_price": "99.5"},
    "target without stop price": {"kind": OrderType.TAKE_PROFIT, "price": "100"},
    "trailing without trail": {"kind": OrderType.TRAILING_STOP},
    "trailing at nothing": {"kind": OrderType.TRAILING_STOP, "trail": "0"},
    "trailing with stop price": {"kind": OrderType.TRAILING_STOP, "trail": "1", "stop_price": "90"},
    "limit with trail": {"price": "100", "trail": "1"},
    "day without end": {"price": "100", "time_in_force": DAY},
    "GTC with end": {"price": "100", "expires_at": LATER},
    "end without zone": {"price": "100", "time_in_force": GTD, "expires_at": LATER.replace(tzinfo=None)},
    "post-only at the market": {"post_only": True},
    "post-only and IOC": {"price": "99", "post_only": True, "time_in_force": IOC},
    "post-only and FOK": {"price": "99", "post_only": True, "time_in_force": FOK},
    "reduce-only without position": {"reduce_only": True},
}


@pytest.mark.parametrize("values", INVALID.values(), ids=INVALID.keys())
def test_an_order_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    floor = Floor(volume="800")
    before = floor.book
    assert refusal(floor.place("odd", "ann", BUY, **{"quantity": "1", **values})) == "invalid"
    assert floor.book is before


def test_a_second_order_with_the_id_of_a_live_one_is_refused() -> None:
    floor = Floor()
    floor.place("one", "ann", BUY, "1", "90")
    assert refusal(floor.place("one", "bob", SELL, "2", "110")) == "duplicate"
    assert floor.resting() == {"one": "1"}


@pytest.mark.parametrize(
    "command",
    [
        Tick(Decimal("NaN"), NOON, Decimal(1)),
        Tick(Decimal(1), NOON, Decimal(-1)),
        Tick(Decimal(1), NOON.replace(tzinfo=None), Decimal(1)),
        SetPosition("ann", Decimal("Infinity")),
    ],
)
def test_a_tick_that_is_no_number_is_an_error_of_the_caller(command: Any) -> None:
    with pytest.raises(DomainError) as refused:
        apply(Floor().book, command)
    assert refused.value.code is ErrorCode.VALIDATION_ERROR


def test_trades_below_zero_pay_the_buyer_and_cost_a_positive_fee() -> None:
    floor = Floor(replace(COINS, allow_negative_price=True), price="-10")
    floor.place("ask", "bob", SELL, "2", "-12")
    events = floor.place("buy", "ann", BUY, "2", "-10")
    assert [(event.price, event.fee) for event in events if isinstance(event, Filled)] == [
        (Decimal(-12), Decimal("0.024")),
        (Decimal(-12), Decimal("0.048")),
    ]


def test_orders_without_a_limit_trade_no_further_than_the_market_goes() -> None:
    floor = Floor()
    floor.place("near", "bob", SELL, "3", "120")
    floor.place("far", "bob", SELL, "9", "121")
    events = floor.place("buy", "ann", BUY, "5")
    assert fills(events) == [("near", "3", "120"), ("buy", "3", "120")]
    assert ends(events)[-1] == ("buy", "cancelled", "no_liquidity") and floor.resting() == {"far": "9"}
    assert fills(floor.place("limit", "ann", BUY, "5", "130"))[-1] == ("limit", "5", "121")


@pytest.mark.parametrize("time_in_force", [DAY, GTD])
def test_a_market_order_needs_no_end_of_its_day(time_in_force: TimeInForce) -> None:
    floor = Floor()
    floor.place("ask", "bob", SELL, "5", "100")
    assert fills(floor.place("buy", "ann", BUY, "5", time_in_force=time_in_force))[-1] == ("buy", "5", "100")


def test_before_there_is_a_market_there_is_no_end_to_it() -> None:
    floor = Floor(price=None)
    floor.place("far", "bob", SELL, "5", "500")
    assert fills(floor.place("buy", "ann", BUY, "5"))[-1] == ("buy", "5", "500")


def test_in_a_deep_market_every_size_fills_at_the_slipped_price() -> None:
    floor = Floor(price="10000", model=DeepLiquidity())
    assert fills(floor.place("buy", "ann", BUY, "1000000")) == [("buy", "1000000", "10001")]
    assert fills(floor.place("sell", "bob", SELL, "1000000")) == [("sell", "1000000", "9999")]
    assert fills(floor.place("fok", "ann", BUY, "1000000", "10005", time_in_force=FOK)) == [("fok", "1000000", "10001")]


def test_in_a_deep_market_a_resting_order_fills_whole_once_the_price_reaches_it() -> None:
    floor = Floor(price="10000", model=DeepLiquidity())
    assert is_accepted(floor.place("bid", "ann", BUY, "1000000", "9000", post_only=True))
    assert floor.tick("9001") == ()
    (fill, end) = floor.tick("9000")
    assert isinstance(fill, Filled) and fills((fill,)) == [("bid", "1000000", "9000")] and fill.liquidity is Liquidity.MAKER
    assert end == Closed("bid", VenueStatus.FILLED, None)
