"""Compares a real wallet's books with its venue and books the difference, never what a fill will book or has booked."""

import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

import structlog
from sqlalchemy import delete, func, select

from domain.audit.recording import audited, entry_of
from domain.exchanges.venue import Ability, Venue, VenueLockedOut, VenueRejected, VenueReport, Venues, VenueUnavailable
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.ids import new_id
from domain.kernel.money import EXACT, plain
from domain.kernel.permissions import Permission, requires
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.booking import record_report
from domain.trading.external_trades import book_external_trades
from domain.trading.machine import ACTIVE
from domain.trading.models import Fill, Order
from domain.wallets.connecting import check_connected
from domain.wallets.events import wallet_updated
from domain.wallets.ledger import Entry, balances_of, lock_wallet, post
from domain.wallets.models import Balance, EntryCause, SyncLog, Wallet
from domain.wallets.rules import ConnectionStatus, SyncStatus
from domain.wallets.service import get_wallet

log = structlog.get_logger()
ZERO = Decimal(0)
ATTEMPTS = 4
MAX_ASSET = 20
MAX_ERROR = 500
KEPT = timedelta(days=30)
MANUAL, SCHEDULE = "manual", "schedule"
SYNC_JOB = "wallets.sync_balance"


@dataclass(frozen=True, slots=True)
class BalanceSync:
    """What a comparison came to: what the wallet holds by our books now, and by how much they were changed."""

    status: SyncStatus
    balances: dict[str, Decimal]
    changes: dict[str, Decimal]
    sync_duration_ms: int
    synced_at: datetime
    error: str | None = None
    external_orders: tuple[str, ...] = ()

    @property
    def success(self) -> bool:
        return self.status is SyncStatus.SUCCESS


@dataclass(slots=True)
class _Mark:
    # Where the books stood: every entry and every order that was there.
    wallet: Wallet
    entries: int
    orders: int
    held: frozenset[str] = frozenset()
    active: list[Order] = field(default_factory=list)


@dataclass(slots=True)
class _Round:
    # One comparison: for whom, since when, and how often it had to begin again.
    operation: Operation
    wallet_id: str
    triggered_by: str
    began: float
    retries: int = 0
    external: list[str] = field(default_factory=list)


@audited("wallet.sync_balance", id="wallet_id")
@requires(Permission.USER_WALLETS_WRITE)
async def sync_balance(operation: Operation, wallet_id: str) -> BalanceSync:
    """Ask the venue what the wallet holds and has traded, and book what our ledger did not know.

    Trades that were made outside are booked as such, each once, and only what they do not explain as entries `sync`.
    A venue that refuses or does not answer makes it `failed`, a wallet that is traded all the while `partial`; the books are then as
    they were. The books of paper wallets are the only ones there are. Raises NOT_FOUND.
    """
    return await _sync(operation, wallet_id, MANUAL)


async def sync_in_turn(operation: Operation, wallet_id: str) -> None:
    """Compare a wallet because it is time to; one that is gone by now is passed over."""
    try:
        await _sync(operation, wallet_id, SCHEDULE)
    except DomainError as refusal:
        log.warning("wallets.not_synced", wallet_id=wallet_id, code=refusal.code.value)


async def queue_syncs(operation: Operation) -> int:
    """Have every active real wallet whose venue takes its credentials compared, and return how many; called by the timetable."""
    async with operation.unit_of_work() as work:
        query = select(Wallet.id).where(Wallet.deleted_at.is_(None), Wallet.is_active, Wallet.credentials_id.is_not(None))
        ids = (await work.session.scalars(query.where(Wallet.connection_status == ConnectionStatus.CONNECTED).order_by(Wallet.id))).all()
        for wallet_id in ids:
            work.enqueue(SYNC_JOB, wallet_id=wallet_id)
    return len(ids)


async def prune_sync_logs(work: UnitOfWork) -> None:
    """Forget comparisons that are more than 30 days old."""
    await work.session.execute(delete(SyncLog).where(SyncLog.created_at < work.now - KEPT))


@audited("wallet.sync_balance", id="wallet_id")
async def _sync(operation: Operation, wallet_id: str, triggered_by: str) -> BalanceSync:
    return await compare(operation, wallet_id, triggered_by)


async def compare(operation: Operation, wallet_id: str, triggered_by: str) -> BalanceSync:
    """Compare a wallet's trades and balances with its venue's, book the difference and log what came of it. Raises NOT_FOUND."""
    round_ = _Round(operation, wallet_id, triggered_by, time.monotonic())
    try:
        return await _compare(round_)
    except (VenueRejected, VenueUnavailable) as refusal:
        return await _give_up(round_, SyncStatus.FAILED, str(refusal), type(refusal).__name__)
    except DomainError as refusal:
        if refusal.code is ErrorCode.NOT_FOUND:
            raise
        return await _give_up(round_, SyncStatus.FAILED, refusal.message, refusal.code.value)


async def _compare(round_: _Round) -> BalanceSync:
    operation = round_.operation
    for attempt in range(ATTEMPTS):
        round_.retries = attempt
        async with operation.reading() as work:
            wallet = await get_wallet(work, round_.wallet_id)
            await check_connected(work, wallet)
            mark = await _mark(work, wallet)
        if wallet.is_paper:
            return await _give_up(round_, SyncStatus.SUCCESS, None)
        venue = operation.use(Venues).of(wallet.venue_slug)
        before = await _filled_at(venue, mark.active)
        held = {balance.currency: balance.free + balance.locked for balance in await venue.balances(wallet.id)}
        after = await _filled_at(venue, mark.active)
        # What the orders filled before the balances were asked for is booked by their own fills; what came later makes the balances
        # useless.
        if await _book_fills(operation, mark.active, after) or _trades(before) != _trades(after):
            continue
        # Asked for after the balances: whatever the balances know of, the trades tell, and it is not booked as a difference.
        if Ability.TRADES in venue.abilities:
            external = await book_external_trades(operation, wallet, venue, {*held, *mark.held})
            round_.external += external
            if external:
                continue
        result = await _book_difference(round_, mark, held)
        if result is not None:
            return result
    return await _give_up(round_, SyncStatus.PARTIAL, "The wallet is traded all the while; nothing was changed")


