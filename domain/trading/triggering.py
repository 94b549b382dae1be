"""Watches the orders that wait with the server, and hands each on to its venue once when the market reaches its price."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import structlog
from sqlalchemy import select

from domain.exchanges.triggers import followed, in_order_of_passing, is_reached
from domain.exchanges.venue import OrderType
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.candles import Tick
from domain.market.instruments import find_instrument
from domain.market.market import Market
from domain.risk.switch import check_switch
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.cancelling import withdraw
from domain.trading.exposure import Standing, standings_of
from domain.trading.judging import effect_of
from domain.trading.machine import TERMINAL, OrderTrigger
from domain.trading.models import CancelReason, Order, OrderStatus
from domain.trading.sending import send
from domain.trading.sharing import siblings_of
from domain.trading.transitions import change_status, lock_order, request_cancel
from domain.wallets.models import Wallet

log = structlog.get_logger()

AT_ONCE = 8


async def watch_held_orders(operation: Operation) -> list[str]:
    """Look at every held order: let trailing stops follow, end what is over, send what is reached; returns the ids of those handed on.

    One price a symbol, asked outside any transaction; one short unit of work for each order that something happens to, and none for the
    others. Safe to call anywhere at once and again after a crash. Called by the timetable. Between two rounds nobody looks: a price that
    comes and goes in between is not seen.
    """
    async with operation.reading() as work:
        held = (await work.session.scalars(select(Order).where(Order.status == OrderStatus.HELD).order_by(Order.id))).all()
        now = work.now
    ticks = await operation.use(Market).prices(order.symbol for order in held)
    due: dict[tuple[str, str], list[Order]] = defaultdict(list)
    for order in held:
        is_over = order.expires_at is not None and order.expires_at <= now
        if is_over or order.triggered_at is not None or _calls(order, ticks.get(order.symbol)):
            due[order.wallet_id, order.symbol].append(order)
    gate = asyncio.Semaphore(AT_ONCE)
    handed = await asyncio.gather(*(_attend_all(operation, orders, ticks, gate) for orders in due.values()))
    return [order_id for some in handed for order_id in some]


async def _attend_all(operation: Operation, orders: Sequence[Order], ticks: Mapping[str, Tick], gate: asyncio.Semaphore) -> list[str]:
    tick = ticks.get(orders[0].symbol)
    passed = [] if tick is None else in_order_of_passing(orders, tick.price)
    handed = []
    async with gate:
        for order in [*passed, *(order for order in orders if order not in passed)]:
            try:
                if await _attend(operation, order.id, tick):
                    handed.append(order.id)
                    await send(operation, order.id)
            except DomainError as refusal:
                # One order must not hold up the others; what is written is carried on by the next round or by `resume_orders`.
                log.warning("order.not_handed_on", order_id=order.id, code=refusal.code.value, reason=refusal.message)
    return handed


async def _attend(operation: Operation, order_id: str, tick: Tick | None) -> bool:
    """Do for a held order what is due, and return whether it is now to be sent."""
    async with operation.unit_of_work() as work:
        order, wallet = await lock_order(work, order_id)
        if order.status is not OrderStatus.HELD or not await _is_triggered(work, order, wallet, tick):
            return False
        in_the_way = await _clear(work, order)
        if not in_the_way:
            return await _release(work, order, wallet, tick)
    for sibling_id in in_the_way:
        await withdraw(operation, sibling_id, CancelReason.GROUP)
    async with operation.unit_of_work() as work:
        order, wallet = await lock_order(work, order_id)
        if order.status is not OrderStatus.HELD or await _clear(work, order):
            return False
        return await _release(work, order, wallet, tick)


async def _is_triggered(work: UnitOfWork, order: Order, wallet: Wallet, tick: Tick | None) -> bool:
    if order.expires_at is not None and order.expires_at <= work.now:
        order.cancel_reason = CancelReason.EXPIRED
        await change_status(work, order, OrderTrigger.EXPIRE, "Its time was over")
        return False
    if order.triggered_at is not None:
        return True
    if tick is None:
        return False
    if not is_reached(order, tick.price):
        if order.order_type is OrderType.TRAILING_STOP:
            _follow(work, order, tick)
        return False
    # Of a group one trades at a time: the one that is at it already has this one cancelled, or leaves it what it could not get.
    if any(sibling.sent_type is OrderType.MARKET for sibling in await siblings_of(work, order)):
        return False
    if not await _may_trade(work, order, wallet):
        return False
    order.triggered_at = order.updated_at = work.now
    return True


async def _may_trade(work: UnitOfWork, order: Order, wallet: Wallet) -> bool:
    # While trading is halted it goes on waiting: what woke it may be the very thing that is not to be trusted.
    standing = await _standing(work, order, wallet)
    effect = effect_of(standing, order.book, order.side, order.remaining_quantity, reduce_only=order.reduce_only)
    try:
        await check_switch(work, order.user_id, effect)
    except DomainError as refusal:
        if refusal.code is not ErrorCode.TRADING_HALTED:
            raise
        return False
    return True


async def _standing(work: UnitOfWork, order: Order, wallet: Wallet) -> Standing:
    # Without the order itself and those that it takes the place of.
    standing = (await standings_of(work, wallet, order.reference_price, order.symbol))[order.symbol]
    others = [other for other in standing.orders if other.id != order.id]
    return replace(standing, orders=others).without_group(order.group_id)


async def _clear(work: UnitOfWork, order: Order) -> list[str]:
    # Asks for the cancellation of the siblings that are on their way or at the venue; those that wait here too leave it the way.
    in_the_way = [sibling for sibling in await siblings_of(work, order) if sibling.status is not OrderStatus.HELD]
    for sibling in in_the_way:
        await request_cancel(work, sibling, CancelReason.GROUP)
    return [sibling.id for sibling in in_the_way if sibling.status not in TERMINAL]


async def _release(work: UnitOfWork, order: Order, wallet: Wallet, tick: Tick | None) -> bool:
    if not await _may_trade(work, order, wallet) or (order.reduce_only and not await _fit(work, order, wallet)):
        return False
    # What comes too late is counted from here on.
    order.triggered_at = work.now
    where = "" if tick is None else f" at {tick.price:f}"
    await change_status(work, order, OrderTrigger.RELEASE, f"Its price was reached{where}"[:255])
    return True


async def _fit(work: UnitOfWork, order: Order, wallet: Wallet) -> bool:
    # No venue may know the position that it reduces: what is left of that is what is sent.
    left = min(order.remaining_quantity, (await _standing(work, order, wallet)).reducible(order.book, order.side))
    if left <= 0:
        order.cancel_reason = CancelReason.REDUCE_ONLY
        await change_status(work, order, OrderTrigger.CANCEL, "There is no position left that it could reduce")
        return False
    if left < order.remaining_quantity:
        order.quantity = order.filled_quantity + left
        await change_status(work, order, OrderTrigger.AMEND, f"Made smaller: {left:f} are left to reduce")
    return True


def _calls(order: Order, tick: Tick | None) -> bool:
    if tick is None:
        return False
    if is_reached(order, tick.price):
        return True
    return order.order_type is OrderType.TRAILING_STOP and _stop_behind(order, tick) != order.stop_price


def _follow(work: UnitOfWork, order: Order, tick: Tick) -> None:
    # Moves by whole ticks, and tells nobody: the event log is no place for every move of the market.
    stop_price = _stop_behind(order, tick)
    if stop_price != order.stop_price:
        order.stop_price, order.updated_at = stop_price, work.now


def _stop_behind(order: Order, tick: Tick) -> Decimal:
    return followed(find_instrument(order.symbol), order, tick.price)
