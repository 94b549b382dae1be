"""The only way to change a balance: append entries that say why, under the wallet's lock."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select

from domain.kernel.ids import new_id
from domain.kernel.money import EXACT, MAX_SCALE, plain
from domain.runtime.unit_of_work import UnitOfWork
from domain.wallets.models import Balance, EntryCause, LedgerEntry, Wallet

ZERO = Decimal(0)
SMALLEST = Decimal(1).scaleb(-MAX_SCALE)
# What a session, which lives as long as its transaction, holds already and need not ask for again.
HELD, HELD_USERS = "held wallets", "users whose wallets are held"


@dataclass(frozen=True, slots=True)
class Entry:
    """A change to be posted: positive comes in, negative goes out. `id` is given where somebody has named it already."""

    asset: str
    amount: Decimal
    cause: EntryCause
    fill_id: str | None = None
    order_id: str | None = None
    id: str | None = None


async def lock_wallet(work: UnitOfWork, wallet_id: str) -> Wallet:
    """Hold the wallet until the end of this transaction: nobody else changes its money, orders or positions meanwhile."""
    held: dict[str, Wallet] = work.session.info.setdefault(HELD, {})
    if wallet_id not in held:
        query = select(Wallet).where(Wallet.id == wallet_id).with_for_update()
        held[wallet_id] = (await work.session.scalars(query.execution_options(populate_existing=True))).one()
    return held[wallet_id]


async def lock_wallets_of(work: UnitOfWork, user_id: str) -> Sequence[Wallet]:
    """Hold all wallets of a user, oldest first; the fixed order keeps two transactions from waiting for each other."""
    held: dict[str, Wallet] = work.session.info.setdefault(HELD, {})
    users: dict[str, Sequence[Wallet]] = work.session.info.setdefault(HELD_USERS, {})
    if user_id not in users:
        query = select(Wallet).where(Wallet.user_id == user_id, Wallet.deleted_at.is_(None)).order_by(Wallet.id).with_for_update()
        users[user_id] = (await work.session.scalars(query.execution_options(populate_existing=True))).all()
        held.update({wallet.id: wallet for wallet in users[user_id]})
    return users[user_id]


async def post(work: UnitOfWork, wallet: Wallet, *entries: Entry) -> list[LedgerEntry]:
    """Book the entries in their order and move the balances with them; entries of nothing are left out.

    Amounts finer than 18 decimal places are rounded to that.
    """
    await lock_wallet(work, wallet.id)
    balances = await _balances(work, wallet.id, {entry.asset for entry in entries if entry.amount})
    booked = []
    for entry in entries:
        amount = entry.amount.quantize(SMALLEST, context=EXACT)
        if amount == 0:
            continue
        balance = balances[entry.asset]
        balance.amount = EXACT.add(balance.amount, amount)
        balance.entries += 1
        balance.updated_at = work.now
        booked.append(
            LedgerEntry(
                id=entry.id or new_id("entry"),
                user_id=wallet.user_id,
                wallet_id=wallet.id,
                asset=entry.asset,
                seq=balance.entries,
                amount=amount,
                balance_after=balance.amount,
                cause=entry.cause,
                fill_id=entry.fill_id,
                order_id=entry.order_id,
                created_at=work.now,
            )
        )
    work.session.add_all(booked)
    return booked


async def balances_of(work: UnitOfWork, wallet_id: str) -> dict[str, Decimal]:
    """Return what a wallet holds of each asset it ever held."""
    query = select(Balance).where(Balance.wallet_id == wallet_id).order_by(Balance.asset)
    return {balance.asset: balance.amount for balance in await work.session.scalars(query.execution_options(populate_existing=True))}


async def balance_of(work: UnitOfWork, wallet_id: str, asset: str) -> Decimal:
    """Return what a wallet holds of one asset."""
    amount = await work.session.scalar(select(Balance.amount).where(Balance.wallet_id == wallet_id, Balance.asset == asset))
    return ZERO if amount is None else amount


async def verify_ledger(work: UnitOfWork, wallet_id: str) -> list[str]:
    """Return what is wrong with a wallet's books, one sentence each; nothing means that they agree.

    For each asset the entries are numbered without a gap, every `balance_after` is the sum so far, and the last one is the balance.
    """
    query = select(LedgerEntry).where(LedgerEntry.wallet_id == wallet_id).order_by(LedgerEntry.asset, LedgerEntry.seq)
    by_asset: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in await work.session.scalars(query.execution_options(populate_existing=True)):
        by_asset[entry.asset].append(entry)
    balances = await balances_of(work, wallet_id)
    faults = [f"{asset}: entries without a balance" for asset in by_asset.keys() - balances.keys()]
    for asset, amount in balances.items():
        total = ZERO
        for expected, entry in enumerate(by_asset[asset], start=1):
            total = EXACT.add(total, entry.amount)
            if entry.seq != expected:
                faults.append(f"{asset}: entry {entry.seq} stands where {expected} should")
            if entry.balance_after != total:
                faults.append(f"{asset}: entry {entry.seq} says {plain(entry.balance_after)} after it, the sum is {plain(total)}")
        if total != amount:
            faults.append(f"{asset}: the balance is {plain(amount)}, the sum of its entries {plain(total)}")
    return faults


async def _balances(work: UnitOfWork, wallet_id: str, assets: set[str]) -> dict[str, Balance]:
    query = select(Balance).where(Balance.wallet_id == wallet_id, Balance.asset.in_(assets))
    found = await work.session.scalars(query.execution_options(populate_existing=True))
    balances = {balance.asset: balance for balance in found}
    for asset in sorted(assets - balances.keys()):
        balances[asset] = Balance(wallet_id=wallet_id, asset=asset, amount=ZERO, entries=0, updated_at=work.now)
        work.session.add(balances[asset])
    return balances
