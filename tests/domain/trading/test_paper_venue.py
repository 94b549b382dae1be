"""The paper venue by itself: prices against the taker, fees, and a record that answers the same again."""

import asyncio
from decimal import Decimal

import pytest

from domain.exchanges.venue import OrderType, Side, VenueOrder, VenueRejected, VenueStatus, VenueUnavailable
from tests.databases import both_databases
from tests.domain.trading.desk import Desk


def order(client_order_id: str = "c-1", account: str = "wallet_a", symbol: str = "BTC/USDT", **more: object) -> VenueOrder:
    details = {"side": Side.BUY, "order_type": OrderType.MARKET, "quantity": Decimal("0.5"), **more}
    return VenueOrder(account=account, client_order_id=client_order_id, symbol=symbol, **details)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("symbol", "price", "side", "filled_at", "fee"),
    [
        ("BTC/USDT", "50000", Side.BUY, "50005", "25.0025"),
        ("BTC/USDT", "50000", Side.SELL, "49995", "24.9975"),
        ("NL_DAY_AHEAD", "20.01", Side.BUY, "20.02", "0.01001"),
        ("NL_DAY_AHEAD", "20.01", Side.SELL, "20.00", "0.01"),
        ("NL_DAY_AHEAD", "-20.01", Side.BUY, "-20.00", "0.01"),
        ("NL_DAY_AHEAD", "-20.01", Side.SELL, "-20.02", "0.01001"),
        ("NL_DAY_AHEAD", "0", Side.BUY, "0", "0"),
        ("DOGE/USDT", "0.00001", Side.SELL, "0.00001", "0.000000005"),
        ("CL", "75.5", Side.BUY, "75.51", "37.755"),
    ],
)
async def test_fills_slip_against_the_taker_to_the_next_tick(
    desk: Desk, symbol: str, price: str, side: Side, filled_at: str, fee: str
) -> None:
    estimate = desk.venue.estimate(symbol, side, Decimal("0.5"), Decimal(price))
    assert (estimate.price, estimate.fee) == (Decimal(filled_at), Decimal(fee))


async def test_a_fill_is_what_was_estimated(desk: Desk) -> None:
    report = await desk.venue.place(order())
    (fill,) = report.fills
    assert (report.status, fill.quantity, fill.price, fill.fee) == (VenueStatus.FILLED, Decimal("0.5"), Decimal(50_005), Decimal("25.0025"))
    assert (fill.fee_currency, fill.executed_at) == ("USDT", desk.clock.now())


async def test_the_same_client_order_id_gets_the_first_report_unchanged(desk: Desk) -> None:
    first = await desk.venue.place(order())
    desk.price("BTC/USDT", "60000")
    desk.clock.advance(hours=1)
    assert await desk.venue.place(order(quantity=Decimal(3))) == first
    assert await desk.venue.find("wallet_a", "c-1", "BTC/USDT") == first


async def test_accounts_do_not_see_each_others_orders(desk: Desk) -> None:
    first = await desk.venue.place(order())
    assert await desk.venue.find("wallet_b", "c-1", "BTC/USDT") is None
    assert await desk.venue.place(order(account="wallet_b")) != first
    assert await desk.venue.find("wallet_a", "c-2", "BTC/USDT") is None


@both_databases
async def test_twenty_at_once_get_one_report(desk: Desk) -> None:
    reports = await asyncio.gather(*(desk.venue.place(order()) for _ in range(20)))
    assert len({report.fills[0].trade_id for report in reports}) == 1


async def test_a_silent_market_leaves_no_trace(desk: Desk) -> None:
    desk.source.silent = True
    with pytest.raises(VenueUnavailable):
        await desk.venue.place(order())
    assert await desk.venue.find("wallet_a", "c-1", "BTC/USDT") is None


@pytest.mark.parametrize("order_type", [kind for kind in OrderType if kind is not OrderType.MARKET])
async def test_other_order_types_are_refused(desk: Desk, order_type: OrderType) -> None:
    assert not desk.venue.supports(order_type)
    with pytest.raises(VenueRejected):
        await desk.venue.place(order(order_type=order_type))
