"""Reading wallets for clients that follow relations."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from domain.kernel.permissions import Permission, requires
from domain.runtime.keyset import KeysetPage, PageRequest, equal, grouped, keyset_page
from domain.runtime.unit_of_work import UnitOfWork
from domain.wallets.models import Balance, LedgerEntry, Wallet
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
