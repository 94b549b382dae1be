"""Closing by hand: a real opposite order, once."""

import asyncio
from datetime import datetime
from decimal import Decimal

import pytest

from domain.exchanges.venue import VenueOrder, VenueRejected, VenueReport, VenueUnavailable
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.candles import Origin, Tick
from domain.market.instruments import Instrument
from domain.market.market import Market
from domain.trading.closing import close_position, exit_position, find_position, write_exit
from domain.trading.models import Order, OrderPurpose, OrderStatus, Position, PositionStatus
from domain.trading.paper_venue import PaperVenue
from domain.trading.placing import place_order, write_intent
from domain.trading.syncing import resume_orders
from domain.wallets.models import Wallet
from tests.builders import make_trader, make_user
from tests.domain.trading.desk import CrashingVenue, Desk, buy, sell


@pytest.fixture
async def position(desk: Desk) -> Position:
    await place_order(desk.operation, buy("BTC/USDT", "0.01"))
    return await desk.open_position()


async def test_closing_books_the_profit_and_says_so(desk: Desk) -> None:
    desk.without_costs()
    desk.price("BTC/USDT", "88500")
    await place_order(desk.operation, buy("BTC/USDT", "0.01"))
    position = await desk.open_position()
    desk.price("BTC/USDT", "89500")
    answer = await close_position(desk.operation, position.id)
    assert (answer.success, answer.message, answer.position_id) == (True, "Position closed successfully", position.id)
    assert (answer.realized_pnl, answer.realized_pnl_percent) == (Decimal(10), Decimal("1.1299"))
    closed = await desk.row(Position)
    assert (closed.status, closed.exit_reason, closed.closed_at) == (PositionStatus.CLOSED, OrderPurpose.MANUAL_CLOSE, desk.clock.now())
    order = next(order for order in await desk.rows(Order) if order.id == answer.order_id)
    assert (order.side.value, order.status, order.position_id) == ("sell", OrderStatus.FILLED, position.id)


async def test_a_short_is_bought_back(desk: Desk) -> None:
    await place_order(desk.operation, sell("BTC/USDT", "0.01"))
    await close_position(desk.operation, (await desk.open_position()).id)
    assert (await desk.balances())["BTC"] == 0


async def test_what_is_closed_stays_closed(desk: Desk, position: Position) -> None:
    await close_position(desk.operation, position.id)
    with pytest.raises(DomainError) as refusal:
        await close_position(desk.operation, position.id)
    assert refusal.value.code is ErrorCode.INVALID_POSITION_STATE
    assert refusal.value.message == "Position cannot be closed. Current status: closed"
    assert len(await desk.rows(Order)) == 2


async def test_of_many_who_close_at_once_one_succeeds(desk: Desk, position: Position) -> None:
    answers = await asyncio.gather(*(close_position(desk.operation, position.id) for _ in range(6)), return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, DomainError)]
    assert len(refusals) == 5
    assert {refusal.code for refusal in refusals} == {ErrorCode.INVALID_POSITION_STATE}
    assert (await desk.balances())["BTC"] == 0


async def test_a_position_of_a_wallet_that_was_switched_off_can_be_closed(desk: Desk, position: Position) -> None:
    async with desk.system.unit_of_work() as work:
        (await work.session.get_one(Wallet, position.wallet_id)).is_active = False
    assert (await close_position(desk.operation, position.id)).success


async def test_an_order_under_way_that_closes_it_is_left_to_do_so(desk: Desk, position: Position) -> None:
    tick = await desk.runtime.use(Market).price("BTC/USDT")
    async with desk.operation.unit_of_work() as work:
        await write_intent(work, sell("BTC/USDT", "0.01"), tick)
    with pytest.raises(DomainError, match="an order under way closes it"):
        await close_position(desk.operation, position.id)


async def test_a_silent_venue_leaves_the_closing_unresolved_until_it_answers(desk: Desk, position: Position) -> None:
    desk.connect(CrashingVenue(desk.venue, VenueUnavailable("timeout")))
    with pytest.raises(DomainError) as refusal:
        await close_position(desk.operation, position.id)
    assert refusal.value.code is ErrorCode.VENUE_UNAVAILABLE
    with pytest.raises(DomainError, match="it is being closed already"):
        await close_position(desk.operation, position.id)
    desk.clock.advance(seconds=5)
    await resume_orders(desk.system)
    assert (await desk.row(Position)).status is PositionStatus.CLOSED


