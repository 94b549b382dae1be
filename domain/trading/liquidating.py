"""Closes what a wallet can no longer carry, and takes back orders that it can no longer pay for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

import structlog
from sqlalchemy import or_, select

from domain.audit.recording import audited, entry_of
from domain.audit.vocabulary import Severity
from domain.exchanges.venue import Ability, OrderType, Venues
from domain.kernel.errors import DomainError
from domain.kernel.money import EXACT, plain
from domain.market.candles import Tick
from domain.market.instruments import find_instrument
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.cancelling import request_cancel, withdraw
from domain.trading.closing import write_exit
from domain.trading.events import margin_updated
from domain.trading.exposure import Standing, standings_of_wallets
from domain.trading.funds import Funds, funds_of_wallets, reckon
from domain.trading.machine import ACTIVE, LIVE, RESTING
from domain.trading.margin import maintenance_of
from domain.trading.models import (
    CancelReason,
    MarginAlarm,
    MarginLevel,
    Order,
    OrderPurpose,
    OrderStatus,
    Position,
    PositionStatus,
)
from domain.trading.sending import send
from domain.wallets.ledger import balance_of, lock_wallet, lock_wallets_of
from domain.wallets.models import Wallet

log = structlog.get_logger()

ZERO = Decimal(0)
# Of what the positions require: below the first their owner is warned, and warned again only after the second was reached.
WARNED_BELOW, RESTORED_AT = Decimal("1.25"), Decimal("1.5")
BATCH = 500


@dataclass(frozen=True, slots=True)
class Purse:
    """One currency of one wallet, to be looked at under its lock."""

    user_id: str
    wallet_id: str
    currency: str


@dataclass(frozen=True, slots=True)
class Troubles:
    """Who may be short, as a first look without a lock shows it."""

    of_margin: Sequence[Purse]
    of_money: Sequence[Purse]


async def watch_funds(operation: Operation, ticks: Mapping[str, Tick]) -> list[str]:
    """Look at the funds of every wallet that holds or has ordered something; returns the ids of the orders that liquidate.

    A wallet whose equity in a currency is below what its positions require has its orders there cancelled and its positions closed, the
    largest loss first, until it is not. One that has spoken for more than it has loses its youngest orders until it has not. The first
    look takes no lock and a constant number of statements; each decision is then taken anew in a transaction of its own.
    """
    async with operation.reading() as work:
        troubles = await _first_look(work, ticks)
    exits = []
    for purse in troubles.of_margin:
        exits += await keep_margin(operation, purse, ticks)
    for purse in troubles.of_money:
        await release_unfunded(operation, purse)
    return exits


async def keep_margin(operation: Operation, purse: Purse, ticks: Mapping[str, Tick]) -> list[str]:
    """Warn of, or end, a shortage of margin in one currency of a wallet; returns the ids of the orders that liquidate.

    Safe to call at once by many and again after a crash: each position is closed once, and one whose exit was filled in part, or whose
    venue is silent, is gone on with in the next round.
    """
    async with operation.unit_of_work() as work:
        is_short, waiting = await _note_level(work, purse, ticks)
    for order_id in waiting:
        await _take_back(operation, order_id, CancelReason.LIQUIDATION)
    exits: list[str] = []
    while is_short:
        async with operation.unit_of_work() as work:
            order = await _liquidate_next(work, purse, ticks)
        if order is None:
            break
        exits.append(order.id)
        try:
            order = await send(operation, order.id)
        except DomainError as refusal:
            log.warning("liquidation.not_sent", order_id=order.id, code=refusal.code.value, reason=refusal.message)
        if order.status is not OrderStatus.FILLED:
            break
    if exits:
        async with operation.unit_of_work() as work:
            await _note_level(work, purse, ticks)
    return exits


async def release_unfunded(operation: Operation, purse: Purse) -> list[str]:
    """Cancel the youngest resting orders of a wallet in a currency until it can pay for the others; returns their ids."""
    async with operation.unit_of_work() as work:
        unfunded = await _unfunded(work, purse)
        if unfunded:
            await cancel_unfunded(work, purse, unfunded)
    for order in unfunded:
        await _take_back(operation, order.id, CancelReason.INSUFFICIENT_FUNDS)
    return [order.id for order in unfunded]


def level_of(funds: Funds, before: MarginLevel | None) -> MarginLevel | None:
    """Return how short of margin a currency is, where `before` says how it was; None for enough of it."""
    if not funds.is_open:
        return None
    if funds.equity < funds.maintenance:
        return MarginLevel.LIQUIDATION
    with localcontext(EXACT):
        if funds.equity < funds.maintenance * WARNED_BELOW:
            return MarginLevel.WARNING
        # A price that dances around the line must not warn with every step.
        return MarginLevel.WARNING if before is not None and funds.equity < funds.maintenance * RESTORED_AT else None


def next_to_close(positions: Sequence[Position], marks: Mapping[str, Decimal], equity: Decimal) -> list[Position]:
    """Return the open positions of a currency in the order in which they are to be closed, none where the equity suffices.

    Exits under way count as done. The largest loss comes first, but what would make a net position larger comes last.
    """
    held = [position for position in positions if position.exit_order_id is None]
    with localcontext(EXACT):
        nets: dict[str, Decimal] = defaultdict(Decimal)
        for position in held:
            nets[position.symbol] += position.signed_quantity
        prices = {position.symbol: marks.get(position.symbol, position.current_price) for position in held}
        required = sum((maintenance_of(find_instrument(symbol), net, prices[symbol]) for symbol, net in nets.items()), ZERO)
        if equity >= required:
            return []

        def rank(position: Position) -> tuple[bool, Decimal, str]:
            net = nets[position.symbol]
            return abs(net - position.signed_quantity) > abs(net), position.unrealized_pnl, position.id

        return sorted(held, key=rank)


@audited("position.liquidate")
async def liquidate(work: UnitOfWork, position: Position, tick: Tick, funds: Funds) -> Order:
    """Write the order that closes a position whose wallet is short of margin, under its lock. Raises INVALID_POSITION_STATE."""
    _explain(work, funds)
    return await write_exit(work, position, OrderPurpose.LIQUIDATION, tick)


@audited("wallet.call_margin")
async def call_margin(work: UnitOfWork, wallet: Wallet, funds: Funds, orders: Sequence[Order]) -> None:
    """Cancel what a wallet that is short of margin has ordered in a currency, under its lock."""
    entry_of(work).about(wallet.id)
    entry_of(work).act_for(wallet.user_id)
    _explain(work, funds)
    entry_of(work).add(orders=len(orders))
    for order in orders:
        await request_cancel(work, order, CancelReason.LIQUIDATION)


@audited("wallet.release_orders")
async def cancel_unfunded(work: UnitOfWork, purse: Purse, orders: Sequence[Order]) -> None:
    """Cancel orders that their wallet can no longer pay for, under its lock."""
    entry_of(work).about(purse.wallet_id)
    entry_of(work).act_for(purse.user_id)
    entry_of(work).add(currency=purse.currency, orders=[order.id for order in orders])
    for order in orders:
        await request_cancel(work, order, CancelReason.INSUFFICIENT_FUNDS)


def _explain(work: UnitOfWork, funds: Funds) -> None:
    entry = entry_of(work)
    entry.severity = Severity.WARNING
    entry.add(currency=funds.currency, equity=plain(funds.equity), maintenance_margin=plain(funds.maintenance))


async def _first_look(work: UnitOfWork, ticks: Mapping[str, Tick]) -> Troubles:
    alarms = {(alarm.wallet_id, alarm.currency): alarm.level for alarm in await work.session.scalars(select(MarginAlarm))}
    holding = select(Position.wallet_id).where(Position.status == PositionStatus.OPEN)
    waiting = select(Order.wallet_id).where(Order.status.in_(LIVE), Order.order_type != OrderType.MARKET)
    alarmed = select(MarginAlarm.wallet_id)
    concerned = or_(Wallet.id.in_(holding), Wallet.id.in_(waiting), Wallet.id.in_(alarmed))
    wallets = (await work.session.scalars(select(Wallet).where(concerned).order_by(Wallet.user_id, Wallet.id))).all()
    of_margin, of_money = [], []
    for start in range(0, len(wallets), BATCH):
        batch = wallets[start : start + BATCH]
        found = await funds_of_wallets(work, batch, _marks(ticks))
        for wallet in batch:
            lends = _lends(work, wallet)
            for funds in found[wallet.id]:
                purse = Purse(wallet.user_id, wallet.id, funds.currency)
                before = alarms.get((wallet.id, funds.currency))
                level = level_of(funds, before)
                if lends and (level is not before or level is MarginLevel.LIQUIDATION):
                    of_margin.append(purse)
                if funds.available < 0 and funds.reserved > 0:
                    of_money.append(purse)
    return Troubles(of_margin, of_money)


async def _note_level(work: UnitOfWork, purse: Purse, ticks: Mapping[str, Tick]) -> tuple[bool, list[str]]:
    """Tell of a change of the level, and cancel the orders of who is to be liquidated; returns whether that is so, and their ids."""
    wallet, funds, standings = await _held(work, purse, _marks(ticks))
    if not _lends(work, wallet):
        return False, []
    alarm = await work.session.get(MarginAlarm, (wallet.id, purse.currency), populate_existing=True)
    before = None if alarm is None else alarm.level
    level = level_of(funds, before)
    waiting = [
        order
        for standing in standings.values()
        for order in standing.orders
        if standing.instrument.quote == purse.currency and order.order_type is not OrderType.MARKET
    ]
    if level is not before:
        if alarm is None:
            assert level is not None
            work.session.add(MarginAlarm(wallet_id=wallet.id, currency=purse.currency, level=level, since=work.now))
        elif level is None:
            await work.session.delete(alarm)
        else:
            alarm.level, alarm.since = level, work.now
        work.emit(margin_updated(wallet, purse.currency, level, funds.equity, funds.maintenance))
    if level is not MarginLevel.LIQUIDATION:
        return False, []
    if waiting or before is not level:
        await call_margin(work, wallet, funds, waiting)
    return True, [order.id for order in waiting if order.status in ACTIVE]


async def _liquidate_next(work: UnitOfWork, purse: Purse, ticks: Mapping[str, Tick]) -> Order | None:
    _, funds, standings = await _held(work, purse, _marks(ticks))
    query = select(Position).where(
        Position.wallet_id == purse.wallet_id, Position.currency == purse.currency, Position.status == PositionStatus.OPEN
    )
    positions = (await work.session.scalars(query.execution_options(populate_existing=True))).all()
    for position in next_to_close(positions, _marks(ticks), funds.equity):
        waiting = standings[position.symbol].orders_of(position.book, position.side.exit)
        # What cannot be taken back yet would sell it a second time; what has no price now cannot be sold at all.
        if position.symbol not in ticks or any(order.order_type is not OrderType.MARKET for order in waiting):
            continue
        try:
            return await liquidate(work, position, ticks[position.symbol], funds)
        except DomainError as refusal:
            log.warning("liquidation.not_written", position_id=position.id, code=refusal.code.value, reason=refusal.message)
    return None


async def _unfunded(work: UnitOfWork, purse: Purse) -> list[Order]:
    wallet, funds, standings = await _held(work, purse, {})
    venue = work.operation.use(Venues).known(wallet.venue_slug)
    balance = funds.balance
    for standing in standings.values():
        # What is being cancelled will be free.
        standing.orders = [order for order in standing.orders if order.status is not OrderStatus.CANCELLING]
    chosen: list[Order] = []
    while (funds := reckon(wallet, venue, balance, standings.values(), purse.currency)).available < 0:
        waiting = [
            order
            for standing in standings.values()
            for order in standing.orders
            if order.id in funds.claims and funds.claims[order.id].money > 0 and order.order_type is not OrderType.MARKET
        ]
        cancellable = [order for order in waiting if order.status in RESTING or order.status is OrderStatus.PENDING]
        if not cancellable:
            break
        youngest = max(cancellable, key=lambda order: (order.created_at, order.id))
        standings[youngest.symbol].orders.remove(youngest)
        chosen.append(youngest)
    return chosen


async def _held(work: UnitOfWork, purse: Purse, marks: Mapping[str, Decimal]) -> tuple[Wallet, Funds, dict[str, Standing]]:
    await lock_wallets_of(work, purse.user_id)
    wallet = await lock_wallet(work, purse.wallet_id)
    standings = (await standings_of_wallets(work, [wallet.id], marks))[wallet.id]
    venue = work.operation.use(Venues).known(wallet.venue_slug)
    balance = await balance_of(work, wallet.id, purse.currency)
    return wallet, reckon(wallet, venue, balance, standings.values(), purse.currency), standings


async def _take_back(operation: Operation, order_id: str, reason: CancelReason) -> None:
    try:
        await withdraw(operation, order_id, reason)
    except DomainError as refusal:
        # It is asked for until the venue answers.
        log.warning("funds.order_not_withdrawn", order_id=order_id, code=refusal.code.value, reason=refusal.message)


def _lends(work: UnitOfWork, wallet: Wallet) -> bool:
    venue = work.operation.use(Venues).known(wallet.venue_slug)
    return venue is not None and Ability.LEVERAGE in venue.abilities


def _marks(ticks: Mapping[str, Tick]) -> dict[str, Decimal]:
    return {symbol: tick.price for symbol, tick in ticks.items()}
