"""What people may ask of their wallets, and the paper wallet that everybody has from the start."""

from decimal import Decimal

from sqlalchemy import Select, select

from domain.accounts.models import User
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, requires
from domain.runtime.keyset import equal
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork
from domain.wallets.ledger import Entry, balances_of, post
from domain.wallets.models import EntryCause, LedgerEntry, Wallet
from domain.wallets.rules import PAPER_VENUE

PAPER_SLUG = PAPER_VENUE
PAPER_NICKNAME = "Paper wallet"
# Crypto pairs are quoted in USDT, energy in USD and, for the European instruments, in EUR.
OPENING_DEPOSITS = {"USDT": Decimal(10_000), "USD": Decimal(1_000_000), "EUR": Decimal(1_000_000)}


def wallets_visible_to(caller: Caller) -> Select[Wallet]:
    """Return the select that every reading of wallets starts from: the caller's own that are not deleted."""
    query = select(Wallet).where(Wallet.deleted_at.is_(None))
    return query if caller.is_system else query.where(Wallet.user_id == caller.id)


async def open_paper_wallet(work: UnitOfWork, user: User) -> Wallet:
    """Give a user the paper wallet with its opening deposits; one who has it keeps it."""
    existing = await work.session.scalar(
        select(Wallet).where(Wallet.user_id == user.id, Wallet.definition_slug == PAPER_SLUG, Wallet.deleted_at.is_(None))
    )
    if existing is not None:
        return existing
    wallet = Wallet(
        id=new_id("wallet"),
        user_id=user.id,
        definition_slug=PAPER_SLUG,
        nickname=PAPER_NICKNAME,
        is_active=True,
        created_at=work.now,
    )
    work.session.add(wallet)
    await deposit_play_money(work, wallet)
    return wallet


async def deposit_play_money(work: UnitOfWork, wallet: Wallet) -> None:
    """Book what a paper wallet begins with."""
    await post(work, wallet, *(Entry(asset, amount, EntryCause.DEPOSIT) for asset, amount in OPENING_DEPOSITS.items()))


async def default_wallet(work: UnitOfWork, user_id: str) -> Wallet:
    """Return the wallet of orders that name none: the user's oldest active one. Raises VALIDATION_ERROR if there is none."""
    query = select(Wallet).where(Wallet.user_id == user_id, Wallet.is_active.is_(True), Wallet.deleted_at.is_(None))
    wallet = await work.session.scalar(query.order_by(Wallet.created_at, Wallet.id).limit(1))
    if wallet is None:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "There is no active wallet to trade with", field="wallet_id")
    return wallet


@requires(Permission.WALLETS_READ)
async def list_wallets(work: UnitOfWork, is_active: bool | None = None, limit: Limit = 10, offset: Offset = 0) -> Page[Wallet]:
    """Return the caller's wallets, newest first."""
    query = equal(wallets_visible_to(work.caller), (Wallet.is_active, is_active))
    query = query.order_by(Wallet.created_at.desc(), Wallet.id.desc())
    return await page_of(work.session, query, limit, offset)


@requires(Permission.WALLETS_READ)
async def get_wallet(work: UnitOfWork, wallet_id: str) -> Wallet:
    """Return one wallet. Raises NotFound."""
    wallet = await work.session.scalar(wallets_visible_to(work.caller).where(Wallet.id == wallet_id))
    if wallet is None:
        raise NotFound("Wallet", wallet_id)
    return wallet


@requires(Permission.WALLETS_READ)
async def get_balances(work: UnitOfWork, wallet_id: str) -> dict[str, Decimal]:
    """Return what one wallet holds of each asset. Raises NotFound."""
    wallet = await get_wallet(work, wallet_id)
    return await balances_of(work, wallet.id)


@requires(Permission.WALLETS_READ)
async def list_ledger(
    work: UnitOfWork, wallet_id: str, asset: str | None = None, limit: Limit = 10, offset: Offset = 0
) -> Page[LedgerEntry]:
    """Return the entries of one wallet, newest first. Raises NotFound."""
    wallet = await get_wallet(work, wallet_id)
    query = select(LedgerEntry).where(LedgerEntry.wallet_id == wallet.id).order_by(LedgerEntry.id.desc())
    if asset is not None:
        query = query.where(LedgerEntry.asset == asset)
    return await page_of(work.session, query, limit, offset)
