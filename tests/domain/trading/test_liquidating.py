"""Wallets that trade beyond their own money: what they may, when they are warned, and how it ends."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import event, select

from domain.audit.models import AuditEntry
from domain.exchanges.venue import Ability, OrderType, Side, VenueOrder, VenueReport, VenueStatus
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.notifications.models import Notification
from domain.notifications.telling import react_to_events
from domain.risk.models import SwitchState
from domain.risk.switch import SwitchSetting
from domain.runtime.event_log import EventRow
from domain.trading.events import MARGIN_UPDATED
from domain.trading.exposure import standings_of
from domain.trading.funds import Funds, funds_of, funds_of_wallets
from domain.trading.halting import set_trading_switch
from domain.trading.leverage import set_leverage
from domain.trading.models import CancelReason, Order, OrderPurpose, OrderStatus, Position, PositionStatus
from domain.trading.monitoring import monitor_positions
from domain.trading.placing import place_order
from domain.trading.requests import OrderRequest
from domain.wallets.models import Wallet
from tests.builders import make_trader
from tests.databases import both_databases
from tests.domain.exchanges.conformance import CcxtStand, binance_stand
from tests.domain.exchanges.wire.guard import stay_on_loopback
from tests.domain.trading.desk import CrashingVenue, Desk, buy, sell
from tests.domain.trading.test_concurrency import all_at_once

D = Decimal


async def lever(desk: Desk, leverage: int) -> None:
    wallet = await desk.row(Wallet)
    async with desk.operation.unit_of_work() as work:
        await set_leverage(work, wallet.id, leverage)


async def funds(desk: Desk, currency: str = "USDT") -> Funds:
    async with desk.system.reading() as work:
        wallet = await desk.row(Wallet)
        return await funds_of(work, wallet, await standings_of(work, wallet), currency)


async def look(desk: Desk, **prices: str) -> list[str]:
    for symbol, price in prices.items():
        desk.price(symbol, price)
    desk.clock.advance(seconds=10)
    return await monitor_positions(desk.system)


async def levels(desk: Desk) -> list[str]:
    return [row.payload["level"] for row in await desk.rows(EventRow) if row.type == MARGIN_UPDATED]


async def entries(desk: Desk, action: str) -> list[AuditEntry]:
    return [entry for entry in await desk.rows(AuditEntry) if entry.action == action]


async def test_leverage_lets_a_wallet_hold_more_than_it_has(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 10)
    await place_order(desk.operation, buy(quantity="1"))
    found = await funds(desk)
    assert (found.balance, found.equity, found.margin, found.available) == (D(-40_000), D(10_000), D(5000), D(5000))
    assert (found.maintenance, found.is_open) == (D(3750), True)
    assert found.liquidation_prices == {"BTC/USDT": D("43243.243243243243243243")}
    await place_order(desk.operation, buy(quantity="1"))
    assert (await funds(desk)).available == 0
    with pytest.raises(DomainError) as refused:
        await place_order(desk.operation, buy(quantity="0.0002"))
    assert refused.value.code is ErrorCode.INSUFFICIENT_FUNDS
    # What is turned around needs nothing; what is larger than before does.
    await place_order(desk.operation, sell(quantity="4"))
    assert (await funds(desk)).available == 0


async def test_a_third_of_the_money_is_exactly_enough(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 3)
    await place_order(desk.operation, buy(quantity="0.6"))
    assert ((await funds(desk)).margin, (await funds(desk)).available) == (D(10_000), D(0))


async def test_an_instrument_that_allows_less_is_traded_with_what_it_allows(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 10)
    desk.price("NL_DAY_AHEAD", "90")
    await place_order(desk.operation, buy("NL_DAY_AHEAD", "10000"))
    assert (await funds(desk, "EUR")).margin == D(900_000)
    with pytest.raises(DomainError) as refused:
        await place_order(desk.operation, buy("NL_DAY_AHEAD", "2000"))
    assert refused.value.code is ErrorCode.INSUFFICIENT_FUNDS


async def test_leverage_cannot_be_taken_from_under_what_is_held(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 10)
    await place_order(desk.operation, buy(quantity="1"))
    with pytest.raises(DomainError) as refused:
        await lever(desk, 4)
    assert (refused.value.code, refused.value.details["required"]) == (ErrorCode.INSUFFICIENT_FUNDS, D(12_500))
    assert (await desk.row(Wallet)).leverage == 10
    await lever(desk, 5)
    assert (await desk.row(Wallet)).leverage == 5
    assert [(entry.before, entry.after) for entry in await entries(desk, "wallet.set_leverage")] == [
        ({"leverage": 1}, {"leverage": 10}),
        ({"leverage": 10}, {"leverage": 5}),
    ]


@pytest.mark.parametrize("leverage", [0, -1, 11, 10**30])
async def test_leverage_is_between_one_and_ten(desk: Desk, leverage: int) -> None:
    with pytest.raises(DomainError) as refused:
        await lever(desk, leverage)
    assert (refused.value.code, (await desk.row(Wallet)).leverage) == (ErrorCode.VALIDATION_ERROR, 1)


async def test_the_leverage_of_somebody_else_is_not_found(desk: Desk) -> None:
    wallet = await desk.row(Wallet)
    stranger = await make_trader(desk.runtime)
    with pytest.raises(DomainError) as refused:
        async with desk.runtime.operation(stranger, door="test").unit_of_work() as work:
            await set_leverage(work, wallet.id, 2)
    assert refused.value.code is ErrorCode.NOT_FOUND


async def test_an_accepted_order_never_leaves_less_than_nothing(desk: Desk) -> None:
    chance = random.Random(7)
    await lever(desk, 7)
    desk.price("ETH/USDT", "2500")
    accepted = 0
    for _ in range(30):
        side, symbol = chance.choice([buy, sell]), chance.choice(["BTC/USDT", "ETH/USDT"])
        quantity = str(D(chance.randint(1, 150)) / (100 if symbol == "BTC/USDT" else 10))
        orders, refusals = await all_at_once(place_order(desk.operation, side(symbol, quantity)))
        assert {refusal.code for refusal in refusals} <= {ErrorCode.INSUFFICIENT_FUNDS}
        accepted += len(orders)
        assert (await funds(desk)).available >= 0
    assert 5 < accepted < 30


async def test_a_warning_comes_once_and_then_the_end(desk: Desk) -> None:
    react_to_events(desk.runtime)
    desk.without_costs()
    await lever(desk, 10)
    await place_order(desk.operation, buy(quantity="1"))
    assert await look(desk, BTCUSDT="44100") == []  # 4,100 of 3,307.50 x 1.25 = 4,134.37
    assert await look(desk, BTCUSDT="44300") == []
    assert await look(desk, BTCUSDT="43300") == []  # 3,300 of 3,247.50
    assert await levels(desk) == ["warning"]
    (order_id,) = await look(desk, BTCUSDT="43200")  # 3,200 of 3,240
    position = await desk.row(Position)
    assert (position.status, position.exit_reason, position.realized_pnl) == (PositionStatus.LIQUIDATED, OrderPurpose.LIQUIDATION, D(-6800))
    assert (position.exit_order_id, (await desk.balances())["USDT"]) == (order_id, D(3200))
    assert await levels(desk) == ["warning", "liquidation", "restored"]
    assert [it.kind.value for it in await desk.rows(Notification)] == ["order.filled", "margin.warning", "position.liquidated"]
    (entry,) = await entries(desk, "position.liquidate")
    assert (entry.object_id, entry.severity.value) == (position.id, "warning")
    assert {key: str(entry.details[key]) for key in ("currency", "equity", "maintenance_margin")} == {
        "currency": "USDT",
        "equity": "3200",
        "maintenance_margin": "3240",
    }
    assert await look(desk, BTCUSDT="43100") == []
    assert len(await desk.rows(Order)) == 2


async def test_who_has_recovered_is_warned_again(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 10)
    await place_order(desk.operation, buy(quantity="1"))
    for price in ("43300", "45000", "46000", "43300", "44100"):
        await look(desk, BTCUSDT=price)
    assert await levels(desk) == ["warning", "restored", "warning"]


async def test_a_short_is_liquidated_when_the_price_rises(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 10)
    await place_order(desk.operation, sell(quantity="1"))
    assert (await funds(desk)).liquidation_prices == {"BTC/USDT": D("55813.953488372093023256")}
    assert await look(desk, BTCUSDT="55800") == []
    assert len(await look(desk, BTCUSDT="55850")) == 1
    assert ((await desk.row(Position)).status, (await desk.balances())["USDT"]) == (PositionStatus.LIQUIDATED, D(4150))


async def test_a_halt_does_not_stop_a_liquidation(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 10)
    await place_order(desk.operation, sell(quantity="1"))
    await set_trading_switch(desk.operation, SwitchSetting(SwitchState.HALTED))
    assert len(await look(desk, BTCUSDT="55850")) == 1
    assert (await desk.row(Position)).status is PositionStatus.LIQUIDATED


async def test_what_is_paid_in_full_is_held_to_the_end(desk: Desk) -> None:
    desk.without_costs()
    await place_order(desk.operation, buy(quantity="0.2"))
    assert await look(desk, BTCUSDT="1") == []
    assert ((await desk.row(Position)).status, await levels(desk)) == (PositionStatus.OPEN, [])


async def test_a_price_below_zero_takes_what_was_paid_in_full(desk: Desk) -> None:
    desk.without_costs()
    desk.price("NL_DAY_AHEAD", "90")
    await place_order(desk.operation, buy("NL_DAY_AHEAD", "10000"))
    # 100,000 + 10,000 p = 750 x -p, where p is below -4.50
    assert (await funds(desk, "EUR")).liquidation_prices == {"NL_DAY_AHEAD": D("-9.302325581395348837")}
    assert await look(desk, NL_DAY_AHEAD="-9.30") == []
    assert len(await look(desk, NL_DAY_AHEAD="-9.31")) == 1
    assert ((await desk.row(Position)).status, (await desk.balances())["EUR"]) == (PositionStatus.LIQUIDATED, D(6900))


async def test_a_gap_leaves_a_debt_that_the_ledger_shows(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 10)
    await place_order(desk.operation, buy(quantity="2"))
    await look(desk, BTCUSDT="30000")
    assert (await desk.row(Position)).status is PositionStatus.LIQUIDATED
    assert (await desk.balances())["USDT"] == D(-30_000)
    with pytest.raises(DomainError) as refused:
        await place_order(desk.operation, buy(quantity="0.001"))
    assert refused.value.code is ErrorCode.INSUFFICIENT_FUNDS
    assert await look(desk) == []


async def test_the_largest_loss_is_closed_and_what_can_be_carried_stays(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 10)
    desk.price("ETH/USDT", "2500")
    await place_order(desk.operation, buy(quantity="1"))
    await place_order(desk.operation, buy("ETH/USDT", "10"))
    desk.price("CL", "75")
    await place_order(desk.operation, buy("CL", "1"))
    # 3,000 of 0.075 x (44,000 + 24,000) = 5,100; without the bitcoin 1,800 are enough
    assert len(await look(desk, BTCUSDT="44000", ETHUSDT="2400")) == 1
    assert {it.symbol: it.status.value for it in await desk.rows(Position)} == {"BTC/USDT": "liquidated", "ETH/USDT": "open", "CL": "open"}
    found = await funds(desk)
    assert (found.equity, found.maintenance) == (D(3000), D(1800))


class ThinVenue(CrashingVenue):
    """A venue where an order finds takers for half of it, and the rest is cancelled; its own trouble it keeps for itself."""

    async def place(self, order: VenueOrder) -> VenueReport:
        half = replace(order, quantity=order.quantity / 2)
        report = await self._venue.place(half)
        return VenueReport(report.venue_order_id, VenueStatus.CANCELLED, report.fills, reason="no_liquidity")


async def test_an_exit_that_is_filled_in_part_is_gone_on_with(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 10)
    await place_order(desk.operation, buy(quantity="1"))
    desk.connect(ThinVenue(desk.venue, RuntimeError()))
    assert len(await look(desk, BTCUSDT="39000")) == 1  # equity -1,000
    position = await desk.open_position()
    assert (position.quantity, position.exit_order_id) == (D("0.5"), None)
    assert len(await look(desk)) == 1
    assert (await desk.open_position()).quantity == D("0.25")
    desk.connect(desk.venue)
    assert len(await look(desk)) == 1
    assert ((await desk.row(Position)).status, (await desk.balances())["USDT"]) == (PositionStatus.LIQUIDATED, D(-1000))
    assert len(await entries(desk, "position.liquidate")) == 3


async def test_without_a_price_a_position_waits(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 10)
    await place_order(desk.operation, buy(quantity="1"))
    await place_order(desk.operation, buy("ETH/USDT", "1"))
    desk.price("BTC/USDT", "39000")
    desk.source.silent = True
    assert await look(desk) == []
    desk.source.silent = False
    assert len(await look(desk)) == 2


@both_databases
async def test_rounds_side_by_side_liquidate_once(desk: Desk) -> None:
    desk.without_costs()
    await lever(desk, 10)
    desk.price("ETH/USDT", "2500")
    await place_order(desk.operation, buy(quantity="1"))
    await place_order(desk.operation, buy("ETH/USDT", "10"))
    desk.price("BTC/USDT", "44000")
    desk.price("ETH/USDT", "2400")
    desk.clock.advance(seconds=10)
    _, refusals = await all_at_once(*(monitor_positions(desk.system) for _ in range(6)))
    assert refusals == []
    assert {it.symbol: it.status.value for it in await desk.rows(Position)} == {"BTC/USDT": "liquidated", "ETH/USDT": "open"}
    assert len([order for order in await desk.rows(Order) if order.reduce_only]) == 1
    assert len(await entries(desk, "position.liquidate")) == 1
    assert await levels(desk) in (["liquidation", "restored"], ["liquidation", "warning", "restored"])


@pytest.fixture
async def stand(desk: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CcxtStand]:
    refused = stay_on_loopback(monkeypatch)
    stand = binance_stand(clock)
    await stand.open()
    stand.price("50000")
    desk.connect(stand.venue)
    yield stand
    await stand.close()
    assert refused == []


async def test_a_spot_exchange_lends_nothing(desk: Desk, stand: CcxtStand) -> None:
    with pytest.raises(DomainError) as refused:
        await lever(desk, 2)
    assert refused.value.code is ErrorCode.VALIDATION_ERROR
    await lever(desk, 1)


async def test_orders_are_taken_back_before_positions_are_closed(desk: Desk, stand: CcxtStand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(stand.venue), "abilities", frozenset(Ability))
    await lever(desk, 10)
    await place_order(desk.operation, buy(quantity="0.5"))
    cheaper = await place_order(desk.operation, limit("40000", "0.1"))
    target = await place_order(desk.operation, limit("60000", "0.5", Side.SELL))
    stand.price("31000")
    (exit_id,) = await look(desk, BTCUSDT="31000")
    orders = {order.id: order for order in await desk.rows(Order)}
    assert {orders[it.id].cancel_reason for it in (cheaper, target)} == {CancelReason.LIQUIDATION}
    assert {orders[it.id].status for it in (cheaper, target)} == {OrderStatus.CANCELLED}
    assert orders[exit_id].status is OrderStatus.FILLED
    assert (await desk.row(Position)).status is PositionStatus.LIQUIDATED
    (entry,) = await entries(desk, "wallet.call_margin")
    assert entry.details["orders"] == 2


async def test_the_youngest_orders_go_when_there_is_no_money_for_all(desk: Desk, stand: CcxtStand) -> None:
    orders = [await place_order(desk.operation, limit(price, "0.1")) for price in ("30000", "29000", "28000")]
    await desk.deposit("USDT", "-3500")  # 6,500 are left for 8,700 and fees
    assert (await funds(desk)).available < 0
    await look(desk)
    ended = {order.id: order.cancel_reason for order in await desk.rows(Order)}
    assert [ended[order.id] for order in orders] == [None, None, CancelReason.INSUFFICIENT_FUNDS]
    assert (await funds(desk)).available >= 0
    await look(desk)
    assert [order.status for order in await desk.rows(Order)].count(OrderStatus.CANCELLED) == 1
    assert len(await entries(desk, "wallet.release_orders")) == 1


async def test_funds_of_many_wallets_take_three_statements(desk: Desk) -> None:
    desk.without_costs()
    await make_trader(desk.runtime)
    await place_order(desk.operation, buy(quantity="0.1"))
    async with desk.system.reading() as work:
        wallets = (await work.session.scalars(select(Wallet).order_by(Wallet.created_at))).all()
        asked: list[str] = []
        engine = desk.runtime.database._reader.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *of_call: asked.append(of_call[2]))
        found = await funds_of_wallets(work, wallets)
    assert len(asked) == 3
    assert {name: [(it.currency, it.equity, it.margin) for it in one] for name, one in found.items()} == {
        wallet.id: [("EUR", D(1_000_000), D(0)), ("USD", D(1_000_000), D(0)), ("USDT", D(10_000), margin)]
        for wallet, margin in zip(wallets, [D(5000), D(0)], strict=True)
    }


def limit(price: str, quantity: str, side: Side = Side.BUY) -> OrderRequest:
    return (buy if side is Side.BUY else sell)(quantity=quantity, order_type=OrderType.LIMIT, price=Decimal(price))
