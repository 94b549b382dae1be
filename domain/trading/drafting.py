"""Weighs an order before it is written: against the market, the position, the wallet, the rules and the plan."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select

from domain.exchanges.triggers import stop_behind
from domain.exchanges.venue import Venue, Venues
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.money import plain, trimmed
from domain.market.candles import Tick
from domain.market.instruments import Instrument, find_instrument, session_end
from domain.risk.rules import Exposure, Trade, Verdict, rejections
from domain.risk.states import Effect
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.exposure import MANUAL_BOOK, Standing, counted_once, exposure_of, standings_of, wallet_for
from domain.trading.funds import Funds, check_funds, funds_of
from domain.trading.judging import effect_of, judge
from domain.trading.limits import check_plan
from domain.trading.models import (
    Order,
    OrderStatus,
    OrderType,
    Position,
    PositionStatus,
    Side,
    TimeInForce,
)
from domain.trading.requests import OrderRequest, check_protection, check_size, digest_of
from domain.trading.reservations import expected_price
from domain.wallets.connecting import check_connected
from domain.wallets.models import Wallet

ZERO = Decimal(0)
# Kinds that the server can watch where the venue does not take them.
STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP})


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
        request_digest=digest_of(request, instrument),
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
