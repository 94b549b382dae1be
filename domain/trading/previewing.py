"""Tries an order without placing it: what it would cost, and everything that would be said to it."""

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from domain.exchanges.venue import Ability, Estimate, Venues
from domain.kernel.errors import DomainError
from domain.kernel.money import EXACT, trimmed
from domain.kernel.permissions import Permission, requires
from domain.market.instruments import find_instrument
from domain.market.market import Market
from domain.risk.rules import Verdict
from domain.risk.switch import refusal_of, switches_of
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.drafting import Draft, check_draft, draft_order
from domain.trading.exposure import Standing, standings_of
from domain.trading.margin import liquidation_price, maintenance_of
from domain.trading.requests import OrderRequest, check_client_order_id, check_shape
from domain.trading.reservations import expected_price


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What placing an order would come to.

    `expected_price` and `fee` are estimates of the venue for the price at which the market should stand when the order trades;
    `notional` is what the order is worth there. `margin` and `costs` are what it would set aside, `available_before` and
    `available_after` what the wallet can spend without it and with it; money is in `currency`. `liquidation_price` is where the wallet
    would be liquidated once all of it is filled, if other prices stood still; None where there is no such price. `code` and `message` are
    the refusal that placing it would end with, None if it would be accepted; the venue itself is not asked.
    """

    accepted: bool
    code: str | None
    message: str | None
    symbol: str
    quantity: Decimal
    market_price: Decimal
    expected_price: Decimal
    notional: Decimal
    fee: Decimal
    margin: Decimal
    costs: Decimal
    available_before: Decimal
    available_after: Decimal
    currency: str
    liquidation_price: Decimal | None
    verdicts: list[Verdict]


@requires(Permission.ORDERS_READ)
async def preview_order(operation: Operation, request: OrderRequest) -> OrderPreview:
    """Return what placing this order now would come to; nothing is written and no venue is asked.

    A request that makes no sense is refused as placing it would be: VALIDATION_ERROR, UNKNOWN_SYMBOL, QUANTITY_TOO_SMALL,
    ORDER_TYPE_UNSUPPORTED, STOP_ON_WRONG_SIDE, INVALID_POSITION_STATE, NOT_FOUND for the wallet, NO_MARKET_DATA, MARKET_UNAVAILABLE,
    VENUE_UNAVAILABLE, WALLET_NOT_CONNECTED. Whatever the trading switch, the wallet, the rules or the plan forbid is part of the answer.
    """
    check_shape(request)
    check_client_order_id(request.client_order_id)
    request = replace(request, symbol=find_instrument(request.symbol).symbol)
    tick = await operation.use(Market).price(request.symbol)
    async with operation.reading() as work:
        draft = await draft_order(work, request, tick, work.caller.id)
        refusal = await _refusal(work, draft)
        standing = (await standings_of(work, draft.wallet, tick.price, request.symbol))[request.symbol]
    order, instrument = draft.order, draft.instrument
    price = expected_price(order)
    estimate = operation.use(Venues).of(draft.wallet.venue_slug).estimate(instrument.symbol, order.side, order.quantity, price)
    claim = draft.funds.claims[order.id]
    venue = operation.use(Venues).of(draft.wallet.venue_slug)
    with localcontext(EXACT):
        before = draft.funds.available + claim.money
    return OrderPreview(
        accepted=refusal is None,
        code=None if refusal is None else refusal.code.value,
        message=None if refusal is None else refusal.message,
        symbol=instrument.symbol,
        quantity=order.quantity,
        market_price=tick.price,
        expected_price=price if order.price is not None else estimate.price,
        notional=trimmed(abs(instrument.notional(order.quantity, price))),
        fee=trimmed(estimate.fee),
        margin=trimmed(claim.margin),
        costs=trimmed(claim.costs),
        available_before=trimmed(before),
        available_after=trimmed(draft.funds.available),
        currency=instrument.quote,
        liquidation_price=_liquidation_price(draft, standing, estimate) if Ability.LEVERAGE in venue.abilities else None,
        verdicts=draft.verdicts,
    )


def _liquidation_price(draft: Draft, standing: Standing, estimate: Estimate) -> Decimal | None:
    order, instrument, funds = draft.order, draft.instrument, draft.funds
    traded_at = estimate.price if order.price is None else order.price
    with localcontext(EXACT):
        signed = order.side.sign * order.quantity
        # What it pays beyond the market's price, or less than that, is the equity's loss or gain the moment it is filled.
        equity = funds.equity - estimate.fee - signed * (traded_at - standing.mark) * instrument.contract_size
        others = funds.maintenance - maintenance_of(instrument, standing.quantity, standing.mark)
        return liquidation_price(instrument, standing.quantity + signed, standing.mark, equity, others)


async def _refusal(work: UnitOfWork, draft: Draft) -> DomainError | None:
    halted = refusal_of(await switches_of(work, draft.order.user_id), draft.effect)
    if halted is not None:
        return halted
    try:
        await check_draft(work, draft)
    except DomainError as refusal:
        return refusal
    return None
