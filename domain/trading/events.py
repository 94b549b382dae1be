"""The facts that trading tells: an order or a position has changed."""

from decimal import Decimal

from domain.kernel.events import Event
from domain.kernel.money import plain
from domain.trading.models import MarginLevel, Order, Position
from domain.wallets.models import Wallet

ORDER_UPDATED = "order.updated"
POSITION_UPDATED = "position.updated"
MARGIN_UPDATED = "margin.updated"
MARGIN_RESTORED = "restored"


def order_updated(order: Order) -> Event:
    """Tell the order as it now stands."""
    payload = {
        "order_id": order.id,
        "symbol": order.symbol,
        "side": order.side.value,
        "order_type": order.order_type.value,
        "status": order.status.value,
        "requested_amount": plain(order.quantity),
        "filled_amount": plain(order.filled_quantity),
        "average_fill_price": _plain(order.average_fill_price),
        "total_fees": plain(order.total_fees),
        "fee_currency": order.fee_currency,
        "purpose": order.purpose.value,
        "reason": order.status_reason,
        "client_order_id": order.client_order_id,
        "position_id": order.position_id,
        "flow_id": order.flow_id,
        "execution_id": order.execution_id,
    }
    return Event(ORDER_UPDATED, order.user_id, order.id, payload, order.execution_id)


def position_updated(position: Position) -> Event:
    """Tell the position as it now stands; `execution_id` is the run that opened it."""
    payload = {
        "position_id": position.id,
        "status": position.status.value,
        "symbol": position.symbol,
        "side": position.side.value,
        "quantity": plain(position.quantity),
        "entry_price": plain(position.entry_price),
        "current_price": plain(position.current_price),
        "unrealized_pnl": plain(position.unrealized_pnl),
        "unrealized_pnl_percent": plain(position.unrealized_pnl_percent),
        "realized_pnl": plain(position.realized_pnl),
        "currency": position.currency,
        "exit_quantity": plain(position.exit_quantity),
        "exit_price": _plain(position.exit_price),
        "stop_loss": _plain(position.stop_loss),
        "take_profit": _plain(position.take_profit),
        "exit_reason": None if position.exit_reason is None else position.exit_reason.value,
        "flow_id": position.flow_id,
    }
    return Event(POSITION_UPDATED, position.user_id, position.id, payload, position.execution_id)


def margin_updated(wallet: Wallet, currency: str, level: MarginLevel | None, equity: Decimal, maintenance: Decimal) -> Event:
    """Tell how a wallet's margin in a currency now stands; the level is `restored` where there is enough of it again."""
    payload = {
        "wallet_id": wallet.id,
        "nickname": wallet.nickname,
        "currency": currency,
        "level": MARGIN_RESTORED if level is None else level.value,
        "equity": plain(equity),
        "maintenance_margin": plain(maintenance),
    }
    return Event(MARGIN_UPDATED, wallet.user_id, wallet.id, payload)


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
