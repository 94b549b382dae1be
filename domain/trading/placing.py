"""From the wish to trade to an order: the intent is checked and written down before any venue hears of it."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select

from domain.audit.recording import audited, entry_of
from domain.exchanges.triggers import stop_behind
from domain.exchanges.venue import Venue, Venues
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.money import plain, trimmed
from domain.kernel.permissions import Permission, requires
from domain.market.candles import Tick
from domain.market.instruments import Instrument, find_instrument, session_end
from domain.market.market import Market
from domain.risk.rules import Exposure, Trade, Verdict, rejections
from domain.risk.service import store_verdicts
from domain.risk.states import Effect
from domain.risk.switch import check_switch
from domain.runtime.idempotency import answered, claim, fingerprint_of
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.events import order_updated
from domain.trading.exposure import MANUAL_BOOK, Standing, counted_once, exposure_of, standings_of, wallet_for
from domain.trading.funds import Funds, check_funds, funds_of
from domain.trading.judging import effect_of, judge
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
from domain.trading.requests import OrderRequest, check_client_order_id, check_protection, check_shape, check_size
from domain.trading.reservations import expected_price
from domain.trading.sending import send
from domain.wallets.connecting import check_connected
from domain.wallets.ledger import lock_wallets_of
from domain.wallets.models import Wallet

ZERO = Decimal(0)
# Kinds that the server can watch where the venue does not take them.
STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP})
WRITTEN = {OrderStatus.PENDING: "Order written down", OrderStatus.HELD: "The server waits for its price"}


@dataclass(frozen=True, slots=True)
class Draft:
    """An order as it would be written, with all that it was weighed against; `verdicts` are none where rules do not apply."""

    order: Order
    instrument: Instrument
    wallet: Wallet
    position: Position | None
    funds: Funds
    trade: Trade
    exposure: Exposure
    effect: Effect
    verdicts: list[Verdict]
    is_new_trade: bool = True


@dataclass(frozen=True, slots=True)
class Leg:
    """Says that an order belongs to a group, and whether it waits with the server while a sibling rests at the venue."""

    group_id: str
    is_held: bool
    is_first: bool


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
    became of it: `open` where it rests, `filled`, `rejected` by the venue, or `submitted` when the venue does not answer and the
    outcome is looked up later.
    Raises what `write_intent` raises, and UNKNOWN_SYMBOL, NO_MARKET_DATA or MARKET_UNAVAILABLE when there is no price.
    """
    check_shape(request)
    check_client_order_id(request.client_order_id)
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
    work: UnitOfWork,
    request: OrderRequest,
    tick: Tick,
    *,
    user_id: str | None = None,
    order_id: str | None = None,
    leg: Leg | None = None,
) -> Order:
    """Check a trade at this price and write it down as a pending order; `send` does the rest, after the commit.

    A stop that its venue does not take is written as held: the server watches its price. `user_id` names the owner where the system
    acts for one. The same client order id again returns the order it made. Exits (`reduce_only`) may not exceed what is open and pass
    the funds check, the risk rules and the plan, since they only reduce exposure. `leg` makes it one of a group.

    Raises VALIDATION_ERROR, ORDER_TYPE_UNSUPPORTED, UNKNOWN_SYMBOL, QUANTITY_TOO_SMALL, NotFound (wallet, position),
    INVALID_POSITION_STATE, STOP_ON_WRONG_SIDE, TRADING_HALTED, INSUFFICIENT_FUNDS, RISK_LIMIT_EXCEEDED (as RiskRefused),
    PLAN_LIMIT_REACHED, IDEMPOTENCY_CONFLICT.
    """
    owner = user_id or work.caller.id
    entry = entry_of(work)
    entry.act_for(owner)
    check_shape(request)
    await lock_wallets_of(work, owner)
    twin = await _twin(work, owner, request.client_order_id)
    if twin is not None:
        work.forgo_record()
        return same_order(twin, request, find_instrument(request.symbol))
    draft = await draft_order(work, request, tick, owner, order_id, leg, keep=True)
    # A liquidation is nobody's wish: a halt, which would let the loss grow, does not stop it.
    if request.purpose is not OrderPurpose.LIQUIDATION:
        await check_switch(work, owner, draft.effect)
    await check_draft(work, draft)
    order = draft.order
    if entry.object_type == "order":
        entry.about(order.id)
    work.session.add(order)
    await work.session.flush()
    work.session.add(
        OrderTransition(
            id=new_id("trans"), order_id=order.id, seq=1, status=order.status, reason=WRITTEN[order.status], created_at=work.now
        )
    )
    await store_verdicts(work, owner, draft.verdicts, execution_id=request.execution_id, order_id=order.id)
    work.emit(order_updated(order))
    return order


