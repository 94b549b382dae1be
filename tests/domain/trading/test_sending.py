"""What becomes of an order when the venue's answer is lost, late, or no."""

import asyncio

import pytest

from domain.exchanges.venue import VenueOrder, VenueRejected, VenueReport, Venues, VenueUnavailable
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.market import Market
from domain.trading.models import Fill, Order, OrderStatus, Position
from domain.trading.paper_models import PaperOrder
from domain.trading.paper_venue import PaperVenue
from domain.trading.placing import place_order, write_intent
from domain.trading.sending import send
from domain.trading.syncing import resume_orders
from tests.domain.trading.desk import CrashingVenue, Desk, buy


class Killed(BaseException):
    """Stands for the end of the process."""


class RefusingVenue(PaperVenue):
    async def place(self, order: VenueOrder) -> VenueReport:
        raise VenueRejected("Not today")


class DeafVenue(PaperVenue):
    """Takes nothing and answers nothing until it is told to hear."""

    hears = False

    async def place(self, order: VenueOrder) -> VenueReport:
        if not self.hears:
            raise VenueUnavailable("timeout")
        return await super().place(order)

    async def find(self, account: str, client_order_id: str, symbol: str) -> VenueReport | None:
        if not self.hears:
            raise VenueUnavailable("timeout")
        return await super().find(account, client_order_id, symbol)


async def written(desk: Desk) -> str:
    tick = await desk.runtime.use(Market).price("BTC/USDT")
    async with desk.operation.unit_of_work() as work:
        return (await write_intent(work, buy(), tick)).id


async def test_a_process_that_dies_after_the_venue_took_the_order_finds_it_again(desk: Desk) -> None:
    venue = CrashingVenue(desk.venue, Killed())
    desk.connect(venue)
    with pytest.raises(Killed):
        await place_order(desk.operation, buy())
    assert (await desk.row(Order)).status is OrderStatus.SUBMITTED
    assert await desk.rows(Fill) == []

    desk.clock.advance(seconds=5)
    order = await desk.row(Order)
    assert await resume_orders(desk.system) == [order.id]

    assert venue.placed == 1
    assert (await desk.row(Order)).status is OrderStatus.FILLED
    assert len(await desk.rows(Fill)) == len(await desk.rows(PaperOrder)) == len(await desk.rows(Position)) == 1
    assert await resume_orders(desk.system) == []


async def test_a_timeout_after_the_venue_took_the_order_is_resolved_later(desk: Desk) -> None:
    desk.connect(CrashingVenue(desk.venue, VenueUnavailable("timeout")))
    order = await place_order(desk.operation, buy())
    assert order.status is OrderStatus.SUBMITTED
    assert order.status_reason == "The venue does not answer: timeout"
    desk.clock.advance(seconds=5)
    await resume_orders(desk.system)
    resolved = await desk.row(Order)
    assert (resolved.status, resolved.status_reason, resolved.attempts) == (OrderStatus.FILLED, None, 2)


async def test_an_order_the_venue_never_heard_of_is_sent_again(desk: Desk) -> None:
    venue = DeafVenue(desk.runtime.use(Market), desk.runtime.database, desk.clock)
    desk.connect(venue)
    order = await place_order(desk.operation, buy())
    assert order.status is OrderStatus.SUBMITTED
    desk.clock.advance(seconds=5)
    await resume_orders(desk.system)
    assert (await desk.row(Order)).status is OrderStatus.SUBMITTED
    venue.hears = True
    desk.clock.advance(seconds=5)
    await resume_orders(desk.system)
    assert (await desk.row(Order)).status is OrderStatus.FILLED
    assert len(await desk.rows(PaperOrder)) == 1


async def test_an_intent_whose_process_died_before_it_was_sent_is_sent(desk: Desk) -> None:
    order_id = await written(desk)
    assert await resume_orders(desk.system) == []  # somebody may still be about to send it
    desk.clock.advance(seconds=5)
    assert await resume_orders(desk.system) == [order_id]
    assert (await desk.row(Order)).status is OrderStatus.FILLED


async def test_an_intent_that_is_too_old_is_given_up_instead_of_filled_at_another_days_price(desk: Desk) -> None:
    await written(desk)
    desk.clock.advance(hours=3)
    await resume_orders(desk.system)
    order = await desk.row(Order)
    assert (order.status, order.status_reason) == (OrderStatus.FAILED, "It did not reach the venue in time")
    assert await desk.rows(PaperOrder) == []
    assert (await place_order(desk.operation, buy())).status is OrderStatus.FILLED  # the money is free again


async def test_an_old_order_that_the_venue_did_take_is_booked_all_the_same(desk: Desk) -> None:
    desk.connect(CrashingVenue(desk.venue, Killed()))
    with pytest.raises(Killed):
        await place_order(desk.operation, buy())
    desk.clock.advance(hours=3)
    await resume_orders(desk.system)
    assert (await desk.row(Order)).status is OrderStatus.FILLED


async def test_a_venues_refusal_is_an_order_with_status_rejected(desk: Desk) -> None:
    desk.connect(RefusingVenue(desk.runtime.use(Market), desk.runtime.database, desk.clock))
    order = await place_order(desk.operation, buy())
    assert (order.status, order.status_reason) == (OrderStatus.REJECTED, "Not today")
    assert order.closed_at == desk.clock.now()
    assert (await send(desk.system, order.id)).status is OrderStatus.REJECTED


async def test_while_one_is_asking_the_venue_another_waits_and_gets_the_same_answer(desk: Desk) -> None:
    class SlowVenue(PaperVenue):
        placed = 0

        async def place(self, order: VenueOrder) -> VenueReport:
            self.placed += 1
            await asyncio.sleep(0.3)
            return await super().place(order)

    venue = SlowVenue(desk.runtime.use(Market), desk.runtime.database, desk.clock)
    desk.connect(venue)
    order_id = await written(desk)
    answers = await asyncio.gather(*(send(desk.system, order_id) for _ in range(5)))
    assert {order.status for order in answers} == {OrderStatus.FILLED}
    assert venue.placed == 1


async def test_an_order_of_a_venue_that_is_not_connected_does_not_hold_up_the_others(desk: Desk) -> None:
    order_id = await written(desk)
    desk.clock.advance(seconds=5)
    desk.runtime.provide(Venues, Venues({}))
    assert await resume_orders(desk.system) == [order_id]
    with pytest.raises(DomainError) as refusal:
        await send(desk.system, order_id)
    assert refusal.value.code is ErrorCode.VENUE_UNAVAILABLE
    assert (await desk.row(Order)).status is OrderStatus.PENDING


async def test_a_busy_user_does_not_make_the_second_sender_give_up_early(desk: Desk) -> None:
    class SlowVenue(PaperVenue):
        async def place(self, order: VenueOrder) -> VenueReport:
            await asyncio.sleep(0.3)
            return await super().place(order)

    async def tell_much() -> None:
        while True:
            await desk.runtime.bus.publish([desk.ada.id])
            await asyncio.sleep(0.005)

    desk.connect(SlowVenue(desk.runtime.use(Market), desk.runtime.database, desk.clock))
    noise = asyncio.create_task(tell_much())
    orders = await asyncio.gather(*(place_order(desk.operation, buy(client_order_id="once")) for _ in range(2)))
    noise.cancel()
    assert [order.status for order in orders] == [OrderStatus.FILLED] * 2
