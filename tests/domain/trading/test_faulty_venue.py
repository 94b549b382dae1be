"""Bad days on the paper venue, as a script has them: what a caller is told, what has happened, and what is booked of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from sqlalchemy import select

from domain.exchanges.venue import (
    Ability,
    OrderType,
    Refusal,
    Side,
    Venue,
    VenueOrder,
    VenueRejected,
    VenueReport,
    VenueStatus,
    VenueUnavailable,
)
from domain.trading.cancelling import withdraw
from domain.trading.faulty_venue import FaultyVenue
from domain.trading.models import CancelReason, Fill, Order, OrderStatus, Position
from domain.trading.paper_fault_models import PaperFaults
from domain.trading.paper_faults import FaultsSetting, clear_faults, set_faults
from domain.trading.paper_models import PaperOrder
from domain.trading.placing import place_order
from domain.trading.syncing import resume_orders, sync_orders
from domain.wallets.models import Wallet
from tests.databases import both_databases, contents
from tests.domain.trading.desk import Desk, buy

BTC = "BTC/USDT"


@dataclass
class BadDay:
    """The desk's paper venue with the scripts of its accounts; `slept` is how long answers took, in seconds."""

    desk: Desk
    slept: list[float] = field(default_factory=list)
    account: str = ""

    def __post_init__(self) -> None:
        self.venue = self.another_process()
        self.desk.connect(self.venue)

    def another_process(self) -> FaultyVenue:
        return FaultyVenue(self.desk.venue, self.desk.runtime.database, self.desk.clock, self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def script(self, script: str, seed: int = 0) -> None:
        async with self.desk.operation.unit_of_work() as work:
            await set_faults(work, self.account, FaultsSetting(script=script, seed=seed))

    async def clear(self) -> None:
        async with self.desk.operation.unit_of_work() as work:
            await clear_faults(work, self.account)

    def order(self, client_order_id: str = "c-1", price: str | None = None, quantity: str = "0.5") -> VenueOrder:
        kind = OrderType.MARKET if price is None else OrderType.LIMIT
        limit = None if price is None else Decimal(price)
        return VenueOrder(self.account, client_order_id, BTC, Side.BUY, kind, Decimal(quantity), limit)

    async def found(self, client_order_id: str = "c-1") -> VenueReport | None:
        """Return what the venue itself has on record."""
        return await self.desk.venue.find(self.account, client_order_id, BTC)


@pytest.fixture
async def day(desk: Desk) -> BadDay:
    return BadDay(desk, account=(await desk.row(Wallet)).id)


async def silence(call: Awaitable[object]) -> VenueUnavailable:
    with pytest.raises(VenueUnavailable) as told:
        await call
    return told.value


async def refusal(call: Awaitable[object]) -> VenueRejected:
    with pytest.raises(VenueRejected) as told:
        await call
    return told.value


async def test_without_a_script_a_call_is_passed_on_and_nothing_is_written(day: BadDay) -> None:
    before = await contents(day.desk.runtime)
    assert await day.venue.find(day.account, "c-1", BTC) is None
    assert await day.venue.open_orders(day.account) == ()
    assert await contents(day.desk.runtime) == before
    assert (await day.venue.place(day.order())).status is VenueStatus.FILLED
    assert await day.desk.rows(PaperFaults) == [] and day.slept == []


async def test_a_script_is_one_accounts_alone(day: BadDay) -> None:
    await day.script("* all reject No")
    other = VenueOrder("wallet_other", "c-1", BTC, Side.BUY, OrderType.MARKET, Decimal("0.5"))
    assert (await day.venue.place(other)).status is VenueStatus.FILLED
    assert (await day.desk.row(PaperFaults)).placed == 0


async def test_it_is_the_paper_venue_in_everything_else(day: BadDay) -> None:
    paper: Venue = day.desk.venue
    venue: Venue = day.venue
    assert (venue.name, venue.call_seconds, venue.sync_seconds) == (paper.name, paper.call_seconds, paper.sync_seconds)
    assert venue.abilities == paper.abilities >= {Ability.AMEND} and venue.supports(OrderType.STOP)
    assert venue.known_as(day.account, "c-1") == "c-1"
    asked = (BTC, Side.BUY, Decimal(1), Decimal(50_000))
    assert venue.estimate(*asked) == paper.estimate(*asked)
    assert await venue.rules(BTC) == await paper.rules(BTC)
    assert (await refusal(venue.balances(day.account))).reason is Refusal.NOT_SUPPORTED


async def test_an_order_that_is_rejected_on_script_leaves_no_trace(day: BadDay) -> None:
    await day.script("place 1 reject Insufficient margin")
    assert str(await refusal(day.venue.place(day.order()))) == "Insufficient margin"
    assert await day.desk.rows(PaperOrder) == []
    assert (await day.venue.place(day.order())).status is VenueStatus.FILLED


async def test_an_order_that_the_venue_has_is_not_refused_afterwards(day: BadDay) -> None:
    await day.script("place 1 timeout; place 2 reject Too late")
    await silence(day.venue.place(day.order()))
    assert (await day.venue.place(day.order())).status is VenueStatus.FILLED


async def test_a_look_up_that_is_rejected_tells_nothing_of_the_order(day: BadDay) -> None:
    await day.venue.place(day.order())
    await day.script("find 1-2 reject Ask later")
    assert str(await silence(day.venue.find(day.account, "c-1", BTC))) == "Ask later"
    assert str(await silence(day.venue.open_orders(day.account))) == "Ask later"
    assert await day.venue.find(day.account, "c-1", BTC) == await day.found()


async def test_nothing_gets_through_while_it_is_down(day: BadDay) -> None:
    now = day.desk.clock.now()
    await day.venue.place(day.order("resting", "40000"))
    await day.script(f"outage {now.isoformat()} {now.replace(minute=now.minute + 5).isoformat()}")
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: day.venue.place(day.order()),
        lambda: day.venue.amend(day.account, "resting", BTC, price=Decimal(41_000)),
        lambda: day.venue.cancel(day.account, "resting", BTC),
        lambda: day.venue.find(day.account, "resting", BTC),
        lambda: day.venue.open_orders(day.account),
    ]
    for call in calls:
        assert not (await silence(call())).may_have_been_accepted
    (row,) = await day.desk.rows(PaperOrder)
    assert (row.client_order_id, row.price, row.status) == ("resting", Decimal(40_000), VenueStatus.OPEN)
    day.desk.clock.advance(minutes=5)
    assert (await day.venue.place(day.order())).status is VenueStatus.FILLED


