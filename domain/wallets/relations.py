"""Reading wallets for clients that follow relations."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from domain.kernel.permissions import Permission, requires
from domain.runtime.keyset import KeysetPage, PageRequest, equal, grouped, keyset_page
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork
from domain.wallets.definitions import definitions_by_slug
from domain.wallets.models import Balance, LedgerEntry, SyncLog, Wallet, WalletDefinition
from domain.wallets.service import get_wallet, wallets_visible_to


@requires(Permission.WALLETS_READ)
async def page_of_wallets(work: UnitOfWork, page: PageRequest) -> KeysetPage[Wallet]:
    """Return a page of the caller's wallets, newest first."""
    return await keyset_page(work.session, wallets_visible_to(work.caller), Wallet, page)


@requires(Permission.WALLETS_READ)
async def page_of_ledger(work: UnitOfWork, page: PageRequest, wallet_id: str, asset: str | None = None) -> KeysetPage[LedgerEntry]:
    """Return a page of what changed the balances of one wallet, newest first. Raises NotFound."""
    wallet = await get_wallet(work, wallet_id)
    query = equal(select(LedgerEntry), (LedgerEntry.wallet_id, wallet.id), (LedgerEntry.asset, asset))
    return await keyset_page(work.session, query, LedgerEntry, page)


@requires(Permission.WALLETS_READ)
async def wallets_by_id(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Wallet]:
    """Return those of the wallets that the caller can see."""
    return {wallet.id: wallet for wallet in await work.session.scalars(wallets_visible_to(work.caller).where(Wallet.id.in_(ids)))}


@requires(Permission.WALLETS_READ)
async def balances_of_wallets(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Sequence[Balance]]:
    """Return what each wallet holds of every asset it ever held, by asset."""
    visible = wallets_visible_to(work.caller).where(Wallet.id.in_(ids)).with_only_columns(Wallet.id)
    query = select(Balance).where(Balance.wallet_id.in_(visible)).order_by(Balance.wallet_id, Balance.asset)
    return await grouped(work.session, query, "wallet_id", ids)


@requires(Permission.WALLETS_READ)
async def wallet_definitions_of(work: UnitOfWork, slugs: Collection[str]) -> Mapping[str, WalletDefinition]:
    """Return the definitions of these slugs, those that are deleted too: wallets go on naming them."""
    return await definitions_by_slug(work, list(slugs))


@requires(Permission.WALLETS_READ)
async def list_sync_logs(work: UnitOfWork, wallet_id: str, limit: Limit = 10, offset: Offset = 0) -> Page[SyncLog]:
    """Return the comparisons of a wallet's books with its venue in the last 30 days, newest first. Raises NOT_FOUND."""
    wallet = await get_wallet(work, wallet_id)
    query = select(SyncLog).where(SyncLog.wallet_id == wallet.id).order_by(SyncLog.created_at.desc(), SyncLog.id.desc())
    return await page_of(work.session, query, limit, offset)


@requires(Permission.WALLETS_READ)
async def page_of_sync_logs(work: UnitOfWork, page: PageRequest, wallet_id: str) -> KeysetPage[SyncLog]:
    """Return a page of the comparisons of a wallet's books with its venue, newest first. Raises NOT_FOUND."""
    wallet = await get_wallet(work, wallet_id)
    return await keyset_page(work.session, select(SyncLog).where(SyncLog.wallet_id == wallet.id), SyncLog, page)