async def test_a_refusing_venue_leaves_the_position_open_and_free(desk: Desk, position: Position) -> None:
    class RefusingVenue(PaperVenue):
        async def place(self, order: VenueOrder) -> VenueReport:
            raise VenueRejected("Market is closed")

    desk.connect(RefusingVenue(desk.runtime.use(Market), desk.runtime.database, desk.clock))
    with pytest.raises(DomainError) as refusal:
        await close_position(desk.operation, position.id)
    assert refusal.value.code is ErrorCode.VENUE_REJECTED
    desk.connect(desk.venue)
    assert (await close_position(desk.operation, position.id)).success


async def test_the_runners_exit_can_be_repeated_at_any_point(desk: Desk) -> None:
    class Killed(BaseException):
        pass

    await place_order(desk.operation, buy(flow_id="flow_a", purpose=OrderPurpose.ENTRY))
    position = await desk.open_position()
    desk.connect(CrashingVenue(desk.venue, Killed()))
    with pytest.raises(Killed):
        await exit_position(desk.system, position.id, OrderPurpose.REVERSE_SIGNAL, execution_id="exec_1")
    desk.connect(desk.venue)
    desk.clock.advance(seconds=5)
    for _ in range(2):
        closed = await exit_position(desk.system, position.id, OrderPurpose.REVERSE_SIGNAL, execution_id="exec_1")
        assert (closed.status, closed.exit_reason) == (PositionStatus.CLOSED, OrderPurpose.REVERSE_SIGNAL)
    exits = [order for order in await desk.rows(Order) if order.reduce_only]
    assert [(order.execution_id, order.flow_id) for order in exits] == [("exec_1", "flow_a")]


async def test_the_runner_carries_on_an_exit_that_a_stop_wrote_meanwhile(desk: Desk, position: Position) -> None:
    market_price = desk.source.price

    async def stop_fires_first(instrument: Instrument) -> tuple[Decimal, datetime]:
        tick = Tick("BTC/USDT", Decimal(50_000), desk.clock.now(), Origin("scripted", simulated=True))
        async with desk.system.unit_of_work() as work:
            await write_exit(work, await find_position(work, position.id), OrderPurpose.STOP_LOSS, tick)
        desk.source.price = market_price  # type: ignore[method-assign]
        return await market_price(instrument)

    desk.source.price = stop_fires_first  # type: ignore[method-assign]
    closed = await exit_position(desk.system, position.id, OrderPurpose.REVERSE_SIGNAL, execution_id="exec_1")
    assert (closed.status, closed.exit_reason) == (PositionStatus.CLOSED, OrderPurpose.STOP_LOSS)


async def test_a_position_larger_than_one_order_may_be_is_closed_at_once(desk: Desk) -> None:
    await desk.deposit("EUR", "10000000")
    desk.price("NL_DAY_AHEAD", "0.10")
    for _ in range(2):
        await place_order(desk.operation, buy("NL_DAY_AHEAD", "1000000"))
    assert (await close_position(desk.operation, (await desk.open_position()).id)).success


async def test_a_position_of_a_wallet_that_was_deleted_can_be_closed(desk: Desk, position: Position) -> None:
    async with desk.system.unit_of_work() as work:
        (await work.session.get_one(Wallet, position.wallet_id)).deleted_at = desk.clock.now()
    assert (await close_position(desk.operation, position.id)).success


async def test_a_strangers_position_is_not_found_and_a_viewer_may_not_close(desk: Desk, position: Position) -> None:
    for caller, code in (
        (await make_trader(desk.runtime), ErrorCode.NOT_FOUND),
        (await make_user(desk.runtime, role="viewer"), ErrorCode.FORBIDDEN),
    ):
        with pytest.raises(DomainError) as refusal:
            await close_position(desk.runtime.operation(caller), position.id)
        assert refusal.value.code is code
    assert (await desk.open_position()).exit_order_id is None
