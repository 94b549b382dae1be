"""Measures what risk rules compare, from our own books alone: as few statements as the rules ask for, none where there is no rule."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal, localcontext

from sqlalchemy import case, func, or_, select

from domain.kernel.money import EXACT, MAX_SCALE
from domain.risk.equity import Basis, is_worth_writing, measured, midnight_before
from domain.risk.models import EquityMark
from domain.risk.rules import LOSS_RULES, Closing, Measures, Rule, RuleType, Trade
from domain.runtime.database import upsert
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.exposure import Standing, reach_of
from domain.trading.machine import ACTIVE
from domain.trading.models import Order, Position, PositionStatus
from domain.wallets.models import Balance, EntryCause, LedgerEntry, Wallet

ZERO = Decimal(0)
SMALLEST = Decimal(1).scaleb(-MAX_SCALE)
_OF_EQUITY = frozenset({RuleType.MAX_POSITION_PERCENT, RuleType.MAX_PORTFOLIO_UTILIZATION, *LOSS_RULES})
# Everything else that comes and goes is a deposit or a withdrawal, which is no gain and no loss.
_OF_TRADES = (EntryCause.TRADE, EntryCause.FEE)


@dataclass(frozen=True, slots=True)
class Equity:
    """A wallet's equity in one currency now, with what it is compared with; `is_news` says that it is worth to be stored."""

    now: Decimal
    basis: Basis
    is_news: bool


@dataclass(frozen=True, slots=True)
class _Counts:
    today: int | None = None
    within: Mapping[int, int] | None = None


async def measure(
    work: UnitOfWork,
    wallet: Wallet,
    standings: Mapping[str, Standing],
    book: str,
    trade: Trade,
    rules: Sequence[Rule],
    *,
    asked: Collection[RuleType] = (),
    keep: bool = False,
) -> Measures:
    """Return what the rules, and rules of the types `asked` for, compare when the wallet's owner makes this trade.

    With `keep` what equity is compared with is stored: in a writing transaction, under the lock of the wallet.
    """
    kinds = {rule.rule_type for rule in rules} | set(asked)
    standing = standings[trade.symbol]
    currency = standing.instrument.quote
    equity = day_start = peak = gross_before = gross_after = None
    if kinds & _OF_EQUITY:
        balance = await work.session.get(Balance, (wallet.id, currency), populate_existing=True)
        same = [other for other in standings.values() if other.instrument.quote == currency]
        equity = equity_of(balance, [other.position_value for other in same])
        if kinds & LOSS_RULES:
            found = await measure_equity(work, wallet.id, currency, equity, balance, keep=keep)
            day_start, peak = found.basis.day_start, found.basis.peak
        with localcontext(EXACT):
            gross_before = sum((other.worth(reach_of(other.quantity, other.orders)) for other in same), ZERO)
            after = reach_of(standing.quantity, standing.orders, trade.side, trade.quantity)
            gross_after = gross_before - standing.worth(reach_of(standing.quantity, standing.orders)) + standing.worth(after)
    open_books = await _open_books(work, wallet.user_id) if RuleType.MAX_OPEN_POSITIONS in kinds else None
    counts = await _count_orders(work, wallet.user_id, kinds, rules)
    return Measures(
        now=work.now,
        equity=equity,
        day_start=day_start,
        peak=peak,
        gross_before=gross_before,
        gross_after=gross_after,
        open_positions=None if open_books is None else len(open_books),
        opens_position=open_books is not None and (wallet.id, trade.symbol, book) not in open_books,
        orders_today=counts.today,
        orders_within=counts.within or {},
        closings=await _last_closings(work, wallet.user_id, rules),
    )


def equity_of(balance: Balance | None, position_values: Collection[Decimal]) -> Decimal:
    """Return the balance and the worth of the positions, in one currency, to the last place that the database keeps."""
    with localcontext(EXACT):
        return ((balance.amount if balance else ZERO) + sum(position_values, ZERO)).quantize(SMALLEST)


