"""Gets out of everything: every order cancelled, every position closed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from domain.audit.recording import audited, entry_of
from domain.kernel.errors import DomainError
from domain.kernel.permissions import Permission, requires
from domain.market.instruments import canonical_symbol
from domain.runtime.keyset import equal
from domain.runtime.operation import Operation
from domain.trading.changing import withdraw_all
from domain.trading.closing import close_position
from domain.trading.machine import LIVE
from domain.trading.models import CancelReason, Order, OrderPurpose, OrderStatus, Position, PositionStatus


@dataclass(frozen=True, slots=True)
class NotClosed:
    """A position that stayed open, with the catalogue's code and the sentence that say why."""

    position_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Flattened:
    """What became of everything: orders that ended, orders whose venue has not answered, positions closed and not closed."""

    cancelled_orders: Sequence[str] = ()
    unresolved_orders: Sequence[str] = ()
    closed_positions: Sequence[str] = ()
    not_closed: Sequence[NotClosed] = field(default_factory=tuple)


@audited("position.flatten_all")
@requires(Permission.POSITIONS_WRITE)
async def flatten_all(operation: Operation, symbol: str | None = None, user_id: str | None = None) -> Flattened:
    """Cancel all of the caller's live orders, then close all open positions at the market, those of flows too; or those of one symbol.

    Flows go on running: halt trading first to keep them from opening anew. Whatever cannot be done is told, and holds up nothing else.
    `user_id` names the owner where the system acts for one. Raises UNKNOWN_SYMBOL.
    """
    wanted = canonical_symbol(symbol)
    owner = user_id if operation.caller.is_system and user_id is not None else operation.caller.id
    async with operation.reading() as work:
        live = equal(select(Order.id), (Order.user_id, owner), (Order.symbol, wanted))
        live = live.where(Order.status.in_(LIVE | {OrderStatus.CANCELLING})).order_by(Order.id)
        order_ids = (await work.session.scalars(live)).all()
        held = equal(select(Position.id), (Position.user_id, owner), (Position.symbol, wanted))
        held = held.where(Position.status == PositionStatus.OPEN).order_by(Position.id)
        position_ids = (await work.session.scalars(held)).all()
    entry_of(operation).act_for(owner)
    entry_of(operation).add(orders=len(order_ids), positions=len(position_ids))
    cancelled, _, unresolved = await withdraw_all(operation, order_ids, CancelReason.USER)
    closed, kept = [], []
    for position_id in position_ids:
        try:
            await close_position(operation, position_id, OrderPurpose.MANUAL_CLOSE)
            closed.append(position_id)
        except DomainError as refusal:
            kept.append(NotClosed(position_id, refusal.code.value, refusal.message))
    return Flattened(cancelled, unresolved, closed, tuple(kept))
