"""Orders on the wire of a real exchange, from the request to the books."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.kernel.clock import ManualClock
from domain.trading.models import Fill, Order, OrderStatus, Position
from domain.trading.placing import place_order
from domain.trading.syncing import resume_orders
from tests.domain.exchanges.conformance import CcxtStand, binance_stand, kraken_stand
from tests.domain.exchanges.wire.guard import stay_on_loopback
from tests.domain.exchanges.wire.server import Trouble
from tests.domain.trading.desk import Desk, buy


@pytest.fixture(params=["binance", "kraken"])
async def stand(
    request: pytest.FixtureRequest, desk: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CcxtStand]:
    if not desk.runtime.database.is_sqlite:
        pytest.skip("PostgreSQL: the guard would have to know its address, and nothing here depends on the database")
    refused = stay_on_loopback(monkeypatch)
    stand = binance_stand(clock) if request.param == "binance" else kraken_stand(clock)
    await stand.open()
    stand.price("50000", "0.04", "1")
    desk.connect(stand.venue)
    yield stand
    await stand.close()
    assert refused == []


async def test_an_order_fills_on_the_exchange_and_is_booked(desk: Desk, stand: CcxtStand) -> None:
    order = await place_order(desk.operation, buy(quantity="0.1"))
    assert (order.status, order.filled_quantity, order.total_fees) == (OrderStatus.FILLED, Decimal("0.1"), Decimal(5))
    assert [fill.quantity for fill in await desk.rows(Fill)] == [Decimal("0.04"), Decimal("0.06")]
    assert (await desk.row(Position)).quantity == Decimal("0.1")
    assert (await desk.balances())["USDT"] == Decimal(10_000) - 5_000 - 5


@pytest.mark.parametrize("trouble", [Trouble.DROP_BEFORE, Trouble.DROP_AFTER, Trouble.CUT, Trouble.MALFORMED])
async def test_an_order_whose_answer_was_lost_is_booked_once(desk: Desk, stand: CcxtStand, clock: ManualClock, trouble: Trouble) -> None:
    stand.server.trouble("place", trouble)
    order = await place_order(desk.operation, buy(quantity="0.1"))
    if trouble is Trouble.DROP_BEFORE:
        assert (order.status, await desk.rows(Fill)) == (OrderStatus.SUBMITTED, [])
        clock.advance(minutes=1)
        assert await resume_orders(desk.system) == [order.id]
    clock.advance(minutes=1)
    assert await resume_orders(desk.system) == []
    assert (await desk.row(Order)).status is OrderStatus.FILLED
    assert len(stand.floor.orders) == 1 and len(await desk.rows(Fill)) == 2
    assert (await desk.row(Position)).quantity == Decimal("0.1")


async def test_an_order_whose_answer_was_lost_in_an_outage_is_booked_after_it(desk: Desk, stand: CcxtStand, clock: ManualClock) -> None:
    stand.server.trouble("place", Trouble.DROP_AFTER, first=stand.go_down)
    order = await place_order(desk.operation, buy(quantity="0.1"))
    assert (order.status, order.unresolved_at, await desk.rows(Fill)) == (OrderStatus.SUBMITTED, clock.now(), [])
    stand.go_down(False)
    clock.advance(minutes=1)
    assert await resume_orders(desk.system) == [order.id]
    assert len(stand.floor.orders) == 1 and (await desk.row(Order)).status is OrderStatus.FILLED


async def test_an_order_that_the_exchange_refuses_is_rejected(desk: Desk, stand: CcxtStand) -> None:
    stand.floor.balances["USDT"] = Decimal(100)
    order = await place_order(desk.operation, buy(quantity="0.1"))
    assert order.status is OrderStatus.REJECTED and "insufficient" in (order.status_reason or "").lower()
    assert (await desk.balances())["USDT"] == Decimal(10_000)
