"""Takes orders back and changes them, as far as their venue has not heard of them or lets them rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from domain.audit.recording import audited
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Permission, requires
from domain.runtime.operation import Operation
from domain.trading.booking import change_status
from domain.trading.machine import TERMINAL, OrderTrigger
from domain.trading.models import Order, OrderStatus
from domain.trading.records import OrderRecord, order_record
from domain.trading.sending import send
from domain.trading.service import get_order
from domain.wallets.ledger import lock_wallet


@dataclass(frozen=True, slots=True)
class OrderChanges:
    """What is to change; None leaves it. `stated` holds fields that the client sent along: they must be what they are already."""

    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    stated: Mapping[str, Any] = field(default_factory=dict)


@audited("order.cancel", id="order_id")
@requires(Permission.ORDERS_WRITE)
async def cancel_order(operation: Operation, order_id: str) -> OrderRecord:
    """Cancel an order that its venue has not heard of yet; one whose fate is unknown is looked up first.

    Raises NotFound, INVALID_ORDER_STATE with the order's `status` when it has ended, VENUE_UNAVAILABLE when the venue does not tell.
    """
    async with operation.unit_of_work() as work:
        order = await get_order(work, order_id)
        await lock_wallet(work, order.wallet_id)
        await work.session.refresh(order)
        if order.status is OrderStatus.PENDING:
            await change_status(work, order, OrderTrigger.CANCEL, "user")
            return await order_record(work, order_id)
    raise _unchangeable(await _settled(operation, order), "be cancelled")


@audited("order.amend", id="order_id")
@requires(Permission.ORDERS_WRITE)
async def amend_order(operation: Operation, order_id: str, changes: OrderChanges) -> OrderRecord:
    """Change a resting order. Market orders, the only ones that the venues of this version take, never rest: they are refused.

    Raises NotFound, IMMUTABLE_FIELD, VALIDATION_ERROR when nothing is to change, INVALID_ORDER_STATE, VENUE_UNAVAILABLE.
    """
    async with operation.reading() as work:
        order = await get_order(work, order_id)
    for name, value in changes.stated.items():
        if value is not None and getattr(order, name) != value:
            raise DomainError(ErrorCode.IMMUTABLE_FIELD, f"{name} of an order never changes", field=name)
    if changes.quantity is None and changes.price is None and changes.stop_price is None:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "Give quantity, price or stop_price", field="body")
    raise _unchangeable(await _settled(operation, order), "be amended")


async def _settled(operation: Operation, order: Order) -> Order:
    return order if order.status in TERMINAL else await send(operation.unrecorded(), order.id)


def _unchangeable(order: Order, what: str) -> DomainError:
    if order.status not in TERMINAL:
        return DomainError(
            ErrorCode.VENUE_UNAVAILABLE, "The venue does not answer; the order is looked up until it does", order_id=order.id
        )
    message = f"Order cannot {what}. Current status: {order.status.value}"
    return DomainError(ErrorCode.INVALID_ORDER_STATE, message, status=order.status.value, order_id=order.id)
