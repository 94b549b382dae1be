"""When waiting orders wake up; stories with a book around them are in test_matching."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exchanges.orders import BookOrder, Listing
from domain.exchanges.triggers import followed, in_order_of_passing, is_reached, stop_behind
from domain.exchanges.venue import OrderType, Side, TimeInForce

LISTING = Listing("POWER", Decimal("0.05"), Decimal(1), allow_negative_price=True)


def waiting(side: Side, kind: OrderType, stop: str, trail: str | None = None, *, percent: bool = False, sequence: int = 1) -> BookOrder:
    distance = None if trail is None else Decimal(trail)
    return BookOrder(
        id=f"order_{sequence}",
        account="ann",
        side=side,
        kind=kind,
        quantity=Decimal(1),
        filled=Decimal(0),
        price=None,
        stop_price=Decimal(stop),
        trail=distance,
        trail_is_percent=percent,
        time_in_force=TimeInForce.GTC,
        expires_at=None,
        post_only=False,
        reduce_only=False,
        waiting=True,
        sequence=sequence,
    )


@pytest.mark.parametrize("kind", [OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP, OrderType.TAKE_PROFIT])
@pytest.mark.parametrize("side", Side)
def test_stops_are_reached_with_the_price_against_them_and_targets_with_it(side: Side, kind: OrderType) -> None:
    order = waiting(side, kind, "10")
    from_below = (side is Side.BUY) if kind is not OrderType.TAKE_PROFIT else (side is Side.SELL)
    assert [is_reached(order, Decimal(last)) for last in ("9.99", "10", "10.01")] == (
        [False, True, True] if from_below else [True, True, False]
    )


@pytest.mark.parametrize(
    ("side", "trail", "percent", "last", "stop"),
    [
        (Side.SELL, "1", False, "10", "9.00"),
        (Side.BUY, "1", False, "10", "11.00"),
        (Side.SELL, "1", True, "10.33", "10.20"),  # 10.2267, down to the tick
        (Side.BUY, "1", True, "10.33", "10.45"),  # 10.4333, up to the tick
        (Side.SELL, "10", True, "-10.33", "-11.40"),  # -11.363
        (Side.BUY, "10", True, "-10.33", "-9.25"),  # -9.297
        (Side.SELL, "10", True, "0", "0.00"),
    ],
)
def test_a_trailing_stop_lies_behind_the_price(side: Side, trail: str, percent: bool, last: str, stop: str) -> None:
    assert str(stop_behind(LISTING, side, Decimal(trail), percent, Decimal(last))) == stop


@given(st.lists(st.decimals("-50", "50", places=2), min_size=1, max_size=20), st.sampled_from(Side), st.booleans())
def test_a_trailing_stop_only_ever_moves_in_favour(path: list[Decimal], side: Side, percent: bool) -> None:
    order = waiting(side, OrderType.TRAILING_STOP, "100" if side is Side.BUY else "-100", "3", percent=percent)
    behind = []
    for last in path:
        stop = followed(LISTING, order, last)
        assert order.stop_price is not None and (stop - order.stop_price) * side.sign <= 0
        behind.append(stop_behind(LISTING, side, Decimal(3), percent, last))
        assert stop == (min(behind) if side is Side.BUY else max(behind))
        order = replace(order, stop_price=stop)


def test_the_furthest_stop_was_passed_first() -> None:
    orders = [
        waiting(Side.SELL, OrderType.STOP, "9", sequence=1),
        waiting(Side.SELL, OrderType.STOP, "10", sequence=3),
        waiting(Side.BUY, OrderType.TAKE_PROFIT, "10", sequence=2),
        waiting(Side.SELL, OrderType.STOP, "7", sequence=4),
    ]
    assert [order.sequence for order in in_order_of_passing(orders, Decimal(8))] == [2, 3, 1]


def test_a_stop_at_nothing_is_a_price_like_any_other() -> None:
    orders = [waiting(Side.BUY, OrderType.STOP, stop, sequence=sequence) for stop, sequence in (("1", 1), ("0", 2), ("-1", 3))]
    assert [order.sequence for order in in_order_of_passing(orders, Decimal(2))] == [3, 2, 1]
