"""Books what a venue reports: fills, ledger, position and the order's status change together, once."""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal, localcontext

from sqlalchemy import select

from domain.exchanges.venue import OrderType, Side, TimeInForce, VenueFill, VenueReport, VenueStatus
from domain.kernel.ids import new_id
from domain.kernel.money import EXACT, MAX_SCALE, percent_of, trimmed
from domain.market.instruments import Instrument, find_instrument
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.amendments import adopt
from domain.trading.events import order_updated, position_updated
from domain.trading.machine import ORDER_MACHINE, TERMINAL, OrderTrigger
from domain.trading.models import CancelReason, Fill, Order, OrderPurpose, Position, PositionStatus
from domain.trading.positions import Holding, PositionSide, Trade, after_trade
from domain.trading.sharing import share_fill
from domain.trading.transitions import change_status as change_status
from domain.trading.transitions import lock_order as lock_order
from domain.wallets.ledger import Entry, post
from domain.wallets.models import EntryCause, Wallet

ZERO = Decimal(0)
SMALLEST = Decimal(1).scaleb(-MAX_SCALE)

PositionHook = Callable[[UnitOfWork, Position], Awaitable[None]]
# Run in the transaction that closes a position, for those who count on it: flows keep their statistics this way.
ON_POSITION_CLOSED: list[PositionHook] = []

WAS_THERE = "Held at the venue before; it entered the books when it was sold"
NO_RATES: Mapping[str, Decimal] = {}
_ENDINGS = {
    VenueStatus.CANCELLED: (OrderTrigger.CANCEL, "Cancelled at the venue"),
    VenueStatus.EXPIRED: (OrderTrigger.EXPIRE, "Expired at the venue"),
    VenueStatus.REJECTED: (OrderTrigger.REJECT, "Rejected by the venue"),
}

_AT_ONCE = {TimeInForce.IOC: CancelReason.IOC, TimeInForce.FOK: CancelReason.FOK}
# The words in which a venue may say why an order ended, as sentences.
_WORDS = {
    CancelReason.IOC.value: "What could not be filled at once was cancelled",
    CancelReason.FOK.value: "It could not be filled whole at once",
    CancelReason.EXPIRED.value: "Its time was over",
    CancelReason.NO_LIQUIDITY.value: "Nothing was left to trade with",
    CancelReason.SELF_MATCH.value: "It would have traded with an order of the same wallet",
    CancelReason.POST_ONLY.value: "It would have traded at once",
    CancelReason.REDUCE_ONLY.value: "There is no position left that it could reduce",
}


async def record_report(
    work: UnitOfWork, order_id: str, report: VenueReport, *, amended: bool = False, rates: Mapping[str, Decimal] = NO_RATES
) -> Order:
    """Book what is new in a venue's report and return the order as it then stands; the same report again changes nothing.

    Fills are truth even for an order that has ended: they are booked, and the status stays. The quantity that the venue took, or cut
    the order to, is the order's from then on, as are the prices that it has there. `amended` says that the venue has just confirmed the
    change that was under way. `rates` are the prices, in the quote currency, of other currencies in which fees were charged.
    """
    order, wallet = await lock_order(work, order_id)
    known = set(await work.session.scalars(select(Fill.venue_trade_id).where(Fill.order_id == order.id)))
    fresh = list({fill.trade_id: fill for fill in report.fills if fill.trade_id not in known}.values())
    order.venue_order_id = report.venue_order_id or order.venue_order_id
    order.attempt_until = order.unresolved_at = None
    if report.status is not VenueStatus.REJECTED and order.status not in TERMINAL:
        change = adopt(order, report, amended=amended)
        if change is not None and ORDER_MACHINE.allows(order.status, OrderTrigger.AMEND):
            await change_status(work, order, OrderTrigger.AMEND, change)
    for fill in fresh:
        await book_fill(work, wallet, order, fill, rates)
    trigger, reason = _what_happened(order, report)
    if ORDER_MACHINE.allows(order.status, trigger) and (fresh or ORDER_MACHINE.after(order.status, trigger) is not order.status):
        if trigger in (OrderTrigger.CANCEL, OrderTrigger.EXPIRE):
            order.cancel_reason = _cancel_reason(order, report)
        await change_status(work, order, trigger, reason)
    elif fresh:
        work.emit(order_updated(order))
    if fresh:
        with localcontext(EXACT):
            quantity = sum((fill.quantity for fill in fresh), ZERO)
        await share_fill(work, order, quantity)
    return order


def foreign_fees(report: VenueReport, instrument: Instrument) -> set[str]:
    """Return the currencies of fees that are neither the instrument's quote nor its base."""
    return {fill.fee_currency for fill in report.fills if fill.fee} - {instrument.quote, instrument.base}


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
    if order.filled_quantity >= order.quantity:
        return OrderTrigger.FILL, "Filled"
    # Some exchanges call expired what could not be filled at once.
    status = VenueStatus.CANCELLED if report.status is VenueStatus.EXPIRED and order.expires_at is None else report.status
    if status in _ENDINGS:
        trigger, reason = _ENDINGS[status]
        return trigger, _WORDS.get(report.reason or "", report.reason) or reason
    if order.filled_quantity > 0:
        return OrderTrigger.FILL_PARTLY, "Partially filled"
    return OrderTrigger.OPEN, "Accepted by the venue"


