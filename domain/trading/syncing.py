"""Keeps our books and the venues' in step: every live order is compared with what its venue says, again and again."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, or_, select

from domain.exchanges.venue import Venue, VenueOpenOrder, VenueRejected, Venues, VenueUnavailable
from domain.kernel.errors import DomainError
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.cancelling import withdraw
from domain.trading.machine import AT_THE_VENUE, UNCONFIRMED
from domain.trading.models import CancelReason, Order, OrderStatus
from domain.trading.sending import leave_unresolved, record, send, take_turn
from domain.wallets.models import Wallet

log = structlog.get_logger()

UNSETTLED_AFTER = timedelta(seconds=3)
BATCH = 100
AT_ONCE = 8


@dataclass
class LastLooks:
    """When each wallet was last compared with its venue, in this process."""

    at: dict[str, datetime] = field(default_factory=dict)


async def settle(operation: Operation, order_id: str) -> Order:
    """Ask the venue how an order stands and book what it tells; returns the order as it then stands.

    One that was to be cancelled is cancelled again. An order that its venue does not know, or does not tell of, stays unresolved.
    Never call it inside a transaction.
    """
    turn = await take_turn(operation, order_id, _is_at_the_venue)
    if not turn.is_mine:
        return turn.order if turn.order.status not in UNCONFIRMED else await send(operation, order_id)
    order, venue = turn.order, turn.venue
    try:
        report = await venue.find(order.wallet_id, order.client_order_id, order.symbol)
    except VenueUnavailable as silence:
        return await leave_unresolved(operation, order, venue, silence)
    if report is None:
        return await leave_unresolved(operation, order, venue, VenueUnavailable("it does not know an order that it had accepted"))
    order = await record(operation, order, report)
    if order.status is OrderStatus.CANCELLING:
        return await withdraw(operation, order_id, order.cancel_reason or CancelReason.SYSTEM)
    return order


async def resume_orders(operation: Operation) -> list[str]:
    """Settle orders that nobody is looking after: written or sent a few seconds ago and not confirmed since, oldest first.

    Returns the ids of those that it looked at. Called by the timetable, and so also after a restart.
    """
    async with operation.reading() as work:
        free = or_(Order.attempt_until.is_(None), Order.attempt_until <= work.now)
        query = select(Order.id).where(
            Order.status.in_(UNCONFIRMED), func.coalesce(Order.triggered_at, Order.created_at) <= work.now - UNSETTLED_AFTER, free
        )
        order_ids = (await work.session.scalars(query.order_by(Order.updated_at, Order.created_at).limit(BATCH))).all()
    for order_id in order_ids:
        try:
            await send(operation, order_id)
        except DomainError as refusal:
            # One order of a venue that is not connected must not hold up the others.
            log.warning("order.not_resumed", order_id=order_id, code=refusal.code.value, reason=refusal.message)
    return list(order_ids)


async def sync_orders(operation: Operation) -> list[str]:
    """Compare every wallet's live orders with its venue, and settle those that differ; returns their ids.

    One question a wallet, as often as its venue likes to be asked. A venue that does not answer holds up only its own wallets.
    """
    async with operation.reading() as work:
        query = select(Order, Wallet.venue_slug).join(Wallet, Wallet.id == Order.wallet_id)
        rows = (await work.session.execute(query.where(Order.status.in_(AT_THE_VENUE)).order_by(Order.id))).all()
    by_wallet: dict[tuple[str, str], list[Order]] = defaultdict(list)
    for order, slug in rows:
        by_wallet[order.wallet_id, slug].append(order)
    looks = operation.runtime.lasting(LastLooks).at
    now, gate = operation.clock.now(), asyncio.Semaphore(AT_ONCE)
    due = []
    for (wallet_id, slug), orders in by_wallet.items():
        try:
            venue = operation.use(Venues).of(slug)
        except DomainError as refusal:
            log.warning("orders.not_synced", wallet_id=wallet_id, reason=refusal.message)
            continue
        if wallet_id not in looks or looks[wallet_id] + timedelta(seconds=venue.sync_seconds) <= now:
            looks[wallet_id] = now
            due.append(_sync_wallet(operation, venue, wallet_id, orders, gate))
    for wallet_id in looks.keys() - {wallet_id for wallet_id, _ in by_wallet}:
        del looks[wallet_id]
    return [order_id for settled in await asyncio.gather(*due) for order_id in settled]


async def _sync_wallet(
    operation: Operation, venue: Venue, wallet_id: str, orders: Sequence[Order], gate: asyncio.Semaphore
) -> list[str]:  # fmt: skip
    async with gate:
        settled = []
        try:
            told = {order.client_id: order for order in await venue.open_orders(wallet_id) if order.client_id is not None}
            for order in orders:
                if _differs(order, told.get(venue.known_as(wallet_id, order.client_order_id))):
                    await settle(operation, order.id)
                    settled.append(order.id)
        except (VenueUnavailable, VenueRejected, DomainError) as trouble:
            log.warning("orders.not_synced", wallet_id=wallet_id, venue=venue.name, reason=str(trouble))
        return settled


def _differs(order: Order, told: VenueOpenOrder | None) -> bool:
    if told is None or order.status is OrderStatus.CANCELLING or order.is_amending or order.unresolved_at is not None:
        return True
    if told.price is not None and order.price is not None and told.price != order.price:
        return True
    return (told.filled, told.quantity) != (order.filled_quantity, order.quantity)


async def _is_at_the_venue(work: UnitOfWork, order: Order) -> bool:
    return order.status in AT_THE_VENUE
