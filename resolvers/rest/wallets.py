"""Wallet routes that are more than one call: what is made or changed is answered with its balances and trades."""

from domain.audit.recording import carried_out_by
from domain.kernel.permissions import Permission, requires
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.wallets import WalletRecord, wallet_records
from domain.wallets import opening
from domain.wallets.opening import NewWallet, WalletChanges


@carried_out_by(opening.create_wallet)
@requires(Permission.USER_WALLETS_WRITE)
async def create_and_read(work: UnitOfWork, body: NewWallet) -> WalletRecord:
    """Open a wallet. Everybody has the one wallet `demo`; of `simulation` there may be several, each with play money of its own.

    Secrets that come along are kept as credentials of the wallet's name, for which an API key is not enough. Raises NOT_FOUND,
    WALLET_DEFINITION_INACTIVE, PAPER_WALLET_EXISTS, WALLET_NAME_TAKEN, WALLET_LIMIT_REACHED, MISSING_AUTH_FIELD, CREDENTIALS_IN_USE,
    CREDENTIALS_MISMATCH, VALIDATION_ERROR, SESSION_REQUIRED, IDEMPOTENCY_CONFLICT.
    """
    return (await wallet_records(work, [await opening.create_wallet(work, body)]))[0]


@carried_out_by(opening.update_wallet)
@requires(Permission.USER_WALLETS_WRITE)
async def update_and_read(work: UnitOfWork, wallet_id: str, body: WalletChanges) -> WalletRecord:
    """Rename a wallet, switch it off or on, limit it, or give it other credentials of the same place and environment.

    Raises NOT_FOUND, WALLET_NAME_TAKEN, WALLET_IN_USE for other credentials while it trades, MISSING_AUTH_FIELD, CREDENTIALS_IN_USE,
    CREDENTIALS_MISMATCH, VALIDATION_ERROR, SESSION_REQUIRED for new secrets.
    """
    return (await wallet_records(work, [await opening.update_wallet(work, wallet_id, body)]))[0]
