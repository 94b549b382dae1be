"""Changes resting orders: all of a change or nothing, and never to what the wallet or the rules forbid."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from domain.audit.recording import audited, entry_of
from domain.exchanges.venue import Ability, Refusal, Venue, VenueRejected, VenueReport, Venues, VenueStatus, VenueUnavailable
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import EXACT, exact, plain, trimmed
from domain.kernel.permissions import Permission, requires
from domain.market.instruments import find_instrument
from domain.market.market import Market
from domain.risk.rules import RuleType, rejections
from domain.risk.service import store_verdicts
from domain.risk.states import Effect
from domain.risk.switch import check_switch
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.amendments import Terms, adopt
from domain.trading.booking import change_status, lock_order
from domain.trading.changing import unchangeable
from domain.trading.drafting import RiskRefused
from domain.trading.exposure import exposure_of, standings_of
from domain.trading.funds import check_funds, funds_of
from domain.trading.judging import effect_of, judge
from domain.trading.machine import RESTING, TERMINAL, UNSENT, OrderTrigger
from domain.trading.models import Order, OrderStatus, OrderType
from domain.trading.records import OrderRecord, order_record
from domain.trading.requests import check_price, check_size, invalid
from domain.trading.reservations import expected_price
from domain.trading.sending import leave_unresolved, record, send, take_turn
from domain.trading.service import get_order
from domain.trading.syncing import settle
from domain.wallets.ledger import lock_wallet

NOTHING_TOLD = VenueReport("", VenueStatus.OPEN)


@dataclass(frozen=True, slots=True)
class OrderChanges:
    """What is to change; None leaves it. `stated` holds fields that the client sent along: they must be what they are already.

    `quantity` is the new total, what is filled included; as much as is filled completes the order.
    """

    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    stated: Mapping[str, Any] = field(default_factory=dict)


@audited("order.amend", id="order_id")
@requires(Permission.ORDERS_WRITE)
async def amend_order(operation: Operation, order_id: str, changes: OrderChanges) -> OrderRecord:
    """Change the total quantity, the limit or the stop price of an order that can still be filled: all of it or nothing.

    Another price or a larger quantity goes to the end of the queue, a smaller quantity keeps its place. An order that its new price
    makes marketable trades at once. Raises NotFound, IMMUTABLE_FIELD, VALIDATION_ERROR, QUANTITY_TOO_SMALL, INVALID_ORDER_STATE,
    INVALID_POSITION_STATE, AMEND_UNSUPPORTED, TRADING_HALTED, INSUFFICIENT_FUNDS, RISK_LIMIT_EXCEEDED, NO_MARKET_DATA,
    MARKET_UNAVAILABLE, VENUE_REJECTED, and VENUE_UNAVAILABLE when the venue does not tell whether it took the change; it is looked up
    until it does.
    """
    async with operation.reading() as work:
        order = await get_order(work, order_id)
    _check(order, changes)
    if order.status is OrderStatus.SUBMITTED:
        order = await send(operation.unrecorded(), order_id)
    price = (await operation.use(Market).price(order.symbol)).price

    async def prepare(work: UnitOfWork, order: Order) -> bool:
        return await _prepare(work, order, changes, price)

    try:
        turn = await take_turn(operation, order_id, prepare)
    except RiskRefused as refused:
        async with operation.unit_of_work() as work:
            await store_verdicts(work, order.user_id, refused.verdicts, execution_id=order.execution_id, order_id=order.id)
            entry_of(work).fail(refused.code, violations=refused.details["violations"])
        raise
    if turn.is_mine:
        await _carry_out(operation, turn.order, turn.venue)
    elif turn.order.status in TERMINAL or turn.order.status is OrderStatus.SUBMITTED:
        raise unchangeable(turn.order, "be amended")
    async with operation.reading() as work:
        return await order_record(work, order_id)


async def _prepare(work: UnitOfWork, order: Order, changes: OrderChanges, market_price: Decimal) -> bool:
    if order.status is OrderStatus.CANCELLING:
        raise DomainError(ErrorCode.INVALID_ORDER_STATE, "Order cannot be amended: it is being cancelled", status=order.status.value)
    if order.status not in RESTING | UNSENT:
        return False
    order.amend_quantity = None if changes.quantity is None else trimmed(changes.quantity)
    order.amend_price, order.amend_stop_price = changes.price, changes.stop_price
    if Terms.wanted(order) == Terms.of(order):
        order.amend_quantity = order.amend_price = order.amend_stop_price = None
        return False
    venue = await _weigh(work, order, market_price)
    if order.status in UNSENT:
        change = adopt(order, NOTHING_TOLD, amended=True)
        assert change is not None
        await change_status(work, order, OrderTrigger.AMEND, change)
        return False
    if Ability.AMEND not in venue.abilities:
        raise DomainError(
            ErrorCode.AMEND_UNSUPPORTED, f"{venue.name} cannot change an order: cancel it and place another", order_id=order.id
        )
    return True


async def _weigh(work: UnitOfWork, order: Order, market_price: Decimal) -> Venue:
    """Refuse the change under way where the wallet, the position or the rules forbid it; returns the order's venue."""
    wallet, instrument = await lock_wallet(work, order.wallet_id), find_instrument(order.symbol)
    venue = work.operation.use(Venues).of(wallet.venue_slug)
    before, wanted = Terms.of(order), Terms.wanted(order)
    if wanted.quantity < order.filled_quantity:
        raise DomainError(
            ErrorCode.VALIDATION_ERROR,
            f"quantity is the new total; {plain(order.filled_quantity)} are filled",
            field="quantity",
            filled_quantity=plain(order.filled_quantity),
        )
    if wanted.quantity == order.filled_quantity:
        return venue
    await work.session.flush()
    standings = await standings_of(work, wallet, market_price, order.symbol)
    standing = standings[order.symbol]
    more = max(EXACT.subtract(wanted.quantity, before.quantity), Decimal(0))
    # To take a part of an order back is to cancel that part; a price moved is a new wish to trade.
    effect = Effect.CANCELS
    if not before.keeps_priority(wanted):
        effect = effect_of(standing, order.book, order.side, more, reduce_only=order.reduce_only)
    await check_switch(work, order.user_id, effect)
    if order.reduce_only:
        reducible = standing.reducible(order.book, order.side)
        if EXACT.subtract(wanted.quantity, order.filled_quantity) > reducible:
            raise DomainError(
                ErrorCode.INVALID_POSITION_STATE,
                f"There is less open than this order would close: {plain(reducible)}",
                quantity=plain(wanted.quantity),
                open_quantity=plain(reducible),
            )
        return venue
    check_size(instrument, wanted.quantity, wanted.price or wanted.stop_price or expected_price(order))
    check_funds(await funds_of(work, wallet, standings, instrument.quote), order.id, market_price)
    if not before.keeps_priority(wanted):
        prices = [price for price in (wanted.price, wanted.stop_price) if price is not None]
        weighed = exposure_of(standing, order.book, order.side, more)
        only = None if more else {RuleType.PRICE_BAND}
        verdicts = await judge(work, wallet, standings, order.book, *weighed, prices=prices, only=only, keep=True)
        if rejections(verdicts):
            raise RiskRefused(verdicts)
        await store_verdicts(work, order.user_id, verdicts, execution_id=order.execution_id, order_id=order.id)
    return venue


