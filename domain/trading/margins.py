"""Reading what wallets can spend and what positions are carried by, for many at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select

from domain.audit.recording import audited
from domain.exchanges.venue import Ability, Venues
from domain.kernel.money import trimmed
from domain.kernel.permissions import Permission, requires
from domain.market.instruments import find_instrument
from domain.runtime.operation import Operation
from domain.runtime.paging import Limit, Offset, Page
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.funds import Funds, funds_of_wallets
from domain.trading.margin import effective_leverage, margin_rate
from domain.trading.models import Position, PositionStatus
from domain.trading.monitoring import UNSET, Unset, update_position
from domain.trading.protection import BreakEven, TrailingStop
from domain.trading.relations import positions_by_id
from domain.trading.reservations import held_against
from domain.trading.service import get_position, list_positions
from domain.wallets.models import Wallet
from domain.wallets.relations import wallets_by_id


@dataclass(frozen=True, slots=True)
class PositionMargin:
    """By how much a position is carried.

    `leverage` is what the wallet trades the symbol with now. `margin_used` is held against this position by itself, in its currency and 0
    when it is closed; what others of the wallet net it with is not taken off. At `liquidation_price` the wallet would be liquidated if all
    other prices stood still; None where there is no such price.
    """

    leverage: int
    margin_used: Decimal
    liquidation_price: Decimal | None


@dataclass(frozen=True, slots=True)
class PositionRecord:
    """A position with what carries it."""

    position: Position
    margin: PositionMargin


@requires(Permission.WALLETS_READ)
async def funds_by_wallet(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Sequence[Funds]]:
    """Return the funds of each wallet that the caller can see, by currency; the prices are those last seen."""
    return await funds_of_wallets(work, (await wallets_by_id(work, ids)).values())


@requires(Permission.POSITIONS_READ)
async def margins_of_positions(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, PositionMargin]:
    """Return what carries each position that the caller can see, in five statements however many they are."""
    return await _margins(work, list((await positions_by_id(work, ids)).values()))


@requires(Permission.POSITIONS_READ)
async def position_records(
    work: UnitOfWork, status: PositionStatus | None = None, symbol: str | None = None, limit: Limit = 10, offset: Offset = 0
) -> Page[PositionRecord]:
    """Return the caller's positions with what carries them, newest first."""
    page = await list_positions(work, status, symbol, limit, offset)
    margins = await _margins(work, page.items)
    return Page([PositionRecord(position, margins[position.id]) for position in page.items], page.total)


@requires(Permission.POSITIONS_READ)
async def position_record(work: UnitOfWork, position_id: str) -> PositionRecord:
    """Return one position with what carries it. Raises NotFound."""
    position = await get_position(work, position_id)
    return PositionRecord(position, (await _margins(work, [position]))[position.id])


@audited("position.update", id="position_id")
@requires(Permission.POSITIONS_WRITE)
async def update_and_read(
    operation: Operation,
    position_id: str,
    stop_loss: Decimal | Unset | None = UNSET,
    take_profit: Decimal | Unset | None = UNSET,
    trailing_stop: TrailingStop | Unset | None = UNSET,
    break_even: BreakEven | Unset | None = UNSET,
) -> PositionRecord:
    """Change what guards an open position, as `update_position` does, and return it as it then stands.

    Raises NotFound, INVALID_POSITION_STATE, VALIDATION_ERROR, NO_MARKET_DATA, MARKET_UNAVAILABLE, and STOP_ON_WRONG_SIDE when the
    current price has already passed one.
    """
    await update_position(operation, position_id, stop_loss, take_profit, trailing_stop, break_even)
    async with operation.reading() as work:
        return await position_record(work, position_id)


async def _margins(work: UnitOfWork, positions: Sequence[Position]) -> dict[str, PositionMargin]:
    # Whose position it is, whose wallet it is; one that is deleted by now still shows what its positions were traded with.
    wallets = await _wallets_of(work, {position.wallet_id for position in positions})
    carrying = {position.wallet_id for position in positions if position.status is PositionStatus.OPEN}
    found = await funds_of_wallets(work, [wallets[wallet_id] for wallet_id in sorted(carrying)]) if carrying else {}
    venues, margins = work.operation.use(Venues), {}
    for position in positions:
        wallet, instrument = wallets[position.wallet_id], find_instrument(position.symbol)
        used, price = Decimal(0), None
        if position.status is PositionStatus.OPEN:
            rate = margin_rate(wallet.leverage, instrument)
            used = trimmed(held_against(instrument, position.quantity, position.current_price, rate))
            venue = venues.known(wallet.venue_slug)
            if venue is not None and Ability.LEVERAGE in venue.abilities:
                (funds,) = (it for it in found[wallet.id] if it.currency == position.currency)
                price = funds.liquidation_prices.get(position.symbol)
        margins[position.id] = PositionMargin(effective_leverage(wallet.leverage, instrument), used, price)
    return margins


async def _wallets_of(work: UnitOfWork, ids: Collection[str]) -> dict[str, Wallet]:
    return {wallet.id: wallet for wallet in await work.session.scalars(select(Wallet).where(Wallet.id.in_(ids)))}
