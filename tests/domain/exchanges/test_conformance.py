"""What every venue must do, whatever stands behind it: one suite for the paper venue and for each wire of a real exchange."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest

from domain.exchanges.venue import (
    Ability,
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
from domain.kernel.money import round_to_step
from domain.runtime.runtime import Runtime
from tests.domain.exchanges.conformance import (
    ACCOUNT,
    BTC,
    CcxtStand,
    PaperStand,
    Stand,
    binance_stand,
    kraken_stand,
    limit,
    market,
    needs,
    needs_limits,
)
from tests.domain.exchanges.wire.binance import BinanceServer
from tests.domain.exchanges.wire.guard import stay_on_loopback


@pytest.fixture(params=["paper", "binance", "kraken"])
async def stand(
    request: pytest.FixtureRequest, runtime: Runtime, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stand]:
    refused = stay_on_loopback(monkeypatch)
    if request.param == "paper":
        yield PaperStand(runtime, clock)
    else:
        on_wire: CcxtStand = binance_stand(clock) if request.param == "binance" else kraken_stand(clock)
        await on_wire.open()
        yield on_wire
        await on_wire.close()
    assert refused == []


async def found(stand: Stand, client_order_id: str) -> VenueReport:
    report = await stand.venue.find(ACCOUNT, client_order_id, BTC)
    assert report is not None
    return report


def filled(report: VenueReport) -> Decimal:
    return sum((fill.quantity for fill in report.fills), Decimal(0))


async def refusal_of(stand: Stand, order: VenueOrder) -> Refusal:
    with pytest.raises(VenueRejected) as refused:
        await stand.venue.place(order)
    assert await stand.venue.find(ACCOUNT, order.client_order_id, BTC) is None
    return refused.value.reason


async def test_a_market_order_fills_whole_with_its_fees(stand: Stand) -> None:
    stand.price("50000")
    report = await stand.venue.place(market("a"))
    assert (report.status, filled(report)) == (VenueStatus.FILLED, Decimal("0.1"))
    assert all(abs(fill.price - 50_000) <= 5 and fill.fee > 0 and fill.fee_currency == "USDT" for fill in report.fills)
    assert all(fill.executed_at.tzinfo is not None for fill in report.fills)
    assert await found(stand, "a") == report


async def test_an_order_that_was_never_placed_is_not_found(stand: Stand) -> None:
    stand.price("50000")
    await stand.venue.place(market("a"))
    assert await stand.venue.find(ACCOUNT, "b", BTC) is None


async def test_the_same_id_is_the_same_order_even_after_it_was_filled(stand: Stand) -> None:
    stand.price("50000")
    report = await stand.venue.place(market("a"))
    assert await stand.venue.place(market("a")) == report
    assert await stand.venue.place(market("a", "0.2", Side.SELL)) == report
    assert await stand.placed() == 1


async def test_the_same_order_twice_at_once_is_one_order(stand: Stand) -> None:
    stand.price("50000")
    first, second = await asyncio.gather(stand.venue.place(market("a")), stand.venue.place(market("a")))
    assert first == second
    assert await stand.placed() == 1


async def test_what_is_not_there_fills_in_part_and_ends(stand: Stand) -> None:
    stand.price("50000", "0.03", "0.02")
    report = await stand.venue.place(market("a"))
    assert (report.status, filled(report), len(report.fills)) == (VenueStatus.EXPIRED, Decimal("0.05"), 2)


async def test_a_limit_order_rests_and_fills_in_parts(stand: Stand) -> None:
    needs_limits(stand)
    stand.price("50000")
    assert (await stand.venue.place(limit("a", "49000"))).status is VenueStatus.OPEN
    stand.fill("0.04")
    part = await found(stand, "a")
    assert (part.status, filled(part), part.quantity) == (VenueStatus.PARTIALLY_FILLED, Decimal("0.04"), Decimal("0.1"))
    stand.fill("0.06")
    whole = await found(stand, "a")
    assert (whole.status, filled(whole)) == (VenueStatus.FILLED, Decimal("0.1"))
    assert whole.fills[0] == part.fills[0] and len({fill.trade_id for fill in whole.fills}) == 2


async def test_an_immediate_order_leaves_nothing_behind(stand: Stand) -> None:
    needs_limits(stand)
    stand.price("50000", "0.03")
    report = await stand.venue.place(limit("a", "50000", time_in_force=TimeInForce.IOC))
    assert (report.status, filled(report)) == (VenueStatus.EXPIRED, Decimal("0.03"))


async def test_a_cancelled_order_keeps_what_was_filled(stand: Stand) -> None:
    needs_limits(stand)
    stand.price("50000")
    await stand.venue.place(limit("a", "49000"))
    stand.fill("0.04")
    report = await stand.venue.cancel(ACCOUNT, "a", BTC)
    assert (report.status, filled(report)) == (VenueStatus.CANCELLED, Decimal("0.04"))
    assert await stand.venue.cancel(ACCOUNT, "a", BTC) == report


async def test_a_cancellation_that_loses_the_race_reports_the_fill(stand: Stand) -> None:
    needs_limits(stand)
    stand.price("50000")
    await stand.venue.place(limit("a", "49000"))
    stand.fill_before("cancel", "0.1")
    report = await stand.venue.cancel(ACCOUNT, "a", BTC)
    assert (report.status, filled(report)) == (VenueStatus.FILLED, Decimal("0.1"))


async def test_a_filled_order_cannot_be_cancelled(stand: Stand) -> None:
    stand.price("50000")
    report = await stand.venue.place(market("a"))
    assert await stand.venue.cancel(ACCOUNT, "a", BTC) == report


async def test_an_unknown_order_cannot_be_cancelled(stand: Stand) -> None:
    with pytest.raises(VenueRejected) as refused:
        await stand.venue.cancel(ACCOUNT, "a", BTC)
    assert refused.value.reason is Refusal.ORDER_NOT_FOUND


async def test_a_cancellation_whose_answer_is_lost_has_happened(stand: Stand) -> None:
    needs_limits(stand)
    stand.price("50000")
    await stand.venue.place(limit("a", "49000"))
    await stand.lose_answer("cancel")
    try:
        report = await stand.venue.cancel(ACCOUNT, "a", BTC)
    except VenueUnavailable:
        # Whoever does not ask again by itself leaves that to us.
        report = await found(stand, "a")
    assert report.status is VenueStatus.CANCELLED


async def test_an_amended_order_keeps_its_id(stand: Stand) -> None:
    needs(stand, Ability.AMEND)
    stand.price("50000")
    before = await stand.venue.place(limit("a", "49000"))
    after = await stand.venue.amend(ACCOUNT, "a", BTC, quantity=Decimal("0.2"), price=Decimal("48000.09"))
    assert (after.venue_order_id, after.status, after.quantity) == (before.venue_order_id, VenueStatus.OPEN, Decimal("0.2"))
    (resting,) = await stand.venue.open_orders(ACCOUNT)
    assert resting.price == round_to_step(Decimal("48000.09"), (await stand.venue.rules(BTC)).tick, "floor")


async def test_an_amendment_that_loses_the_race_changes_nothing(stand: Stand) -> None:
    needs(stand, Ability.AMEND)
    stand.price("50000")
    await stand.venue.place(limit("a", "49000"))
    stand.fill_before("amend", "0.1")
    with pytest.raises(VenueRejected):
        await stand.venue.amend(ACCOUNT, "a", BTC, quantity=Decimal("0.2"))
    report = await found(stand, "a")
    assert (report.status, report.quantity) == (VenueStatus.FILLED, Decimal("0.1"))
    with pytest.raises(VenueRejected) as refused:
        await stand.venue.amend(ACCOUNT, "a", BTC, quantity=Decimal("0.2"))
    assert refused.value.reason is Refusal.ORDER_NOT_FOUND


async def test_an_order_whose_answer_is_lost_is_found_and_not_placed_again(stand: Stand) -> None:
    stand.price("50000")
    await stand.lose_answer("place")
    with pytest.raises(VenueUnavailable) as silence:
        await stand.venue.place(market("a"))
    assert silence.value.may_have_been_accepted
    report = await found(stand, "a")
    assert report.status is VenueStatus.FILLED
    assert await stand.venue.place(market("a")) == report
    assert await stand.placed() == 1


async def test_a_fill_that_is_reported_twice_is_one_trade(stand: Stand) -> None:
    needs_limits(stand)
    await stand.misreport("fill 1 duplicate")
    stand.price("50000")
    await stand.venue.place(limit("a", "49000"))
    stand.fill("0.04")
    part = await found(stand, "a")
    assert (part.status, [fill.quantity for fill in part.fills]) == (VenueStatus.PARTIALLY_FILLED, [Decimal("0.04")] * 2)
    assert len({fill.trade_id for fill in part.fills}) == 1
    await stand.restart()
    assert await found(stand, "a") == part


async def test_an_order_stays_open_until_its_last_fill_is_reported(stand: Stand) -> None:
    needs_limits(stand)
    await stand.misreport("fill 1 late 1", "fill 3 late 1")
    stand.price("50000")
    await stand.venue.place(limit("a", "49000"))
    reports = []
    for quantity in ("0.01", "0.02", "0.07"):
        stand.fill(quantity)
        reports.append(await found(stand, "a"))
    assert [[fill.quantity for fill in report.fills] for report in reports] == [
        [],
        [Decimal("0.02"), Decimal("0.01")],
        [Decimal("0.02"), Decimal("0.01")],
    ]
    assert [report.status for report in reports] == [VenueStatus.OPEN, VenueStatus.PARTIALLY_FILLED, VenueStatus.PARTIALLY_FILLED]
    await stand.venue.place(market("b", "0.03"))
    whole = await found(stand, "a")
    assert (whole.status, filled(whole)) == (VenueStatus.FILLED, Decimal("0.1"))


async def test_a_restart_finds_what_was_placed(stand: Stand) -> None:
    stand.price("50000")
    report = await stand.venue.place(market("a"))
    await stand.restart()
    assert await found(stand, "a") == report
    assert await stand.venue.place(market("a")) == report


async def test_a_restart_in_the_middle_of_an_order_goes_on(stand: Stand) -> None:
    needs_limits(stand)
    stand.price("50000")
    await stand.venue.place(limit("a", "49000"))
    stand.fill("0.04")
    await stand.restart()
    stand.fill("0.06")
    report = await found(stand, "a")
    assert (report.status, filled(report)) == (VenueStatus.FILLED, Decimal("0.1"))


@pytest.mark.parametrize(("side", "toward"), [(Side.BUY, "floor"), (Side.SELL, "ceiling")])
async def test_no_more_is_ordered_and_at_no_worse_price_than_asked(stand: Stand, side: Side, toward: str) -> None:
    needs_limits(stand)
    stand.price("50000")
    rules = await stand.venue.rules(BTC)
    price, quantity = Decimal("49000.1234") if side is Side.BUY else Decimal("51000.1234"), Decimal("0.123456789123")
    report = await stand.venue.place(limit("a", str(price), str(quantity), side))
    (resting,) = await stand.venue.open_orders(ACCOUNT)
    assert resting.price == round_to_step(price, rules.tick, "floor" if toward == "floor" else "ceiling")
    assert resting.quantity == report.quantity == round_to_step(quantity, rules.step, "down")
    assert resting.client_id == stand.venue.known_as(ACCOUNT, "a")


async def test_more_than_there_is_money_for_is_refused(stand: Stand) -> None:
    needs(stand, Ability.BALANCES)
    stand.price("50000")
    assert await refusal_of(stand, limit("a", "49000", "1000")) is Refusal.INSUFFICIENT_FUNDS
    assert await refusal_of(stand, market("b", "1000")) is Refusal.INSUFFICIENT_FUNDS
    assert await refusal_of(stand, market("c", "2.5", Side.SELL)) is Refusal.INSUFFICIENT_FUNDS
    assert await stand.placed() == 0


async def test_less_than_the_minimum_is_refused(stand: Stand) -> None:
    needs_limits(stand)
    stand.price("50000")
    rules = await stand.venue.rules(BTC)
    assert rules.min_quantity is not None and rules.min_notional is not None
    assert await refusal_of(stand, limit("a", "49000", str(rules.min_quantity / 2))) is Refusal.BELOW_MINIMUM
    assert await refusal_of(stand, market("b", str(rules.step / 2))) is Refusal.BELOW_MINIMUM
    cheap = rules.min_notional / (rules.min_quantity * 3)
    assert await refusal_of(stand, limit("c", str(cheap), str(rules.min_quantity * 2))) is Refusal.BELOW_MINIMUM
    assert await stand.placed() == 0


async def test_an_unknown_symbol_is_refused(stand: Stand) -> None:
    with pytest.raises(VenueRejected) as refused:
        await stand.venue.place(market("a", symbol="NO/SUCH"))
    assert refused.value.reason is Refusal.UNKNOWN_SYMBOL
    with pytest.raises(VenueRejected) as refused:
        await stand.venue.rules("NO/SUCH")
    assert refused.value.reason is Refusal.UNKNOWN_SYMBOL


@pytest.mark.parametrize("order_type", OrderType)
async def test_an_order_that_a_venue_does_not_take_is_refused(stand: Stand, order_type: OrderType) -> None:
    if stand.venue.supports(order_type):
        pytest.skip(f"{stand.venue.name}: it takes {order_type.value} orders")
    stand.price("50000")
    order = VenueOrder(ACCOUNT, "a", BTC, Side.SELL, order_type, Decimal("0.1"), Decimal(49_000), Decimal(49_000))
    assert await refusal_of(stand, order) is Refusal.NOT_SUPPORTED


async def test_nothing_is_known_during_an_outage_and_everything_after_it(stand: Stand) -> None:
    stand.price("50000")
    placed = await stand.venue.place(market("a"))
    stand.go_down()
    with pytest.raises(VenueUnavailable):
        await stand.venue.place(market("b"))
    stand.go_down(False)
    assert await found(stand, "a") == placed
    assert await stand.venue.find(ACCOUNT, "b", BTC) is None
    assert (await stand.venue.place(market("b"))).status is VenueStatus.FILLED


async def test_open_orders_are_those_that_rest(stand: Stand) -> None:
    needs(stand, Ability.OPEN_ORDERS)
    stand.price("50000")
    await stand.venue.place(market("a"))
    assert await stand.venue.open_orders(ACCOUNT) == ()
    needs_limits(stand)
    await stand.venue.place(limit("b", "49000"))
    stand.fill("0.04")
    (resting,) = await stand.venue.open_orders(ACCOUNT, BTC)
    assert (resting.client_id, resting.symbol, resting.side) == (stand.venue.known_as(ACCOUNT, "b"), BTC, Side.BUY)
    assert (resting.quantity, resting.filled, resting.price) == (Decimal("0.1"), Decimal("0.04"), Decimal(49_000))


async def test_balances_tell_free_from_locked(stand: Stand) -> None:
    needs(stand, Ability.BALANCES)
    stand.price("50000")
    await stand.venue.place(market("a", "0.1"))
    await stand.venue.place(limit("b", "49000", "0.2"))
    held = {balance.currency: (balance.free, balance.locked) for balance in await stand.venue.balances(ACCOUNT)}
    assert held == {"BTC": (Decimal("2.1"), Decimal(0)), "USDT": (Decimal(85_195), Decimal(9_800))}


async def test_a_venue_says_what_it_is_not_able_to_do(stand: Stand) -> None:
    stand.price("50000")
    await stand.venue.place(market("a"))
    calls: dict[Ability, Callable[[], Awaitable[object]]] = {
        Ability.AMEND: lambda: stand.venue.amend(ACCOUNT, "a", BTC, price=Decimal(1)),
        Ability.BALANCES: lambda: stand.venue.balances(ACCOUNT),
        Ability.CANCEL: lambda: stand.venue.cancel(ACCOUNT, "a", BTC),
        Ability.OPEN_ORDERS: lambda: stand.venue.open_orders(ACCOUNT),
        Ability.RULES: lambda: stand.venue.rules(BTC),
        Ability.TRADES: lambda: stand.venue.trades(ACCOUNT, BTC, datetime.now(UTC)),
    }
    refused = set()
    for ability, call in calls.items():
        try:
            await call()
        except VenueRejected as refusal:
            if refusal.reason is Refusal.NOT_SUPPORTED:
                refused.add(ability)
    assert refused == set(calls) - stand.venue.abilities


async def test_an_estimate_is_what_an_order_then_costs(stand: Stand) -> None:
    stand.price("50000")
    estimate = stand.venue.estimate(BTC, Side.BUY, Decimal("0.1"), Decimal(50_000))
    (fill,) = (await stand.venue.place(market("a"))).fills
    assert fill.price == estimate.price
    # The exchanges' floors take 0.1 %; what is set aside before they have told is more, never less.
    assert fill.fee <= estimate.fee <= fill.fee * 4


async def test_only_a_sale_can_reduce_on_a_spot_market(stand: Stand) -> None:
    stand.price("50000")
    report = await stand.venue.place(market("a", "0.1", Side.SELL, reduce_only=True))
    assert (report.status, filled(report)) == (VenueStatus.FILLED, Decimal("0.1"))


async def test_trades_have_the_names_that_reports_give_them(stand: Stand) -> None:
    needs(stand, Ability.TRADES)
    stand.price("50000", "0.03", "0.02", "1")
    since = datetime.now(UTC) - timedelta(minutes=1)
    bought = await stand.venue.place(market("a"))
    sold = await stand.venue.place(market("b", "0.05", Side.SELL))
    told = await stand.venue.trades(ACCOUNT, BTC, since)
    assert {trade.fill for trade in told} == {*bought.fills, *sold.fills} and len(told) == len(bought.fills) + len(sold.fills)
    assert [trade.fill.executed_at for trade in told] == sorted(trade.fill.executed_at for trade in told)
    assert {(trade.venue_order_id, trade.side, trade.symbol) for trade in told} == {
        (bought.venue_order_id, Side.BUY, BTC),
        (sold.venue_order_id, Side.SELL, BTC),
    }
    assert await stand.venue.trades(ACCOUNT, BTC, datetime.now(UTC) + timedelta(minutes=1)) == ()


async def test_no_trade_is_missed_however_many_there_are(stand: Stand) -> None:
    needs(stand, Ability.TRADES)
    assert isinstance(stand, CcxtStand)
    stand.price("50000")
    began = stand.floor.now()
    moments = count(1)
    stand.floor.now = lambda: began + next(moments) / 10
    if isinstance(stand.server, BinanceServer):
        stand.server.page = 50
    for number in range(120):
        stand.floor.trade_outside("buy" if number % 2 else "sell", "0.001")
    told = await stand.venue.trades(ACCOUNT, BTC, datetime.fromtimestamp(began - 1, UTC))
    assert len({trade.fill.trade_id for trade in told}) == len(told) == 120
    half = told[60].fill.executed_at
    assert await stand.venue.trades(ACCOUNT, BTC, half) == told[60:]


async def test_trades_of_what_is_not_traded_are_refused(stand: Stand) -> None:
    with pytest.raises(VenueRejected) as refused:
        await stand.venue.trades(ACCOUNT, "POWER/EUR", datetime.now(UTC))
    can = Ability.TRADES in stand.venue.abilities
    assert refused.value.reason is (Refusal.UNKNOWN_SYMBOL if can else Refusal.NOT_SUPPORTED)
