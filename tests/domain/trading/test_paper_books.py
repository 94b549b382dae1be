"""The venue on a database, from two processes at once, is the engine in memory: the same orders, fills and endings."""

import asyncio
import random
import shutil
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from domain.exchanges.book import Book
from domain.exchanges.liquidity import BookLiquidity
from domain.exchanges.matching import apply
from domain.exchanges.orders import Amend, Cancel, Closed, Command, Event, Filled, Liquidity, Listing, Place, Rejected, Tick
from domain.exchanges.venue import OrderType, Side, TimeInForce, VenueOrder, VenueRejected, VenueReport, VenueStatus
from domain.kernel.clock import ManualClock
from domain.market.instruments import find_instrument
from domain.market.market import Market
from domain.runtime.database import Database
from domain.trading.paper_models import PaperFill, PaperOrder
from domain.trading.paper_venue import PaperVenue
from tests.conftest import START
from tests.databases import both_databases, quick_database
from tests.domain.trading.desk import Desk
from tests.market_script import ScriptedSource

BTC = find_instrument("BTC/USDT")
LISTING = Listing(BTC.symbol, BTC.tick, BTC.lot)
MODEL = BookLiquidity(depth=4)
ENDED_BY_VENUE = {"ioc", "fok", "no_liquidity", "expired"}
KINDS = [OrderType.LIMIT] * 4 + list(OrderType)

# What is asked, of which of two venues, and raw numbers of which each question takes what it needs.
Step = tuple[str, int, tuple[int, ...]]
QUESTIONS = ["place", "place", "place", "cancel", "amend", "find", "open_orders", "price"]
steps = st.tuples(st.sampled_from(QUESTIONS), st.integers(0, 1), st.tuples(*[st.integers(0, 999)] * 8))


@dataclass
class Known:
    """What the model knows of one order."""

    account: str
    id: str
    fills: list[Filled] = field(default_factory=list)
    ended: Closed | None = None


