"""Books trades that were made at the venue by other means than ours: each once, with a reason, on the position it acts on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from hashlib import blake2b

import structlog
from sqlalchemy import select

from domain.exchanges.venue import OrderType, Refusal, Side, TimeInForce, Venue, VenueFill, VenueRejected, VenueTrade
from domain.kernel.ids import new_id
from domain.kernel.money import EXACT, trimmed
from domain.market.instruments import Instrument, all_instruments, find_instrument
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading.booking import SMALLEST, book_fill
from domain.trading.events import order_updated
from domain.trading.exposure import MANUAL_BOOK
from domain.trading.machine import ACTIVE
from domain.trading.models import Fill, Order, OrderPurpose, OrderStatus, OrderTransition, Position, PositionStatus
from domain.trading.sending import rates_of, record
from domain.wallets.ledger import lock_wallet
from domain.wallets.models import Reconciliation, Wallet

log = structlog.get_logger()

ZERO = Decimal(0)
OUTSIDE = "Made outside of Tradewind at the venue"
# Trades are asked for again from so long before the last look: exchanges list them late, and their clocks are not ours.
OVERLAP = timedelta(minutes=10)
# An order that was given up may have reached the venue all the same, not much later than it was written.
IN_DOUBT = timedelta(hours=1)


def symbols_of(assets: Iterable[str], traded: Iterable[str]) -> list[str]:
    """Return what may have been traded by who holds these assets and has orders or positions in these symbols.

    An instrument counts when its base is held; every account holds what all are quoted in.
    """
    held = set(assets)
    return sorted({*traded, *(one.symbol for one in all_instruments() if one.kind == "crypto" and one.base in held)})


async def book_external_trades(operation: Operation, wallet: Wallet, venue: Venue, assets: Iterable[str]) -> list[str]:
    """Ask the venue for the wallet's trades and book those that our books lack; returns the ids of the orders that were changed.

    Trades of our own orders are booked on these. What is left was made outside, and becomes an order of its own for each order of the
    venue and each book that it acts on. Where the last look ended is kept, so that a restart neither misses nor repeats one. Never call it
    inside a transaction. Raises VenueUnavailable, VenueRejected.
    """
    async with operation.reading() as work:
        positions = select(Position.symbol).where(Position.wallet_id == wallet.id, Position.status == PositionStatus.OPEN)
        orders = select(Order.symbol).where(Order.wallet_id == wallet.id, Order.status.in_(ACTIVE))
        traded = set(await work.session.scalars(positions.union(orders)))
        kept = await work.session.get(Reconciliation, wallet.id)
        looks = dict(kept.looks) if kept else {}
    changed: list[str] = []
    for symbol in symbols_of(assets, {*traded, *looks}):
        asked_at = operation.clock.now()
        since = _since(looks.get(symbol), wallet)
        try:
            told = await venue.trades(wallet.id, symbol, since)
        except VenueRejected as refusal:
            if refusal.reason is not Refusal.UNKNOWN_SYMBOL:
                raise
            continue
        changed += await _book_ours(operation, wallet, venue, symbol, told, since)
        changed += await _book_others(operation, wallet, venue, symbol, told, since, asked_at)
    return changed


def part_of(fill: VenueFill, quantity: Decimal, number: int) -> VenueFill:
    """Return the part of a trade that concerns one book, with its share of the fee."""
    with localcontext(EXACT):
        fee = (fill.fee * quantity / fill.quantity).quantize(SMALLEST)
    return replace(fill, trade_id=f"{fill.trade_id}/{number}", quantity=quantity, fee=fee)


def shared_out(fill: VenueFill, side: Side, held: Mapping[str, Decimal]) -> list[tuple[str, VenueFill]]:
    """Return on which books a trade acts, and with which part of it, where `held` is what each book holds, negative when short.

    First on what it closes, the largest position first; the rest is the manual book's. The parts add up to the trade.
    """
    closable = [(abs(quantity), book) for book, quantity in held.items() if quantity * side.sign < 0]
    parts: dict[str, Decimal] = {}
    left = fill.quantity
    for quantity, book in sorted(closable, key=lambda one: (-one[0], one[1])):
        taken = min(quantity, left)
        if taken > 0:
            parts[book] = taken
            left -= taken
    if left > 0:
        parts[MANUAL_BOOK] = parts.get(MANUAL_BOOK, ZERO) + left
    if len(parts) == 1:
        return [(book, fill) for book in parts]
    shares = [(book, part_of(fill, quantity, number)) for number, (book, quantity) in enumerate(parts.items(), start=1)]
    with localcontext(EXACT):
        rest = fill.fee - sum((share.fee for _, share in shares), ZERO)
    # The first has the name by which the trade is known, and what rounding left over.
    book, first = shares[0]
    return [(book, replace(first, trade_id=fill.trade_id, fee=first.fee + rest)), *shares[1:]]


def _since(look: Mapping[str, str] | None, wallet: Wallet) -> datetime:
    if look is None:
        # What was before is in the balances that the books began with.
        return wallet.balance_last_synced or wallet.created_at
    return max(datetime.fromisoformat(look["from"]), datetime.fromisoformat(look["until"]) - OVERLAP)


async def _book_ours(
    operation: Operation, wallet: Wallet, venue: Venue, symbol: str, told: Sequence[VenueTrade], since: datetime
) -> list[str]:  # fmt: skip
    async with operation.reading() as work:
        unknown = await _unknown(work, wallet, told)
        if not unknown:
            return []
        query = select(Order).where(Order.wallet_id == wallet.id, Order.symbol == symbol, Order.purpose != OrderPurpose.EXTERNAL)
        named = query.where(Order.venue_order_id.in_({trade.venue_order_id for trade in unknown}))
        # Whose answer was lost has no name yet: the venue tells which of its orders it is, and so which are not ours.
        nameless = query.where(Order.venue_order_id.is_(None), Order.attempts > 0)
        nameless = nameless.where(Order.status.in_(ACTIVE) | (Order.created_at >= since - IN_DOUBT))
        orders = [*(await work.session.scalars(named)), *(await work.session.scalars(nameless))]
    booked = []
    for order in orders:
        report = await venue.find(wallet.id, order.client_order_id, symbol)
        if report is not None:
            await record(operation.unrecorded(), order, report)
            booked.append(order.id)
    return booked


async def _book_others(
    operation: Operation, wallet: Wallet, venue: Venue, symbol: str, told: Sequence[VenueTrade], since: datetime, asked_at: datetime
) -> list[str]:  # fmt: skip
    instrument = find_instrument(symbol)
    rates = await rates_of(operation, {trade.fill.fee_currency for trade in told if trade.fill.fee}, instrument)
    async with operation.unrecorded().unit_of_work() as work:
        wallet = await lock_wallet(work, wallet.id)
        by_order: dict[str, list[VenueTrade]] = defaultdict(list)
        ours = await _names_of_ours(work, wallet, told)
        for trade in await _unknown(work, wallet, told):
            if trade.venue_order_id not in ours:
                by_order[trade.venue_order_id].append(trade)
        booked = []
        for trades in by_order.values():
            booked += await _book_order(work, wallet, venue.name, instrument, trades, rates)
        await _keep_look(work, wallet, symbol, since, asked_at)
        return booked


async def _book_order(
    work: UnitOfWork, wallet: Wallet, venue: str, instrument: Instrument, trades: Sequence[VenueTrade], rates: Mapping[str, Decimal]
) -> list[str]:  # fmt: skip
    orders: dict[str, Order] = {}
    for trade in trades:
        for book, share in shared_out(trade.fill, trade.side, await _held(work, wallet, instrument.symbol)):
            order = orders.get(book) or await _order_in(work, wallet, venue, instrument, trade, book)
            orders[book] = order
            with localcontext(EXACT):
                order.quantity = trimmed(order.quantity + share.quantity)
            await book_fill(work, wallet, order, share, rates)
            order.filled_at = order.closed_at = max(order.filled_at or share.executed_at, share.executed_at)
            order.updated_at = work.now
            # The next trade finds the position as this one left it.
            await work.session.flush()
    for order in orders.values():
        work.emit(order_updated(order))
        log.info("order.made_outside", order_id=order.id, wallet_id=wallet.id, symbol=order.symbol, side=order.side.value)
    return [order.id for order in orders.values()]


async def _order_in(work: UnitOfWork, wallet: Wallet, venue: str, instrument: Instrument, trade: VenueTrade, book: str) -> Order:
    name = blake2b(f"{wallet.id}:{trade.venue_order_id}:{book}".encode(), digest_size=16).hexdigest()
    client_order_id = f"external-{name}"
    query = select(Order).where(Order.user_id == wallet.user_id, Order.client_order_id == client_order_id)
    known = (await work.session.scalars(query.execution_options(populate_existing=True))).one_or_none()
    if known is not None:
        return known
    order = Order(
        id=new_id("order"),
        user_id=wallet.user_id,
        wallet_id=wallet.id,
        venue=venue,
        client_order_id=client_order_id,
        request_digest="",
        venue_order_id=trade.venue_order_id,
        symbol=instrument.symbol,
        book=book,
        side=trade.side,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        quantity=ZERO,
        reference_price=trade.fill.price,
        purpose=OrderPurpose.EXTERNAL,
        status=OrderStatus.FILLED,
        status_reason=OUTSIDE,
        filled_quantity=ZERO,
        total_fees=ZERO,
        fee_currency=instrument.quote,
        flow_id=None if book == MANUAL_BOOK else book,
        attempts=0,
        created_at=work.now,
    )
    work.session.add(order)
    await work.session.flush()
    work.session.add(
        OrderTransition(id=new_id("trans"), order_id=order.id, seq=1, status=OrderStatus.FILLED, reason=OUTSIDE, created_at=work.now)
    )
    return order


async def _unknown(work: UnitOfWork, wallet: Wallet, told: Sequence[VenueTrade]) -> list[VenueTrade]:
    query = select(Fill.venue_trade_id).where(Fill.wallet_id == wallet.id, Fill.venue_trade_id.in_([trade.fill.trade_id for trade in told]))
    known = set(await work.session.scalars(query))
    return [trade for trade in told if trade.fill.trade_id not in known]


async def _names_of_ours(work: UnitOfWork, wallet: Wallet, told: Sequence[VenueTrade]) -> set[str | None]:
    query = select(Order.venue_order_id).where(
        Order.wallet_id == wallet.id,
        Order.purpose != OrderPurpose.EXTERNAL,
        Order.venue_order_id.in_({trade.venue_order_id for trade in told}),
    )
    return set(await work.session.scalars(query))


async def _held(work: UnitOfWork, wallet: Wallet, symbol: str) -> dict[str, Decimal]:
    query = select(Position).where(Position.wallet_id == wallet.id, Position.symbol == symbol, Position.status == PositionStatus.OPEN)
    found = await work.session.scalars(query.execution_options(populate_existing=True))
    return {position.book: position.signed_quantity for position in found}


async def _keep_look(work: UnitOfWork, wallet: Wallet, symbol: str, since: datetime, until: datetime) -> None:
    kept = await work.session.get(Reconciliation, wallet.id, populate_existing=True)
    if kept is None:
        kept = Reconciliation(wallet_id=wallet.id, looks={})
        work.session.add(kept)
    before = kept.looks.get(symbol)
    began = before["from"] if before else since.isoformat()
    latest = max(before["until"], until.isoformat()) if before else until.isoformat()
    if before != {"from": began, "until": latest}:
        kept.looks = {**kept.looks, symbol: {"from": began, "until": latest}}
