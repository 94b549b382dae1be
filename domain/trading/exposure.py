"""What a wallet stands for, measured from our own books: the basis of the funds check and of every risk rule."""

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from sqlalchemy import select

from domain.exchanges.venue import Side, Venues
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.money import EXACT, exact, plain, trimmed
from domain.kernel.permissions import Permission, requires
from domain.market.instruments import Instrument, find_instrument
from domain.risk.rules import Exposure, Trade, Verdict, rejections
from domain.risk.service import judge
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.machine import ACTIVE
from domain.trading.models import Order, Position, PositionStatus
from domain.wallets.ledger import balance_of
from domain.wallets.models import Wallet
from domain.wallets.service import default_wallet

ZERO = Decimal(0)
MANUAL_BOOK = "manual"


@dataclass(slots=True)
class Standing:
    """What a wallet holds of one symbol; `quantity` is signed and counts orders under way as filled, as do the books' quantities."""

    instrument: Instrument
    mark: Decimal
    quantity: Decimal = ZERO
    position_value: Decimal = ZERO
    pending_costs: Decimal = ZERO
    books: dict[str, Decimal] = field(default_factory=dict)

    def worth(self, quantity: Decimal) -> Decimal:
        with localcontext(EXACT):
            return abs(quantity * self.mark * self.instrument.contract_size)


@dataclass(frozen=True, slots=True)
class Validation:
    """The answer to "would my risk rules let this pass?": sentences for what forbids it, numbers for everything."""

    approved: bool
    violations: list[str]
    warnings: list[str]
    summary: dict[str, Decimal | str | int]
    rule_ids: list[str]
    verdicts: list[Verdict]


async def standings_of(work: UnitOfWork, wallet: Wallet, mark: Decimal, symbol: str) -> dict[str, Standing]:
    """Return what the wallet holds, by symbol; `mark` is the fresh price of `symbol`, others have the one last seen."""
    # What this session read before it held the wallet's lock may be old.
    fresh = {"populate_existing": True}
    under_way = select(Order).where(Order.wallet_id == wallet.id, Order.status.in_(ACTIVE)).execution_options(**fresh)
    held = select(Position).where(Position.wallet_id == wallet.id, Position.status == PositionStatus.OPEN).execution_options(**fresh)
    orders, positions = await work.session.scalars(under_way), await work.session.scalars(held)
    standings = {symbol: Standing(find_instrument(symbol), mark)}
    with localcontext(EXACT):
        for position in positions:
            standing = standings.setdefault(position.symbol, Standing(find_instrument(position.symbol), position.current_price))
            standing.quantity += position.signed_quantity
            standing.position_value += position.signed_quantity * standing.mark * position.contract_size
            standing.books[position.book] = standing.books.get(position.book, ZERO) + position.signed_quantity
        for order in orders:
            standing = standings.setdefault(order.symbol, Standing(find_instrument(order.symbol), order.reference_price))
            standing.quantity += order.signed_remaining
            standing.books[order.book] = standing.books.get(order.book, ZERO) + order.signed_remaining
            standing.pending_costs += costs_of(work, wallet, standing.instrument, order.side, order.remaining_quantity, standing.mark)
    return standings


