"""Keeps the orders of a group from filling more together than one of them would."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import select

from domain.kernel.money import EXACT, plain
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.machine import TERMINAL, UNSENT, OrderTrigger
from domain.trading.models import CancelReason, Order, OrderStatus
from domain.trading.transitions import change_status, request_cancel


async def share_fill(work: UnitOfWork, order: Order, quantity: Decimal) -> None:
    """Let the other orders of its group want so much less; called in the transaction that books the fill.

    An order at the venue is cancelled instead of being made smaller, and the venue told after the commit: what it would fill meanwhile
    is more than was asked for. That is why only one of a group is ever there.
    """
    for sibling in await siblings_of(work, order):
        left = EXACT.subtract(sibling.quantity, quantity)
        if order.status is OrderStatus.FILLED or left <= sibling.filled_quantity or sibling.status not in UNSENT:
            await request_cancel(work, sibling, CancelReason.GROUP)
        else:
            change = f"Amended: quantity {plain(sibling.quantity)} to {plain(left)}; another order of its group was filled in part"
            sibling.quantity = left
            await change_status(work, sibling, OrderTrigger.AMEND, change)


async def siblings_of(work: UnitOfWork, order: Order) -> Sequence[Order]:
    """Return the other orders of its group that can still be filled, as they stand; none where it has no group."""
    if order.group_id is None:
        return ()
    query = select(Order).where(Order.group_id == order.group_id, Order.id != order.id, Order.status.not_in(TERMINAL))
    return (await work.session.scalars(query.order_by(Order.id).execution_options(populate_existing=True))).all()
