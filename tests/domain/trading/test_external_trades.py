"""What was traded at the exchange by other means: booked once, on the position it acts on, and never again as a difference."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from domain.exchanges.venue import Side, VenueFill, Venues
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.instruments import find_instrument
from domain.trading import external_trades, wallet_syncing
from domain.trading.exposure import Standing
from domain.trading.external_trades import OUTSIDE, shared_out
from domain.trading.models import Fill, Order, OrderPurpose, OrderStatus, Position, PositionStatus
from domain.trading.placing import place_order
from domain.trading.wallet_syncing import sync_balance
from domain.wallets.ledger import balances_of, verify_ledger
from domain.wallets.models import LedgerEntry
from tests.domain.exchanges.wire.guard import stay_on_loopback
from tests.domain.exchanges.wire.server import Trouble
from tests.domain.trading.desk import Desk, buy, sell
from tests.domain.trading.exchange_house import ExchangeHouse, exchange_house


@pytest.fixture
async def house(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ExchangeHouse]:
    refused_hosts = stay_on_loopback(monkeypatch)
    async with exchange_house(desk) as house:
        desk.clock.advance(seconds=1)
        await sync_balance(house.ada, house.wallet.id)
        desk.clock.advance(minutes=1)
        yield house
    assert refused_hosts == []


async def sync(house: ExchangeHouse) -> wallet_syncing.BalanceSync:
    house.desk.clock.advance(minutes=1)
    found = await sync_balance(house.ada, house.wallet.id)
    assert found.success, found
    await agree(house)
    return found


async def agree(house: ExchangeHouse) -> None:
    async with house.ada.reading() as work:
        assert await verify_ledger(work, house.wallet.id) == []
        ours = {asset: amount for asset, amount in (await balances_of(work, house.wallet.id)).items() if amount}
    assert ours == {asset: amount for asset, amount in house.server.floor.balances.items() if amount}


async def corrections(house: ExchangeHouse) -> list[tuple[str, Decimal]]:
    async with house.ada.reading() as work:
        rows = await work.session.scalars(select(LedgerEntry).where(LedgerEntry.cause == "sync").order_by(LedgerEntry.id))
        return [(row.asset, row.amount) for row in rows][2:]  # the first two are what was there


async def outside(house: ExchangeHouse) -> list[Order]:
    return [order for order in await house.desk.rows(Order) if order.purpose is OrderPurpose.EXTERNAL]


async def open_positions(house: ExchangeHouse) -> dict[str, Decimal]:
    return {one.book: one.signed_quantity for one in await house.desk.rows(Position) if one.status is PositionStatus.OPEN}


async def test_a_position_that_was_sold_outside_is_closed_with_a_reason(house: ExchangeHouse) -> None:
    await place_order(house.ada, buy(quantity="0.1", wallet_id=house.wallet.id))
    house.desk.clock.advance(minutes=1)
    made = house.server.floor.trade_outside("sell", "0.1")
    found = await sync(house)
    (order,) = await outside(house)
    assert (order.status, order.status_reason, order.side, order.quantity) == (OrderStatus.FILLED, OUTSIDE, Side.SELL, Decimal("0.1"))
    assert (order.venue_order_id, order.total_fees) == (str(made.number), made.trades[0].fee)
    assert found.external_orders == (order.id,) and found.changes == {}
    position = await house.desk.row(Position)
    assert (position.status, position.exit_reason, position.exit_order_id) == (PositionStatus.CLOSED, OrderPurpose.EXTERNAL, order.id)
    assert position.realized_pnl == -(Decimal("0.1") + Decimal("5") + made.trades[0].fee)
    assert await corrections(house) == []
    assert (await sync(house)).external_orders == () and len(await house.desk.rows(Fill)) == 2


async def test_a_purchase_outside_is_a_position_of_the_manual_book(house: ExchangeHouse) -> None:
    house.server.floor.trade_outside("buy", "0.2")
    await sync(house)
    assert await open_positions(house) == {"manual": Decimal("0.2")}
    house.server.floor.trade_outside("sell", "0.05")
    await sync(house)
    assert await open_positions(house) == {"manual": Decimal("0.15")} and await corrections(house) == []


async def test_an_order_that_fills_in_parts_stays_one_order(house: ExchangeHouse) -> None:
    floor = house.server.floor
    resting = floor.place("buy", "limit", Decimal("0.1"), Decimal(40_000), "GTC", "by-hand")
    for _ in range(2):
        floor.fill("0.05", resting)
        await sync(house)
    (order,) = await outside(house)
    assert (order.quantity, order.filled_quantity, order.average_fill_price) == (Decimal("0.1"), Decimal("0.1"), Decimal(40_000))
    assert len(await house.desk.rows(Fill)) == 2 and await corrections(house) == []


async def test_what_was_there_before_is_sold_without_a_short_position(house: ExchangeHouse) -> None:
    made = house.server.floor.trade_outside("sell", "1.5")
    await sync(house)
    position = await house.desk.row(Position)
    assert (position.status, position.side.value, position.entry_price) == (PositionStatus.CLOSED, "long", position.exit_price)
    assert position.realized_pnl == -made.trades[0].fee and (position.reasoning or "").startswith("Held at the venue before")


async def test_what_was_there_before_can_be_sold_through_us_and_nothing_beyond_it(house: ExchangeHouse) -> None:
    house.server.floor.balances["USDT"] = Decimal(0)
    await sync(house)
    wallet_id = house.wallet.id
    with pytest.raises(DomainError) as refusal:
        await place_order(house.ada, sell(quantity="2.1", wallet_id=wallet_id))
    assert refusal.value.code is ErrorCode.INSUFFICIENT_FUNDS
    assert (refusal.value.details["currency"], refusal.value.details["available"]) == ("BTC", "2")
    assert await house.desk.rows(Order) == []
    sold = await place_order(house.ada, sell(quantity="1.5", wallet_id=wallet_id))
    assert sold.status is OrderStatus.FILLED and await open_positions(house) == {}
    with pytest.raises(DomainError) as refusal:
        await place_order(house.ada, sell(quantity="0.6", wallet_id=wallet_id))
    assert refusal.value.details["available"] == "0.5"
    assert (await sync(house)).changes == {}


@pytest.mark.parametrize(("book", "left"), [("manual", "1.1"), ("flow_a", "0.3"), ("flow_b", "0.5"), ("flow_c", "0")])
def test_a_flow_sells_what_it_bought_and_people_what_is_no_flows(book: str, left: str) -> None:
    held = {"manual": Decimal("0.1"), "flow_a": Decimal("0.3"), "flow_b": Decimal("0.5")}
    standing = Standing(find_instrument("BTC/USDT"), Decimal(1), Decimal("0.9"), books=held, holding=Decimal("1.9"))
    assert standing.sellable_from(book) == Decimal(left)


async def test_a_trade_and_a_deposit_at_once_are_told_apart(house: ExchangeHouse) -> None:
    floor = house.server.floor
    await place_order(house.ada, buy(quantity="0.1", wallet_id=house.wallet.id))
    house.desk.clock.advance(minutes=1)
    floor.trade_outside("sell", "0.04")
    floor.balances["USDT"] += 777
    floor.balances["BTC"] -= Decimal("0.5")
    found = await sync(house)
    assert found.changes == {"USDT": Decimal(777), "BTC": Decimal("-0.5")} and len(found.external_orders) == 1
    assert sorted(await corrections(house)) == [("BTC", Decimal("-0.5")), ("USDT", Decimal(777))]


async def test_many_comparisons_at_once_book_once(house: ExchangeHouse) -> None:
    house.server.floor.trade_outside("buy", "0.2")
    house.server.floor.balances["USDT"] += 5
    house.desk.clock.advance(minutes=1)
    found = await asyncio.gather(*(sync_balance(house.ada, house.wallet.id) for _ in range(4)))
    assert sum(len(one.external_orders) for one in found) == 1
    assert await corrections(house) == [("USDT", Decimal(5))] and len(await house.desk.rows(Fill)) == 1
    await agree(house)


async def test_an_order_of_ours_whose_answer_was_lost_is_not_taken_for_a_stranger(house: ExchangeHouse) -> None:
    house.server.trouble("place", Trouble.DROP_AFTER, first=lambda: setattr(house.server, "is_down", True))
    placed = await place_order(house.ada, buy(quantity="0.1", wallet_id=house.wallet.id))
    assert placed.status is OrderStatus.SUBMITTED
    house.server.is_down = False
    house.server.floor.trade_outside("buy", "0.3")
    await sync(house)
    ours, other = sorted(await house.desk.rows(Order), key=lambda order: order.filled_quantity)
    assert (ours.id, ours.purpose, ours.filled_quantity) == (placed.id, OrderPurpose.MANUAL, Decimal("0.1"))
    assert (other.purpose, other.filled_quantity) == (OrderPurpose.EXTERNAL, Decimal("0.3"))


async def test_a_trade_between_the_questions_is_booked_as_a_trade(house: ExchangeHouse) -> None:
    def trade() -> None:
        house.server.floor.trade_outside("buy", "0.2")

    house.server.trouble("trades", Trouble.RACED, first=trade)
    assert (await sync(house)).changes == {} and len(await outside(house)) == 1
    assert await corrections(house) == []


async def test_a_crash_in_the_middle_repeats_nothing_and_misses_nothing(house: ExchangeHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house.server.floor.trade_outside("buy", "0.2")
    house.server.floor.trade_outside("sell", "0.05")

    class Killed(BaseException):
        pass

    def die(*asked: object) -> None:
        raise Killed

    for name in ("_keep_look", "_order_in"):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(external_trades, name, die)
            await sync_balance(house.ada, house.wallet.id)
        assert await house.desk.rows(Fill) == []
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(wallet_syncing, "_book_difference", die)
        await sync_balance(house.ada, house.wallet.id)
    assert len(await house.desk.rows(Fill)) == 2
    # A restart: every connection is new, and only what is stored is known.
    await house.desk.runtime.use(Venues).close()
    assert (await sync(house)).external_orders == () and len(await house.desk.rows(Fill)) == 2
    assert await corrections(house) == []


async def test_a_trade_that_is_listed_late_is_still_found(house: ExchangeHouse, clock: ManualClock) -> None:
    house.server.floor.trade_outside("buy", "0.2")
    trades = house.server.floor.orders[-1].trades
    late, trades[:] = list(trades), []
    await sync(house)
    trades[:] = late
    clock.advance(minutes=5)
    assert len((await sync(house)).external_orders) == 1


BOOKS = st.dictionaries(st.sampled_from(["manual", "flow_a", "flow_b"]), st.decimals("-5", "5", places=3))


@given(BOOKS, st.sampled_from(Side), st.decimals("0.001", "20", places=3), st.decimals("0", "3", places=5))
def test_the_parts_of_a_trade_add_up_and_close_before_they_open(
    held: dict[str, Decimal], side: Side, quantity: Decimal, fee: Decimal
) -> None:
    fill = VenueFill("M:1:2", quantity, Decimal(7), fee, "USDT", datetime(2026, 1, 1, tzinfo=UTC))
    parts = shared_out(fill, side, held)
    assert (sum(part.quantity for _, part in parts), sum(part.fee for _, part in parts)) == (quantity, fee)
    assert all(part.quantity > 0 for _, part in parts) and parts[0][1].trade_id == fill.trade_id
    assert len({part.trade_id for _, part in parts}) == len(parts) == len({book for book, _ in parts})
    taken = {book: part.quantity for book, part in parts}
    closable = {book: max(-side.sign * amount, Decimal(0)) for book, amount in held.items()}
    for book, amount in taken.items():
        assert book == "manual" or amount <= closable[book]
    assert sum(min(taken.get(book, Decimal(0)), most) for book, most in closable.items()) == min(quantity, sum(closable.values()))
