"""Books what a venue reports: fills, ledger, position and the order's status change together, once."""

from collections.abc import Awaitable, Callable
from decimal import Decimal, localcontext

from sqlalchemy import func, select, update

from domain.exchanges.venue import VenueFill, VenueReport, VenueStatus
from domain.kernel.errors import NotFound
from domain.kernel.ids import new_id
from domain.kernel.money import EXACT, MAX_SCALE, percent_of, trimmed
from domain.market.instruments import Instrument, find_instrument
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.events import order_updated, position_updated
from domain.trading.machine import ORDER_MACHINE, TERMINAL, OrderTrigger
from domain.trading.models import Fill, Order, OrderPurpose, OrderStatus, OrderTransition, Position, PositionStatus
from domain.trading.positions import Holding, Trade, after_trade
from domain.wallets.ledger import Entry, lock_wallet, post
from domain.wallets.models import EntryCause, Wallet

ZERO = Decimal(0)
SMALLEST = Decimal(1).scaleb(-MAX_SCALE)

PositionHook = Callable[[UnitOfWork, Position], Awaitable[None]]
# Run in the transaction that closes a position, for those who count on it: flows keep their statistics this way.
ON_POSITION_CLOSED: list[PositionHook] = []

_ENDINGS = {
    VenueStatus.CANCELLED: (OrderTrigger.CANCEL, "Cancelled at the venue"),
    VenueStatus.EXPIRED: (OrderTrigger.EXPIRE, "Expired at the venue"),
    VenueStatus.REJECTED: (OrderTrigger.REJECT, "Rejected by the venue"),
}


async def record_report(work: UnitOfWork, order_id: str, report: VenueReport) -> Order:
    """Book what is new in a venue's report and return the order as it then stands; the same report again changes nothing.

    Fills are truth even for an order that has ended: they are booked, and the status stays. The order counts as filled once its
    fills add up to its quantity, or to what the venue took of it, whatever word the venue uses.
    """
    order, wallet = await lock_order(work, order_id)
    known = set(await work.session.scalars(select(Fill.venue_trade_id).where(Fill.order_id == order.id)))
    fresh = [fill for fill in report.fills if fill.trade_id not in known]
    order.venue_order_id = report.venue_order_id or order.venue_order_id
    for fill in fresh:
        await _book(work, wallet, order, fill)
    trigger, reason = _what_happened(order, report)
    if ORDER_MACHINE.allows(order.status, trigger) and (fresh or ORDER_MACHINE.after(order.status, trigger) is not order.status):
        await change_status(work, order, trigger, reason)
    elif fresh:
        work.emit(order_updated(order))
    return order


async def lock_order(work: UnitOfWork, order_id: str) -> tuple[Order, Wallet]:
    """Return an order as it stands now, with its wallet, which is held until the end of this transaction."""
    wallet_id = await work.session.scalar(select(Order.wallet_id).where(Order.id == order_id))
    if wallet_id is None:
        raise NotFound("Order", order_id)
    # The wallet first, as everywhere: whoever holds it waits for nobody.
    wallet = await lock_wallet(work, wallet_id)
    return await work.session.get_one(Order, order_id, populate_existing=True), wallet


async def change_status(work: UnitOfWork, order: Order, trigger: OrderTrigger, reason: str) -> None:
    """Move an order on, with its history and its event. Call it under the wallet's lock. Raises INVALID_ORDER_STATE."""
    order.status = ORDER_MACHINE.after(order.status, trigger)
    order.updated_at = work.now
    if trigger in (OrderTrigger.REJECT, OrderTrigger.CANCEL, OrderTrigger.EXPIRE, OrderTrigger.FAIL):
        order.status_reason = reason[:255]
    elif trigger is not OrderTrigger.SUBMIT:
        order.status_reason = None
    if order.status is OrderStatus.FILLED:
        order.filled_at = work.now
    if order.status in TERMINAL:
        order.closed_at, order.attempt_until = work.now, None
        # An exit that ended without closing its position frees it for the next attempt.
        await work.session.execute(
            update(Position).where(Position.exit_order_id == order.id, Position.status == PositionStatus.OPEN).values(exit_order_id=None)
        )
    seq = await work.session.scalar(select(func.count()).where(OrderTransition.order_id == order.id)) or 0
    transition = OrderTransition(
        id=new_id("trans"), order_id=order.id, seq=seq + 1, status=order.status, reason=reason[:255], created_at=work.now
    )
    work.session.add(transition)
    work.emit(order_updated(order))


def mark(position: Position, price: Decimal, work: UnitOfWork) -> None:
    """Value a position at a price."""
    holding = holding_of(position)
    position.current_price = price
    position.unrealized_pnl = holding.unrealized_pnl(price)
    position.unrealized_pnl_percent = percent_of(position.unrealized_pnl, abs(position.open_cost))
    position.high_water_mark = max(position.high_water_mark, price)
    position.low_water_mark = min(position.low_water_mark, price)
    position.priced_at = position.updated_at = work.now


def holding_of(position: Position) -> Holding:
    """Return the numbers of a position."""
    return Holding(
        side=position.side,
        contract_size=position.contract_size,
        quantity=position.quantity,
        open_cost=position.open_cost,
        open_fees=position.open_fees,
        entry_quantity=position.entry_quantity,
        entry_value=position.entry_value,
        entry_fees=position.entry_fees,
        exit_quantity=position.exit_quantity,
        exit_value=position.exit_value,
        exit_fees=position.exit_fees,
        realized_pnl=position.realized_pnl,
    )


