"""The synthetic book: the same everywhere, shaped as stated, at any price."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exchanges.liquidity import BOTTOMLESS, DEFAULT_MODEL, BookLiquidity, DeepLiquidity, Ladder, Level, bucket_of, liquidity_of
from domain.exchanges.orders import Listing
from domain.exchanges.venue import Side

MOMENT = datetime(2026, 3, 2, 9, 30, 12, tzinfo=UTC)
BITCOIN = Listing("BTC/USDT", Decimal("0.01"), Decimal("0.00001"))
POWER = Listing("ELECTRICITY", Decimal("0.01"), Decimal("0.1"), allow_negative_price=True)
DOGE = Listing("DOGE/USDT", Decimal("0.00001"), Decimal(1))
# Best first; every process and every version must give the same.
TOP_ASKS = [("88505.00", "0.05959"), ("88510.00", "0.07073"), ("88515.00", "0.11436")]
TOP_BIDS = [("88495.00", "0.03340"), ("88490.00", "0.04936"), ("88485.00", "0.12365")]


def book(listing: Listing = BITCOIN, mid: str = "88500", moment: datetime = MOMENT, seed: int = 7, volume: str = "5") -> Ladder:
    return liquidity_of(listing, Decimal(mid), moment, seed, Decimal(volume))


def test_the_book_of_a_moment_is_written_in_stone() -> None:
    ladder = book()
    assert [(str(level.price), str(level.quantity)) for level in ladder.asks[:3]] == TOP_ASKS
    assert [(str(level.price), str(level.quantity)) for level in ladder.bids[:3]] == TOP_BIDS


def test_one_minute_has_one_book_and_the_next_another() -> None:
    assert book(moment=MOMENT.replace(second=0)) == book(moment=MOMENT.replace(second=59)) == book()
    assert book(moment=MOMENT + timedelta(minutes=1)) != book()
    assert book(seed=8) != book() and book(replace(BITCOIN, symbol="ETH/USDT")) != book()


def test_a_level_stays_where_it_is_while_the_price_moves_a_little() -> None:
    here, there = book(), book(mid="88501")
    assert here == there
    further = book(mid="88506")
    assert {level.price for level in here.asks[1:]} == {level.price for level in further.asks[:-1]}


def test_depth_grows_away_from_the_price_and_adds_up_to_the_volume() -> None:
    totals = [book(moment=MOMENT + timedelta(minutes=minute)) for minute in range(200)]
    touch, far = (sum(ladder.asks[index].quantity for ladder in totals) for index in (0, -1))
    assert 9 * touch < far < 11 * touch
    assert 4.9 * 200 < sum(level.quantity for ladder in totals for level in ladder.bids) < 5.1 * 200


@pytest.mark.parametrize(
    ("listing", "mid", "ticks"),
    [
        (BITCOIN, "88500", 500),  # 5.00, about 0.6 basis points
        (BITCOIN, "20000", 200),
        (BITCOIN, "19999", 100),
        (POWER, "45", 1),
        (POWER, "0", 1),
        (POWER, "-500", 5),
        (DOGE, "0.16", 1),
    ],
)
def test_levels_lie_about_a_basis_point_apart(listing: Listing, mid: str, ticks: int) -> None:
    assert DEFAULT_MODEL.steps(listing, Decimal(mid)) == ticks


def test_prices_below_zero_have_a_book_like_any_other() -> None:
    ladder = book(POWER, "-0.05", volume="100")
    assert [str(level.price) for level in ladder.asks[:7]] == ["-0.04", "-0.03", "-0.02", "-0.01", "0.00", "0.01", "0.02"]
    assert [str(level.price) for level in ladder.bids[:2]] == ["-0.06", "-0.07"]


def test_bids_end_above_zero_where_prices_must_be_positive() -> None:
    ladder = book(DOGE, "0.00003", volume="1000")
    assert [str(level.price) for level in ladder.bids] == ["0.00002", "0.00001"]
    assert len(ladder.asks) == 20


def test_no_volume_is_no_book_and_a_little_is_a_lot_at_each_level() -> None:
    assert book(volume="0") == Ladder((), ()) == book(volume="0.000009")
    assert {str(level.quantity) for level in book(volume="0.00001").bids} == {"0.00001"}


def test_buckets_are_counted_from_1970() -> None:
    assert bucket_of(datetime(1970, 1, 1, 0, 1, 59, tzinfo=UTC)) == 1
    assert bucket_of(datetime(1970, 1, 1, 1, tzinfo=UTC), replace(DEFAULT_MODEL, refill=timedelta(hours=1))) == 1


@given(
    listing=st.sampled_from([BITCOIN, POWER, DOGE]),
    mid=st.decimals("-100000", "100000", places=6),
    minute=st.integers(0, 10**6),
    volume=st.decimals("0", "1000000", places=3),
    levels=st.integers(1, 30),
)
def test_every_book_is_in_order_around_its_price(listing: Listing, mid: Decimal, minute: int, volume: Decimal, levels: int) -> None:
    mid = mid if listing.allow_negative_price else abs(mid)
    model = BookLiquidity(depth=levels)
    ladder = liquidity_of(listing, mid, MOMENT + timedelta(minutes=minute), 3, volume, model)
    step = model.steps(listing, mid) * listing.tick
    for side, away in ((ladder.asks, 1), (ladder.bids, -1)):
        assert len(side) <= levels
        assert all((later.price - level.price) * away == step for level, later in pairwise(side))
        assert all(level.quantity >= listing.lot and level.quantity % listing.lot == 0 for level in side)
        assert all(level.price % listing.tick == 0 for level in side)
        assert all(level.price > 0 for level in side) or listing.allow_negative_price
        if side:
            assert step / 2 <= (side[0].price - mid) * away < step * 3 / 2
        assert all((level.price - model.worst_price(listing, Side.SELL if away > 0 else Side.BUY, mid)) * away <= 0 for level in side)
    if volume >= listing.lot:
        assert len(ladder.asks) == levels
        assert ladder.asks[-1].price == model.worst_price(listing, Side.SELL, mid)


@pytest.mark.parametrize(
    ("listing", "mid", "bid", "ask"),
    [
        (BITCOIN, "50000", "49995", "50005"),
        (POWER, "20.01", "20.00", "20.02"),
        (POWER, "-20.01", "-20.02", "-20.00"),
        (POWER, "0", "0", "0"),
        (DOGE, "0.00001", "0.00001", "0.00002"),
    ],
)
def test_a_deep_market_has_one_price_a_side_moved_against_the_taker_to_the_next_tick(
    listing: Listing, mid: str, bid: str, ask: str
) -> None:
    ladder = liquidity_of(listing, Decimal(mid), MOMENT, 7, Decimal(0), DeepLiquidity())
    assert ladder == Ladder((Level(Decimal(bid), BOTTOMLESS),), (Level(Decimal(ask), BOTTOMLESS),))