async def draft_order(
    work: UnitOfWork,
    request: OrderRequest,
    tick: Tick,
    owner: str,
    order_id: str | None = None,
    leg: Leg | None = None,
    *,
    keep: bool = False,
) -> Draft:
    """Return the order that this request would make, weighed against the wallet and the rules; refuses nothing yet, and stores nothing.

    Call it with the request's shape checked, under the lock of the owner's wallets; only with `keep`, in a writing transaction, is what
    equity was measured at remembered. Raises what makes it impossible to weigh:
    VALIDATION_ERROR, QUANTITY_TOO_SMALL, ORDER_TYPE_UNSUPPORTED, NotFound, INVALID_POSITION_STATE, STOP_ON_WRONG_SIDE,
    WALLET_NOT_CONNECTED.
    """
    instrument = find_instrument(request.symbol)
    quantity = trimmed(request.quantity)
    position = await _position(work, owner, request, instrument)
    wallet = await _wallet(work, owner, request, position)
    await check_connected(work, wallet)
    venue = work.operation.use(Venues).of(wallet.venue_slug)
    is_held = leg.is_held if leg else request.order_type in STOPS and not venue.supports(request.order_type)
    check_supported(venue, _becomes(request) if is_held else request.order_type)
    book = position.book if position else request.flow_id or MANUAL_BOOK
    terms = request.terms
    order = Order(
        id=order_id or new_id("order"),
        user_id=owner,
        wallet_id=wallet.id,
        venue=venue.name,
        symbol=instrument.symbol,
        book=book,
        side=request.side,
        order_type=request.order_type,
        time_in_force=request.time_in_force,
        quantity=quantity,
        price=terms["price"],
        stop_price=_first_stop(request, instrument, tick) if is_held else terms["stop_price"],
        trail=terms["trail"],
        trail_is_percent=request.trail_is_percent,
        expires_at=_expiry(request, instrument, work.now),
        post_only=request.post_only,
        reference_price=tick.price,
        reduce_only=request.reduce_only,
        purpose=request.purpose,
        status=OrderStatus.HELD if is_held else OrderStatus.PENDING,
        filled_quantity=ZERO,
        total_fees=ZERO,
        fee_currency=instrument.quote,
        flow_id=request.flow_id,
        execution_id=request.execution_id,
        group_id=leg.group_id if leg else None,
        position_id=position.id if position else None,
        attached_stop_loss=_stop_loss(request, instrument, wallet, tick.price),
        attached_take_profit=request.take_profit,
        reasoning=request.reasoning,
        confidence=request.confidence,
        attempts=0,
        request_digest=_digest(request, instrument),
        created_at=work.now,
    )
    order.client_order_id = request.client_order_id or order.id
    price = expected_price(order)
    # What is left of a position must be closable, however small, large or crooked.
    if not request.reduce_only:
        check_size(instrument, quantity, price)
    check_protection(request.side.sign, price, order.attached_stop_loss, request.take_profit)
    standings = await standings_of(work, wallet, tick.price, instrument.symbol)
    standing = standings[instrument.symbol].without_group(order.group_id)
    trade, exposure = exposure_of(standing, book, request.side, quantity)
    verdicts: list[Verdict] = []
    if request.reduce_only:
        _check_reduction(standing, book, request.side, quantity)
    else:
        _check_short(standing, book, request.side, quantity)
        prices = [price for price in (terms["price"], terms["stop_price"]) if price is not None]
        verdicts = await judge(work, wallet, standings | {instrument.symbol: standing}, book, trade, exposure, prices=prices, keep=keep)
    funds = await funds_of(work, wallet, standings, instrument.quote, [order])
    effect = effect_of(standing, book, request.side, quantity, reduce_only=request.reduce_only)
    is_new = leg is None or leg.is_first
    return Draft(order, instrument, wallet, position, funds, trade, exposure, effect, verdicts, is_new_trade=is_new)


async def check_draft(work: UnitOfWork, draft: Draft) -> None:
    """Refuse what the wallet, the rules or the plan forbid. Raises INSUFFICIENT_FUNDS, RISK_LIMIT_EXCEEDED, PLAN_LIMIT_REACHED."""
    if draft.order.reduce_only:
        return
    check_funds(draft.funds, draft.order.id, draft.order.reference_price)
    if rejections(draft.verdicts):
        raise RiskRefused(draft.verdicts)
    if draft.is_new_trade:
        await check_plan(work, draft.order.user_id, draft.trade, draft.exposure)