async def measure_equity(
    work: UnitOfWork, wallet_id: str, currency: str, equity: Decimal, balance: Balance | None, *, keep: bool
) -> Equity:
    """Return the equity with the beginning of the day and the peak that it is compared with, and with `keep` store those."""
    amount, entries = (balance.amount, balance.entries) if balance else (ZERO, 0)
    before = await _stored_basis(work, wallet_id, currency)
    moved = ZERO if before is None or before.entries == entries else await _moved(work, wallet_id, currency, before.entries)

    async def start_of_day() -> Decimal:
        return await _start_of_day(work, wallet_id, currency, amount)

    after = await measured(before, equity, entries, moved, work.now, start_of_day)
    if keep:
        await work.session.execute(upsert(work.session, EquityMark, {"wallet_id": wallet_id, "currency": currency}, asdict(after)))
    return Equity(equity, after, is_worth_writing(before, after))


async def _stored_basis(work: UnitOfWork, wallet_id: str, currency: str) -> Basis | None:
    row = await work.session.get(EquityMark, (wallet_id, currency), populate_existing=True)
    if row is None:
        return None
    return Basis(row.day, row.day_start, row.peak, row.peak_at, row.equity, row.entries, row.measured_at)


async def _moved(work: UnitOfWork, wallet_id: str, currency: str, seen: int) -> Decimal:
    query = select(LedgerEntry.amount).where(LedgerEntry.wallet_id == wallet_id, LedgerEntry.asset == currency, LedgerEntry.seq > seen)
    with localcontext(EXACT):
        return sum(await work.session.scalars(query.where(LedgerEntry.cause.not_in(_OF_TRADES))), ZERO)


async def _start_of_day(work: UnitOfWork, wallet_id: str, currency: str, balance: Decimal) -> Decimal:
    # What nobody measured at midnight: what there would be without the positions that were open at any time today.
    query = select(Position).where(
        Position.wallet_id == wallet_id,
        Position.currency == currency,
        or_(Position.status == PositionStatus.OPEN, Position.closed_at >= midnight_before(work.now)),
    )
    with localcontext(EXACT):
        start = balance
        for position in await work.session.scalars(query):
            start += position.open_cost * position.side.sign + position.open_fees - position.realized_pnl
        return start.quantize(SMALLEST)


async def _open_books(work: UnitOfWork, user_id: str) -> set[tuple[str, str, str]]:
    held = select(Position.wallet_id, Position.symbol, Position.book).where(
        Position.user_id == user_id, Position.status == PositionStatus.OPEN
    )
    # An order under way counts as the position that it will open; one for a position that is there is the same place.
    coming = select(Order.wallet_id, Order.symbol, Order.book).where(
        Order.user_id == user_id, Order.status.in_(ACTIVE), Order.reduce_only.is_(False)
    )
    return {(wallet_id, symbol, book) for wallet_id, symbol, book in await work.session.execute(held.union(coming))}


async def _count_orders(work: UnitOfWork, user_id: str, kinds: set[RuleType], rules: Sequence[Rule]) -> _Counts:
    windows = sorted({int(rule.condition["seconds"]) for rule in rules if rule.rule_type is RuleType.MAX_ORDER_RATE})
    terms = [Order.created_at > work.now - timedelta(seconds=seconds) for seconds in windows]
    daily = RuleType.MAX_ORDERS_PER_DAY in kinds
    if daily:
        terms.append(Order.created_at >= midnight_before(work.now))
    if not terms:
        return _Counts()
    counted = select(*(func.count(case((term, 1))) for term in terms))
    row = (await work.session.execute(counted.where(Order.user_id == user_id, Order.reduce_only.is_(False), or_(*terms)))).one()
    return _Counts(row[-1] if daily else None, dict(zip(windows, row, strict=False)))


async def _last_closings(work: UnitOfWork, user_id: str, rules: Sequence[Rule]) -> Sequence[Closing]:
    wanted = [int(rule.condition["losses"]) for rule in rules if rule.rule_type is RuleType.COOLDOWN_AFTER_LOSS]
    if not wanted:
        return ()
    query = select(Position.closed_at, Position.realized_pnl).where(Position.user_id == user_id, Position.closed_at.is_not(None))
    rows = await work.session.execute(query.order_by(Position.closed_at.desc(), Position.id.desc()).limit(max(wanted)))
    return [Closing(closed_at, won) for closed_at, won in rows if closed_at is not None]
