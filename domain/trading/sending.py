"""Hands written orders to their venue, each at most once, and finds out what became of those whose answer was lost."""

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import or_, select

from domain.exchanges.venue import Venue, VenueOrder, VenueRejected, VenueReport, Venues, VenueStatus, VenueUnavailable
from domain.kernel.errors import DomainError
from domain.runtime.operation import Operation
from domain.trading.booking import change_status, lock_order, record_report
from domain.trading.machine import ACTIVE, TERMINAL, UNCONFIRMED, OrderTrigger
from domain.trading.models import Order, OrderStatus

log = structlog.get_logger()

# A market order is meant for now: one that has not reached the venue by then is given up instead of filled at another day's price.
TOO_LATE_AFTER = timedelta(minutes=5)
UNSETTLED_AFTER = timedelta(seconds=3)
LOOK_AGAIN_SECONDS = 0.1
BATCH = 100


async def send(operation: Operation, order_id: str) -> Order:
    """Hand a written order to its venue and record the answer; returns the order as it then stands.

    Safe to call again after a crash, late, or twice at once: only one caller at a time talks to the venue about an order, and an
    order that may have been sent before is looked up first. A venue's refusal makes the order `rejected`. When the venue does not
    answer, the order stays `submitted`, and `resume_orders` finds out later. Never call it inside a transaction.
    """
    waited = 0.0
    while True:
        order, slug, is_mine = await _take(operation, order_id)
        if is_mine:
            break
        patience = operation.use(Venues).of(slug).call_seconds
        if order.status in TERMINAL or waited >= patience:
            return order
        # Somebody else is asking the venue at this moment.
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        waited += LOOK_AGAIN_SECONDS
    venue = operation.use(Venues).of(slug)
    try:
        report = await _ask(venue, order, _too_late(operation, order))
    except VenueRejected as refusal:
        report = VenueReport("", VenueStatus.REJECTED, reason=str(refusal))
    except VenueUnavailable as silence:
        log.warning("order.unresolved", order_id=order.id, venue=venue.name, attempts=order.attempts, reason=str(silence))
        return await _leave_open(operation, order_id, str(silence))
    async with operation.unit_of_work() as work:
        if report is None:
            order, _ = await lock_order(work, order_id)
            if order.status in UNCONFIRMED:
                await change_status(work, order, OrderTrigger.FAIL, "It did not reach the venue in time")
            return order
        return await record_report(work, order_id, report)


async def resume_orders(operation: Operation) -> list[str]:
    """Settle orders that nobody is looking after: written or sent a few seconds ago and still without an outcome.

    Returns the ids of those that it looked at. Called by the timetable, and so also after a restart.
    """
    async with operation.reading() as work:
        old = work.now - UNSETTLED_AFTER
        query = (
            select(Order.id)
            .where(Order.status.in_(ACTIVE), Order.created_at <= old, or_(Order.attempt_until.is_(None), Order.attempt_until <= work.now))
            .order_by(Order.created_at)
            .limit(BATCH)
        )
        order_ids = (await work.session.scalars(query)).all()
    for order_id in order_ids:
        try:
            await send(operation, order_id)
        except DomainError as refusal:
            # One order of a venue that is not connected must not hold up the others.
            log.warning("order.not_resumed", order_id=order_id, code=refusal.code.value, reason=refusal.message)
    return list(order_ids)


async def _take(operation: Operation, order_id: str) -> tuple[Order, str, bool]:
    # The commit of this mark comes before the call: whoever finds it later knows that the venue may have the order.
    async with operation.unit_of_work() as work:
        order, wallet = await lock_order(work, order_id)
        slug = wallet.definition_slug
        busy = order.attempt_until is not None and order.attempt_until > work.now
        if order.status in TERMINAL or busy:
            return order, slug, False
        order.attempts += 1
        order.attempt_until = work.now + timedelta(seconds=operation.use(Venues).of(slug).call_seconds)
        if order.status is OrderStatus.PENDING:
            order.submitted_at = work.now
            await change_status(work, order, OrderTrigger.SUBMIT, "Sent to the venue")
        return order, slug, True


async def _ask(venue: Venue, order: Order, too_late: bool) -> VenueReport | None:
    # None: the venue does not know the order, and it is too late to send it.
    if order.attempts > 1:
        report = await venue.find(order.wallet_id, order.client_order_id, order.symbol)
        if report is not None:
            return report
        if order.status not in UNCONFIRMED:
            raise VenueUnavailable("The venue does not know an order that it had accepted")
    if too_late:
        return None
    return await venue.place(
        VenueOrder(
            account=order.wallet_id,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            order_type=order.order_type,
            quantity=order.quantity,
            price=order.price,
            stop_price=order.stop_price,
            time_in_force=order.time_in_force,
            reduce_only=order.reduce_only,
        )
    )


def _too_late(operation: Operation, order: Order) -> bool:
    return order.created_at < operation.clock.now() - TOO_LATE_AFTER


async def _leave_open(operation: Operation, order_id: str, reason: str) -> Order:
    async with operation.unit_of_work() as work:
        order, _ = await lock_order(work, order_id)
        if order.status not in TERMINAL:
            order.status_reason = f"The venue does not answer: {reason}"[:255]
            order.updated_at = work.now
        return order
