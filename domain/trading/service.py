"""What people may read of their trading: orders with history and fills, positions, and the net position per symbol."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from enum import StrEnum

from sqlalchemy import Select, false, select

from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.money import EXACT, percent_of
from domain.kernel.permissions import Caller, Permission, requires
from domain.market.instruments import find_instrument
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.booking import SMALLEST
from domain.trading.closing import find_position, positions_visible_to
from domain.trading.machine import LIVE
from domain.trading.models import Fill, Order, OrderStatus, OrderTransition, Position, PositionStatus

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class NetPosition:
    """What one user holds of one symbol over all wallets and flows, signed: negative is short.

    `average_price` is the break-even price of what is open before fees, 0 when flat. `unrealized_pnl` is
    `quantity x (current - average) x contract_size`, `realized_pnl` bears all fees; both in `currency`.
    """

    id: str
    user_id: str
    symbol: str
    quantity: Decimal
    average_price: Decimal
    current_price: Decimal
    market_value: Decimal
    unrealized_pnl: Decimal
    unrealized_pnl_percent: Decimal
    realized_pnl: Decimal
    currency: str
    unit: str
    contract_size: Decimal
    created_at: datetime
    updated_at: datetime


def orders_visible_to(caller: Caller) -> Select[Order]:
    """Return the select that every reading of orders starts from: the caller's own."""
    query = select(Order)
    return query if caller.is_system else query.where(Order.user_id == caller.id)


def fills_visible_to(caller: Caller) -> Select[Fill]:
    """Return the select that every reading of fills starts from: the caller's own."""
    query = select(Fill)
    return query if caller.is_system else query.where(Fill.user_id == caller.id)


@requires(Permission.ORDERS_READ)
async def list_orders(
    work: UnitOfWork, status: OrderStatus | str | None = None, symbol: str | None = None, limit: Limit = 10, offset: Offset = 0
) -> Page[Order]:
    """Return the caller's orders, newest first.

    The status `open` means every order that can still be filled: pending, submitted, open and partially filled. A symbol that is not in
    the catalogue has no orders.
    """
    query = orders_visible_to(work.caller).order_by(Order.created_at.desc(), Order.id.desc())
    if status is not None:
        wanted = _member(OrderStatus, status)
        query = query.where(Order.status.in_(LIVE if wanted is OrderStatus.OPEN else {wanted}))
    if symbol is not None:
        known = _symbol(symbol)
        query = query.where(Order.symbol == known if known else false())
    return await page_of(work.session, query, limit, offset)


@requires(Permission.ORDERS_READ)
async def get_order(work: UnitOfWork, order_id: str) -> Order:
    """Return one order. Raises NotFound."""
    order = await work.session.scalar(orders_visible_to(work.caller).where(Order.id == order_id))
    if order is None:
        raise NotFound("Order", order_id)
    return order


@requires(Permission.ORDERS_READ)
async def order_by_client_id(work: UnitOfWork, client_order_id: str, user_id: str | None = None) -> Order | None:
    """Return the order with the caller's (for the system: the named user's) client order id, None if there is none."""
    owner = user_id if work.caller.is_system else work.caller.id
    query = orders_visible_to(work.caller).where(Order.user_id == owner, Order.client_order_id == client_order_id)
    return (await work.session.scalars(query)).one_or_none()


@requires(Permission.ORDERS_READ)
async def fills_of(work: UnitOfWork, order_ids: Sequence[str]) -> dict[str, list[Fill]]:
    """Return the fills of these orders, oldest first, by order; one statement however many there are."""
    found: dict[str, list[Fill]] = {order_id: [] for order_id in order_ids}
    query = fills_visible_to(work.caller).where(Fill.order_id.in_(found)).order_by(Fill.executed_at, Fill.id)
    for fill in await work.session.scalars(query):
        found[fill.order_id].append(fill)
    return found


