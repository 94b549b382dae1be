"""From the wish to trade to an order: the intent is checked and written down before any venue hears of it."""

import hashlib
from dataclasses import asdict, dataclass, replace
from decimal import Decimal

from sqlalchemy import select

from domain.audit.recording import audited, entry_of
from domain.exchanges.venue import Venues
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.money import exact, plain, trimmed
from domain.kernel.permissions import Permission, requires
from domain.market.candles import Tick
from domain.market.instruments import Instrument, find_instrument
from domain.market.market import Market
from domain.risk.rules import Verdict, rejections
from domain.risk.service import judge, store_verdicts
from domain.runtime.idempotency import answered, claim, fingerprint_of
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.events import order_updated
from domain.trading.exposure import MANUAL_BOOK, Standing, check_funds, exposure_of, standings_of, wallet_for
from domain.trading.limits import check_plan
from domain.trading.models import (
    Order,
    OrderPurpose,
    OrderStatus,
    OrderTransition,
    OrderType,
    Position,
    PositionStatus,
    Side,
    TimeInForce,
)
from domain.trading.sending import send
from domain.wallets.ledger import lock_wallets_of
from domain.wallets.models import Wallet

ZERO = Decimal(0)
MAX_CLIENT_ORDER_ID = 64
# Kept for ids that follow from something else: nobody else may take the id of an exit, or the exit could not be written.
OWN_PREFIX = "tw-"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What somebody wants to trade.

    `quantity` counts the instrument's contracts; prices are in its quote currency, and market orders ignore theirs. `stop_loss` and
    `take_profit` are attached to the position that the order opens or grows. `position_id` and `reduce_only` belong to exits.
    """

    symbol: str
    side: Side
    quantity: Decimal
    order_type: OrderType = OrderType.MARKET
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    client_order_id: str | None = None
    wallet_id: str | None = None
    reduce_only: bool = False
    purpose: OrderPurpose = OrderPurpose.MANUAL
    flow_id: str | None = None
    execution_id: str | None = None
    position_id: str | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    reasoning: str | None = None
    confidence: Decimal | None = None


class RiskRefused(DomainError):
    """A risk rule forbids the trade; nothing was written. The failing verdicts are there to be stored by whoever catches this."""

    def __init__(self, verdicts: list[Verdict]) -> None:
        refusing = rejections(verdicts)
        super().__init__(
            ErrorCode.RISK_LIMIT_EXCEEDED,
            " ".join(verdict.message for verdict in refusing),
            violations=[verdict.message for verdict in refusing],
            rules=[{"rule_id": verdict.rule_id, "rule_name": verdict.rule_name, **verdict.numbers} for verdict in refusing],
        )
        self.verdicts = [verdict for verdict in verdicts if not verdict.passed]


@audited("order.create")
@requires(Permission.ORDERS_WRITE)
async def place_order(operation: Operation, request: OrderRequest) -> Order:
    """Place an order in the caller's name and return it as the venue left it.

    An equal request with the same idempotency key or client order id returns the first one's order. The order's status says what
    became of it: `filled`, `rejected` by the venue, or `submitted` when the venue does not answer and the outcome is looked up later.
    Raises what `write_intent` raises, and UNKNOWN_SYMBOL, NO_MARKET_DATA or MARKET_UNAVAILABLE when there is no price.
    """
    check_shape(request)
    if request.client_order_id is not None and request.client_order_id.startswith(OWN_PREFIX):
        raise DomainError(
            ErrorCode.VALIDATION_ERROR, f"Client order ids that begin with {OWN_PREFIX} are the server's own", field="client_order_id"
        )
    request = replace(request, symbol=find_instrument(request.symbol).symbol)
    fingerprint = fingerprint_of("place_order", **asdict(request))
    if written := await _written_before(operation, request, fingerprint):
        return await send(operation, written)
    tick = await operation.use(Market).price(request.symbol)
    try:
        async with operation.unit_of_work() as work:
            # Also makes the parallel twin of this request wait until this one is written.
            await lock_wallets_of(work, work.caller.id)
            twin = await _twin(work, work.caller.id, request.client_order_id)
            order_id = twin.id if twin else new_id("order")
            earlier = await claim(work, fingerprint, order_id)
            if earlier is None:
                await write_intent(work, request, tick, order_id=order_id)
    except RiskRefused as refused:
        async with operation.unit_of_work() as work:
            await store_verdicts(work, work.caller.id, refused.verdicts, execution_id=request.execution_id)
            entry_of(work).fail(refused.code, violations=refused.details["violations"])
        raise
    return await send(operation, earlier or order_id)


@audited("order.create", id="result.id")
async def write_intent(
    work: UnitOfWork, request: OrderRequest, tick: Tick, *, user_id: str | None = None, order_id: str | None = None
) -> Order:
    """Check a trade at this price and write it down as a pending order; `send` does the rest, after the commit.

    `user_id` names the owner where the system acts for one. The same client order id again returns the order it made. Exits
    (`reduce_only`) may not exceed what is open and pass the funds check, the risk rules and the plan, since they only reduce exposure.

    Raises VALIDATION_ERROR, ORDER_TYPE_UNSUPPORTED, UNKNOWN_SYMBOL, QUANTITY_TOO_SMALL, NotFound (wallet, position),
    INVALID_POSITION_STATE, STOP_ON_WRONG_SIDE, INSUFFICIENT_FUNDS, RISK_LIMIT_EXCEEDED (as RiskRefused), PLAN_LIMIT_REACHED,
    IDEMPOTENCY_CONFLICT.
    """
    owner = user_id or work.caller.id
    entry = entry_of(work)
    entry.act_for(owner)
    check_shape(request)
    instrument = find_instrument(request.symbol)
    quantity, price = trimmed(request.quantity), tick.price
    await lock_wallets_of(work, owner)
    twin = await _twin(work, owner, request.client_order_id)
    if twin is not None:
        work.forgo_record()
        return _same(twin, request, instrument)
    # What is left of a position must be closable, however small, large or crooked.
    if not request.reduce_only:
        _check_size(instrument, quantity, price)
    position = await _position(work, owner, request, instrument)
    wallet = await _wallet(work, owner, request, position)
    venue = work.operation.use(Venues).of(wallet.definition_slug)
    if not venue.supports(request.order_type):
        raise _unsupported(request.order_type)
    check_protection(request.side.sign, price, request.stop_loss, request.take_profit)
    book = position.book if position else request.flow_id or MANUAL_BOOK
    standings = await standings_of(work, wallet, price, instrument.symbol)
    standing = standings[instrument.symbol]
    verdicts: list[Verdict] = []
    if request.reduce_only:
        _check_reduction(standing, book, request.side, quantity)
    else:
        _check_short(standing, request.side, quantity)
        await check_funds(work, wallet, standings, instrument.symbol, request.side, quantity)
        trade, exposure = exposure_of(standing, book, request.side, quantity)
        verdicts = await judge(work, owner, trade, exposure)
        if rejections(verdicts):
            raise RiskRefused(verdicts)
        await check_plan(work, owner, trade, exposure)
    order_id = order_id or new_id("order")
    order = Order(
        id=order_id,
        user_id=owner,
        wallet_id=wallet.id,
        venue=venue.name,
        client_order_id=request.client_order_id or order_id,
        symbol=instrument.symbol,
        book=book,
        side=request.side,
        order_type=request.order_type,
        time_in_force=request.time_in_force,
        quantity=quantity,
        reference_price=price,
        reduce_only=request.reduce_only,
        purpose=request.purpose,
        status=OrderStatus.PENDING,
        filled_quantity=ZERO,
        total_fees=ZERO,
        fee_currency=instrument.quote,
        flow_id=request.flow_id,
        execution_id=request.execution_id,
        position_id=position.id if position else None,
        attached_stop_loss=request.stop_loss,
        attached_take_profit=request.take_profit,
        reasoning=request.reasoning,
        confidence=request.confidence,
        attempts=0,
        created_at=work.now,
    )
    if entry.object_type == "order":
        entry.about(order.id)
    work.session.add(order)
    await work.session.flush()
    work.session.add(
        OrderTransition(
            id=new_id("trans"), order_id=order.id, seq=1, status=OrderStatus.PENDING, reason="Order written down", created_at=work.now
        )
    )
    await store_verdicts(work, owner, verdicts, execution_id=request.execution_id, order_id=order.id)
    work.emit(order_updated(order))
    return order


def own_client_order_id(subject_id: str, leg: str) -> str:
    """Return the id of the order that this leg of this run or position makes: the same each time, and short enough for any venue."""
    return OWN_PREFIX + hashlib.sha256(f"{subject_id}/{leg}".encode()).hexdigest()[:28]


def check_shape(request: OrderRequest) -> None:
    """Refuse what is wrong whatever the market does. Raises VALIDATION_ERROR, UNKNOWN_SYMBOL, ORDER_TYPE_UNSUPPORTED."""
    find_instrument(request.symbol)
    if exact(request.quantity, "quantity") <= 0:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "quantity must be greater than 0", field="quantity")
    for name in ("price", "stop_price", "stop_loss", "take_profit", "confidence"):
        value = getattr(request, name)
        if value is not None:
            exact(value, name)
    if request.order_type is not OrderType.MARKET:
        raise _unsupported(request.order_type)
    key = request.client_order_id
    if key is not None and not (1 <= len(key) <= MAX_CLIENT_ORDER_ID and key.isprintable()):
        raise DomainError(
            ErrorCode.VALIDATION_ERROR,
            f"client_order_id must have 1 to {MAX_CLIENT_ORDER_ID} printable characters",
            field="client_order_id",
        )


def _unsupported(order_type: OrderType) -> DomainError:
    return DomainError(
        ErrorCode.ORDER_TYPE_UNSUPPORTED,
        f"Orders of type {order_type.value} are not taken yet; send a market order",
        field="order_type",
        order_type=order_type.value,
        supported=[OrderType.MARKET.value],
    )


def _check_size(instrument: Instrument, quantity: Decimal, price: Decimal) -> None:
    if quantity > instrument.max_quantity:
        raise DomainError(
            ErrorCode.VALIDATION_ERROR,
            f"quantity must be at most {plain(instrument.max_quantity)}",
            field="quantity",
            maximum=plain(instrument.max_quantity),
        )
    if quantity < instrument.min_quantity:
        raise DomainError(
            ErrorCode.QUANTITY_TOO_SMALL,
            f"The smallest quantity of {instrument.symbol} is {plain(instrument.min_quantity)}",
            field="quantity",
            minimum=plain(instrument.min_quantity),
        )
    if instrument.round_quantity(quantity) != quantity:
        raise DomainError(
            ErrorCode.VALIDATION_ERROR,
            f"quantity must be a multiple of {plain(instrument.lot)}",
            field="quantity",
            lot=plain(instrument.lot),
        )
    notional = abs(instrument.notional(quantity, price))
    if notional < instrument.min_notional:
        raise DomainError(
            ErrorCode.QUANTITY_TOO_SMALL,
            f"An order must be worth at least {plain(instrument.min_notional)} {instrument.quote}; this one is worth {plain(notional)}",
            field="quantity",
            minimum=plain(instrument.min_notional),
            notional=plain(notional),
        )


def check_protection(sign: int, price: Decimal, stop_loss: Decimal | None, take_profit: Decimal | None) -> None:
    """Refuse a stop or target that the price has already passed; `sign` is 1 for long. Raises STOP_ON_WRONG_SIDE."""
    if stop_loss is not None and (price - stop_loss) * sign <= 0:
        raise _wrong_side("stop_loss", stop_loss, price, "below" if sign > 0 else "above")
    if take_profit is not None and (take_profit - price) * sign <= 0:
        raise _wrong_side("take_profit", take_profit, price, "above" if sign > 0 else "below")


def _wrong_side(field: str, value: Decimal, price: Decimal, where: str) -> DomainError:
    return DomainError(
        ErrorCode.STOP_ON_WRONG_SIDE,
        f"{field} must be {where} the price of {plain(price)}",
        field=field,
        value=plain(value),
        price=plain(price),
    )


def _check_reduction(standing: Standing, book: str, side: Side, quantity: Decimal) -> None:
    held = standing.books.get(book, ZERO)
    if held * side.sign >= 0 or quantity > abs(held):
        raise DomainError(
            ErrorCode.INVALID_POSITION_STATE,
            f"There is less open than this order would close, counting orders under way: {plain(abs(held))}",
            quantity=plain(quantity),
            open_quantity=plain(held),
        )


def _check_short(standing: Standing, side: Side, quantity: Decimal) -> None:
    if side is Side.SELL and not standing.instrument.allow_short and standing.quantity < quantity:
        raise DomainError(
            ErrorCode.VALIDATION_ERROR,
            f"{standing.instrument.symbol} cannot be sold short",
            field="quantity",
            open_quantity=plain(standing.quantity),
        )


async def _written_before(operation: Operation, request: OrderRequest, fingerprint: str) -> str | None:
    # A retry is answered whatever the market does by now.
    async with operation.reading() as work:
        if operation.idempotency_key is not None:
            return await answered(work, fingerprint)
        twin = await _twin(work, operation.caller.id, request.client_order_id)
        if twin is None:
            return None
        work.forgo_record()
        return _same(twin, request, find_instrument(request.symbol)).id


async def _twin(work: UnitOfWork, user_id: str, client_order_id: str | None) -> Order | None:
    if client_order_id is None:
        return None
    query = select(Order).where(Order.user_id == user_id, Order.client_order_id == client_order_id)
    return (await work.session.scalars(query)).one_or_none()


def _same(order: Order, request: OrderRequest, instrument: Instrument) -> Order:
    asked = (instrument.symbol, request.side, request.order_type, request.time_in_force, request.reduce_only, request.purpose)
    wanted = (*asked, trimmed(request.quantity), request.flow_id, request.stop_loss, request.take_profit)
    there = (order.symbol, order.side, order.order_type, order.time_in_force, order.reduce_only, order.purpose)
    written = (*there, order.quantity, order.flow_id, order.attached_stop_loss, order.attached_take_profit)
    if wanted != written or request.wallet_id not in (None, order.wallet_id):
        raise DomainError(
            ErrorCode.IDEMPOTENCY_CONFLICT,
            "This client order id was used for another order",
            client_order_id=order.client_order_id,
            order_id=order.id,
        )
    return order


async def _position(work: UnitOfWork, user_id: str, request: OrderRequest, instrument: Instrument) -> Position | None:
    if request.position_id is None:
        return None
    query = select(Position).where(Position.id == request.position_id, Position.user_id == user_id)
    position = await work.session.scalar(query.execution_options(populate_existing=True))
    if position is None:
        raise NotFound("Position", request.position_id)
    if position.status is not PositionStatus.OPEN or position.symbol != instrument.symbol:
        raise DomainError(
            ErrorCode.INVALID_POSITION_STATE,
            f"The order does not fit the position, which is {position.status.value} in {position.symbol}",
            position_id=position.id,
            status=position.status.value,
        )
    return position


async def _wallet(work: UnitOfWork, user_id: str, request: OrderRequest, position: Position | None) -> Wallet:
    if position is None:
        return await wallet_for(work, user_id, request.wallet_id)
    # What is open can be closed, even in a wallet that has been switched off.
    return (await work.session.scalars(select(Wallet).where(Wallet.id == position.wallet_id))).one()
