"""Orders of which one cancels the others: written together, and together never filling more than one of them would."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal

from domain.audit.recording import audited, entry_of
from domain.exchanges.venue import OrderType, Side, TimeInForce
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Permission, requires
from domain.market.candles import Tick
from domain.market.instruments import find_instrument
from domain.market.market import Market
from domain.risk.service import store_verdicts
from domain.runtime.idempotency import answered, claim, fingerprint_of
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.changing import withdraw_all
from domain.trading.drafting import Leg, RiskRefused
from domain.trading.machine import TERMINAL
from domain.trading.models import CancelReason, Order, OrderStatus
from domain.trading.placing import same_order, write_intent
from domain.trading.records import OrderRecord, records_of
from domain.trading.requests import OrderRequest, check_client_order_id, check_shape, invalid, own_client_order_id
from domain.trading.sending import send
from domain.trading.service import order_by_client_id, orders_visible_to
from domain.wallets.ledger import lock_wallets_of

MAX_LEGS = 4
AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLeg:
    """One of the orders of a group: how it waits, and at what."""

    order_type: OrderType
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    trail_is_percent: bool = False
    post_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRequest:
    """Orders for one thing, 2 to 4 of them, of which at most one is a limit order: it rests at the venue, the server holds the others.

    `quantity` is what they fill together at most. `client_order_id` names the group; its orders get ids of the server's own.
    """

    symbol: str
    side: Side
    quantity: Decimal
    legs: Sequence[GroupLeg]
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: datetime | None = None
    client_order_id: str | None = None
    wallet_id: str | None = None
    reduce_only: bool = False
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderGroup:
    """A group with its orders, in the order in which they were given."""

    id: str
    records: Sequence[OrderRecord]

    @property
    def orders(self) -> list[Order]:
        return [record.order for record in self.records]


@audited("order.create")
@requires(Permission.ORDERS_WRITE)
async def place_oco(operation: Operation, request: GroupRequest) -> OrderGroup:
    """Place orders of which the first that is filled cancels the others; filled in part, it makes them so much smaller.

    All of them are written or none. The wallet sets aside what the dearest needs. An equal request with the same idempotency key or
    client order id returns the first one's group. Raises VALIDATION_ERROR, UNKNOWN_SYMBOL, ORDER_TYPE_UNSUPPORTED, QUANTITY_TOO_SMALL,
    NotFound for the wallet, STOP_ON_WRONG_SIDE, INVALID_POSITION_STATE, TRADING_HALTED,
    WALLET_NOT_CONNECTED, INSUFFICIENT_FUNDS, RISK_LIMIT_EXCEEDED, PLAN_LIMIT_REACHED,
    IDEMPOTENCY_CONFLICT, NO_MARKET_DATA, MARKET_UNAVAILABLE.
    """
    symbol = find_instrument(request.symbol).symbol
    _check_group(request)
    fingerprint = fingerprint_of("place_oco", **asdict(replace(request, symbol=symbol)))
    written = await _written_before(operation, request, fingerprint)
    if written is None:
        tick = await operation.use(Market).price(symbol)
        try:
            async with operation.unit_of_work() as work:
                await lock_wallets_of(work, work.caller.id)
                written = await _write(work, request, tick, fingerprint)
        except RiskRefused as refused:
            async with operation.unit_of_work() as work:
                await store_verdicts(work, work.caller.id, refused.verdicts)
                entry_of(work).fail(refused.code, violations=refused.details["violations"])
            raise
    async with operation.reading() as work:
        orders = await _orders_of(work, written)
    for order in orders:
        if order.status is not OrderStatus.HELD:
            await send(operation, order.id)
    async with operation.reading() as work:
        return await order_group(work, written)


@requires(Permission.ORDERS_READ)
async def order_group(work: UnitOfWork, group_id: str) -> OrderGroup:
    """Return a group with its orders. Raises NotFound."""
    return OrderGroup(group_id, await records_of(work, await _orders_of(work, group_id)))


@audited("order.cancel")
@requires(Permission.ORDERS_WRITE)
async def cancel_order_group(operation: Operation, group_id: str) -> OrderGroup:
    """Cancel what is left of every order of a group; fills stand. One that stays `cancelling` is asked for until its venue answers.

    Raises NotFound, and INVALID_ORDER_STATE when all of them have ended before.
    """
    async with operation.reading() as work:
        orders = await _orders_of(work, group_id)
    live = [order for order in orders if order.status not in TERMINAL]
    if not live:
        raise DomainError(ErrorCode.INVALID_ORDER_STATE, "Every order of the group has ended", group_id=group_id)
    entry_of(operation).about(group_id, "order_group")
    # The held ones first: then none of them wakes up while the venue is being asked.
    live.sort(key=lambda order: order.status is not OrderStatus.HELD)
    await withdraw_all(operation, [order.id for order in live], CancelReason.USER)
    async with operation.reading() as work:
        return await order_group(work, group_id)


async def _orders_of(work: UnitOfWork, group_id: str) -> Sequence[Order]:
    orders = (await work.session.scalars(orders_visible_to(work.caller).where(Order.group_id == group_id).order_by(Order.id))).all()
    if not orders:
        raise NotFound("OrderGroup", group_id)
    return orders


async def _written_before(operation: Operation, request: GroupRequest, fingerprint: str) -> str | None:
    # A retry is answered whatever the market does by now.
    async with operation.reading() as work:
        if operation.idempotency_key is not None:
            return await answered(work, fingerprint)
        return await _twin(work, request)


async def _twin(work: UnitOfWork, request: GroupRequest) -> str | None:
    if request.client_order_id is None:
        return None
    wanted = _requests(request, request.client_order_id)
    first = await order_by_client_id(work, wanted[0].client_order_id or "")
    if first is None or first.group_id is None:
        return None
    written = await _orders_of(work, first.group_id)
    if len(written) != len(wanted):
        raise DomainError(ErrorCode.IDEMPOTENCY_CONFLICT, "This client order id was used for another group", group_id=first.group_id)
    for order, one in zip(written, wanted, strict=True):
        same_order(order, one, find_instrument(request.symbol))
    work.forgo_record()
    return first.group_id


async def _write(work: UnitOfWork, request: GroupRequest, tick: Tick, fingerprint: str) -> str:
    twin = await _twin(work, request)
    group_id = twin or new_id("group")
    earlier = await claim(work, fingerprint, group_id)
    if earlier is not None or twin is not None:
        return earlier or group_id
    for number, one in enumerate(_requests(request, request.client_order_id or group_id)):
        await write_intent(work, one, tick, leg=Leg(group_id, one.order_type is not OrderType.LIMIT, number == 0))
    entry_of(work).about(group_id, "order_group")
    return group_id


def _requests(request: GroupRequest, name: str) -> list[OrderRequest]:
    return [
        OrderRequest(
            symbol=request.symbol,
            side=request.side,
            quantity=request.quantity,
            order_type=leg.order_type,
            price=leg.price,
            stop_price=leg.stop_price,
            trail=leg.trail,
            trail_is_percent=leg.trail_is_percent,
            post_only=leg.post_only,
            time_in_force=request.time_in_force,
            expires_at=request.expires_at,
            client_order_id=own_client_order_id(name, f"oco/{number}"),
            wallet_id=request.wallet_id,
            reduce_only=request.reduce_only,
            stop_loss=request.stop_loss,
            take_profit=request.take_profit,
        )
        for number, leg in enumerate(request.legs, start=1)
    ]


def _check_group(request: GroupRequest) -> None:
    check_client_order_id(request.client_order_id)
    if not 2 <= len(request.legs) <= MAX_LEGS:
        raise invalid("legs", f"must be 2 to {MAX_LEGS} orders")
    kinds = [leg.order_type for leg in request.legs]
    if OrderType.MARKET in kinds:
        raise invalid("legs", "must all wait for a price; a market order does not")
    if kinds.count(OrderType.LIMIT) > 1:
        raise invalid("legs", "may have one limit order: of two, the nearer is always filled first")
    if request.time_in_force in AT_ONCE:
        raise invalid("time_in_force", "must let the orders of a group wait")
    # The id of the group is held to what any client order id is held to.
    check_shape(replace(_requests(request, "")[0], client_order_id=request.client_order_id))
    for one in _requests(request, ""):
        check_shape(one)