@requires(Permission.ORDERS_READ)
async def transitions_of(work: UnitOfWork, order_ids: Sequence[str]) -> dict[str, list[OrderTransition]]:
    """Return the status history of these orders, oldest first, by order."""
    found: dict[str, list[OrderTransition]] = {order_id: [] for order_id in order_ids}
    visible = orders_visible_to(work.caller).where(Order.id.in_(found)).with_only_columns(Order.id)
    query = select(OrderTransition).where(OrderTransition.order_id.in_(visible)).order_by(OrderTransition.order_id, OrderTransition.seq)
    for transition in await work.session.scalars(query):
        found[transition.order_id].append(transition)
    return found


@requires(Permission.POSITIONS_READ)
async def list_positions(
    work: UnitOfWork, status: PositionStatus | str | None = None, symbol: str | None = None, limit: Limit = 10, offset: Offset = 0
) -> Page[Position]:
    """Return the caller's positions, newest first. A symbol that is not in the catalogue has none."""
    query = positions_visible_to(work.caller).order_by(Position.created_at.desc(), Position.id.desc())
    if status is not None:
        query = query.where(Position.status == _member(PositionStatus, status))
    if symbol is not None:
        known = _symbol(symbol)
        query = query.where(Position.symbol == known if known else false())
    return await page_of(work.session, query, limit, offset)


@requires(Permission.POSITIONS_READ)
async def get_position(work: UnitOfWork, position_id: str) -> Position:
    """Return one position. Raises NotFound."""
    return await find_position(work, position_id)


@requires(Permission.POSITIONS_READ)
async def energy_positions(work: UnitOfWork, symbol: str | None = None, include_closed: bool = False) -> list[NetPosition]:
    """Return the caller's net position in every symbol, sorted by symbol; flat ones only when asked for, unknown symbols never."""
    query = positions_visible_to(work.caller).order_by(Position.symbol, Position.created_at, Position.id)
    if symbol is not None:
        known = _symbol(symbol)
        query = query.where(Position.symbol == known if known else false())
    by_symbol: dict[str, list[Position]] = defaultdict(list)
    for position in await work.session.scalars(query):
        by_symbol[position.symbol].append(position)
    nets = [_net(positions) for positions in by_symbol.values()]
    return [net for net in nets if net.quantity or include_closed]


def _net(positions: Sequence[Position]) -> NetPosition:
    newest = max(positions, key=lambda position: position.priced_at)
    instrument = find_instrument(newest.symbol)
    held = [position for position in positions if position.status is PositionStatus.OPEN]
    with localcontext(EXACT):
        quantity = sum((position.signed_quantity for position in held), ZERO)
        cost = sum((position.open_cost * position.side.sign for position in held), ZERO)
        units = quantity * instrument.contract_size
        value = units * newest.current_price
        pnl = value - cost if quantity else ZERO
        average = (cost / units).quantize(SMALLEST) if units else ZERO
        realized = sum((position.realized_pnl for position in positions), ZERO)
    return NetPosition(
        id=newest.id,
        user_id=newest.user_id,
        symbol=newest.symbol,
        quantity=quantity,
        average_price=average,
        current_price=newest.current_price,
        market_value=value,
        unrealized_pnl=pnl,
        unrealized_pnl_percent=percent_of(pnl, abs(cost)) if quantity else ZERO,
        realized_pnl=realized,
        currency=instrument.quote,
        unit=instrument.unit,
        contract_size=instrument.contract_size,
        created_at=positions[0].created_at,
        updated_at=max(position.updated_at or position.created_at for position in positions),
    )


def _symbol(text: str) -> str | None:
    try:
        return find_instrument(text).symbol
    except DomainError:
        return None


def _member[E: StrEnum](kind: type[E], value: E | str) -> E:
    try:
        return kind(value)
    except ValueError:
        known = [member.value for member in kind]
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"status must be one of {', '.join(known)}", field="status", known=known) from None
