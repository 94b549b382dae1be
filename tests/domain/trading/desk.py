"""A trading desk for tests: a market whose prices the test sets, the paper venue on it, and the check of all books."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import count

from sqlalchemy import select

from domain.exchanges.liquidity import DeepLiquidity
from domain.exchanges.venue import (
    Ability,
    Estimate,
    InstrumentRules,
    OrderType,
    Side,
    Venue,
    VenueBalance,
    VenueOpenOrder,
    VenueOrder,
    VenueReport,
    Venues,
    VenueTrade,
    VenueUnavailable,
)
from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.market.instruments import Instrument, find_instrument
from domain.market.market import Market
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.trading.models import Fill, Order, Position, PositionStatus
from domain.trading.paper_venue import PaperVenue
from domain.trading.requests import OrderRequest
from domain.wallets.ledger import Entry, balances_of, lock_wallet, post, verify_ledger
from domain.wallets.models import EntryCause, LedgerEntry, Wallet
from tests.builders import make_trader
from tests.market_script import ScriptedSource

# What comes in and goes out beside fills and their fees.
NOT_TRADED = (EntryCause.DEPOSIT, EntryCause.ADJUSTMENT, EntryCause.SYNC)


class PricedSource(ScriptedSource):
    """A scripted source with a price for each symbol that a test names."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, price="100")
        self.prices: dict[str, Decimal] = {}

    async def price(self, instrument: Instrument) -> tuple[Decimal, datetime]:
        price, now = await super().price(instrument)
        return self.prices.get(instrument.symbol, price), now


