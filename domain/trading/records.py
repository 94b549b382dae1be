"""Orders as people read them: with their fills, their history, and the unit they count."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.audit.recording import audited
from domain.kernel.errors import NotFound
from domain.kernel.permissions import Permission, requires
from domain.market.candles import Ticker
from domain.market.instruments import find_instrument
from domain.market.market import Market
from domain.runtime.operation import Operation
from domain.runtime.paging import Limit, Offset, Page
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.models import Fill, Order, OrderStatus, OrderTransition
from domain.trading.placing import place_order
from domain.trading.requests import OrderRequest
from domain.trading.service import NetPosition, energy_positions, fills_of, get_order, list_orders, order_by_client_id, transitions_of


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order with its fills and its changes of status, oldest first."""

    order: Order
    fills: Sequence[Fill]
    transitions: Sequence[OrderTransition]

    @property
    def unit(self) -> str:
        return find_instrument(self.order.symbol).unit


@requires(Permission.ORDERS_READ)
async def order_records(
    work: UnitOfWork, status: OrderStatus | None = None, symbol: str | None = None, limit: Limit = 10, offset: Offset = 0
) -> Page[OrderRecord]:
    """Return the caller's orders with all that belongs to them, newest first; the status `open` means every live order."""
    page = await list_orders(work, status, symbol, limit, offset)
    return Page(await records_of(work, page.items), page.total)


@requires(Permission.ORDERS_READ)
async def order_record(work: UnitOfWork, order_id: str) -> OrderRecord:
    """Return one order with all that belongs to it. Raises NotFound."""
    return (await records_of(work, [await get_order(work, order_id)]))[0]


@requires(Permission.ORDERS_READ)
async def order_record_by_client_id(work: UnitOfWork, client_order_id: str) -> OrderRecord:
    """Return the caller's order with this client order id, with all that belongs to it. Raises NotFound."""
    order = await order_by_client_id(work, client_order_id)
    if order is None:
        raise NotFound("Order", client_order_id)
    return (await records_of(work, [order]))[0]


async def records_of(work: UnitOfWork, orders: Sequence[Order]) -> list[OrderRecord]:
    """Return the orders with their fills and transitions, in three statements however many they are."""
    order_ids = [order.id for order in orders]
    fills, transitions = await fills_of(work, order_ids), await transitions_of(work, order_ids)
    return [OrderRecord(order, fills[order.id], transitions[order.id]) for order in orders]


@audited("order.create")
@requires(Permission.ORDERS_WRITE)
async def place_and_read(operation: Operation, request: OrderRequest) -> OrderRecord:
    """Place an order and return it as it then stands, with its fills.

    Raises what `place_order` raises: VALIDATION_ERROR, UNKNOWN_SYMBOL, ORDER_TYPE_UNSUPPORTED, QUANTITY_TOO_SMALL, NOT_FOUND for the
    wallet, TRADING_HALTED, INSUFFICIENT_FUNDS, RISK_LIMIT_EXCEEDED, PLAN_LIMIT_REACHED, IDEMPOTENCY_CONFLICT, NO_MARKET_DATA,
    MARKET_UNAVAILABLE, WALLET_NOT_CONNECTED.
    """
    order = await place_order(operation, request)
    async with operation.reading() as work:
        return await order_record(work, order.id)


@dataclass(frozen=True, slots=True)
class MarkedPosition:
    """A net position with the price's change per unit in 24 hours; None when the market does not tell."""

    net: NetPosition
    day_change: Decimal | None
    day_change_percent: Decimal | None


@requires(Permission.POSITIONS_READ)
async def net_positions(operation: Operation, symbol: str | None = None, include_closed: bool = False) -> list[MarkedPosition]:
    """Return the caller's net position in every symbol, sorted by symbol, with the day's price change."""
    async with operation.reading() as work:
        nets = await energy_positions(work, symbol, include_closed)
    tickers = await asyncio.gather(*(operation.use(Market).ticker(net.symbol) for net in nets), return_exceptions=True)
    return [
        MarkedPosition(net, ticker.change_24h, ticker.change_percent_24h) if isinstance(ticker, Ticker) else MarkedPosition(net, None, None)
        for net, ticker in zip(nets, tickers, strict=True)
    ]