def _cancel_reason(order: Order, report: VenueReport) -> CancelReason:
    if report.reason in _WORDS:
        return CancelReason(report.reason)
    if order.cancel_reason is not None:
        return order.cancel_reason
    if report.status is VenueStatus.EXPIRED and order.expires_at is not None:
        return CancelReason.EXPIRED
    # Exchanges rarely say why they took off what could not be filled at once; the order's own terms do.
    if order.time_in_force in _AT_ONCE:
        return _AT_ONCE[order.time_in_force]
    return CancelReason.NO_LIQUIDITY if order.order_type is OrderType.MARKET else CancelReason.SYSTEM


async def book_fill(work: UnitOfWork, wallet: Wallet, order: Order, report: VenueFill, rates: Mapping[str, Decimal]) -> None:
    """Book one trade on its order, in the ledger and on the position, under the wallet's lock; the caller knows that it is new."""
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
        is_maker=report.is_maker,
        executed_at=report.executed_at,
    )
    with localcontext(EXACT):
        value = report.quantity * report.price * instrument.contract_size
        before = (order.average_fill_price or ZERO) * order.filled_quantity
        order.filled_quantity = trimmed(order.filled_quantity + report.quantity)
        order.average_fill_price = ((before + report.quantity * report.price) / order.filled_quantity).quantize(SMALLEST)
        order.total_fees, order.fee_currency = _added_fees(order, report)
    cause, of = EntryCause.TRADE, {"fill_id": fill.id, "order_id": order.id}
    await post(
        work,
        wallet,
        Entry(instrument.base, order.side.sign * report.quantity, cause, **of),
        Entry(instrument.quote, -order.side.sign * value, cause, **of),
        Entry(report.fee_currency, -report.fee, EntryCause.FEE, **of),
    )
    fill.position_id = await _move_position(work, wallet, order, instrument, report, rates)
    order.position_id = fill.position_id
    work.session.add(fill)


def _added_fees(order: Order, fill: VenueFill) -> tuple[Decimal, str]:
    # The fees of one order are nearly always in one currency; if not, each fill tells its own, and the sum is that of the larger part.
    if order.total_fees == 0 or fill.fee_currency == order.fee_currency:
        return order.total_fees + fill.fee, fill.fee_currency if fill.fee else order.fee_currency
    return order.total_fees, order.fee_currency


def _trade_of(order: Order, instrument: Instrument, fill: VenueFill, rates: Mapping[str, Decimal]) -> Trade:
    if fill.fee_currency == instrument.quote:
        return Trade(order.side, fill.quantity, fill.price, fill.fee)
    with localcontext(EXACT):
        if fill.fee_currency == instrument.base:
            # Paid with what was bought: so much less is held, and it cost what all of it cost.
            quantity = fill.quantity - order.side.sign * fill.fee
            return Trade(order.side, quantity, fill.price, fill.fee * fill.price * instrument.contract_size)
        # Where nobody knows a price, the fee is in the ledger and on the fill, and not in the position's profit.
        return Trade(order.side, fill.quantity, fill.price, (fill.fee * rates.get(fill.fee_currency, ZERO)).quantize(SMALLEST))


async def _move_position(
    work: UnitOfWork, wallet: Wallet, order: Order, instrument: Instrument, fill: VenueFill, rates: Mapping[str, Decimal]
) -> str:  # fmt: skip
    query = select(Position).where(
        Position.wallet_id == order.wallet_id,
        Position.symbol == order.symbol,
        Position.book == order.book,
        Position.status == PositionStatus.OPEN,
    )
    position = (await work.session.scalars(query.execution_options(populate_existing=True))).one_or_none()
    trade = _trade_of(order, instrument, fill, rates)
    if not wallet.is_paper and order.side is Side.SELL and (position is None or position.side is PositionSide.LONG):
        position = await _with_what_was_there(work, order, position, trade, instrument)
    kept, opened = after_trade(holding_of(position) if position else None, trade, instrument.contract_size)
    if position is not None and kept is not None:
        await _keep(work, order, position, kept, fill.price)
    if opened is None:
        assert position is not None
        return position.id
    return _open(work, order, instrument, opened, fill.price).id


async def _with_what_was_there(
    work: UnitOfWork, order: Order, position: Position | None, sale: Trade, instrument: Instrument
) -> Position | None:  # fmt: skip
    # Nothing is sold short on a spot market: what is sold beyond the position was in the account before, and what it had cost nobody
    # knows. It enters the books at the price at which it leaves, so that the sale wins and loses nothing but its fee.
    with localcontext(EXACT):
        missing = sale.quantity - (position.quantity if position is not None else ZERO)
    if missing <= 0:
        return position
    there = Trade(Side.BUY, missing, sale.price, ZERO)
    grown, opened = after_trade(holding_of(position) if position else None, there, instrument.contract_size)
    if position is not None and grown is not None:
        await _keep(work, order, position, grown, sale.price)
        return position
    assert opened is not None
    position = _open(work, order, instrument, opened, sale.price)
    position.reasoning = WAS_THERE
    await work.session.flush()
    return position


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
        is_forced = order.purpose is OrderPurpose.LIQUIDATION
        position.status, position.closed_at = PositionStatus.LIQUIDATED if is_forced else PositionStatus.CLOSED, work.now
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