class CrashingVenue:
    """A venue that takes the order and dies, or is struck dumb until after the first look, before anybody hears of it."""

    name = "paper"
    call_seconds = 2.0
    sync_seconds = 1.0

    def __init__(self, venue: Venue, failure: BaseException) -> None:
        self._venue, self._failure, self.placed, self._is_dumb = venue, failure, 0, False

    def supports(self, order_type: OrderType) -> bool:
        return self._venue.supports(order_type)

    def estimate(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> Estimate:
        return self._venue.estimate(symbol, side, quantity, price)

    async def place(self, order: VenueOrder) -> VenueReport:
        await self._venue.place(order)
        self.placed += 1
        self._is_dumb = isinstance(self._failure, VenueUnavailable)
        raise self._failure

    async def find(self, account: str, client_order_id: str, symbol: str) -> VenueReport | None:
        if self._is_dumb:
            self._is_dumb = False
            raise self._failure
        return await self._venue.find(account, client_order_id, symbol)

    @property
    def abilities(self) -> frozenset[Ability]:
        return self._venue.abilities

    def known_as(self, account: str, client_order_id: str) -> str:
        return self._venue.known_as(account, client_order_id)

    async def cancel(self, account: str, client_order_id: str, symbol: str) -> VenueReport:
        return await self._venue.cancel(account, client_order_id, symbol)

    async def amend(
        self,
        account: str,
        client_order_id: str,
        symbol: str,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> VenueReport:
        return await self._venue.amend(account, client_order_id, symbol, quantity, price, stop_price)

    async def open_orders(self, account: str, symbol: str | None = None) -> tuple[VenueOpenOrder, ...]:
        return await self._venue.open_orders(account, symbol)

    async def trades(self, account: str, symbol: str, since: datetime) -> tuple[VenueTrade, ...]:
        return await self._venue.trades(account, symbol, since)

    async def balances(self, account: str) -> tuple[VenueBalance, ...]:
        return await self._venue.balances(account)

    async def rules(self, symbol: str) -> InstrumentRules:
        return await self._venue.rules(symbol)


@dataclass
class Desk:
    """Everything a trading test works with; `ada` has the opening deposits."""

    runtime: Runtime
    clock: ManualClock
    source: PricedSource
    venue: PaperVenue
    ada: Caller

    @property
    def operation(self) -> Operation:
        return self.runtime.operation(self.ada, door="test")

    @property
    def system(self) -> Operation:
        return self.runtime.operation(door="test")

    def price(self, symbol: str, price: str) -> None:
        self.source.prices[find_instrument(symbol).symbol] = Decimal(price)

    def connect(self, venue: Venue) -> None:
        self.runtime.provide(Venues, Venues({"demo": venue}))

    def without_costs(self) -> None:
        free = DeepLiquidity(Decimal(0))
        self.venue = PaperVenue(
            self.runtime.use(Market), self.runtime.database, self.clock, free, maker_rate=Decimal(0), taker_rate=Decimal(0)
        )
        self.connect(self.venue)

    async def rows[T](self, kind: type[T]) -> list[T]:
        async with self.runtime.operation().reading() as work:
            return list((await work.session.scalars(select(kind))).all())

    async def row[T](self, kind: type[T]) -> T:
        (only,) = await self.rows(kind)
        return only

    async def balances(self) -> dict[str, Decimal]:
        async with self.operation.reading() as work:
            wallet = (await work.session.scalars(select(Wallet).where(Wallet.user_id == self.ada.id))).one()
            return await balances_of(work, wallet.id)

    async def deposit(self, asset: str, amount: str) -> None:
        async with self.system.unit_of_work() as work:
            await post(work, await self.row(Wallet), Entry(asset, Decimal(amount), EntryCause.DEPOSIT))

    async def limit_wallet(self, **limits: str) -> None:
        async with self.system.unit_of_work() as work:
            (await lock_wallet(work, (await self.row(Wallet)).id)).risk_limits = limits

    async def open_position(self) -> Position:
        (position,) = [position for position in await self.rows(Position) if position.status is PositionStatus.OPEN]
        return position


async def open_desk(runtime: Runtime, clock: ManualClock) -> Desk:
    source = PricedSource(clock)
    ticks = count(step=10)
    market = Market(source, wall=lambda: float(next(ticks)))  # time flies, so that no price is remembered
    venue = PaperVenue(market, runtime.database, clock, DeepLiquidity())
    runtime.provide(Market, market)
    desk = Desk(runtime, clock, source, venue, await make_trader(runtime))
    desk.connect(venue)
    desk.price("BTC/USDT", "50000")
    return desk


def buy(symbol: str = "BTC/USDT", quantity: str = "0.1", **more: object) -> OrderRequest:
    return OrderRequest(symbol=symbol, side=Side.BUY, quantity=Decimal(quantity), **more)  # type: ignore[arg-type]


def sell(symbol: str = "BTC/USDT", quantity: str = "0.1", **more: object) -> OrderRequest:
    return OrderRequest(symbol=symbol, side=Side.SELL, quantity=Decimal(quantity), **more)  # type: ignore[arg-type]


async def assert_books_agree(runtime: Runtime) -> None:
    """Every ledger adds up; balances are the deposits plus what the fills say; positions are the sum of the fills."""
    async with runtime.operation().reading() as work:
        fills = (await work.session.scalars(select(Fill))).all()
        positions = (await work.session.scalars(select(Position))).all()
        for wallet in await work.session.scalars(select(Wallet)):
            assert await verify_ledger(work, wallet.id) == []
            expected: dict[str, Decimal] = defaultdict(Decimal)
            deposits = select(LedgerEntry).where(LedgerEntry.wallet_id == wallet.id, LedgerEntry.cause.in_(NOT_TRADED))
            for entry in await work.session.scalars(deposits):
                expected[entry.asset] += entry.amount
            held: dict[str, Decimal] = defaultdict(Decimal)
            for fill in fills:
                if fill.wallet_id == wallet.id:
                    instrument, sign = find_instrument(fill.symbol), 1 if fill.side is Side.BUY else -1
                    expected[instrument.base] += sign * fill.quantity
                    expected[instrument.quote] -= sign * fill.quantity * fill.price * instrument.contract_size
                    expected[fill.fee_currency] -= fill.fee
                    held[fill.symbol] += sign * fill.quantity - (fill.fee if fill.fee_currency == instrument.base else 0)
            assert await balances_of(work, wallet.id) == dict(expected)
            for symbol, quantity in held.items():
                ours = [p for p in positions if p.wallet_id == wallet.id and p.symbol == symbol]
                was_there = sum(p.signed_quantity for p in ours) - quantity
                assert was_there == 0 or (not wallet.is_paper and was_there > 0)
                if was_there:
                    continue  # it came in at the price at which it left
                # Realised and unrealised together are the money the fills brought plus what is held now, to the last digit.
                price, instrument = Decimal("123.45"), find_instrument(symbol)
                made = [fill for fill in fills if fill.symbol == symbol and fill.wallet_id == wallet.id]
                if {fill.fee_currency for fill in made} - {instrument.base, instrument.quote}:
                    continue  # what such a fee was worth, the books do not tell
                cash = sum(
                    -(1 if fill.side is Side.BUY else -1) * fill.quantity * fill.price * instrument.contract_size
                    - (fill.fee if fill.fee_currency == instrument.quote else 0)
                    for fill in made
                )
                won = sum(p.realized_pnl + (p.quantity * price * p.contract_size - p.open_cost) * p.side.sign - p.open_fees for p in ours)
                assert won == cash + quantity * price * instrument.contract_size
        orders = (await work.session.scalars(select(Order))).all()
        by_order: dict[str, Decimal] = defaultdict(Decimal)
        for fill in fills:
            by_order[fill.order_id] += fill.quantity
        assert {order.id: order.filled_quantity for order in orders if order.filled_quantity} == dict(by_order)
