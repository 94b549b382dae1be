"""How far a wallet may trade beyond its own money, as its owner sets it."""

from domain.audit.recording import audited
from domain.exchanges.venue import Ability, Venues
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import plain, trimmed
from domain.kernel.permissions import Permission, requires
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.funds import funds_of_wallets
from domain.trading.margin import MAX_LEVERAGE
from domain.wallets.ledger import lock_wallets_of
from domain.wallets.models import Wallet
from domain.wallets.service import get_wallet


@audited("wallet.set_leverage", id="wallet_id")
@requires(Permission.ORDERS_WRITE)
async def set_leverage(work: UnitOfWork, wallet_id: str, leverage: int) -> Wallet:
    """Let the positions of a wallet be worth so many times the margin behind them: 1, which is without borrowing, to 10.

    An instrument that allows less is traded with what it allows. Raises NotFound, VALIDATION_ERROR for another number and for more than
    1 where the venue does not lend, INSUFFICIENT_FUNDS when the wallet could not carry what it holds and has ordered with so little.
    """
    if not 1 <= leverage <= MAX_LEVERAGE:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"leverage must be a whole number from 1 to {MAX_LEVERAGE}", field="leverage")
    found = await get_wallet(work, wallet_id)
    await lock_wallets_of(work, found.user_id)
    # It may have been deleted while its lock was waited for.
    wallet = await get_wallet(work, wallet_id)
    if leverage > 1 and Ability.LEVERAGE not in work.operation.use(Venues).of(wallet.venue_slug).abilities:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{wallet.venue_slug} does not lend: the leverage is always 1", field="leverage")
    is_lowered = leverage < wallet.leverage
    wallet.leverage = leverage
    if is_lowered:
        for funds in (await funds_of_wallets(work, [wallet]))[wallet.id]:
            if funds.available < 0:
                raise DomainError(
                    ErrorCode.INSUFFICIENT_FUNDS,
                    f"With a leverage of {leverage} the wallet lacks {plain(-funds.available)} {funds.currency} for what it holds "
                    "and has ordered",
                    currency=funds.currency,
                    required=trimmed(funds.margin + funds.reserved),
                    available=trimmed(funds.equity),
                )
    return wallet
