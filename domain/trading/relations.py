"""Reading orders and positions for clients that follow relations: pages by keyset, and one statement for what a whole page needs."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from domain.kernel.permissions import Permission, requires
from domain.market.instruments import canonical_symbol
from domain.runtime.keyset import KeysetPage, PageRequest, equal, grouped, keyset_page
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.closing import positions_visible_to
from domain.trading.machine import LIVE
from domain.trading.models import Fill, Order, OrderStatus, Position, PositionStatus
from domain.trading.service import fills_visible_to, orders_visible_to


@requires(Permission.ORDERS_READ)
async def page_of_orders(
    work: UnitOfWork,
    page: PageRequest,
    *,
    status: OrderStatus | None = None,
    is_live: bool | None = None,
    symbol: str | None = None,
    flow_id: str | None = None,
    execution_id: str | None = None,
    position_id: str | None = None,
    group_id: str | None = None,
) -> KeysetPage[Order]:
    """Return a page of the caller's orders, newest first; `is_live` ones can still be filled. Raises UNKNOWN_SYMBOL."""
    query = equal(
        orders_visible_to(work.caller),
        (Order.status, status),
        (Order.symbol, canonical_symbol(symbol)),
        (Order.flow_id, flow_id),
        (Order.execution_id, execution_id),
        (Order.position_id, position_id),
        (Order.group_id, group_id),
    )
    if is_live is not None:
        query = query.where(Order.status.in_(LIVE) if is_live else Order.status.not_in(LIVE))
    return await keyset_page(work.session, query, Order, page)


@requires(Permission.POSITIONS_READ)
async def page_of_positions(
    work: UnitOfWork, page: PageRequest, *, status: PositionStatus | None = None, symbol: str | None = None, flow_id: str | None = None
) -> KeysetPage[Position]:
    """Return a page of the caller's positions, newest first. Raises UNKNOWN_SYMBOL."""
    query = positions_visible_to(work.caller)
    query = equal(query, (Position.status, status), (Position.symbol, canonical_symbol(symbol)), (Position.flow_id, flow_id))
    return await keyset_page(work.session, query, Position, page)


@requires(Permission.ORDERS_READ)
async def live_orders(work: UnitOfWork, flow_id: str | None = None, execution_id: str | None = None) -> Sequence[Order]:
    """Return the caller's orders that can still be filled, oldest first."""
    query = equal(orders_visible_to(work.caller), (Order.flow_id, flow_id), (Order.execution_id, execution_id))
    return (await work.session.scalars(query.where(Order.status.in_(LIVE)).order_by(Order.id))).all()


@requires(Permission.POSITIONS_READ)
async def open_positions(work: UnitOfWork, flow_id: str | None = None) -> Sequence[Position]:
    """Return the caller's open positions, oldest first."""
    query = equal(positions_visible_to(work.caller), (Position.flow_id, flow_id)).where(Position.status == PositionStatus.OPEN)
    return (await work.session.scalars(query.order_by(Position.id))).all()


@requires(Permission.ORDERS_READ)
async def orders_by_id(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Order]:
    """Return those of the orders that the caller can see."""
    return {order.id: order for order in await work.session.scalars(orders_visible_to(work.caller).where(Order.id.in_(ids)))}


@requires(Permission.ORDERS_READ)
async def orders_of_executions(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Sequence[Order]]:
    """Return the orders that each run placed, oldest first."""
    query = orders_visible_to(work.caller).where(Order.execution_id.in_(ids)).order_by(Order.id)
    return await grouped(work.session, query, "execution_id", ids)


@requires(Permission.ORDERS_READ)
async def orders_of_positions(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Sequence[Order]]:
    """Return the orders that opened, changed and closed each position, oldest first."""
    filled = select(Fill.order_id, Fill.position_id).where(Fill.position_id.in_(ids)).distinct().subquery()
    query = orders_visible_to(work.caller).join(filled, filled.c.order_id == Order.id).order_by(Order.id)
    found: dict[str, list[Order]] = {id: [] for id in ids}
    for order, position_id in await work.session.execute(query.add_columns(filled.c.position_id)):
        found[position_id].append(order)
    return found


@requires(Permission.ORDERS_READ)
async def fills_of_positions(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Sequence[Fill]]:
    """Return the fills that opened, changed and closed each position, oldest first."""
    query = fills_visible_to(work.caller).where(Fill.position_id.in_(ids)).order_by(Fill.executed_at, Fill.id)
    return await grouped(work.session, query, "position_id", ids)


@requires(Permission.POSITIONS_READ)
async def positions_by_id(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Position]:
    """Return those of the positions that the caller can see."""
    query = positions_visible_to(work.caller).where(Position.id.in_(ids))
    return {position.id: position for position in await work.session.scalars(query)}