def check_supported(venue: Venue, order_type: OrderType) -> None:
    """Refuse a kind of order that the venue does not take. Raises ORDER_TYPE_UNSUPPORTED."""
    if venue.supports(order_type):
        return
    taken = [kind.value for kind in OrderType if venue.supports(kind)]
    raise DomainError(
        ErrorCode.ORDER_TYPE_UNSUPPORTED,
        f"{venue.name} does not take orders of type {order_type.value}; it takes {', '.join(taken)}",
        field="order_type",
        order_type=order_type.value,
        supported=taken,
    )


def _becomes(request: OrderRequest) -> OrderType:
    return OrderType.MARKET if request.terms["price"] is None else OrderType.LIMIT


def _first_stop(request: OrderRequest, instrument: Instrument, tick: Tick) -> Decimal | None:
    if request.order_type is not OrderType.TRAILING_STOP or request.trail is None:
        return request.terms["stop_price"]
    return stop_behind(instrument, request.side, request.trail, request.trail_is_percent, tick.price)


def _stop_loss(request: OrderRequest, instrument: Instrument, wallet: Wallet, market_price: Decimal) -> Decimal | None:
    rate = wallet.limits.stop_loss_default_percent
    if request.stop_loss is not None or request.reduce_only or rate is None:
        return request.stop_loss
    entry = request.terms["stop_price"] or request.terms["price"] or market_price
    # Away from the price, so that it does not fall onto it.
    away = instrument.tick if entry == 0 else abs(entry) * rate
    return instrument.round_price(entry - request.side.sign * away, "floor" if request.side is Side.BUY else "ceiling")


def _expiry(request: OrderRequest, instrument: Instrument, now: datetime) -> datetime | None:
    if request.time_in_force is TimeInForce.DAY:
        return session_end(instrument, now)
    if request.expires_at is not None and request.expires_at <= now:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "expires_at must lie in the future", field="expires_at")
    return request.expires_at if request.time_in_force is TimeInForce.GTD else None


def _check_reduction(standing: Standing, book: str, side: Side, quantity: Decimal) -> None:
    reducible = standing.reducible(book, side)
    if quantity > reducible:
        raise DomainError(
            ErrorCode.INVALID_POSITION_STATE,
            f"There is less open than this order would close, counting orders under way: {plain(reducible)}",
            quantity=plain(quantity),
            open_quantity=plain(reducible),
        )


def _check_short(standing: Standing, book: str, side: Side, quantity: Decimal) -> None:
    if side is Side.SELL and standing.holding is not None and quantity > standing.sellable_from(book):
        left, base = standing.sellable_from(book), standing.instrument.base
        raise DomainError(
            ErrorCode.INSUFFICIENT_FUNDS,
            f"Nothing is sold short on an exchange's spot market: {plain(left)} {base} can be sold here, {plain(quantity)} were asked for",
            currency=base,
            required=plain(quantity),
            available=plain(left),
        )
    sold = sum((order.remaining_quantity for order in counted_once(standing.orders) if order.side is Side.SELL), ZERO)
    if side is Side.SELL and not standing.instrument.allow_short and standing.quantity - sold < quantity:
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
        return same_order(twin, request, find_instrument(request.symbol)).id


async def _twin(work: UnitOfWork, user_id: str, client_order_id: str | None) -> Order | None:
    if client_order_id is None:
        return None
    query = select(Order).where(Order.user_id == user_id, Order.client_order_id == client_order_id)
    return (await work.session.scalars(query)).one_or_none()


def same_order(order: Order, request: OrderRequest, instrument: Instrument) -> Order:
    """Return the order that this request made before. Raises IDEMPOTENCY_CONFLICT if it asks for another one."""
    # What was asked for first counts, whatever the order has been amended to since.
    if _digest(request, instrument) != order.request_digest or request.wallet_id not in (None, order.wallet_id):
        raise DomainError(
            ErrorCode.IDEMPOTENCY_CONFLICT,
            "This client order id was used for another order",
            client_order_id=order.client_order_id,
            order_id=order.id,
        )
    return order


def _digest(request: OrderRequest, instrument: Instrument) -> str:
    asked = asdict(request) | request.terms | {"symbol": instrument.symbol, "quantity": trimmed(request.quantity)}
    # Who asks, and why, may be told differently by a retry; a wallet that is not named is whichever the first one took.
    for name in ("client_order_id", "wallet_id", "execution_id", "position_id", "reasoning", "confidence"):
        del asked[name]
    return fingerprint_of("order", **asked)


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
