"""The paper venue by itself: prices and fees, orders that rest, time that passes, and a record that answers the same again."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exchanges.liquidity import BookLiquidity, DeepLiquidity, LiquidityModel, bucket_of, liquidity_of
from domain.exchanges.orders import Listing
from domain.exchanges.venue import (
    Estimate,
    OrderType,
    Refusal,
    Side,
    TimeInForce,
    VenueOrder,
    VenueRejected,
    VenueReport,
    VenueStatus,
    VenueUnavailable,
)
from domain.kernel.clock import ManualClock
from domain.market.instruments import all_instruments, find_instrument
from domain.market.market import Market
from domain.runtime.runtime import Runtime
from domain.trading.paper_venue import PaperVenue
from tests.conftest import START
from tests.databases import both_databases, contents
from tests.domain.trading.desk import Desk

BUY, SELL = Side
GTC, IOC, FOK, DAY, GTD = TimeInForce


def order(client_order_id: str = "c-1", account: str = "wallet_a", symbol: str = "BTC/USDT", **more: object) -> VenueOrder:
    details: dict[str, object] = {"side": BUY, "order_type": OrderType.MARKET, "quantity": Decimal("0.5"), **more}
    for name in {"quantity", "price", "stop_price", "trail", "position"} & details.keys():
        details[name] = Decimal(str(details[name]))
    return VenueOrder(account=account, client_order_id=client_order_id, symbol=symbol, **details)  # type: ignore[arg-type]


def limit(client_order_id: str, price: str, side: Side = BUY, quantity: str = "0.5", **more: object) -> VenueOrder:
    return order(client_order_id, order_type=OrderType.LIMIT, price=price, side=side, quantity=quantity, **more)  # type: ignore[arg-type]


def filled(report: VenueReport | None) -> Decimal:
    assert report is not None
    return sum((fill.quantity for fill in report.fills), Decimal(0))


async def now(desk: Desk, client_order_id: str, account: str = "wallet_a") -> VenueReport:
    report = await desk.venue.find(account, client_order_id, "BTC/USDT")
    assert report is not None
    return report


def with_a_book(desk: Desk) -> Desk:
    desk.venue = PaperVenue(desk.runtime.use(Market), desk.runtime.database, desk.clock, BookLiquidity(), seed=7)
    return desk


@pytest.mark.parametrize(
    ("symbol", "price", "side", "filled_at", "fee"),
    [
        ("BTC/USDT", "50000", BUY, "50005", "25.0025"),
        ("BTC/USDT", "50000", SELL, "49995", "24.9975"),
        ("NL_DAY_AHEAD", "20.01", BUY, "20.02", "0.01001"),
        ("NL_DAY_AHEAD", "20.01", SELL, "20.00", "0.01"),
        ("NL_DAY_AHEAD", "-20.01", BUY, "-20.00", "0.01"),
        ("NL_DAY_AHEAD", "-20.01", SELL, "-20.02", "0.01001"),
        ("NL_DAY_AHEAD", "0", BUY, "0", "0"),
        ("DOGE/USDT", "0.00001", SELL, "0.00001", "0.000000005"),
        ("CL", "75.5", BUY, "75.51", "37.755"),
    ],
)
async def test_in_a_deep_market_fills_slip_against_the_taker_to_the_next_tick(
    desk: Desk, symbol: str, price: str, side: Side, filled_at: str, fee: str
) -> None:
    estimate = desk.venue.estimate(symbol, side, Decimal("0.5"), Decimal(price))
    assert (estimate.price, estimate.fee) == (Decimal(filled_at), Decimal(fee))


async def test_in_a_deep_market_a_fill_is_what_was_estimated(desk: Desk) -> None:
    report = await desk.venue.place(order())
    (fill,) = report.fills
    assert (report.status, fill.quantity, fill.price, fill.fee) == (VenueStatus.FILLED, Decimal("0.5"), Decimal(50_005), Decimal("25.0025"))
    assert (fill.fee_currency, fill.executed_at, fill.is_maker) == ("USDT", desk.clock.now(), False)


async def test_in_a_book_size_costs_and_what_is_not_there_is_not_bought(desk: Desk) -> None:
    with_a_book(desk)
    report = await desk.venue.place(order(quantity="1"))
    assert report.status is VenueStatus.FILLED and len(report.fills) > 5
    assert [fill.price for fill in report.fills] == sorted({fill.price for fill in report.fills})
    # 24 closed hours of the scripted source, of 12 coins each, and a hundredth of that.
    whole = await desk.venue.place(order("c-2", quantity="9", side=SELL))
    assert (whole.status, whole.reason) == (VenueStatus.EXPIRED, "no_liquidity")
    assert Decimal("2.5") < filled(whole) < Decimal("3.2")


@both_databases
async def test_what_was_taken_comes_back_with_the_next_minute(desk: Desk) -> None:
    with_a_book(desk)
    first = await desk.venue.place(order("c-1", quantity="9"))
    assert filled(first) > 2
    assert filled(await desk.venue.place(order("c-2", quantity="9"))) == 0
    desk.clock.advance(minutes=1)
    assert filled(await desk.venue.place(order("c-3", quantity="9"))) > 2


@pytest.mark.parametrize("model", [BookLiquidity(), DeepLiquidity(Decimal("0.0007"))])
@given(
    instrument=st.sampled_from(all_instruments()),
    side=st.sampled_from(Side),
    price=st.decimals("-1000", "100000", places=6),
    lots=st.integers(1, 10**9),
    volume=st.decimals("0", "1000000", places=3),
    rate=st.decimals("0", "0.1", places=4),
)
def test_an_estimate_is_never_less_than_what_the_order_then_costs(
    model: LiquidityModel, instrument: object, side: Side, price: Decimal, lots: int, volume: Decimal, rate: Decimal
) -> None:
    found = find_instrument(instrument.symbol)  # type: ignore[attr-defined]
    price = found.round_price(price if found.allow_negative_price else abs(price)) or found.tick
    venue = PaperVenue(None, None, ManualClock(START), model, taker_rate=rate)  # type: ignore[arg-type]
    listing = Listing(found.symbol, found.tick, found.lot, found.contract_size, found.allow_negative_price)
    ladder = liquidity_of(listing, price, ManualClock(START).now(), 7, volume, model)
    left, paid = lots * found.lot, Decimal(0)
    for level in ladder.asks if side is BUY else ladder.bids:
        taken = min(left, level.quantity)
        value = taken * level.price * found.contract_size
        left, paid = left - taken, paid + side.sign * value + abs(value) * rate
    traded = lots * found.lot - left
    estimate: Estimate = venue.estimate(found.symbol, side, traded, price)
    assert paid <= side.sign * traded * estimate.price * found.contract_size + estimate.fee


async def test_the_same_client_order_id_gets_the_first_report_unchanged(desk: Desk) -> None:
    first = await desk.venue.place(order())
    desk.price("BTC/USDT", "60000")
    desk.clock.advance(hours=1)
    assert await desk.venue.place(order(quantity=Decimal(3))) == first
    assert await desk.venue.place(order(symbol="ETH/USDT")) == first
    assert await desk.venue.find("wallet_a", "c-1", "BTC/USDT") == first


async def test_accounts_do_not_see_each_others_orders(desk: Desk) -> None:
    first = await desk.venue.place(order())
    assert await desk.venue.find("wallet_b", "c-1", "BTC/USDT") is None
    assert await desk.venue.place(order(account="wallet_b")) != first
    assert await desk.venue.find("wallet_a", "c-2", "BTC/USDT") is None
    await desk.venue.place(limit("resting", "40000"))
    assert await desk.venue.open_orders("wallet_b") == ()
    with pytest.raises(VenueRejected) as refused:
        await desk.venue.cancel("wallet_b", "resting", "BTC/USDT")
    assert refused.value.reason is Refusal.ORDER_NOT_FOUND


@both_databases
async def test_twenty_at_once_get_one_report(desk: Desk) -> None:
    again = PaperVenue(desk.runtime.use(Market), desk.runtime.database, desk.clock, DeepLiquidity())
    reports = await asyncio.gather(*(venue.place(order()) for venue in (desk.venue, again) for _ in range(10)))
    assert len({report.fills[0].trade_id for report in reports}) == 1


@both_databases
async def test_one_id_in_two_books_at_once_is_one_order(desk: Desk) -> None:
    symbols = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "CL")
    reports = await asyncio.gather(*(desk.venue.place(order(symbol=symbol, quantity="5")) for symbol in symbols))
    assert len({report.venue_order_id for report in reports}) == 1
    assert reports[0].status is VenueStatus.FILLED


async def test_a_silent_market_leaves_no_trace(desk: Desk) -> None:
    before = await contents(desk.runtime)
    desk.source.silent = True
    with pytest.raises(VenueUnavailable) as silence:
        await desk.venue.place(order())
    assert not silence.value.may_have_been_accepted
    assert await desk.venue.find("wallet_a", "c-1", "BTC/USDT") is None
    assert await contents(desk.runtime) == before


async def test_while_the_market_is_silent_what_rests_is_known_and_can_be_taken_back(desk: Desk) -> None:
    placed = await desk.venue.place(limit("a", "40000"))
    desk.source.silent = True
    assert await now(desk, "a") == placed
    assert [resting.client_id for resting in await desk.venue.open_orders("wallet_a")] == ["a"]
    assert (await desk.venue.amend("wallet_a", "a", "BTC/USDT", price=Decimal(41_000))).status is VenueStatus.OPEN
    assert (await desk.venue.cancel("wallet_a", "a", "BTC/USDT")).reason == "user"


REFUSED: list[tuple[VenueOrder, Refusal]] = [
    (order(symbol="NO/SUCH"), Refusal.UNKNOWN_SYMBOL),
    (order(quantity="0.000009"), Refusal.BELOW_MINIMUM),
    (order(quantity="0.00009"), Refusal.BELOW_MINIMUM),
    (order(quantity="-1"), Refusal.BELOW_MINIMUM),
    (order(quantity="0"), Refusal.BELOW_MINIMUM),
    (order(quantity="NaN"), Refusal.INVALID_ORDER),
    (order(quantity="Infinity"), Refusal.INVALID_ORDER),
    (limit("c-1", "0.001"), Refusal.BELOW_MINIMUM),
    (limit("c-1", "-5000"), Refusal.INVALID_ORDER),
    (limit("c-1", "NaN"), Refusal.INVALID_ORDER),
    (order(order_type=OrderType.LIMIT), Refusal.INVALID_ORDER),
    (order(order_type=OrderType.STOP), Refusal.INVALID_ORDER),
    (order(order_type=OrderType.TRAILING_STOP), Refusal.INVALID_ORDER),
    (order(order_type=OrderType.TRAILING_STOP, trail="0"), Refusal.INVALID_ORDER),
    (limit("c-1", "49000", time_in_force=DAY), Refusal.INVALID_ORDER),
    (limit("c-1", "50010", post_only=True), Refusal.POST_ONLY),
    (order(side=SELL, reduce_only=True, position="0"), Refusal.REDUCE_ONLY),
    (order(side=SELL, reduce_only=True, position="-2"), Refusal.REDUCE_ONLY),
]


@pytest.mark.parametrize(("wrong", "reason"), REFUSED)
async def test_a_refused_order_leaves_no_trace(desk: Desk, wrong: VenueOrder, reason: Refusal) -> None:
    await desk.venue.place(limit("other", "40000"))
    before = await contents(desk.runtime)
    with pytest.raises(VenueRejected) as refused:
        await desk.venue.place(wrong)
    assert refused.value.reason is reason and str(refused.value)
    after = await contents(desk.runtime)
    assert after["paper_orders"] == before["paper_orders"] and after["paper_fills"] == []


async def test_an_order_that_would_have_expired_is_refused(desk: Desk) -> None:
    with pytest.raises(VenueRejected) as refused:
        await desk.venue.place(limit("a", "49000", time_in_force=GTD, expires_at=desk.clock.now()))
    assert refused.value.reason is Refusal.INVALID_ORDER


# An order, the price that then comes, and how it stands after it: what was filled, why it ended.
LIVES: list[tuple[VenueOrder, str, str, VenueStatus, str | None]] = [
    (limit("a", "49000"), "49001", "0", VenueStatus.OPEN, None),
    (limit("a", "49000"), "49000", "0.5", VenueStatus.FILLED, None),
    (limit("a", "51000", SELL), "51000", "0.5", VenueStatus.FILLED, None),
    (limit("a", "49000", time_in_force=IOC), "48000", "0", VenueStatus.EXPIRED, "ioc"),
    (limit("a", "49000", time_in_force=FOK), "48000", "0", VenueStatus.EXPIRED, "fok"),
    (order("a", order_type=OrderType.STOP, stop_price="51000"), "50999", "0", VenueStatus.OPEN, None),
    (order("a", order_type=OrderType.STOP, stop_price="51000"), "51000", "0.5", VenueStatus.FILLED, None),
    (order("a", order_type=OrderType.STOP_LIMIT, stop_price="51000", price="50000"), "52000", "0", VenueStatus.OPEN, None),
    (order("a", order_type=OrderType.TAKE_PROFIT, stop_price="49000"), "48900", "0.5", VenueStatus.FILLED, None),
    (order("a", side=SELL, order_type=OrderType.TRAILING_STOP, trail="500"), "49600", "0", VenueStatus.OPEN, None),
    (order("a", side=SELL, order_type=OrderType.TRAILING_STOP, trail="500"), "49500", "0.5", VenueStatus.FILLED, None),
    (
        order("a", side=SELL, order_type=OrderType.TRAILING_STOP, trail="1", trail_is_percent=True),
        "49500",
        "0.5",
        VenueStatus.FILLED,
        None,
    ),
]


@pytest.mark.parametrize(("given_order", "price", "quantity", "status", "reason"), LIVES)
async def test_what_becomes_of_an_order_once_the_price_moves(
    desk: Desk, given_order: VenueOrder, price: str, quantity: str, status: VenueStatus, reason: str | None
) -> None:
    await desk.venue.place(given_order)
    desk.price("BTC/USDT", price)
    open_orders = await desk.venue.open_orders("wallet_a")
    report = await now(desk, "a")
    assert (filled(report), report.status, report.reason) == (Decimal(quantity), status, reason)
    assert [resting.client_id for resting in open_orders] == (["a"] if status is VenueStatus.OPEN else [])


async def test_a_trailing_stop_follows_the_price(desk: Desk) -> None:
    await desk.venue.place(order("a", side=SELL, order_type=OrderType.TRAILING_STOP, trail="500"))
    for price, status in (("52000", VenueStatus.OPEN), ("51501", VenueStatus.OPEN), ("51500", VenueStatus.FILLED)):
        desk.price("BTC/USDT", price)
        assert (await now(desk, "a")).status is status


async def test_a_resting_order_pays_the_makers_fee_at_its_own_price(desk: Desk) -> None:
    venue = desk.venue
    desk.venue = PaperVenue(venue._market, venue._database, desk.clock, DeepLiquidity(), maker_rate=Decimal("-0.0001"))
    await desk.venue.place(limit("a", "49000"))
    desk.price("BTC/USDT", "45000")
    (fill,) = (await now(desk, "a")).fills
    assert (fill.price, fill.fee, fill.is_maker) == (Decimal(49_000), Decimal("-2.45"), True)


async def test_an_order_expires_at_its_moment_even_if_the_price_comes_then(desk: Desk) -> None:
    await desk.venue.place(limit("a", "49000", time_in_force=GTD, expires_at=desk.clock.now() + timedelta(minutes=5)))
    desk.clock.advance(minutes=5)
    desk.price("BTC/USDT", "48000")
    report = await now(desk, "a")
    assert (report.status, report.reason, report.fills) == (VenueStatus.EXPIRED, "expired", ())


async def test_reduce_only_is_cut_to_the_position_of_its_book(desk: Desk) -> None:
    long = await desk.venue.place(limit("a", "51000", SELL, "2", reduce_only=True, position="1.5", book="swing"))
    short = await desk.venue.place(limit("b", "49000", BUY, "2", reduce_only=True, position="-0.25", book="hedge"))
    assert (long.quantity, short.quantity) == (Decimal("1.5"), Decimal("0.25"))
    await desk.venue.place(order("c", side=SELL, quantity="1", book="swing"))
    assert [(resting.client_id, resting.quantity) for resting in await desk.venue.open_orders("wallet_a")] == [
        ("a", Decimal("0.5")),
        ("b", Decimal("0.25")),
    ]
    await desk.venue.place(order("d", side=SELL, quantity="0.5", book="swing"))
    ended = await now(desk, "a")
    assert (ended.status, ended.reason) == (VenueStatus.CANCELLED, "reduce_only")


async def test_what_is_left_of_a_position_can_be_closed_however_little_it_is_worth(desk: Desk) -> None:
    report = await desk.venue.place(order(side=SELL, quantity="0.00001", reduce_only=True, position="0.00001"))
    assert report.status is VenueStatus.FILLED


@both_databases
async def test_accounts_trade_with_each_other_and_never_with_themselves(desk: Desk) -> None:
    # A market that offers nothing near: whoever meets is one of us.
    with_a_book(desk)
    await desk.venue.place(limit("ask", "50001", SELL, account="wallet_b"))
    report = await desk.venue.place(limit("bid", "50001", quantity="0.2"))
    ask = await now(desk, "ask", "wallet_b")
    (mine,), (theirs,) = report.fills, ask.fills
    assert (report.status, ask.status, mine.price, theirs.price) == (
        VenueStatus.FILLED,
        VenueStatus.PARTIALLY_FILLED,
        Decimal(50_001),
        Decimal(50_001),
    )
    assert (mine.is_maker, theirs.is_maker) == (False, True) and mine.trade_id != theirs.trade_id
    met = await desk.venue.place(limit("own", "50001", account="wallet_b", quantity="0.1"))
    assert (met.status, met.reason) == (VenueStatus.CANCELLED, "self_match")


async def test_values_are_brought_to_the_steps_of_the_instrument(desk: Desk) -> None:
    report = await desk.venue.place(limit("a", "49000.129", quantity="0.1234567"))
    assert report.quantity == Decimal("0.12345")
    await desk.venue.place(limit("b", "51000.121", SELL))
    prices = {resting.client_id: resting.price for resting in await desk.venue.open_orders("wallet_a")}
    assert prices == {"a": Decimal("49000.12"), "b": Decimal("51000.13")}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, Refusal.INVALID_ORDER),
        ({"quantity": Decimal("0.000001")}, Refusal.INVALID_ORDER),
        ({"price": Decimal("NaN")}, Refusal.INVALID_ORDER),
        ({"stop_price": Decimal(48_000)}, Refusal.INVALID_ORDER),
    ],
)
async def test_a_refused_amendment_changes_nothing(desk: Desk, change: dict[str, Decimal], reason: Refusal) -> None:
    await desk.venue.place(limit("a", "49000"))
    before = await contents(desk.runtime)
    with pytest.raises(VenueRejected) as refused:
        await desk.venue.amend("wallet_a", "a", "BTC/USDT", **change)
    assert refused.value.reason is reason
    assert (await contents(desk.runtime))["paper_orders"] == before["paper_orders"]


async def test_a_stop_can_be_moved(desk: Desk) -> None:
    await desk.venue.place(order("a", side=SELL, order_type=OrderType.STOP, stop_price="45000"))
    moved = await desk.venue.amend("wallet_a", "a", "BTC/USDT", stop_price=Decimal("49000.001"))
    assert moved.status is VenueStatus.OPEN
    desk.price("BTC/USDT", "49000")
    assert (await now(desk, "a")).status is VenueStatus.FILLED


async def test_looking_again_at_the_same_price_writes_nothing(desk: Desk) -> None:
    await desk.venue.place(limit("a", "40000"))
    before = await contents(desk.runtime)
    for _ in range(3):
        desk.clock.advance(seconds=1)
        assert len(await desk.venue.open_orders("wallet_a")) == 1
    assert await contents(desk.runtime) == before


async def test_a_source_without_volumes_has_a_book_all_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(symbol: str) -> Decimal:
        return Decimal(0)

    monkeypatch.setattr(desk.runtime.use(Market), "day_volume", nothing)
    with_a_book(desk)
    report = await desk.venue.place(order(quantity="30"))
    # A million of the quote currency, at 50 000.
    assert Decimal(18) < filled(report) < Decimal(22)


@both_databases
async def test_two_processes_share_one_book(runtime: Runtime, desk: Desk) -> None:
    there = PaperVenue(desk.runtime.use(Market), desk.runtime.database, desk.clock, DeepLiquidity())
    venues = (desk.venue, there)
    numbers = count()
    for venue in venues * 3:
        await venue.place(limit(f"o-{next(numbers)}", "49000", quantity="0.1"))
    await there.cancel("wallet_a", "o-0", "BTC/USDT")
    await desk.venue.amend("wallet_a", "o-1", "BTC/USDT", quantity=Decimal("0.2"))
    for venue in venues:
        assert len(await venue.open_orders("wallet_a")) == 5
    desk.price("BTC/USDT", "49000")
    await there.open_orders("wallet_a")
    desk.source.silent = True
    reports = [await desk.venue.find("wallet_a", f"o-{number}", "BTC/USDT") for number in range(6)]
    assert [str(filled(report)) for report in reports] == ["0", "0.2", "0.1", "0.1", "0.1", "0.1"]
    assert await desk.venue.open_orders("wallet_a") == () == await there.open_orders("wallet_a")


def test_buckets_of_the_two_models_are_minutes() -> None:
    moment = ManualClock(START).now()
    assert bucket_of(moment, BookLiquidity()) == bucket_of(moment, DeepLiquidity())


async def test_a_refused_order_does_not_take_back_what_the_market_did_before_it(desk: Desk) -> None:
    await desk.venue.place(limit("a", "49000"))
    desk.price("BTC/USDT", "48000")
    with pytest.raises(VenueRejected):
        await desk.venue.place(limit("b", "48500", post_only=True))
    desk.source.silent = True
    assert (await now(desk, "a")).status is VenueStatus.FILLED
    assert await desk.venue.find("wallet_a", "b", "BTC/USDT") is None
