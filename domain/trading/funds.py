"""What a wallet can still spend: equity less what positions and live orders hold against it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from domain.exchanges.venue import Estimate, Side, Venue, Venues
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import EXACT, plain, trimmed
from domain.market.instruments import Instrument
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.exposure import Standing
from domain.trading.models import Order
from domain.trading.reservations import Claim, Estimator, claims_of, margin_price
from domain.wallets.ledger import balance_of
from domain.wallets.models import Wallet

ZERO = Decimal(0)
# Without leverage a position is held against with all that it is worth.
FULL_MARGIN = Decimal(1)


@dataclass(frozen=True, slots=True)
class Funds:
    """One currency of one wallet; positions and orders of everything that is quoted in it count.

    `equity` is the balance plus what the positions are worth, `margin` what is held against the positions, each symbol netted within
    the wallet, and `reserved` what the live orders have set aside, which `claims` names by order. `available` can fall below
    zero only by the market moving against a position.
    """

    currency: str
    balance: Decimal
    equity: Decimal
    margin: Decimal
    claims: Mapping[str, Claim] = field(default_factory=dict)

    @property
    def reserved(self) -> Decimal:
        with localcontext(EXACT):
            return sum((claim.money for claim in self.claims.values()), ZERO)

    @property
    def available(self) -> Decimal:
        with localcontext(EXACT):
            return self.equity - self.margin - self.reserved


async def funds_of(
    work: UnitOfWork, wallet: Wallet, standings: Mapping[str, Standing], currency: str, extra: Iterable[Order] = ()
) -> Funds:
    """Return the wallet's funds in a currency, as if the `extra` orders were live too."""
    venue = work.operation.use(Venues).of(wallet.venue_slug)
    balance = await balance_of(work, wallet.id, currency)
    same = [standing for standing in standings.values() if standing.instrument.quote == currency]
    claims: dict[str, Claim] = {}
    with localcontext(EXACT):
        equity = balance + sum((standing.position_value for standing in same), ZERO)
        margin = sum((margin_of(standing.instrument, standing.quantity, standing.mark) for standing in same), ZERO)
    for standing in same:
        symbol = standing.instrument.symbol
        orders = [*standing.orders, *(order for order in extra if order.symbol == symbol)]
        claims |= claims_of(standing.instrument, standing.quantity, orders, FULL_MARGIN, _estimator(venue, symbol))
    return Funds(currency, balance, equity, margin, claims)


def margin_of(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Return what is held against a position of this size at this price, in the quote currency."""
    with localcontext(EXACT):
        return abs(quantity) * margin_price(instrument, price) * instrument.contract_size * FULL_MARGIN


def check_funds(funds: Funds, order_id: str, price: Decimal) -> None:
    """Refuse an order whose claim is more than the wallet has left; one that claims no money always passes. Raises INSUFFICIENT_FUNDS."""
    claim = funds.claims[order_id]
    if claim.money == 0 or funds.available >= 0:
        return
    with localcontext(EXACT):
        costs = sum((one.costs for one in funds.claims.values()), ZERO)
        exposure = funds.margin + funds.reserved - costs
    raise DomainError(
        ErrorCode.INSUFFICIENT_FUNDS,
        f"Insufficient funds: {plain(exposure + costs)} {funds.currency} needed, {plain(funds.equity)} available",
        currency=funds.currency,
        required=trimmed(exposure + costs),
        available=trimmed(funds.equity),
        exposure=trimmed(exposure),
        costs=trimmed(costs),
        price=trimmed(price),
    )


def _estimator(venue: Venue, symbol: str) -> Estimator:
    def estimate(side: Side, quantity: Decimal, price: Decimal) -> Estimate:
        return venue.estimate(symbol, side, quantity, price)

    return estimate