# A script, how long the answer of an order then takes, and whether there is one.
LATENCIES = [
    ("place 1 latency 300", [0.3], True),
    ("place 1 latency 2000", [2.0], True),
    ("place 1 latency 2001", [2.0], False),
    ("place 1 latency 600000", [2.0], False),
    ("place 1 timeout", [], False),
    ("place 1 latency 300; place 1 timeout", [0.3], False),
]


@pytest.mark.parametrize(("script", "slept", "is_answered"), LATENCIES)
async def test_an_answer_that_is_late_or_lost_belongs_to_an_order_that_was_taken(
    day: BadDay, script: str, slept: list[float], is_answered: bool
) -> None:
    await day.script(script)
    if is_answered:
        assert await day.venue.place(day.order()) == await day.found()
    else:
        assert (await silence(day.venue.place(day.order()))).may_have_been_accepted
    assert day.slept == slept
    report = await day.found()
    assert report is not None and report.status is VenueStatus.FILLED


async def test_a_rejection_can_be_too_late_to_be_heard(day: BadDay) -> None:
    await day.script("place 1 reject No; place 1 latency 5000")
    await silence(day.venue.place(day.order()))
    assert await day.desk.rows(PaperOrder) == [] and day.slept == [2.0]


async def test_a_lost_refusal_is_as_silent_as_a_lost_answer(day: BadDay) -> None:
    await day.script("cancel 1 timeout; amend 1 timeout")
    await silence(day.venue.cancel(day.account, "c-1", BTC))
    await silence(day.venue.amend(day.account, "c-1", BTC, price=Decimal(1)))
    assert (await refusal(day.venue.cancel(day.account, "c-1", BTC))).reason is Refusal.ORDER_NOT_FOUND


async def test_a_change_and_a_cancellation_whose_answers_are_lost_have_happened(day: BadDay) -> None:
    await day.venue.place(day.order(price="40000"))
    await day.script("amend 1 timeout; cancel 1 timeout")
    await silence(day.venue.amend(day.account, "c-1", BTC, price=Decimal(41_000)))
    report = await day.found()
    assert report is not None and report.price == 41_000
    await silence(day.venue.cancel(day.account, "c-1", BTC))
    report = await day.found()
    assert report is not None and report.status is VenueStatus.CANCELLED


@both_databases
async def test_calls_are_counted_once_each_by_two_processes_at_once_and_after_a_restart(day: BadDay) -> None:
    await day.script("find 7 timeout; find 20 timeout; place 1-3 reject No")
    venues = [day.another_process(), day.another_process()]
    calls = [venue.find(day.account, "c-1", BTC) for venue in venues for _ in range(10)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers if answer is not None] == [VenueUnavailable] * 2
    placed = await asyncio.gather(*(venue.place(day.order()) for venue in venues), return_exceptions=True)
    assert [type(answer) for answer in placed] == [VenueRejected] * 2
    assert str(await refusal(day.another_process().place(day.order()))) == "No"
    row = await day.desk.row(PaperFaults)
    assert (row.found, row.placed, row.cancelled, row.amended) == (20, 3, 0, 0)


