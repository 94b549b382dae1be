"""What a wallet is being used for, asked of those who use it: trading stands above wallets and answers here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.unit_of_work import UnitOfWork
from domain.wallets.models import Wallet


@dataclass(frozen=True, slots=True)
class Uses:
    """How much of a wallet is in use; orders `in_doubt` are those of which nobody knows yet whether the venue has them."""

    open_positions: int = 0
    live_orders: int = 0
    in_doubt: int = 0


# The composition puts in who knows. Call it under the wallet's lock, or what it says may be old.
USES_OF: list[Callable[[UnitOfWork, str], Awaitable[Uses]]] = []


async def check_unused(work: UnitOfWork, wallet: Wallet) -> None:
    """Raise WALLET_IN_USE while the wallet holds open positions or orders that can still be filled."""
    for ask in USES_OF:
        uses = await ask(work, wallet.id)
        if uses.open_positions or uses.live_orders:
            raise _in_use(wallet, uses, "Close its positions and cancel its orders first")


async def check_settled(work: UnitOfWork, wallet: Wallet) -> None:
    """Raise WALLET_IN_USE while an order is on its way: asked with other keys, the venue could not tell what became of it."""
    for ask in USES_OF:
        uses = await ask(work, wallet.id)
        if uses.in_doubt:
            raise _in_use(wallet, uses, "An order is on its way to the venue; try again when its fate is known")


def _in_use(wallet: Wallet, uses: Uses, sentence: str) -> DomainError:
    return DomainError(
        ErrorCode.WALLET_IN_USE, sentence, wallet_id=wallet.id, open_positions=uses.open_positions, live_orders=uses.live_orders
    )
