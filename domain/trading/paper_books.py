"""The stored books of the paper venue: one short transaction a visit, which writes the orders that changed and nothing else."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from domain.exchanges.book import Book, with_orders
from domain.exchanges.matching import apply
from domain.exchanges.orders import (
    ZERO,
    Accepted,
    Amended,
    BookOrder,
    Closed,
    Command,
    Event,
    Filled,
    Liquidity,
    Place,
    Reason,
    Rejected,
    StopMoved,
    Tick,
    Triggered,
)
from domain.exchanges.venue import Side, VenueStatus
from domain.kernel.clock import Clock
from domain.kernel.money import plain
from domain.market.instruments import find_instrument
from domain.runtime.database import Database
from domain.trading.paper_models import PaperBook, PaperFill, PaperOrder

# With more to catch up on than this, a book is read anew.
MAX_BEHIND = 1_000
# An order that could not trade on ran out: nobody took it back.
RAN_OUT = frozenset({Reason.IOC, Reason.FOK, Reason.NO_LIQUIDITY, Reason.EXPIRED})

Outcomes = list[tuple[Event, ...]]


class PaperBooks:
    """The books by symbol, as the database has them.

    A book is kept in memory with the version that it has there: as long as nobody else changes it, a command reads one row. Every
    change is made under the lock of the book's row, so all processes see one book.
    """

    def __init__(self, database: Database, clock: Clock, empty_book: Callable[[str], Book]) -> None:
        self._database, self._clock, self._empty_book = database, clock, empty_book
        self._known: dict[str, tuple[int, Book]] = {}

    async def send(self, symbol: str, *commands: Command, client_order_id: str | None = None) -> Outcomes | None:
        """Apply commands to one book, all or none of them, and return the events of each.

        `client_order_id` is that of the order which is placed. None: the account has an order of this id, and nothing was changed.
        Commands that changed nothing are not written.
        """
        async with self._database.writing() as session:
            head = await self._hold(session, symbol)
            version, before = head.version, await self._read(session, head)
            after, outcomes = _applied(before, commands)
            events = [event for outcome in outcomes for event in outcome if not isinstance(event, Rejected)]
            if events:
                version += 1
                rows = _changed_rows(before, after, commands, events, self._clock.now())
                if not await self._write(session, symbol, version, after, rows, client_order_id):
                    return None
                await session.execute(insert(PaperFill), fills) if (fills := _fills(symbol, events, self._clock.now())) else None
                await session.commit()
        self._remember(symbol, version, after if events else before)
        return outcomes

    async def bring_to(self, symbol: str, tick: Tick) -> None:
        """Let the market move on, which costs no more than a look where nothing happens at this price."""
        async with self._database.reading() as session:
            version = await session.scalar(select(PaperBook.version).where(PaperBook.symbol == symbol))
        known = self._known.get(symbol)
        if known is None or known[0] != version or apply(known[1], tick)[1]:
            await self.send(symbol, tick)

    async def _hold(self, session: AsyncSession, symbol: str) -> PaperBook:
        query = select(PaperBook).where(PaperBook.symbol == symbol).with_for_update()
        head = await session.scalar(query)
        if head is None:
            new = sqlite.insert if self._database.is_sqlite else postgresql.insert
            row = {"symbol": symbol, "version": 0, "sequence": 0, "trades": 0, "taken": [], "positions": []}
            await session.execute(new(PaperBook).values(**row).on_conflict_do_nothing())
            head = (await session.scalars(query)).one()
        return head

    async def _read(self, session: AsyncSession, head: PaperBook) -> Book:
        version, book = self._known.get(head.symbol, (-1, None))
        if book is not None and version == head.version:
            return book
        orders = select(PaperOrder).where(PaperOrder.symbol == head.symbol)
        if book is not None and 0 < head.version - version <= MAX_BEHIND:
            changed = (await session.scalars(orders.where(PaperOrder.version > version))).all()
        else:
            book = self._empty_book(head.symbol)
            changed = (await session.scalars(orders.where(PaperOrder.ended_at.is_(None)))).all()
        live = [_book_order(row) for row in changed if row.ended_at is None]
        return _with_head(with_orders(book, live, [row.id for row in changed if row.ended_at is not None]), head)

    async def _write(
        self,
        session: AsyncSession,
        symbol: str,
        version: int,
        after: Book,
        rows: Mapping[str, dict[str, Any]],
        client_order_id: str | None,
    ) -> bool:
        await session.execute(update(PaperBook), [{"symbol": symbol, "version": version, **_head_of(after)}])
        known = [{"id": id, "version": version, **row} for id, row in rows.items() if "symbol" not in row]
        if known:
            await session.execute(update(PaperOrder), known)
        new = sqlite.insert if self._database.is_sqlite else postgresql.insert
        for id, row in rows.items():
            if "symbol" in row:
                values = {"id": id, "version": version, "client_order_id": client_order_id, **row}
                twin = new(PaperOrder).values(**values).on_conflict_do_nothing(index_elements=["account", "client_order_id"])
                if (await session.execute(twin.returning(PaperOrder.id))).first() is None:
                    return False
        return True

    def _remember(self, symbol: str, version: int, book: Book) -> None:
        known = self._known.get(symbol)
        # Another task of this process may have been here in between.
        if known is None or known[0] < version:
            self._known[symbol] = version, book


def _applied(book: Book, commands: Iterable[Command]) -> tuple[Book, Outcomes]:
    outcomes: Outcomes = []
    for command in commands:
        book, events = apply(book, command)
        outcomes.append(events)
    return book, outcomes


def _with_head(book: Book, head: PaperBook) -> Book:
    market = None
    if head.price is not None and head.market_at is not None and head.volume is not None:
        market = Tick(head.price, head.market_at, head.volume)
    return replace(
        book,
        market=market,
        sequence=head.sequence,
        trades=head.trades,
        taken={(Side(side), Decimal(price)): Decimal(quantity) for side, price, quantity in head.taken},
        positions={(account, name): Decimal(position) for account, name, position in head.positions},
    )


def _head_of(book: Book) -> dict[str, Any]:
    assert book.market is not None
    return {
        "sequence": book.sequence,
        "trades": book.trades,
        "price": book.market.price,
        "volume": book.market.volume,
        "market_at": book.market.at,
        "taken": [[side.value, plain(price), plain(quantity)] for (side, price), quantity in book.taken.items()],
        "positions": [[account, name, plain(position)] for (account, name), position in book.positions.items()],
    }


def _book_order(row: PaperOrder) -> BookOrder:
    return BookOrder(
        id=row.id,
        account=row.account,
        side=row.side,
        kind=row.order_type,
        quantity=row.quantity,
        filled=row.filled,
        price=row.price,
        stop_price=row.stop_price,
        trail=row.trail,
        trail_is_percent=row.trail_is_percent,
        time_in_force=row.time_in_force,
        expires_at=row.expires_at,
        post_only=row.post_only,
        reduce_only=row.reduce_only,
        waiting=row.waiting,
        sequence=row.sequence,
        book=row.book,
    )


def _changed_rows(
    before: Book, after: Book, commands: Sequence[Command], events: Iterable[Event], now: datetime
) -> dict[str, dict[str, Any]]:
    # What changed in each order that the events name; whole rows, with their symbol, for new ones.
    placed = {command.order_id: command for command in commands if isinstance(command, Place)}
    rows: dict[str, dict[str, Any]] = {}
    for event in events:
        row = rows.get(event.order_id)
        if row is None:
            new = placed.get(event.order_id)
            row = rows[event.order_id] = _standing(before.orders[event.order_id]) if new is None else _new_row(new, after, now)
        match event:
            case Accepted(_, quantity):
                row["quantity"] = quantity
            case Triggered():
                row["waiting"] = False
            case StopMoved(_, stop_price):
                row["stop_price"] = stop_price
            case Filled():
                row["filled"] = row["quantity"] - event.remaining
            case Amended(_, quantity, price, stop_price):
                row |= {"quantity": quantity, "price": price, "stop_price": stop_price}
            case Closed(_, status, reason):
                row |= {"reason": reason and reason.value, "ended_at": now}
                row["status"] = VenueStatus.EXPIRED if reason in RAN_OUT else status
    for id, row in rows.items():
        if id in after.orders:
            row |= _standing(after.orders[id])
    return rows


def _standing(order: BookOrder) -> dict[str, Any]:
    return {
        "quantity": order.quantity,
        "filled": order.filled,
        "price": order.price,
        "stop_price": order.stop_price,
        "waiting": order.waiting,
        "sequence": order.sequence,
        "status": VenueStatus.PARTIALLY_FILLED if order.filled else VenueStatus.OPEN,
        "reason": None,
        "ended_at": None,
    }


def _new_row(command: Place, after: Book, now: datetime) -> dict[str, Any]:
    return {
        "account": command.account,
        "symbol": after.listing.symbol,
        "book": command.book,
        "side": command.side,
        "order_type": command.kind,
        "quantity": command.quantity,
        "filled": ZERO,
        "price": command.price,
        "stop_price": command.stop_price,
        "trail": command.trail,
        "trail_is_percent": command.trail_is_percent,
        "time_in_force": command.time_in_force,
        "expires_at": command.expires_at,
        "post_only": command.post_only,
        "reduce_only": command.reduce_only,
        "waiting": False,
        "sequence": 0,
        "created_at": now,
    }


def _fills(symbol: str, events: Iterable[Event], now: datetime) -> list[dict[str, Any]]:
    currency = find_instrument(symbol).quote
    return [
        {
            # Both sides of a trade are fills of their own, of two orders.
            "id": f"{symbol}-{event.trade}-{event.side.value}",
            "order_id": event.order_id,
            "trade": event.trade,
            "quantity": event.quantity,
            "price": event.price,
            "fee": event.fee,
            "fee_currency": currency,
            "is_maker": event.liquidity is Liquidity.MAKER,
            "executed_at": now,
        }
        for event in events
        if isinstance(event, Filled)
    ]
