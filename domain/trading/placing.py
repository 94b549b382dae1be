"""From the wish to trade to an order: the intent is checked and written down before any venue hears of it."""

from dataclasses import asdict, replace

from sqlalchemy import select

from domain.audit.recording import audited, entry_of
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.ids import new_id
from domain.kernel.permissions import Permission, requires
from domain.market.candles import Tick
from domain.market.instruments import Instrument, find_instrument
from domain.market.market import Market
from domain.risk.service import store_verdicts
from domain.risk.switch import check_switch
from domain.runtime.idempotency import answered, claim, fingerprint_of
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.drafting import Leg, RiskRefused, check_draft, draft_order
from domain.trading.events import order_updated
from domain.trading.models import (
    Order,
    OrderPurpose,
    OrderStatus,
    OrderTransition,
)
from domain.trading.requests import OrderRequest, check_client_order_id, check_shape, digest_of
from domain.trading.sending import send
from domain.wallets.ledger import lock_wallets_of

WRITTEN = {OrderStatus.PENDING: "Order written down", OrderStatus.HELD: "The server waits for its price"}


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
    if digest_of(request, instrument) != order.request_digest or request.wallet_id not in (None, order.wallet_id):
        raise DomainError(
            ErrorCode.IDEMPOTENCY_CONFLICT,
            "This client order id was used for another order",
            client_order_id=order.client_order_id,
            order_id=order.id,
        )
    return order
