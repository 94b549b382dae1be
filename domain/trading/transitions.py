"""Moves orders on, one at a time: with the lock of their wallet, their history and their event."""

from sqlalchemy import func, select, update

from domain.kernel.errors import NotFound
from domain.kernel.ids import new_id
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.events import order_updated
from domain.trading.machine import ORDER_MACHINE, RESTING, TERMINAL, UNSENT, OrderTrigger
from domain.trading.models import CancelReason, Order, OrderStatus, OrderTransition, Position, PositionStatus
from domain.wallets.ledger import lock_wallet
from domain.wallets.models import Wallet

# Changes whose reason people want to read with the status.
_TELLING = frozenset(
    {OrderTrigger.REJECT, OrderTrigger.CANCEL, OrderTrigger.EXPIRE, OrderTrigger.FAIL, OrderTrigger.KEEP_OPEN, OrderTrigger.KEEP_PARTLY}
)
REASONS = {
    CancelReason.USER: "user",
    CancelReason.SYSTEM: "Cancelled by the server",
    CancelReason.INSUFFICIENT_FUNDS: "The wallet can no longer pay for it",
    CancelReason.LIQUIDATION: "Cancelled because the wallet is short of margin",
    CancelReason.GROUP: "Another order of its group takes its place",
}


async def lock_order(work: UnitOfWork, order_id: str) -> tuple[Order, Wallet]:
    """Return an order as it stands now, with its wallet, which is held until the end of this transaction."""
    wallet_id = await work.session.scalar(select(Order.wallet_id).where(Order.id == order_id))
    if wallet_id is None:
        raise NotFound("Order", order_id)
    # The wallet first, as everywhere: whoever holds it waits for nobody.
    wallet = await lock_wallet(work, wallet_id)
    return await work.session.get_one(Order, order_id, populate_existing=True), wallet


async def change_status(work: UnitOfWork, order: Order, trigger: OrderTrigger, reason: str) -> None:
    """Move an order on, with its history and its event. Call it under the wallet's lock. Raises INVALID_ORDER_STATE."""
    order.status = ORDER_MACHINE.after(order.status, trigger)
    order.updated_at = work.now
    order.status_reason = reason[:255] if trigger in _TELLING else None
    if order.status is OrderStatus.FILLED:
        order.filled_at = work.now
    if order.status in TERMINAL:
        order.closed_at, order.attempt_until = work.now, None
        # An exit that ended without closing its position frees it for the next attempt.
        await work.session.execute(
            update(Position).where(Position.exit_order_id == order.id, Position.status == PositionStatus.OPEN).values(exit_order_id=None)
        )
    seq = await work.session.scalar(select(func.count()).where(OrderTransition.order_id == order.id)) or 0
    transition = OrderTransition(
        id=new_id("trans"), order_id=order.id, seq=seq + 1, status=order.status, reason=reason[:255], created_at=work.now
    )
    work.session.add(transition)
    work.emit(order_updated(order))


async def request_cancel(work: UnitOfWork, order: Order, reason: CancelReason, why: str | None = None) -> bool:
    """Mark an order as being cancelled, under its wallet's lock; one that the venue has not heard of is cancelled at once.

    Returns whether the venue is to be asked; `withdraw` does that, or the round that settles orders. An order whose fate is not known
    yet is left alone.
    """
    text = why or REASONS[reason]
    if order.status in UNSENT:
        order.cancel_reason = reason
        await change_status(work, order, OrderTrigger.CANCEL, text)
        return False
    if order.status in RESTING:
        order.cancel_reason = reason
        await change_status(work, order, OrderTrigger.REQUEST_CANCEL, text)
    return order.status is OrderStatus.CANCELLING
