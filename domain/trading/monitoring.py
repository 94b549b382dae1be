"""Watches open positions: prices them, and fires their stops and targets, each once."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

import structlog
from sqlalchemy import select

from domain.audit.recording import audited
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import exact
from domain.kernel.permissions import Permission, requires
from domain.market.candles import Tick
from domain.market.instruments import find_instrument
from domain.market.market import Market
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.booking import mark
from domain.trading.closing import clear_the_way, find_position, write_exit
from domain.trading.events import position_updated
from domain.trading.liquidating import watch_funds
from domain.trading.models import OrderPurpose, Position, PositionStatus
from domain.trading.positions import exit_reached, is_worth_telling, risk_level
from domain.trading.protection import BreakEven, TrailingStop, move_stop
from domain.trading.requests import check_protection
from domain.trading.sending import send
from domain.wallets.ledger import lock_wallet, lock_wallets_of

log = structlog.get_logger()


class Unset(Enum):
    """The value of an argument that was not given, where None means "take it away"."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True)
class PositionMonitored:
    """The answer to looking at one position; the numbers are None when there was no price or nothing is open."""

    success: bool
    message: str
    current_price: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    unrealized_pnl_percent: Decimal | None = None
    risk_level: str | None = None


async def monitor_positions(operation: Operation) -> list[str]:
    """Price every open position, fire the stops and targets that are reached, and liquidate who is short of margin then.

    Returns the ids of the exit orders.

    One price a symbol, asked outside any transaction; one short unit of work a user, and none where nothing has changed.
    Called by the timetable. A symbol without a price is left for the next round.
    """
    async with operation.reading() as work:
        query = select(Position).where(Position.status == PositionStatus.OPEN).order_by(Position.user_id, Position.id)
        positions = (await work.session.scalars(query)).all()
    ticks = await operation.use(Market).prices(position.symbol for position in positions)
    by_user: dict[str, list[Position]] = defaultdict(list)
    for position in positions:
        tick = ticks.get(position.symbol)
        if tick is not None and (tick.price != position.current_price or _reached(position, tick.price)):
            by_user[position.user_id].append(position)
    exits = []
    for user_id, touched in by_user.items():
        clear = await _with_clear_way(operation, touched, ticks)
        async with operation.unit_of_work() as work:
            exits += await _look_at(work, user_id, [position.id for position in touched], ticks, clear)
    await _send_all(operation, exits)
    return exits + await watch_funds(operation, ticks)


@audited("position.monitor", id="position_id")
@requires(Permission.POSITIONS_WRITE)
async def monitor_position(operation: Operation, position_id: str) -> PositionMonitored:
    """Price one position now, and fire its stop or target if it is reached; no price is an answer, not an error. Raises NotFound."""
    async with operation.reading() as work:
        position = await find_position(work, position_id)
    if position.status is not PositionStatus.OPEN:
        return PositionMonitored(success=True, message="Position is not open")
    try:
        tick = await operation.use(Market).price(position.symbol)
    except DomainError as refusal:
        return PositionMonitored(success=False, message=refusal.message)
    clear = await _with_clear_way(operation.unrecorded(), [position], {position.symbol: tick})
    async with operation.unit_of_work() as work:
        exits = await _look_at(work, position.user_id, [position.id], {position.symbol: tick}, clear)
    await _send_all(operation, exits)
    async with operation.reading() as work:
        position = await find_position(work, position_id)
    return PositionMonitored(
        success=True,
        message="Position updated" if position.status is PositionStatus.OPEN else f"Position closed: {position.exit_reason}",
        current_price=position.current_price,
        unrealized_pnl=position.unrealized_pnl,
        unrealized_pnl_percent=position.unrealized_pnl_percent,
        risk_level=risk_level(position.unrealized_pnl_percent),
    )


