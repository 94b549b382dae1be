"""What a user owns altogether, and what the day has done to it; measured from the ledger, the fills and the market."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext

from sqlalchemy import select

from domain.kernel.errors import DomainError
from domain.kernel.money import EXACT, percent_of, trimmed
from domain.kernel.permissions import Permission, requires
from domain.market.candles import Interval
from domain.market.instruments import Instrument, all_instruments
from domain.market.market import Market
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.exposure import standings_of_wallets
from domain.trading.funds import MONEY, funds_of_wallets
from domain.wallets.models import EntryCause, LedgerEntry, Wallet
from domain.wallets.service import wallets_visible_to

ZERO = Decimal(0)
# What counts as a dollar; no other currency is converted but at a price that the market has.
DOLLARS = frozenset({"USD", "USDT", "USDC"})
OF_TRADING = (EntryCause.TRADE, EntryCause.FEE)
_BY_BASE = {instrument.base: instrument for instrument in all_instruments()}
# Closed candles from which the price at midnight is read: a day of hours and one before.
HOURS = 25


@dataclass(frozen=True, slots=True)
class CurrencySummary:
    """What is owned in one currency that is not converted; see PortfolioSummary."""

    currency: str
    total_value: Decimal
    cash_balance: Decimal
    positions_value: Decimal
    day_change: Decimal | None
    total_pnl: Decimal
    buying_power: Decimal


@dataclass(frozen=True, slots=True)
class PortfolioSummary:
    """All wallets together, in dollars.

    USD, USDT and USDC count as dollars; another currency is converted at the market's price, or listed by itself in `other_currencies`
    where the market has none. `total_value` is `cash_balance` plus `positions_value`, in which shorts are negative. `day_change` is what
    was won since midnight UTC, deposits left out, None where the price at midnight is not known; its percent is of the value at midnight,
    None where there was none.
    `total_pnl` is the value less what was paid in, its percent of that. `buying_power` is what could still be opened: available money
    times the leverage of its wallet.
    """

    total_value: Decimal
    cash_balance: Decimal
    positions_value: Decimal
    day_change: Decimal | None
    day_change_percent: Decimal | None
    total_pnl: Decimal
    total_pnl_percent: Decimal
    buying_power: Decimal
    currency: str = "USD"
    other_currencies: Sequence[CurrencySummary] = ()


@dataclass(slots=True)
class _Purse:
    cash: Decimal = ZERO
    equity: Decimal = ZERO
    buying_power: Decimal = ZERO
    paid_in: Decimal = ZERO
    paid_in_today: Decimal = ZERO
    traded_today: Decimal = ZERO
    # Value now less value at midnight of what is held; None where that is not known.
    moved: Decimal | None = ZERO

    @property
    def day_change(self) -> Decimal | None:
        return None if self.moved is None else self.traded_today + self.moved

    def add(self, other: "_Purse", rate: Decimal) -> None:
        self.cash += other.cash * rate
        self.equity += other.equity * rate
        self.buying_power += other.buying_power * rate
        self.paid_in += other.paid_in * rate
        self.paid_in_today += other.paid_in_today * rate
        self.traded_today += other.traded_today * rate
        self.moved = None if self.moved is None or other.moved is None else self.moved + other.moved * rate


@dataclass(slots=True)
class _Books:
    purses: dict[str, _Purse] = field(default_factory=lambda: defaultdict(_Purse))
    # By symbol: how much is held now and how much was at midnight, and what the former is worth.
    held: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    held_at_midnight: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    worth: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


@requires(Permission.POSITIONS_READ)
async def portfolio_summary(operation: Operation) -> PortfolioSummary:
    """Return what the caller owns altogether, in dollars, at the prices last seen of what is held."""
    now = operation.clock.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    async with operation.reading() as work:
        books = await _read(work, midnight)
    before = await _prices_at(operation, [symbol for symbol, held in books.held_at_midnight.items() if held], midnight)
    rates = await _rates(operation, books.purses.keys())
    with localcontext(EXACT):
        _move(books, before)
        total, others = _Purse(), []
        for currency, purse in sorted(books.purses.items()):
            rate = rates[currency]
            if rate is not None:
                total.add(purse, rate)
            elif (purse.cash, purse.equity, purse.paid_in) != (ZERO, ZERO, ZERO):
                others.append(_summary_of(currency, purse))
        day, pnl = total.day_change, total.equity - total.paid_in
        at_midnight = ZERO if day is None else total.equity - day - total.paid_in_today
        return PortfolioSummary(
            total_value=trimmed(total.equity),
            cash_balance=trimmed(total.cash),
            positions_value=trimmed(total.equity - total.cash),
            day_change=None if day is None else trimmed(day),
            day_change_percent=percent_of(day, at_midnight) if day is not None and at_midnight > 0 else None,
            total_pnl=trimmed(pnl),
            total_pnl_percent=percent_of(pnl, total.paid_in),
            buying_power=trimmed(total.buying_power),
            other_currencies=others,
        )


async def _read(work: UnitOfWork, midnight: datetime) -> _Books:
    books = _Books()
    wallets = (await work.session.scalars(wallets_visible_to(work.caller).where(Wallet.user_id == work.caller.id))).all()
    ids = [wallet.id for wallet in wallets]
    funds, standings = await funds_of_wallets(work, wallets), await standings_of_wallets(work, ids)
    ledger = select(LedgerEntry.asset, LedgerEntry.amount, LedgerEntry.cause, LedgerEntry.created_at).where(
        LedgerEntry.wallet_id.in_(ids), (LedgerEntry.created_at >= midnight) | LedgerEntry.cause.not_in(OF_TRADING)
    )
    entries = (await work.session.execute(ledger)).all()
    with localcontext(EXACT):
        for wallet in wallets:
            for one in funds[wallet.id]:
                purse = books.purses[one.currency]
                purse.cash += one.balance
                purse.equity += one.equity
                purse.buying_power += max(one.available, ZERO) * wallet.leverage
            for symbol, standing in standings[wallet.id].items():
                books.held[symbol] += standing.quantity
                books.held_at_midnight[symbol] += standing.quantity
                books.worth[symbol] += standing.position_value
        for asset, amount, cause, created_at in entries:
            is_today = created_at >= midnight
            if asset in MONEY:
                purse = books.purses[asset]
                if cause in OF_TRADING:
                    purse.traded_today += amount
                else:
                    purse.paid_in += amount
                    purse.paid_in_today += amount if is_today else ZERO
            elif cause in OF_TRADING and asset in _BY_BASE:
                books.held_at_midnight[_BY_BASE[asset].symbol] -= amount
    return books


def _move(books: _Books, before: Mapping[str, Decimal | None]) -> None:
    for symbol, then in books.held_at_midnight.items():
        instrument = _instrument(symbol)
        purse, price = books.purses[instrument.quote], before.get(symbol)
        if purse.moved is None:
            continue
        if then and price is None:
            purse.moved = None
            continue
        purse.moved += books.worth[symbol] - then * (price or ZERO) * instrument.contract_size


def _instrument(symbol: str) -> Instrument:
    return next(instrument for instrument in all_instruments() if instrument.symbol == symbol)


def _summary_of(currency: str, purse: _Purse) -> CurrencySummary:
    day = purse.day_change
    return CurrencySummary(
        currency=currency,
        total_value=trimmed(purse.equity),
        cash_balance=trimmed(purse.cash),
        positions_value=trimmed(purse.equity - purse.cash),
        day_change=None if day is None else trimmed(day),
        total_pnl=trimmed(purse.equity - purse.paid_in),
        buying_power=trimmed(purse.buying_power),
    )


async def _prices_at(operation: Operation, symbols: Collection[str], midnight: datetime) -> dict[str, Decimal | None]:
    return {symbol: await _price_at(operation, symbol, midnight) for symbol in symbols}


async def _price_at(operation: Operation, symbol: str, midnight: datetime) -> Decimal | None:
    try:
        series = await operation.use(Market).candles(symbol, Interval.HOUR_1, HOURS)
    except DomainError:
        return None
    # The last trade before midnight is what was held then was worth.
    earlier = [candle for candle in series.candles if candle.opened_at + Interval.HOUR_1.length <= midnight]
    return earlier[-1].close if earlier else None


async def _rates(operation: Operation, currencies: Collection[str]) -> dict[str, Decimal | None]:
    return {currency: await _rate(operation, currency) for currency in currencies}


async def _rate(operation: Operation, currency: str) -> Decimal | None:
    if currency in DOLLARS:
        return Decimal(1)
    try:
        return (await operation.use(Market).price(f"{currency}/USD")).price
    except DomainError:
        return None
