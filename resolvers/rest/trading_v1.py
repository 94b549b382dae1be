"""Trading routes of `/v1` that are more than one call: amending with the whole order sent back, and pages of net positions."""

from collections.abc import Mapping
from typing import Any

from domain.audit.recording import carried_out_by
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Permission, requires
from domain.runtime.operation import Operation
from domain.runtime.paging import Limit, Offset, Page
from domain.trading import amending, records
from domain.trading.amending import OrderChanges
from domain.trading.records import MarkedPosition, OrderRecord
from schema.rest.trading_v1 import TradeView, changed_field


@carried_out_by(amending.amend_order)
@requires(Permission.ORDERS_WRITE)
async def amend_order(operation: Operation, order_id: str, changes: OrderChanges, stated: Mapping[str, Any]) -> OrderRecord:
    """Change the quantity or the prices of an order that can still be filled.

    Other fields may be sent along as they are. Raises NOT_FOUND, IMMUTABLE_FIELD, VALIDATION_ERROR when nothing is to change,
    INVALID_ORDER_STATE, VENUE_UNAVAILABLE.
    """
    async with operation.reading() as work:
        order = TradeView.of(await records.order_record(work, order_id))
    field = changed_field(order, stated)
    if field is not None:
        raise DomainError(ErrorCode.IMMUTABLE_FIELD, f"{field} of an order cannot be changed", field=field)
    return await amending.amend_order(operation, order_id, changes)


@requires(Permission.POSITIONS_READ)
async def list_net_positions(
    operation: Operation, symbol: str | None = None, include_closed: bool = False, limit: Limit | None = None, offset: Offset = 0
) -> Page[MarkedPosition]:
    """Return the caller's net position in every symbol, sorted by symbol; flat ones only with `include_closed`."""
    found = await records.net_positions(operation, symbol, include_closed)
    return Page(found[offset : None if limit is None else offset + limit], len(found))
