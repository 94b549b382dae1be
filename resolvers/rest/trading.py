"""Trading routes of `/api/v1` that are more than one call: a preview whose order is in the query."""

from decimal import Decimal

from domain.exchanges.venue import Side
from domain.kernel.permissions import Permission, requires
from domain.runtime.operation import Operation
from domain.trading import previewing
from domain.trading.previewing import OrderPreview
from schema.rest.orders import OrderBody, OrderTypeWord, TimeInForceWord


@requires(Permission.ORDERS_READ)
async def preview_order(
    operation: Operation,
    symbol: str,
    side: Side,
    quantity: Decimal,
    order_type: OrderTypeWord = "market",
    price: Decimal | None = None,
    stop_price: Decimal | None = None,
    time_in_force: TimeInForceWord = "GTC",
    user_wallet_id: str | None = None,
    reduce_only: bool = False,
) -> OrderPreview:
    """Return what placing this order now would come to: size, fee, margin, and all that would be said to it; nothing is placed.

    Raises VALIDATION_ERROR, UNKNOWN_SYMBOL, QUANTITY_TOO_SMALL, ORDER_TYPE_UNSUPPORTED, INVALID_POSITION_STATE, NOT_FOUND for the
    wallet, NO_MARKET_DATA, MARKET_UNAVAILABLE, VENUE_UNAVAILABLE, WALLET_NOT_CONNECTED.
    """
    body = OrderBody(
        symbol=symbol,
        side=side,
        quantity=quantity,
        order_type=order_type,
        price=price,
        stop_price=stop_price,
        time_in_force=time_in_force,
        user_wallet_id=user_wallet_id,
        reduce_only=reduce_only,
    )
    return await previewing.preview_order(operation, **body.arguments())