async def _carry_out(operation: Operation, order: Order, venue: Venue) -> None:
    wanted = Terms.wanted(order)
    try:
        report = await venue.amend(
            order.wallet_id, order.client_order_id, order.symbol, order.amend_quantity, order.amend_price, order.amend_stop_price
        )
    except VenueUnavailable as silence:
        raise unchangeable(await leave_unresolved(operation, order, venue, silence), "be amended") from silence
    except VenueRejected as refusal:
        await _forget(operation, order.id)
        if refusal.reason is not Refusal.ORDER_NOT_FOUND:
            raise DomainError(ErrorCode.VENUE_REJECTED, f"The venue refused the change: {refusal}", order_id=order.id) from refusal
        # It ended before the change arrived: how, the look-up tells.
        raise unchangeable(await settle(operation.unrecorded(), order.id), "be amended") from refusal
    order = await record(operation, order, report, amended=True)
    if order.status in TERMINAL and Terms.of(order) != wanted:
        raise unchangeable(order, "be amended")


async def _forget(operation: Operation, order_id: str) -> None:
    async with operation.unit_of_work() as work:
        order, _ = await lock_order(work, order_id)
        order.amend_quantity = order.amend_price = order.amend_stop_price = order.attempt_until = None


def _check(order: Order, changes: OrderChanges) -> None:
    for name, value in changes.stated.items():
        if value is not None and getattr(order, name) != value:
            raise DomainError(ErrorCode.IMMUTABLE_FIELD, f"{name} of an order never changes", field=name)
    given = {"quantity": changes.quantity, "price": changes.price, "stop_price": changes.stop_price}
    if not any(value is not None for value in given.values()):
        raise DomainError(ErrorCode.VALIDATION_ERROR, "Give quantity, price or stop_price", field="body")
    if order.status in TERMINAL:
        raise unchangeable(order, "be amended")
    if changes.quantity is not None and order.group_id is not None:
        raise invalid("quantity", "is the same for every order of a group and changes only as one of them is filled")
    if changes.stop_price is not None and (order.triggered_at is not None or order.order_type is OrderType.TRAILING_STOP):
        raise invalid("stop_price", "has been reached" if order.triggered_at else "of a trailing stop follows the market")
    if changes.quantity is not None and exact(changes.quantity, "quantity") <= 0:
        raise invalid("quantity", "must be greater than 0")
    for name, now in (("price", order.price), ("stop_price", order.stop_price)):
        value = given[name]
        if value is None:
            continue
        exact(value, name)
        if now is None:
            raise invalid(name, f"is not a value of a {order.order_type.value} order")
        check_price(find_instrument(order.symbol), name, value)
