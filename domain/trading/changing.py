"""Takes orders back, one by one or all at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.audit.recording import audited, entry_of
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.permissions import Permission, requires
from domain.market.instruments import canonical_symbol
from domain.runtime.keyset import equal
from domain.runtime.operation import Operation
from domain.trading.cancelling import withdraw
from domain.trading.machine import LIVE, TERMINAL
from domain.trading.models import CancelReason, Order, OrderStatus
from domain.trading.records import OrderRecord, order_record
from domain.trading.service import get_order, orders_visible_to
from domain.trading.syncing import settle
from domain.wallets.models import Wallet
from domain.wallets.service import wallets_visible_to


@dataclass(frozen=True, slots=True)
class OrdersCancelled:
    """What became of every order that was to be cancelled; `unresolved` ones are asked for until their venue answers."""

    cancelled: Sequence[str]
    already_ended: Sequence[str]
    unresolved: Sequence[str]


@dataclass(frozen=True, slots=True)
class OrderMonitored:
    """The answer to looking at one order."""

    success: bool
    message: str
    order: Order


@audited("order.cancel", id="order_id")
@requires(Permission.ORDERS_WRITE)
async def cancel_order(operation: Operation, order_id: str) -> OrderRecord:
    """Cancel what is left of an order; its fills stand. One whose fate is unknown is looked up first.

    Of a cancellation and a fill that race each other one wins. Raises NotFound, INVALID_ORDER_STATE with the order's `status` when it has
    ended before, VENUE_REJECTED, and VENUE_UNAVAILABLE when the venue does not tell; it is then cancelled as soon as it does.
    """
    async with operation.reading() as work:
        order = await get_order(work, order_id)
    if order.status in TERMINAL:
        raise unchangeable(order, "be cancelled")
    order = await withdraw(operation, order_id, CancelReason.USER)
    if order.status is not OrderStatus.CANCELLED:
        raise unchangeable(order, "be cancelled")
    async with operation.reading() as work:
        return await order_record(work, order_id)


@audited("order.cancel_all")
@requires(Permission.ORDERS_WRITE)
async def cancel_all_orders(operation: Operation, symbol: str | None = None, wallet_id: str | None = None) -> OrdersCancelled:
    """Cancel every order of the caller that can still be filled, those of flows too, or only those of a symbol or a wallet.

    A venue that does not answer holds up nothing: its orders are cancelled as soon as it does. Raises UNKNOWN_SYMBOL, NotFound.
    """
    wanted = canonical_symbol(symbol)
    async with operation.reading() as work:
        if wallet_id is not None and await work.session.scalar(wallets_visible_to(work.caller).where(Wallet.id == wallet_id)) is None:
            raise NotFound("Wallet", wallet_id)
        query = equal(orders_visible_to(work.caller), (Order.symbol, wanted), (Order.wallet_id, wallet_id))
        query = query.where(Order.user_id == work.caller.id, Order.status.in_(LIVE | {OrderStatus.CANCELLING}))
        orders = (await work.session.scalars(query.order_by(Order.id))).all()
    entry_of(operation).add(orders=len(orders))
    cancelled, ended, unresolved = await withdraw_all(operation, [order.id for order in orders], CancelReason.USER)
    return OrdersCancelled(cancelled, ended, unresolved)


async def withdraw_all(operation: Operation, order_ids: Sequence[str], reason: CancelReason) -> tuple[list[str], list[str], list[str]]:
    """Withdraw orders one after the other; returns the ids of those cancelled, ended otherwise, and not settled yet."""
    cancelled: list[str] = []
    ended: list[str] = []
    unresolved: list[str] = []
    for order_id in order_ids:
        try:
            order = await withdraw(operation, order_id, reason)
        except DomainError:
            unresolved.append(order_id)
            continue
        kept = cancelled if order.status is OrderStatus.CANCELLED else ended if order.status in TERMINAL else unresolved
        kept.append(order_id)
    return cancelled, ended, unresolved


@audited("order.monitor", id="order_id")
@requires(Permission.ORDERS_WRITE)
async def monitor_order(operation: Operation, order_id: str) -> OrderMonitored:
    """Ask the venue how an order stands, and book what it tells; a venue that is silent is an answer, not an error. Raises NotFound."""
    async with operation.reading() as work:
        order = await get_order(work, order_id)
    if order.status in TERMINAL:
        return OrderMonitored(True, "Order already complete", order)
    order = await settle(operation, order_id)
    if order.unresolved_at is not None:
        return OrderMonitored(False, order.status_reason or "The venue does not answer", order)
    return OrderMonitored(True, "Order updated", order)


def unchangeable(order: Order, what: str) -> DomainError:
    """Return why an order cannot be changed or cancelled: it has ended, or nobody knows how it stands."""
    if order.status not in TERMINAL:
        return DomainError(
            ErrorCode.VENUE_UNAVAILABLE, "The venue does not answer; the order is looked up until it does", order_id=order.id
        )
    message = f"Order cannot {what}. Current status: {order.status.value}"
    return DomainError(ErrorCode.INVALID_ORDER_STATE, message, status=order.status.value, order_id=order.id)