async def _book_difference(round_: _Round, mark: _Mark, held: dict[str, Decimal]) -> BalanceSync | None:
    # None: the books have moved since they were marked, and what the venue said may hold that or not.
    async with round_.operation.unit_of_work() as work:
        wallet = await lock_wallet(work, mark.wallet.id)
        now = await _mark(work, wallet)
        if (now.entries, now.orders) != (mark.entries, mark.orders) or wallet.credentials_id != mark.wallet.credentials_id:
            return None
        ours = await balances_of(work, wallet.id)
        with localcontext(EXACT):
            differences = {asset: held.get(asset, ZERO) - ours.get(asset, ZERO) for asset in sorted(ours.keys() | held.keys())}
        left_out = sorted(asset for asset in held if len(asset) > MAX_ASSET)
        entries = [Entry(asset, amount, EntryCause.SYNC) for asset, amount in differences.items() if asset not in left_out]
        changes = {entry.asset: entry.amount for entry in await post(work, wallet, *entries)}
        error = f"Names too long for our books: {', '.join(left_out)}" if left_out else None
        return await _conclude(work, round_, wallet, SyncStatus.PARTIAL if left_out else SyncStatus.SUCCESS, changes, error)


async def _give_up(round_: _Round, status: SyncStatus, error: str | None, code: str | None = None) -> BalanceSync:
    async with round_.operation.unit_of_work() as work:
        wallet = await lock_wallet(work, (await get_wallet(work, round_.wallet_id)).id)
        return await _conclude(work, round_, wallet, status, {}, error, code)


async def _conclude(
    work: UnitOfWork,
    round_: _Round,
    wallet: Wallet,
    status: SyncStatus,
    changes: dict[str, Decimal],
    error: str | None,
    code: str | None = None,
) -> BalanceSync:
    balances = await balances_of(work, wallet.id)
    result = BalanceSync(status, balances, changes, round((time.monotonic() - round_.began) * 1000), work.now, error and error[:MAX_ERROR])
    external = list(dict.fromkeys(round_.external))
    result = replace(result, external_orders=tuple(external))
    written = {asset: plain(amount) for asset, amount in changes.items()}
    entry = entry_of(work)
    entry.act_for(wallet.user_id)
    entry.add(status=status.value, changes=written, external_orders=external)
    if status is not SyncStatus.FAILED:
        wallet.balance_last_synced = work.now
    elif code == VenueLockedOut.__name__:
        wallet.connection_status, wallet.last_connection_error = ConnectionStatus.ERROR, result.error
    if round_.triggered_by == SCHEDULE and not changes and not external:
        work.forgo_record()
        if status is SyncStatus.SUCCESS:
            return result  # nobody asked, and there is nothing to tell
    work.session.add(
        SyncLog(
            id=new_id("sync"),
            user_id=wallet.user_id,
            wallet_id=wallet.id,
            status=status,
            balance_snapshot={asset: plain(amount) for asset, amount in balances.items()},
            balance_changes=written,
            external_orders=external,
            sync_duration_ms=result.sync_duration_ms,
            error_message=result.error,
            error_code=code,
            retry_count=round_.retries,
            triggered_by=round_.triggered_by,
            created_at=work.now,
        )
    )
    work.emit(wallet_updated(wallet))
    return result


async def _mark(work: UnitOfWork, wallet: Wallet) -> _Mark:
    fresh = {"populate_existing": True}
    entries = await work.session.scalar(select(func.sum(Balance.entries)).where(Balance.wallet_id == wallet.id))
    orders = await work.session.scalar(select(func.count()).select_from(Order).where(Order.wallet_id == wallet.id))
    active = await work.session.scalars(
        select(Order).where(Order.wallet_id == wallet.id, Order.status.in_(ACTIVE)).order_by(Order.id).execution_options(**fresh)
    )
    held = {asset for asset, amount in (await balances_of(work, wallet.id)).items() if amount}
    return _Mark(wallet, entries or 0, orders or 0, frozenset(held), list(active))


async def _filled_at(venue: Venue, orders: list[Order]) -> dict[str, VenueReport | None]:
    return {order.id: await venue.find(order.wallet_id, order.client_order_id, order.symbol) for order in orders}


def _trades(reports: dict[str, VenueReport | None]) -> dict[str, set[str]]:
    return {id: {fill.trade_id for fill in report.fills} if report else set() for id, report in reports.items()}


async def _book_fills(operation: Operation, orders: list[Order], reports: dict[str, VenueReport | None]) -> bool:
    # Says whether a fill was new to our books.
    booked = False
    for order in orders:
        report = reports[order.id]
        if report is None or not report.fills:
            continue
        async with operation.unrecorded().unit_of_work() as work:
            known = select(func.count()).select_from(Fill).where(Fill.order_id == order.id)
            before = await work.session.scalar(known)
            await record_report(work, order.id, report)
            booked = booked or await work.session.scalar(known) != before
    return booked
