"""Watches between trades what a rule says may be lost: who has lost more may only reduce from then on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import localcontext

from sqlalchemy import or_, select

from domain.kernel.money import EXACT
from domain.risk.equity import midnight_before
from domain.risk.losses import loss_verdict
from domain.risk.models import RiskRule
from domain.risk.rules import LOSS_RULES, Measures, Rule, RuleAction, RuleType
from domain.risk.switch import trip, would_trip
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.judging import limits_of_wallet
from domain.trading.measures import Equity, equity_of, measure_equity
from domain.trading.models import Position, PositionStatus
from domain.wallets.ledger import lock_wallets_of
from domain.wallets.models import Balance, Wallet


@dataclass(frozen=True, slots=True)
class _Book:
    """What a wallet has in one currency, and the rules about losing it."""

    wallet_id: str
    currency: str
    rules: Sequence[Rule]


@dataclass(frozen=True, slots=True)
class _Breach:
    rule_id: str
    reason: str
    since: datetime


async def guard_losses(operation: Operation) -> list[str]:
    """Hold every wallet against its owner's `max_daily_loss` and `max_drawdown` and its own daily limit.

    Where a rejecting rule is broken the owner's trading switch moves to `REDUCING`, once a day or once below a peak; returns the ids of
    those users. Positions count at the price last seen. Called by the timetable. Only those are looked at who have such a rule, and a
    position open or closed today; one short unit of work a user, and none where nothing has changed.
    """
    async with operation.reading() as work:
        books = await _watched(work)
        due = [user_id for user_id, watched in books.items() if await _is_due(work, user_id, watched)]
    moved = []
    for user_id in due:
        async with operation.unit_of_work() as work:
            await lock_wallets_of(work, user_id)
            tripped = [
                await trip(work, user_id, breach.rule_id, breach.reason, breach.since) for breach in await _look(work, books[user_id])
            ]
            if any(tripped):
                moved.append(user_id)
    return moved


async def _watched(work: UnitOfWork) -> Mapping[str, Sequence[_Book]]:
    at_stake = select(Position.user_id, Position.wallet_id, Position.currency).where(
        or_(Position.status == PositionStatus.OPEN, Position.closed_at >= midnight_before(work.now))
    )
    places = sorted((await work.session.execute(at_stake.distinct())).all())
    rules: dict[str, list[Rule]] = defaultdict(list)
    stored = select(RiskRule).where(RiskRule.is_active.is_(True), RiskRule.rule_type.in_(LOSS_RULES))
    for rule in await work.session.scalars(stored.order_by(RiskRule.created_at, RiskRule.id)):
        rules[rule.user_id].append(rule)
    wallets = select(Wallet).where(Wallet.id.in_({wallet_id for _, wallet_id, _ in places}))
    own = {wallet.id: _losses(limits_of_wallet(wallet)) for wallet in await work.session.scalars(wallets)}
    found: dict[str, list[_Book]] = defaultdict(list)
    for user_id, wallet_id, currency in places:
        if concerned := [*rules[user_id], *own[wallet_id]]:
            found[user_id].append(_Book(wallet_id, currency, concerned))
    return found


def _losses(rules: Iterable[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule.rule_type in LOSS_RULES]


async def _is_due(work: UnitOfWork, user_id: str, books: Sequence[_Book]) -> bool:
    # Looked at without a lock first: most rounds find nothing to write.
    for book in books:
        equity = await _measured(work, book, keep=False)
        if equity.is_news:
            return True
        for breach in _breaches(book, equity):
            if await would_trip(work, user_id, breach.rule_id, breach.since):
                return True
    return False


async def _look(work: UnitOfWork, books: Sequence[_Book]) -> list[_Breach]:
    found: list[_Breach] = []
    for book in books:
        found += _breaches(book, await _measured(work, book, keep=True))
    return found


async def _measured(work: UnitOfWork, book: _Book, *, keep: bool) -> Equity:
    balance = await work.session.get(Balance, (book.wallet_id, book.currency), populate_existing=True)
    held = select(Position).where(
        Position.wallet_id == book.wallet_id, Position.currency == book.currency, Position.status == PositionStatus.OPEN
    )
    positions = await work.session.scalars(held.execution_options(populate_existing=True))
    with localcontext(EXACT):
        values = [position.signed_quantity * position.current_price * position.contract_size for position in positions]
    equity = equity_of(balance, values)
    return await measure_equity(work, book.wallet_id, book.currency, equity, balance, keep=keep)


def _breaches(book: _Book, equity: Equity) -> list[_Breach]:
    basis = equity.basis
    measures = Measures(equity=equity.now, day_start=basis.day_start, peak=basis.peak)
    found = []
    for rule in book.rules:
        verdict = loss_verdict(rule, measures, book.currency)
        if verdict.passed or rule.action is not RuleAction.REJECT:
            continue
        begun = basis.day if rule.rule_type is RuleType.MAX_DAILY_LOSS else basis.peak_at
        # A rule that was set anew may bite anew.
        set_at = rule.updated_at or rule.created_at if isinstance(rule, RiskRule) else begun
        found.append(_Breach(rule.id, f"{rule.name}: {verdict.message}", max(begun, set_at)))
    return found
