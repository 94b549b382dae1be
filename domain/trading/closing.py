"""Closes positions by a real opposite order, and keeps two closers from selling the same thing twice."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, select

from domain.audit.recording import audited, entry_of
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.permissions import Caller, Permission, requires
from domain.market.candles import Tick
from domain.market.market import Market
from domain.risk.states import Effect
from domain.risk.switch import refusal_of, switches_of
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.cancelling import withdraw
from domain.trading.exposure import standings_of
from domain.trading.machine import ACTIVE, TERMINAL
from domain.trading.models import CancelReason, Order, OrderPurpose, OrderStatus, OrderType, Position, PositionStatus
from domain.trading.placing import write_intent
from domain.trading.requests import OrderRequest, own_client_order_id
from domain.trading.sending import send
from domain.wallets.ledger import lock_wallet, lock_wallets_of


@dataclass(frozen=True, slots=True)
class PositionClosed:
    """The answer to closing a position; P&L in the position's currency, fees included, percent of the entry's value."""

    success: bool
    message: str
    position_id: str
    realized_pnl: Decimal
    realized_pnl_percent: Decimal
    order_id: str


def positions_visible_to(caller: Caller) -> Select[Position]:
    """Return the select that every reading of positions starts from: the caller's own."""
    query = select(Position)
    return query if caller.is_system else query.where(Position.user_id == caller.id)


async def find_position(work: UnitOfWork, position_id: str) -> Position:
    """Return a position that the caller may see. Raises NotFound."""
    position = await work.session.scalar(positions_visible_to(work.caller).where(Position.id == position_id))
    if position is None:
        raise NotFound("Position", position_id)
    return position


@audited("position.close", id="position_id")
@requires(Permission.POSITIONS_WRITE)
async def close_position(operation: Operation, position_id: str, reason: OrderPurpose = OrderPurpose.MANUAL_CLOSE) -> PositionClosed:
    """Close a whole position at the market, after cancelling what rests to close it at a price.

    Raises NotFound, INVALID_POSITION_STATE when it is not open or being closed already, TRADING_HALTED, NO_MARKET_DATA,
    MARKET_UNAVAILABLE, VENUE_REJECTED, and VENUE_UNAVAILABLE when the outcome is not known yet; the order is then looked up until it is.
    """
    async with operation.reading() as work:
        position = await find_position(work, position_id)
        check_open(position)
    tick = await operation.use(Market).price(position.symbol)
    await clear_the_way(operation.unrecorded(), position)
    async with operation.unit_of_work() as work:
        order = await write_exit(work, await _held_position(work, position_id), reason, tick)
    order = await send(operation, order.id)
    async with operation.reading() as work:
        position = await find_position(work, position_id)
    if position.status is PositionStatus.OPEN:
        raise _not_closed(order)
    return PositionClosed(
        success=True,
        message="Position closed successfully",
        position_id=position.id,
        realized_pnl=position.realized_pnl,
        realized_pnl_percent=position.realized_pnl_percent,
        order_id=order.id,
    )


async def exit_position(operation: Operation, position_id: str, purpose: OrderPurpose, *, execution_id: str | None = None) -> Position:
    """Close a position for the system, and return it as it then stands; safe to call again after a crash.

    A closed position is returned as it is; an exit that is under way is carried on instead of a second one being written.
    """
    async with operation.reading() as work:
        position = await find_position(work, position_id)
    if position.status is not PositionStatus.OPEN:
        return position
    if position.exit_order_id is None:
        tick = await operation.use(Market).price(position.symbol)
        await clear_the_way(operation, position)
        async with operation.unit_of_work() as work:
            position = await _held_position(work, position_id)
            # A stop may have been faster.
            if position.status is PositionStatus.OPEN and position.exit_order_id is None:
                await write_exit(work, position, purpose, tick, execution_id=execution_id)
    if position.exit_order_id is not None:
        await send(operation, position.exit_order_id)
    async with operation.reading() as work:
        return await find_position(work, position_id)


