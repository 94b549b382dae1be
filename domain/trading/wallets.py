"""What wallets mean to trading: how much of one is in use, and what has been traded and won with it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext

from sqlalchemy import func, select

from domain.kernel.money import EXACT
from domain.kernel.permissions import Permission, requires
from domain.runtime.paging import Limit, Offset, Page
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.machine import ACTIVE, UNCONFIRMED
from domain.trading.models import Fill, Order, Position, PositionStatus
from domain.trading.service import fills_visible_to
from domain.wallets.definitions import definitions_by_slug
from domain.wallets.models import Balance, Wallet
from domain.wallets.relations import balances_of_wallets
from domain.wallets.service import get_wallet, list_wallets
from domain.wallets.uses import Uses

ZERO = Decimal(0)
# What counts as a dollar in a sum over currencies.
DOLLARS = frozenset({"USD", "USDC", "USDT"})


@dataclass(frozen=True, slots=True)
class WalletTrades:
    """What our books say about a wallet's trading: orders of which something was filled, and realised profit by quote currency.

    `total_pnl` counts the dollar and its stable coins alone, at par: other currencies stand in `pnl_by_currency`.
    """

    total_trades: int = 0
    last_trade_at: datetime | None = None
    pnl_by_currency: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def total_pnl(self) -> Decimal:
        with localcontext(EXACT):
            return sum((amount for currency, amount in self.pnl_by_currency.items() if currency in DOLLARS), ZERO)


@dataclass(frozen=True, slots=True)
class WalletRecord:
    """A wallet as people read it: with its definition's id and name, its balances, and what was traded with it."""

    wallet: Wallet
    definition_id: str
    definition_name: str
    balances: Sequence[Balance]
    trades: WalletTrades


async def uses_of(work: UnitOfWork, wallet_id: str) -> Uses:
    """Return how much of a wallet is in use."""
    held = select(func.count()).select_from(Position).where(Position.wallet_id == wallet_id, Position.status == PositionStatus.OPEN)
    orders = select(func.count()).select_from(Order).where(Order.wallet_id == wallet_id)
    return Uses(
        open_positions=await work.session.scalar(held) or 0,
        live_orders=await work.session.scalar(orders.where(Order.status.in_(ACTIVE))) or 0,
        in_doubt=await work.session.scalar(orders.where(Order.status.in_(UNCONFIRMED))) or 0,
    )


@requires(Permission.WALLETS_READ)
async def list_wallet_records(work: UnitOfWork, is_active: bool | None = None, limit: Limit = 10, offset: Offset = 0) -> Page[WalletRecord]:
    """Return the caller's wallets with all that belongs to them, newest first."""
    page = await list_wallets(work, is_active, limit, offset)
    return Page(await wallet_records(work, page.items), page.total)


@requires(Permission.WALLETS_READ)
async def get_wallet_record(work: UnitOfWork, wallet_id: str) -> WalletRecord:
    """Return one wallet with all that belongs to it. Raises NOT_FOUND."""
    return (await wallet_records(work, [await get_wallet(work, wallet_id)]))[0]


async def wallet_records(work: UnitOfWork, wallets: Sequence[Wallet]) -> list[WalletRecord]:
    """Return these wallets with all that belongs to them, in four statements however many they are."""
    ids = [wallet.id for wallet in wallets]
    definitions = await definitions_by_slug(work, sorted({wallet.definition_slug for wallet in wallets}))
    balances, trades = await balances_of_wallets(work, ids), await trades_of_wallets(work, ids)
    return [
        WalletRecord(
            wallet,
            definitions[wallet.definition_slug].id,
            definitions[wallet.definition_slug].name,
            balances[wallet.id],
            trades[wallet.id],
        )
        for wallet in wallets
    ]


@requires(Permission.WALLETS_READ)
async def trades_of_wallets(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, WalletTrades]:
    """Return what was traded with each of the caller's wallets."""
    fills = fills_visible_to(work.caller).where(Fill.wallet_id.in_(ids)).subquery()
    counted = select(fills.c.wallet_id, func.count(fills.c.order_id.distinct()), func.max(fills.c.executed_at)).group_by(fills.c.wallet_id)
    traded = {wallet_id: (count, last) for wallet_id, count, last in await work.session.execute(counted)}
    # Summed here: SQLite would add up binary floats.
    won: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    realised = select(Position.wallet_id, Position.currency, Position.realized_pnl).where(Position.wallet_id.in_(traded))
    with localcontext(EXACT):
        for wallet_id, currency, pnl in await work.session.execute(realised):
            won[wallet_id][currency] += pnl
    return {id: WalletTrades(*traded[id], dict(won[id])) if id in traded else WalletTrades() for id in ids}
