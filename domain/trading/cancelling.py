"""Takes orders back: what is left of one is taken off the venue, and what was filled before stands."""

from domain.exchanges.venue import Refusal, VenueRejected, VenueUnavailable
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.machine import TERMINAL, UNCONFIRMED, OrderTrigger
from domain.trading.models import CancelReason, Order
from domain.trading.sending import leave_unresolved, record, send, take_turn
from domain.trading.transitions import change_status, lock_order
from domain.trading.transitions import request_cancel as request_cancel


async def withdraw(operation: Operation, order_id: str, reason: CancelReason, why: str | None = None) -> Order:
    """Take what is left of an order off its venue and return it as it then stands: cancelled, or ended before that.

    An order that stays `cancelling` or `submitted` is one whose venue does not answer; it is asked until it does. Raises NotFound,
    and VENUE_REJECTED when the venue refuses to cancel it. Never call it inside a transaction.
    """

    async def prepare(work: UnitOfWork, order: Order) -> bool:
        return await request_cancel(work, order, reason, why)

    turn = await take_turn(operation, order_id, prepare)
    if not turn.is_mine and turn.order.status in UNCONFIRMED:
        # Nobody knows yet whether the venue has it.
        await send(operation.unrecorded(), order_id)
        turn = await take_turn(operation, order_id, prepare)
    if not turn.is_mine:
        return turn.order
    order, venue = turn.order, turn.venue
    try:
        report = await venue.cancel(order.wallet_id, order.client_order_id, order.symbol)
    except VenueUnavailable as silence:
        return await leave_unresolved(operation, order, venue, silence)
    except VenueRejected as refusal:
        if refusal.reason is Refusal.ORDER_NOT_FOUND:
            return await leave_unresolved(operation, order, venue, VenueUnavailable("it does not know an order that it had accepted"))
        await _keep(operation, order.id, refusal)
        raise DomainError(ErrorCode.VENUE_REJECTED, f"The venue refused to cancel it: {refusal}", order_id=order.id) from refusal
    return await record(operation, order, report)


async def _keep(operation: Operation, order_id: str, refusal: VenueRejected) -> None:
    async with operation.unit_of_work() as work:
        order, _ = await lock_order(work, order_id)
        if order.status not in TERMINAL:
            order.cancel_reason, order.attempt_until = None, None
            trigger = OrderTrigger.KEEP_PARTLY if order.filled_quantity else OrderTrigger.KEEP_OPEN
            await change_status(work, order, trigger, f"The venue refused to cancel it: {refusal}")