def _what_happened(order: Order, report: VenueReport) -> tuple[OrderTrigger, str]:
    # Cut to the venue's step it can never fill whole: what the venue took is what counts then.
    whole = order.quantity if report.quantity is None else min(order.quantity, report.quantity)
    if order.filled_quantity >= whole:
        return OrderTrigger.FILL, "Filled"
    if report.status in _ENDINGS:
        trigger, reason = _ENDINGS[report.status]
        return trigger, report.reason or reason
    if order.filled_quantity > 0:
        return OrderTrigger.FILL_PARTLY, "Partially filled"
    return OrderTrigger.OPEN, "Accepted by the venue"


async def _book(work: UnitOfWork, wallet: Wallet, order: Order, report: VenueFill) -> None:
    instrument = find_instrument(order.symbol)
    fill = Fill(
        id=new_id("fill"),
        order_id=order.id,
        user_id=order.user_id,
        wallet_id=order.wallet_id,
        venue=order.venue,
        venue_trade_id=report.trade_id,
        symbol=order.symbol,
        side=order.side,
        quantity=report.quantity,
        price=report.price,
        fee=report.fee,
        fee_currency=report.fee_currency,
        executed_at=report.executed_at,
    )
    with localcontext(EXACT):
        value = report.quantity * report.price * instrument.contract_size
        before = (order.average_fill_price or ZERO) * order.filled_quantity
        order.filled_quantity = trimmed(order.filled_quantity + report.quantity)
        order.average_fill_price = ((before + report.quantity * report.price) / order.filled_quantity).quantize(SMALLEST)
        order.total_fees = order.total_fees + report.fee
    cause, of = EntryCause.TRADE, {"fill_id": fill.id, "order_id": order.id}
    await post(
        work,
        wallet,
        Entry(instrument.base, order.side.sign * report.quantity, cause, **of),
        Entry(instrument.quote, -order.side.sign * value, cause, **of),
        Entry(report.fee_currency, -report.fee, EntryCause.FEE, **of),
    )
    fill.position_id = await _move_position(work, order, instrument, report)
    order.position_id = fill.position_id
    work.session.add(fill)


async def _move_position(work: UnitOfWork, order: Order, instrument: Instrument, fill: VenueFill) -> str:
    query = select(Position).where(
        Position.wallet_id == order.wallet_id,
        Position.symbol == order.symbol,
        Position.book == order.book,
        Position.status == PositionStatus.OPEN,
    )
    position = (await work.session.scalars(query.execution_options(populate_existing=True))).one_or_none()
    trade = Trade(order.side, fill.quantity, fill.price, fill.fee)
    kept, opened = after_trade(holding_of(position) if position else None, trade, instrument.contract_size)
    if position is not None and kept is not None:
        await _keep(work, order, position, kept, fill.price)
    if opened is None:
        assert position is not None
        return position.id
    return _open(work, order, instrument, opened, fill.price).id


async def _keep(work: UnitOfWork, order: Order, position: Position, holding: Holding, price: Decimal) -> None:
    if holding.quantity > 0:
        # What is closed keeps the entry price it had.
        position.entry_price = holding.average_cost
    position.quantity, position.open_cost, position.open_fees = holding.quantity, holding.open_cost, holding.open_fees
    position.entry_quantity, position.entry_value, position.entry_fees = holding.entry_quantity, holding.entry_value, holding.entry_fees
    position.exit_quantity, position.exit_value, position.exit_fees = holding.exit_quantity, holding.exit_value, holding.exit_fees
    position.exit_price = holding.exit_price if holding.exit_quantity else None
    position.realized_pnl = holding.realized_pnl
    if order.side is position.side.entry:
        position.stop_loss = position.stop_loss if order.attached_stop_loss is None else order.attached_stop_loss
        position.take_profit = position.take_profit if order.attached_take_profit is None else order.attached_take_profit
    mark(position, price, work)
    if holding.quantity == 0:
        position.status, position.closed_at = PositionStatus.CLOSED, work.now
        position.exit_order_id = order.id
        # The opposite order of a flow is its change of mind.
        position.exit_reason = OrderPurpose.REVERSE_SIGNAL if order.purpose is OrderPurpose.ENTRY else order.purpose
        # The database allows one open position a book: this one must be closed there before the next is opened.
        await work.session.flush()
        for hook in ON_POSITION_CLOSED:
            await hook(work, position)
    work.emit(position_updated(position))


def _open(work: UnitOfWork, order: Order, instrument: Instrument, holding: Holding, price: Decimal) -> Position:
    position = Position(
        id=new_id("pos"),
        user_id=order.user_id,
        wallet_id=order.wallet_id,
        symbol=order.symbol,
        book=order.book,
        flow_id=order.flow_id,
        execution_id=order.execution_id,
        side=holding.side,
        status=PositionStatus.OPEN,
        currency=instrument.quote,
        contract_size=instrument.contract_size,
        quantity=holding.quantity,
        open_cost=holding.open_cost,
        open_fees=holding.open_fees,
        entry_quantity=holding.entry_quantity,
        entry_price=holding.average_cost,
        entry_value=holding.entry_value,
        entry_fees=holding.entry_fees,
        entry_order_id=order.id,
        exit_quantity=ZERO,
        exit_value=ZERO,
        exit_fees=ZERO,
        realized_pnl=ZERO,
        stop_loss=order.attached_stop_loss,
        take_profit=order.attached_take_profit,
        initial_stop_loss=order.attached_stop_loss,
        initial_take_profit=order.attached_take_profit,
        high_water_mark=price,
        low_water_mark=price,
        reasoning=order.reasoning,
        confidence=order.confidence,
        created_at=work.now,
    )
    mark(position, price, work)
    position.updated_at = None
    work.session.add(position)
    work.emit(position_updated(position))
    return position