async def clear_the_way(operation: Operation, position: Position) -> None:
    """Cancel the orders that wait for a price to close the position; an exit at the market takes their place.

    Left alone they would sell, for a second time, what the exit sells. Raises VENUE_UNAVAILABLE when one cannot be taken back yet,
    VENUE_REJECTED, and TRADING_HALTED where no exit could take their place. Never call it inside a transaction.
    """
    async with operation.reading() as work:
        if halted := refusal_of(await switches_of(work, position.user_id), Effect.REDUCES):
            raise halted
        query = select(Order.id).where(
            Order.wallet_id == position.wallet_id,
            Order.symbol == position.symbol,
            Order.book == position.book,
            Order.side == position.side.exit,
            Order.order_type != OrderType.MARKET,
            Order.status.in_(ACTIVE),
        )
        order_ids = (await work.session.scalars(query.order_by(Order.id))).all()
    for order_id in order_ids:
        order = await withdraw(operation, order_id, CancelReason.SYSTEM, "The position is being closed at the market")
        if order.status not in TERMINAL:
            raise DomainError(
                ErrorCode.VENUE_UNAVAILABLE,
                "Position cannot be closed yet: the venue does not answer for an order that would close it too",
                position_id=position.id,
                order_id=order.id,
            )


@audited("position.close")
async def write_exit(work: UnitOfWork, position: Position, purpose: OrderPurpose, tick: Tick, *, execution_id: str | None = None) -> Order:
    """Write the order that closes a position and mark the position as being closed; of many who try at once, one succeeds.

    Call it under the wallets' lock, with the position as it stands there. The client order id follows from the position and the
    number of the attempt. What other market orders under way are about to close is left to them. Raises INVALID_POSITION_STATE,
    and TRADING_HALTED while no order at all is taken.
    """
    entry_of(work).about(position.id)
    check_open(position)
    standings = await standings_of(work, await lock_wallet(work, position.wallet_id), tick.price, position.symbol)
    left = standings[position.symbol].reducible(position.book, position.side.exit)
    if left == 0:
        raise DomainError(
            ErrorCode.INVALID_POSITION_STATE, "Position cannot be closed: an order under way closes it", position_id=position.id
        )
    attempts = await work.session.scalar(select(func.count()).where(Order.position_id == position.id, Order.reduce_only.is_(True)))
    request = OrderRequest(
        symbol=position.symbol,
        side=position.side.exit,
        quantity=left,
        client_order_id=own_client_order_id(position.id, f"exit/{(attempts or 0) + 1}"),
        reduce_only=True,
        purpose=purpose,
        flow_id=position.flow_id,
        execution_id=execution_id,
        position_id=position.id,
    )
    order = await write_intent(work, request, tick, user_id=position.user_id)
    position.exit_order_id, position.updated_at = order.id, work.now
    return order


async def _held_position(work: UnitOfWork, position_id: str) -> Position:
    position = await find_position(work, position_id)
    await lock_wallets_of(work, position.user_id)
    await work.session.refresh(position)
    return position


def check_open(position: Position) -> None:
    """Raise INVALID_POSITION_STATE unless the position is open and nobody is closing it."""
    details: dict[str, Any] = {"position_id": position.id, "status": position.status.value}
    if position.status is not PositionStatus.OPEN:
        raise DomainError(
            ErrorCode.INVALID_POSITION_STATE, f"Position cannot be closed. Current status: {position.status.value}", **details
        )
    if position.exit_order_id is not None:
        raise DomainError(
            ErrorCode.INVALID_POSITION_STATE,
            "Position cannot be closed: it is being closed already",
            **details,
            exit_order_id=position.exit_order_id,
        )


def _not_closed(order: Order) -> DomainError:
    if order.status is OrderStatus.REJECTED:
        return DomainError(ErrorCode.VENUE_REJECTED, f"The venue refused to close it: {order.status_reason}", order_id=order.id)
    if order.status in TERMINAL:
        return DomainError(ErrorCode.INVALID_POSITION_STATE, f"The closing order ended as {order.status.value}", order_id=order.id)
    return DomainError(ErrorCode.VENUE_UNAVAILABLE, "The venue has not answered yet; the position closes when it does", order_id=order.id)