async def test_a_script_that_was_taken_away_counts_no_more_and_tells_what_it_held_back(day: BadDay) -> None:
    await day.script("fill 1 late 9")
    report = await day.venue.place(day.order())
    assert (report.status, report.fills) == (VenueStatus.OPEN, ())
    await day.clear()
    assert await day.venue.find(day.account, "c-1", BTC) == await day.found()


async def test_fills_of_before_the_script_are_reported_as_they_were(day: BadDay) -> None:
    before = await day.venue.place(day.order())
    day.desk.clock.advance(seconds=1)
    await day.script("fill 1 duplicate")
    assert await day.venue.find(day.account, "c-1", BTC) == before
    assert len((await day.venue.place(day.order("c-2"))).fills) == 2


# and now all of it, from the request to the books


@both_databases
async def test_an_order_whose_answer_is_lost_and_whose_fill_comes_twice_is_one_order_and_one_fill(day: BadDay) -> None:
    desk = day.desk
    await day.script("place 1 timeout; find 1 timeout; fill 1 duplicate")
    order = await place_order(desk.operation, buy())
    assert (order.status, await desk.rows(Fill)) == (OrderStatus.SUBMITTED, [])
    assert len(await desk.rows(PaperOrder)) == 1
    desk.clock.advance(seconds=5)
    assert await resume_orders(desk.system) == [order.id]
    assert await resume_orders(desk.system) == []
    assert (await desk.row(Order)).status is OrderStatus.FILLED
    assert len(await desk.rows(PaperOrder)) == len(await desk.rows(Fill)) == 1
    assert (await desk.row(Position)).quantity == Decimal("0.1")
    row = await desk.row(PaperFaults)
    assert (row.placed, row.found) == (1, 2)


async def test_an_order_that_is_rejected_on_script_says_why(day: BadDay) -> None:
    await day.script("place 1 reject Insufficient margin")
    order = await place_order(day.desk.operation, buy())
    assert (order.status, order.status_reason) == (OrderStatus.REJECTED, "Insufficient margin")


async def test_a_fill_that_comes_late_is_booked_when_it_comes(day: BadDay) -> None:
    desk = day.desk
    await day.script("fill 1 late 1")
    first = await place_order(desk.operation, buy(quantity="0.05"))
    assert (first.status, await desk.rows(Fill)) == (OrderStatus.OPEN, [])
    second = await place_order(desk.operation, buy(quantity="0.05"))
    assert second.status is OrderStatus.FILLED
    assert await sync_orders(desk.system) == [first.id]
    assert {order.status for order in await desk.rows(Order)} == {OrderStatus.FILLED}
    assert {fill.order_id for fill in await desk.rows(Fill)} == {first.id, second.id}


async def test_a_cancelled_order_waits_for_the_fill_that_is_held_back(day: BadDay) -> None:
    desk = day.desk
    await day.script("fill 1 late 1; cancel 1 timeout")
    order = await place_order(desk.operation, buy())
    assert (await withdraw(desk.operation, order.id, CancelReason.USER)).status is OrderStatus.CANCELLING
    desk.clock.advance(seconds=5)
    await sync_orders(desk.system)
    assert (await desk.row(Order)).status is OrderStatus.CANCELLING
    await day.clear()
    desk.clock.advance(seconds=5)
    assert await sync_orders(desk.system) == [order.id]
    assert (await desk.row(Order)).status is OrderStatus.FILLED


async def test_after_a_day_of_everything_the_books_are_those_of_the_venue(day: BadDay) -> None:
    desk = day.desk
    await day.script("* 40% timeout; * 20% reject No; fill 30% duplicate; fill 20% late 2; * 20% latency 100-3000", seed=3)
    orders = [await place_order(desk.operation, buy(quantity="0.01")) for _ in range(12)]
    for _ in range(20):
        desk.clock.advance(seconds=5)
        await resume_orders(desk.system)
        await sync_orders(desk.system)
    await day.clear()
    desk.clock.advance(seconds=5)
    await resume_orders(desk.system)
    await sync_orders(desk.system)
    async with desk.system.reading() as work:
        taken = set(await work.session.scalars(select(PaperOrder.client_order_id)))
    by_status = {order.id: order.status for order in await desk.rows(Order)}
    assert set(by_status.values()) == {OrderStatus.FILLED, OrderStatus.REJECTED}
    assert {order_id for order_id, status in by_status.items() if status is OrderStatus.FILLED} == taken
    assert len(await desk.rows(Fill)) == len(taken) and len(by_status) == len(orders)