@audited("position.update", id="position_id")
@requires(Permission.POSITIONS_WRITE)
async def update_position(
    operation: Operation,
    position_id: str,
    stop_loss: Decimal | Unset | None = UNSET,
    take_profit: Decimal | Unset | None = UNSET,
    trailing_stop: TrailingStop | Unset | None = UNSET,
    break_even: BreakEven | Unset | None = UNSET,
) -> Position:
    """Move, set or (with None) take away the stop and the target of an open position, and what moves its stop by itself.

    A trailing stop that is taken away leaves the stop where it is. Raises NotFound, INVALID_POSITION_STATE, VALIDATION_ERROR,
    NO_MARKET_DATA, MARKET_UNAVAILABLE, and STOP_ON_WRONG_SIDE when the current price has already passed one.
    """
    for name, value in (("stop_loss", stop_loss), ("take_profit", take_profit)):
        if isinstance(value, Decimal):
            exact(value, name)
    for extra in (trailing_stop, break_even):
        if isinstance(extra, TrailingStop | BreakEven):
            extra.check()
    async with operation.reading() as work:
        position = await find_position(work, position_id)
        _check_updatable(position)
    tick = await operation.use(Market).price(position.symbol)
    async with operation.unit_of_work() as work:
        await lock_wallet(work, position.wallet_id)
        position = await find_position(work, position_id)
        _check_updatable(position)
        given_stop = stop_loss if isinstance(stop_loss, Decimal) else None
        given_target = take_profit if isinstance(take_profit, Decimal) else None
        check_protection(position.side.sign, tick.price, given_stop, given_target)
        if not isinstance(stop_loss, Unset):
            position.stop_loss = stop_loss
        if not isinstance(take_profit, Unset):
            position.take_profit = take_profit
        if position.initial_stop_loss is None:
            position.initial_stop_loss = position.stop_loss
        if position.initial_take_profit is None:
            position.initial_take_profit = position.take_profit
        if not isinstance(trailing_stop, Unset):
            position.trail_percent = None if trailing_stop is None else trailing_stop.distance_percent
            position.trail_activation_price = None if trailing_stop is None else trailing_stop.activation_price
            position.trailing_since = None
        if not isinstance(break_even, Unset):
            position.break_even_percent = None if break_even is None else break_even.activation_profit_percent
            position.break_even_at = None
        mark(position, tick.price, work)
        move_stop(position, find_instrument(position.symbol), work.now)
        _tell(work, position)
    return position


async def _with_clear_way(operation: Operation, positions: Sequence[Position], ticks: Mapping[str, Tick]) -> set[str]:
    """Return the ids of the positions to be exited, now that no waiting order can sell them a second time."""
    clear = set()
    for position in positions:
        if _reached(position, ticks[position.symbol].price) is None:
            continue
        try:
            await clear_the_way(operation, position)
            clear.add(position.id)
        except DomainError as refusal:
            # Tried again in the next round: a stop is late rather than done twice.
            log.warning("monitor.way_not_clear", position_id=position.id, code=refusal.code.value, reason=refusal.message)
    return clear


async def _look_at(
    work: UnitOfWork, user_id: str, position_ids: Sequence[str], ticks: Mapping[str, Tick], clear: Collection[str]
) -> list[str]:  # fmt: skip
    await lock_wallets_of(work, user_id)
    query = select(Position).where(Position.id.in_(position_ids), Position.status == PositionStatus.OPEN).order_by(Position.id)
    exits = []
    for position in (await work.session.scalars(query.execution_options(populate_existing=True))).all():
        tick = ticks[position.symbol]
        is_news = False
        if tick.price != position.current_price:
            mark(position, tick.price, work)
            is_news = is_worth_telling(position.told_percent, position.told_at, position.unrealized_pnl_percent, work.now)
        reached = _reached(position, tick.price)
        if reached is not None and position.id in clear:
            try:
                exits.append((await write_exit(work, position, reached, tick)).id)
                is_news = True
            except DomainError as refusal:
                # Mostly another order that is about to close it; nothing was written, and the next round looks again.
                log.warning("monitor.exit_not_written", position_id=position.id, code=refusal.code.value, reason=refusal.message)
        if reached is None and position.exit_order_id is None:
            # Takes effect with the next price: what moves by this one lies behind it.
            is_news |= move_stop(position, find_instrument(position.symbol), work.now)
        if is_news:
            _tell(work, position)
    return exits


def _tell(work: UnitOfWork, position: Position) -> None:
    position.told_percent, position.told_at = position.unrealized_pnl_percent, work.now
    work.emit(position_updated(position))


async def _send_all(operation: Operation, order_ids: list[str]) -> None:
    for order_id in order_ids:
        try:
            await send(operation, order_id)
        except DomainError as refusal:
            # The order is written: `resume_orders` tries again, and the others must not wait.
            log.warning("monitor.exit_not_sent", order_id=order_id, code=refusal.code.value, reason=refusal.message)


def _reached(position: Position, price: Decimal) -> OrderPurpose | None:
    if position.exit_order_id is not None:
        return None
    reached = exit_reached(position.side, price, position.stop_loss, position.take_profit)
    return None if reached is None else OrderPurpose(reached)


def _check_updatable(position: Position) -> None:
    if position.status is not PositionStatus.OPEN:
        raise DomainError(
            ErrorCode.INVALID_POSITION_STATE,
            f"Position cannot be updated. Current status: {position.status.value}",
            position_id=position.id,
            status=position.status.value,
        )
