"""Hands written orders to their venue, each at most once, and finds out what became of those whose answer was lost."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, localcontext

import structlog
from sqlalchemy import select

from domain.exchanges.venue import Venue, VenueOrder, VenueRejected, VenueReport, Venues, VenueStatus, VenueUnavailable
from domain.kernel.errors import DomainError
from domain.kernel.money import EXACT
from domain.market.instruments import Instrument, find_instrument
from domain.market.market import Market
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.booking import change_status, foreign_fees, lock_order, record_report
from domain.trading.machine import TERMINAL, UNCONFIRMED, OrderTrigger
from domain.trading.models import Order, OrderStatus, OrderType, Position, PositionStatus, TimeInForce

log = structlog.get_logger()

# An order is meant for now: one that has not reached the venue by then is given up instead of being placed on another day.
TOO_LATE_AFTER = timedelta(minutes=5)
LOOK_AGAIN_SECONDS = 0.1
MAX_REASON = 255

Preparation = Callable[[UnitOfWork, Order], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Turn:
    """An order, its venue, and whether this caller is the one who talks to the venue about it now."""

    order: Order
    venue: Venue
    is_mine: bool


async def send(operation: Operation, order_id: str) -> Order:
    """Hand a written order to its venue and record the answer; returns the order as it then stands.

    Safe to call again after a crash, late, or twice at once: only one caller at a time talks to the venue about an order, and an
    order that may have been sent before is looked up first. A venue's refusal makes the order `rejected`. When the venue does not
    answer, the order stays `submitted`, and the round that settles orders finds out later. Never call it inside a transaction.
    """
    turn = await take_turn(operation, order_id, _submit)
    if not turn.is_mine:
        return turn.order
    order, venue = turn.order, turn.venue
    try:
        report = await _place_or_find(operation, venue, order)
    except VenueRejected as refusal:
        report = VenueReport("", VenueStatus.REJECTED, reason=str(refusal))
    except VenueUnavailable as silence:
        # Most answers that are lost are lost once: whoever waits for this one should not have to ask again.
        report = await _looked_up(venue, order) if silence.may_have_been_accepted else None
        if report is None:
            return await leave_unresolved(operation, order, venue, silence)
    if report is not None:
        return await record(operation, order, report)
    async with operation.unit_of_work() as work:
        order, _ = await lock_order(work, order_id)
        if order.status in UNCONFIRMED:
            await change_status(work, order, OrderTrigger.FAIL, "It did not reach the venue in time")
        return order


async def record(operation: Operation, order: Order, report: VenueReport, *, amended: bool = False) -> Order:
    """Book a venue's report; prices of currencies in which foreign fees were charged are asked for before."""
    instrument = find_instrument(order.symbol)
    rates = await rates_of(operation, foreign_fees(report, instrument), instrument)
    async with operation.unit_of_work() as work:
        return await record_report(work, order.id, report, amended=amended, rates=rates)


async def rates_of(operation: Operation, currencies: Collection[str], instrument: Instrument) -> dict[str, Decimal]:
    """Return what currencies in which fees were charged are worth in the instrument's quote, as far as the market knows."""
    foreign = set(currencies) - {instrument.quote, instrument.base}
    rates = {currency: await _rate(operation, currency, instrument) for currency in foreign}
    return {currency: rate for currency, rate in rates.items() if rate is not None}


async def take_turn(operation: Operation, order_id: str, prepare: Preparation) -> Turn:
    """Wait until nobody else talks to the venue about the order, then `prepare` it under its lock and keep others away.

    `prepare` says whether the venue is to be asked; its commit comes before the call, so that whoever finds the order later knows
    what was asked. Waits as long as one call may take; whoever still has no turn then gets the order as it stands.
    """
    waited = 0.0
    while True:
        async with operation.unit_of_work() as work:
            order, wallet = await lock_order(work, order_id)
            venue = operation.use(Venues).of(wallet.venue_slug)
            busy = order.attempt_until is not None and order.attempt_until > work.now
            if order.status in TERMINAL or (busy and waited >= venue.call_seconds):
                return Turn(order, venue, is_mine=False)
            if not busy:
                if not await prepare(work, order):
                    return Turn(order, venue, is_mine=False)
                order.attempts += 1
                order.attempt_until = work.now + timedelta(seconds=venue.call_seconds)
                return Turn(order, venue, is_mine=True)
        waited += await _until_free(operation, order_id, venue.call_seconds - waited)


