"""The facts that wallets tell: that one has changed."""

from domain.kernel.events import Event
from domain.wallets.models import Wallet

WALLET_UPDATED = "wallet.updated"


def wallet_updated(wallet: Wallet) -> Event:
    """Tell how a wallet stands now; its balances are read where they are kept."""
    payload = {
        "wallet_id": wallet.id,
        "wallet_slug": wallet.definition_slug,
        "nickname": wallet.nickname,
        "is_active": wallet.is_active,
        "is_deleted": wallet.deleted_at is not None,
        "connection_status": wallet.connection_status.value,
    }
    return Event(WALLET_UPDATED, wallet.user_id, wallet.id, payload)
