"""What tests of held orders and groups ask for and look at."""

from decimal import Decimal

from domain.exchanges.venue import OrderType, Side
from domain.trading.exposure import standings_of
from domain.trading.funds import Funds, funds_of
from domain.trading.grouping import GroupLeg, GroupRequest
from domain.trading.models import Order, OrderTransition
from domain.trading.triggering import watch_held_orders
from domain.wallets.models import Wallet
from tests.domain.trading.desk import Desk


def leg(order_type: str, **values: str) -> GroupLeg:
    return GroupLeg(order_type=OrderType(order_type), **{name: Decimal(value) for name, value in values.items()})  # type: ignore[arg-type]


def oco(*legs: GroupLeg, side: Side = Side.SELL, quantity: str = "0.1", **more: object) -> GroupRequest:
    return GroupRequest(symbol="BTC/USDT", side=side, quantity=Decimal(quantity), legs=legs, **more)  # type: ignore[arg-type]


async def orders_of(desk: Desk) -> list[Order]:
    return sorted(await desk.rows(Order), key=lambda order: order.id)


async def order(desk: Desk, order_id: str) -> Order:
    return next(order for order in await desk.rows(Order) if order.id == order_id)


async def reasons(desk: Desk, order_id: str) -> list[str]:
    rows = [row for row in await desk.rows(OrderTransition) if row.order_id == order_id]
    return [row.reason for row in sorted(rows, key=lambda row: row.seq)]


async def statuses(desk: Desk, order_id: str) -> list[str]:
    rows = [row for row in await desk.rows(OrderTransition) if row.order_id == order_id]
    return [row.status.value for row in sorted(rows, key=lambda row: row.seq)]


async def funds(desk: Desk) -> Funds:
    async with desk.system.reading() as work:
        wallet = await desk.row(Wallet)
        return await funds_of(work, wallet, await standings_of(work, wallet), "USDT")


async def watch(desk: Desk, price: str) -> list[str]:
    """Let the market stand at a price, and one round look at it."""
    desk.price("BTC/USDT", price)
    return await watch_held_orders(desk.system)