async def _until_free(operation: Operation, order_id: str, patience: float) -> float:
    # Somebody else is asking the venue at this moment; looking costs no turn to write. Returns the seconds that passed.
    waited = 0.0
    while waited < patience:
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        waited += LOOK_AGAIN_SECONDS
        async with operation.reading() as work:
            until = await work.session.scalar(select(Order.attempt_until).where(Order.id == order_id))
            if until is None or until <= work.now:
                break
    return waited


async def leave_unresolved(operation: Operation, order: Order, venue: Venue, silence: VenueUnavailable) -> Order:
    """Note that the venue does not tell how the order stands; it is asked again until it does."""
    log.warning("order.unresolved", order_id=order.id, venue=venue.name, attempts=order.attempts, reason=str(silence))
    async with operation.unit_of_work() as work:
        order, _ = await lock_order(work, order.id)
        if order.status not in TERMINAL:
            order.status_reason = f"The venue does not answer: {silence}"[:MAX_REASON]
            order.unresolved_at = order.unresolved_at or work.now
            order.updated_at = work.now
        return order


async def _submit(work: UnitOfWork, order: Order) -> bool:
    if order.status not in UNCONFIRMED:
        return False
    if order.status is OrderStatus.PENDING:
        order.submitted_at = work.now
        await change_status(work, order, OrderTrigger.SUBMIT, "Sent to the venue")
    return True


async def _place_or_find(operation: Operation, venue: Venue, order: Order) -> VenueReport | None:
    # None: the venue does not know the order, and it is too late to send it.
    if order.attempts > 1:
        report = await venue.find(order.wallet_id, order.client_order_id, order.symbol)
        if report is not None:
            return report
    if (order.triggered_at or order.created_at) < operation.clock.now() - TOO_LATE_AFTER:
        return None
    kind = order.sent_type
    # What waited with the server has done its waiting: at the market it trades now.
    waits = order.triggered_at is None or kind is not OrderType.MARKET
    return await venue.place(
        VenueOrder(
            account=order.wallet_id,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            order_type=kind,
            quantity=order.quantity,
            price=order.price,
            stop_price=order.stop_price if order.triggered_at is None else None,
            time_in_force=order.time_in_force if waits else TimeInForce.GTC,
            reduce_only=order.reduce_only,
            trail=order.trail if order.triggered_at is None else None,
            trail_is_percent=order.trail_is_percent,
            expires_at=order.expires_at if waits else None,
            post_only=order.post_only,
            book=order.book,
            position=await _held(operation, order) if order.reduce_only else None,
        )
    )


async def _rate(operation: Operation, currency: str, instrument: Instrument) -> Decimal | None:
    try:
        return (await operation.use(Market).price(f"{currency}/{instrument.quote}")).price
    except DomainError as refusal:
        log.warning("order.fee_unpriced", currency=currency, quote=instrument.quote, code=refusal.code.value)
        return None


async def _looked_up(venue: Venue, order: Order) -> VenueReport | None:
    try:
        return await venue.find(order.wallet_id, order.client_order_id, order.symbol)
    except VenueUnavailable:
        return None


async def _held(operation: Operation, order: Order) -> Decimal:
    query = select(Position).where(
        Position.wallet_id == order.wallet_id,
        Position.symbol == order.symbol,
        Position.book == order.book,
        Position.status == PositionStatus.OPEN,
    )
    async with operation.reading() as work:
        with localcontext(EXACT):
            return sum((position.signed_quantity for position in await work.session.scalars(query)), Decimal(0))
