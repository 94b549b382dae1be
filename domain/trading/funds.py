"""What a wallet can still spend: equity less what positions and live orders hold against it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from sqlalchemy import select

from domain.exchanges.venue import Estimate, Side, Venue, Venues
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import EXACT, plain, trimmed
from domain.market.instruments import all_instruments
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.exposure import NO_MARKS, Standing, standings_of_wallets
from domain.trading.margin import liquidation_price, maintenance_of, margin_rate
from domain.trading.models import Order
from domain.trading.reservations import Claim, Estimator, claims_of, held_against
from domain.wallets.ledger import balance_of
from domain.wallets.models import Balance, Wallet

ZERO = Decimal(0)
# What is traded with; other assets are what is traded.
MONEY = frozenset(instrument.quote for instrument in all_instruments())


@dataclass(frozen=True, slots=True)
class Funds:
    """One currency of one wallet; positions and orders of everything that is quoted in it count.

    `equity` is the balance plus what the positions are worth, `margin` what is held against the positions, each symbol netted within
    the wallet, and `reserved` what the live orders have set aside, which `claims` names by order. `available` can fall below
    zero only by the market moving against a position, or an exit that covered others. `maintenance` is what the equity may not fall
    below while something is open (`is_open`), and `liquidation_prices` where each symbol's price would bring it there.
    """

    currency: str
    balance: Decimal
    equity: Decimal
    margin: Decimal
    claims: Mapping[str, Claim] = field(default_factory=dict)
    maintenance: Decimal = ZERO
    is_open: bool = False
    liquidation_prices: Mapping[str, Decimal | None] = field(default_factory=dict)

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
    return reckon(wallet, venue, await balance_of(work, wallet.id, currency), standings.values(), currency, extra)


async def funds_of_wallets(
    work: UnitOfWork, wallets: Collection[Wallet], marks: Mapping[str, Decimal] = NO_MARKS
) -> dict[str, list[Funds]]:
    """Return the funds of each wallet in every currency it has money, positions or orders in, by its name; in three statements."""
    ids = [wallet.id for wallet in wallets]
    standings = await standings_of_wallets(work, ids, marks)
    query = select(Balance).where(Balance.wallet_id.in_(ids), Balance.asset.in_(MONEY)).execution_options(populate_existing=True)
    balances: dict[str, dict[str, Decimal]] = {wallet_id: {} for wallet_id in ids}
    for balance in await work.session.scalars(query):
        balances[balance.wallet_id][balance.asset] = balance.amount
    venues = work.operation.use(Venues)
    found = {}
    for wallet in wallets:
        held, money = standings[wallet.id].values(), balances[wallet.id]
        currencies = sorted(money.keys() | {standing.instrument.quote for standing in held})
        venue = venues.known(wallet.venue_slug)
        found[wallet.id] = [reckon(wallet, venue, money.get(name, ZERO), held, name) for name in currencies]
    return found


def reckon(
    wallet: Wallet, venue: Venue | None, balance: Decimal, standings: Iterable[Standing], currency: str, extra: Iterable[Order] = ()
) -> Funds:
    """Return the funds in a currency from what is held and ordered; without a venue nothing is known of slippage and fees."""
    same = [standing for standing in standings if standing.instrument.quote == currency]
    added = list(extra)
    claims: dict[str, Claim] = {}
    rates = {standing.instrument.symbol: margin_rate(wallet.leverage, standing.instrument) for standing in same}
    with localcontext(EXACT):
        equity = balance + sum((standing.position_value for standing in same), ZERO)
        margin = sum((_held(standing, rates[standing.instrument.symbol]) for standing in same), ZERO)
        required = {one.instrument.symbol: maintenance_of(one.instrument, one.quantity, one.mark) for one in same}
        maintenance = sum(required.values(), ZERO)
        prices = {
            one.instrument.symbol: liquidation_price(
                one.instrument, one.quantity, one.mark, equity, maintenance - required[one.instrument.symbol]
            )
            for one in same
        }
    for standing in same:
        symbol = standing.instrument.symbol
        orders = [*standing.orders, *(order for order in added if order.symbol == symbol)]
        claims |= claims_of(standing.instrument, standing.sellable, orders, rates[symbol], _estimator(venue, symbol))
    is_open = any(quantity for standing in same for quantity in standing.books.values())
    return Funds(currency, balance, equity, margin, claims, maintenance, is_open, prices)


def _held(standing: Standing, rate: Decimal) -> Decimal:
    return held_against(standing.instrument, standing.quantity, standing.mark, rate)


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


def _estimator(venue: Venue | None, symbol: str) -> Estimator:
    def estimate(side: Side, quantity: Decimal, price: Decimal) -> Estimate:
        return Estimate(price, ZERO) if venue is None else venue.estimate(symbol, side, quantity, price)

    return estimate