def costs_of(work: UnitOfWork, wallet: Wallet, instrument: Instrument, side: Side, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the fee and the slippage that a market order at this price should cost, in the quote currency."""
    estimate = work.operation.use(Venues).of(wallet.definition_slug).estimate(instrument.symbol, side, quantity, price)
    with localcontext(EXACT):
        return estimate.fee + abs(estimate.price - price) * quantity * instrument.contract_size


async def check_funds(work: UnitOfWork, wallet: Wallet, standings: dict[str, Standing], symbol: str, side: Side, quantity: Decimal) -> None:
    """Refuse a trade that would make the wallet hold more than it owns; without leverage, long and short alike.

    Everything quoted in the same currency counts: the gross value of all symbols after the trade, each netted within the wallet, plus
    the costs of the trade, must not exceed equity (the currency's balance plus what the positions are worth). A trade that does not
    make the symbol's position larger always passes. Call it under the wallet's lock. Raises INSUFFICIENT_FUNDS.
    """
    standing = standings[symbol]
    instrument = standing.instrument
    with localcontext(EXACT):
        after = standing.quantity + side.sign * quantity
        if abs(after) <= abs(standing.quantity):
            return
        same = [other for other in standings.values() if other.instrument.quote == instrument.quote]
        balance = await balance_of(work, wallet.id, instrument.quote)
        equity = balance + sum((other.position_value - other.pending_costs for other in same), ZERO)
        gross = sum((other.worth(other.quantity) for other in same if other is not standing), ZERO) + standing.worth(after)
        costs = costs_of(work, wallet, instrument, side, quantity, standing.mark)
        if gross + costs <= equity:
            return
    raise DomainError(
        ErrorCode.INSUFFICIENT_FUNDS,
        f"Insufficient funds: {plain(gross + costs)} {instrument.quote} needed, {plain(equity)} available",
        currency=instrument.quote,
        required=trimmed(gross + costs),
        available=trimmed(equity),
        exposure=trimmed(gross),
        costs=trimmed(costs),
        price=trimmed(standing.mark),
    )


def exposure_of(standing: Standing, book: str, side: Side, quantity: Decimal) -> tuple[Trade, Exposure]:
    """Return a trade and the position it makes, as risk rules see them.

    The size of a position is the larger of the wallet's net quantity and the book's own, so that a flow that is long cannot hide
    behind another one that is short.
    """
    instrument, held = standing.instrument, standing.books.get(book, ZERO)
    with localcontext(EXACT):
        change = side.sign * quantity
        before = max(abs(standing.quantity), abs(held))
        after = max(abs(standing.quantity + change), abs(held + change))
        grows = abs(standing.quantity + change) > abs(standing.quantity) or abs(held + change) > abs(held)
    trade = Trade(instrument.symbol, side, quantity, standing.mark, standing.worth(quantity), grows)
    return trade, Exposure(instrument.quote, standing.worth(before), standing.worth(after))


async def assess(
    work: UnitOfWork,
    *,
    wallet: Wallet,
    instrument: Instrument,
    side: Side,
    quantity: Decimal,
    price: Decimal,
    flow_id: str | None = None,
) -> list[Verdict]:
    """Return what the active rules of the wallet's owner say about a trade at this price; stores nothing."""
    standings = await standings_of(work, wallet, price, instrument.symbol)
    trade, exposure = exposure_of(standings[instrument.symbol], flow_id or MANUAL_BOOK, side, quantity)
    return await judge(work, wallet.user_id, trade, exposure)


@requires(Permission.RISK_RULES_READ)
async def validate_trade(
    work: UnitOfWork, symbol: str, side: Side | str, quantity: Decimal, price: Decimal, wallet_id: str | None = None
) -> Validation:
    """Try a trade against the caller's active rules without making it.

    Sizes are measured from the caller's own positions in the given or the default wallet; only the price is taken as given.
    Raises UNKNOWN_SYMBOL, VALIDATION_ERROR, NotFound.
    """
    instrument = find_instrument(symbol)
    amount, mark = exact(quantity, "quantity"), exact(price, "price")
    if amount <= 0:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "quantity must be greater than 0", field="quantity")
    if mark <= 0 and not instrument.allow_negative_price:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "price must be greater than 0", field="price")
    if side not in list(Side):
        raise DomainError(ErrorCode.VALIDATION_ERROR, "side must be buy or sell", field="side")
    direction = Side(side)
    wallet = await wallet_for(work, work.caller.id, wallet_id)
    standings = await standings_of(work, wallet, mark, instrument.symbol)
    trade, exposure = exposure_of(standings[instrument.symbol], MANUAL_BOOK, direction, amount)
    verdicts = await judge(work, wallet.user_id, trade, exposure)
    rejecting = rejections(verdicts)
    return Validation(
        approved=not rejecting,
        violations=[verdict.message for verdict in rejecting],
        warnings=[verdict.message for verdict in verdicts if not verdict.passed and not verdict.rejects],
        summary={
            "symbol": instrument.symbol,
            "side": direction.value,
            "order_size_usd": trimmed(trade.notional),
            "position_size_usd": trimmed(exposure.notional_after),
            "position_size_before_usd": trimmed(exposure.notional_before),
            "currency": exposure.currency,
            "rules_evaluated": len(verdicts),
        },
        rule_ids=[verdict.rule_id for verdict in verdicts if not verdict.passed],
        verdicts=verdicts,
    )


async def wallet_for(work: UnitOfWork, user_id: str, wallet_id: str | None) -> Wallet:
    """Return the user's wallet of this id, or the one that orders use by default. Raises NotFound, VALIDATION_ERROR."""
    if wallet_id is None:
        return await default_wallet(work, user_id)
    query = select(Wallet).where(Wallet.id == wallet_id, Wallet.user_id == user_id, Wallet.deleted_at.is_(None))
    wallet = await work.session.scalar(query)
    if wallet is None:
        raise NotFound("Wallet", wallet_id)
    if not wallet.is_active:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "The wallet is switched off", field="wallet_id")
    return wallet