@dataclass
class Play:
    """Two venues on one database, and the engine beside them."""

    database: Database
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))

    def __post_init__(self) -> None:
        self.source = ScriptedSource(self.clock)
        ticks = count(step=10)
        self.market = Market(self.source, wall=lambda: float(next(ticks)))
        self.venues = [self.open(), self.open()]
        self.book = Book(LISTING, 3, MODEL)
        self.orders: dict[str, Known] = {}

    def open(self) -> PaperVenue:
        return PaperVenue(self.market, self.database, self.clock, MODEL, seed=3)

    async def run(self, script: list[Step]) -> None:
        for question, which, numbers in script:
            self.clock.advance(seconds=numbers[0] % 40)
            await getattr(self, question)(self.venues[which], *numbers)
            await self.compare()
        self.source.silent = True
        everything = {known.id: self.expected(known) for known in self.orders.values()}
        assert await self.everything(self.open()) == await self.everything(self.venues[0]) == everything

    # questions

    async def place(self, venue: PaperVenue, _: int, *n: int) -> None:
        kind, side, account = KINDS[n[0] % len(KINDS)], list(Side)[n[1] % 2], "ab"[n[2] % 2]
        time_in_force = [*TimeInForce, TimeInForce.GTC, TimeInForce.GTC][n[3] % 7]
        has_price = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        expires = time_in_force in (TimeInForce.DAY, TimeInForce.GTD)
        order = VenueOrder(
            account=account,
            client_order_id=f"o-{len(self.orders)}",
            symbol=BTC.symbol,
            side=side,
            order_type=kind,
            quantity=Decimal(1 + n[4] % 20) / 10,
            price=self.near(n[5]) if has_price else None,
            stop_price=self.near(n[6]) if kind in (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT) else None,
            time_in_force=time_in_force,
            reduce_only=n[6] % 5 == 0,
            trail=Decimal(5 * (1 + n[5] % 3)) if kind is OrderType.TRAILING_STOP else None,
            expires_at=self.clock.now() + timedelta(seconds=1 + n[5] % 90) if expires else None,
            post_only=has_price and n[4] % 4 == 0 and time_in_force not in (TimeInForce.IOC, TimeInForce.FOK),
            book=["", "swing"][n[3] % 2],
            position=Decimal(n[2] % 5 - 2) / 2,
        )
        values = {name: getattr(order, name) for name in ("price", "stop_price", "time_in_force", "reduce_only", "trail")}
        values |= {name: getattr(order, name) for name in ("expires_at", "post_only", "book", "position")}
        command = Place(order.client_order_id, account, side, kind, order.quantity, **values)
        if self.refuses(await self.tick(), command):
            await refused(venue.place(order))
        else:
            await venue.place(order)
            self.orders.setdefault(order.client_order_id, Known(account, order.client_order_id))
            # Once more is once.
            await venue.place(replace(order, quantity=Decimal(1)))

    async def cancel(self, venue: PaperVenue, _: int, *n: int) -> None:
        if (known := self.some(n[0])) is not None:
            if known.ended is None:
                self.send(await self.tick(), Cancel(known.id))
            await venue.cancel(known.account, known.id, BTC.symbol)

    async def amend(self, venue: PaperVenue, _: int, *n: int) -> None:
        if (known := self.some(n[0])) is not None:
            values = [Decimal(1 + n[1] % 20) / 10, self.near(n[2]), self.near(n[3])]
            given = [value if n[4] >> number & 1 else None for number, value in enumerate(values)]
            command = Amend(known.id, *given)
            asked = venue.amend(known.account, known.id, BTC.symbol, *given)
            if known.ended is not None or self.refuses(await self.tick(), command):
                await refused(asked)
            else:
                await asked

    async def find(self, venue: PaperVenue, _: int, *n: int) -> None:
        if (known := self.some(n[0])) is not None:
            if known.ended is None:
                self.send(await self.tick())
            await venue.find(known.account, known.id, BTC.symbol)

    async def open_orders(self, venue: PaperVenue, _: int, *n: int) -> None:
        account = "ab"[n[0] % 2]
        if any(order.account == account for order in self.book.orders.values()):
            self.send(await self.tick())
        await venue.open_orders(account)

    async def price(self, venue: PaperVenue, _: int, *n: int) -> None:
        self.source.price_now = self.near(n[0])

    # the model

    def near(self, number: int) -> Decimal:
        return Decimal(50_000 + 5 * (number % 9 - 4))

    def some(self, number: int) -> Known | None:
        live = sorted(self.book.orders)
        ids = live if live and number % 4 else sorted(self.orders)
        return self.orders[ids[number % len(ids)]] if ids else None

    async def tick(self) -> Tick:
        volume = (await self.market.day_volume(BTC.symbol)) / 100
        return Tick(self.source.price_now, self.clock.now(), BTC.round_quantity(volume))

    def send(self, *commands: Command) -> tuple[Event, ...]:
        events: tuple[Event, ...] = ()
        for command in commands:
            self.book, events = apply(self.book, command)
            for happened in events:
                if isinstance(happened, Filled):
                    self.known(happened).fills.append(happened)
                elif isinstance(happened, Closed):
                    self.known(happened).ended = happened
        return events

    def known(self, happened: Filled | Closed) -> Known:
        account = happened.account if isinstance(happened, Filled) else ""
        return self.orders.setdefault(happened.order_id, Known(account, happened.order_id))

    def refuses(self, *commands: Command) -> bool:
        # An order's account is known before anything happens to it.
        if isinstance(last := commands[-1], Place):
            _, outcome = apply(apply(self.book, commands[0])[0], last)
            if not isinstance(outcome[0], Rejected):
                self.orders[last.order_id] = Known(last.account, last.order_id)
        return any(isinstance(happened, Rejected) for happened in self.send(*commands))

    # the comparison

    async def compare(self) -> None:
        async with self.database.reading() as session:
            rows = (await session.scalars(select(PaperOrder))).all()
            fills = (await session.scalars(select(PaperFill).order_by(PaperFill.trade))).all()
        trades: dict[str, list[Any]] = {row.id: [] for row in rows}
        for fill in fills:
            trades[fill.order_id].append((fill.quantity, fill.price, fill.fee, fill.is_maker))
        stored = {row.client_order_id: (row.status, row.reason, None if row.ended_at else row.quantity, trades[row.id]) for row in rows}
        assert stored == {known.id: self.expected(known) for known in self.orders.values()}

    async def everything(self, venue: PaperVenue) -> dict[str, Any]:
        reports = {known.id: await venue.find(known.account, known.id, BTC.symbol) for known in self.orders.values()}
        resting = [order for account in "ab" for order in await venue.open_orders(account)]
        assert {order.client_id for order in resting} == {id for id, report in reports.items() if is_live(report)}
        return {id: told_by(report) for id, report in reports.items()}

    def expected(self, known: Known) -> tuple[Any, ...]:
        trades = [(fill.quantity, fill.price, fill.fee, fill.liquidity is Liquidity.MAKER) for fill in known.fills]
        if known.ended is None:
            order = self.book.orders[known.id]
            return VenueStatus.PARTIALLY_FILLED if order.filled else VenueStatus.OPEN, None, order.quantity, trades
        reason = known.ended.reason and known.ended.reason.value
        status = VenueStatus.EXPIRED if reason in ENDED_BY_VENUE else known.ended.status
        return status, reason, None, trades


def is_live(report: VenueReport | None) -> bool:
    return report is not None and report.status in (VenueStatus.OPEN, VenueStatus.PARTIALLY_FILLED)


def told_by(report: VenueReport | None) -> tuple[Any, ...]:
    assert report is not None
    trades = [(fill.quantity, fill.price, fill.fee, fill.is_maker) for fill in report.fills]
    return report.status, report.reason, report.quantity if is_live(report) else None, trades


async def refused(call: Any) -> None:
    try:
        await call
    except VenueRejected:
        return
    raise AssertionError("the venue took what the engine refuses")


@settings(max_examples=25, deadline=None)
@given(script=st.lists(steps, max_size=25))
def test_the_venue_is_the_engine(sqlite_template: Path, tmp_path_factory: Any, script: list[Step]) -> None:
    path = tmp_path_factory.mktemp("play") / "play.db"
    shutil.copy(sqlite_template, path)

    async def play() -> None:
        database = await quick_database(f"sqlite+aiosqlite:///{path}")
        try:
            await Play(database).run(script)
        finally:
            await database.close()

    asyncio.run(play())
    path.unlink()


@both_databases
async def test_a_longer_day_on_both_databases(desk: Desk) -> None:
    draw = random.Random(4)
    script = [(draw.choice(QUESTIONS), draw.randrange(2), tuple(draw.randrange(1000) for _ in range(8))) for _ in range(60)]
    play = Play(desk.runtime.database)
    await play.run(script)
    ends = {known.ended.reason for known in play.orders.values() if known.ended is not None}
    assert len(ends) > 3 and sum(len(known.fills) for known in play.orders.values()) > 15
