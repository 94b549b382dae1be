"""Where the venues stand in the conformance suite: one stand each, which sets the market and makes trouble."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Protocol

import pytest
from sqlalchemy import func, select

from domain.exchanges.ccxt_clients import Connection, Credentials
from domain.exchanges.ccxt_venue import CcxtVenue
from domain.exchanges.liquidity import Level, Surroundings
from domain.exchanges.orders import Listing
from domain.exchanges.venue import Ability, OrderType, Side, TimeInForce, Venue, VenueOrder
from domain.kernel.clock import ManualClock
from domain.market.market import Market
from domain.runtime.database import upsert
from domain.runtime.runtime import Runtime
from domain.trading.faulty_venue import FaultyVenue
from domain.trading.paper_fault_models import PaperFaults
from domain.trading.paper_models import PaperOrder
from domain.trading.paper_venue import PaperVenue
from tests.domain.exchanges.wire import binance, kraken
from tests.domain.exchanges.wire.floor import Floor
from tests.domain.exchanges.wire.server import Trouble, WireServer
from tests.market_script import ScriptedSource

BTC = "BTC/USDT"
ACCOUNT = "wallet-1"


class Stand(Protocol):
    """A venue, and the world behind it that only a test can move."""

    @property
    def venue(self) -> Venue: ...

    def price(self, price: str, *depth: str) -> None:
        """Have others sell at this price and bid a dollar below; `depth` are the quantities there, enough if none is given."""
        ...

    def fill(self, quantity: str) -> None:
        """Have somebody trade with the order that rests."""
        ...

    def fill_before(self, call: str, quantity: str) -> None:
        """Have somebody trade with the order that rests in the moment before the next such call takes effect."""
        ...

    async def lose_answer(self, call: str) -> None:
        """Have the next such call take effect, and its answer be lost."""
        ...

    async def misreport(self, *faults: str) -> None:
        """Have the fills from now on come as these rules of a fault script say."""
        ...

    def go_down(self, is_down: bool = True) -> None: ...

    async def placed(self) -> int:
        """Return how many orders the venue has taken."""
        ...

    async def restart(self) -> None:
        """Have our side start anew, with nothing but what the venue knows."""
        ...


class ScriptedLiquidity:
    """What others do on the paper venue, as a test has it."""

    refill = timedelta(minutes=1)

    def __init__(self) -> None:
        self.offered: dict[Side, list[Level]] = {Side.BUY: [], Side.SELL: []}
        self.arrived = Decimal(0)

    def levels(self, around: Surroundings, side: Side) -> Iterator[Level]:
        return iter(self.offered[side])

    def arriving(self, around: Surroundings, side: Side) -> Iterator[Level]:
        # At any price: whatever rests is worth it.
        yield Level(around.listing.tick if side is Side.SELL else around.mid * 1000, self.arrived)

    def worst_price(self, listing: Listing, side: Side, mid: Decimal) -> Decimal:
        return self.offered[side][-1].price


class PaperStand:
    """The paper venue on a scripted market. It has no wire: what goes wrong there is on script."""

    venue: FaultyVenue

    def __init__(self, runtime: Runtime, clock: ManualClock) -> None:
        self._runtime, self._clock = runtime, clock
        self._source, self._others = ScriptedSource(clock), ScriptedLiquidity()
        self._ticks = count(step=10)
        self._open()

    def price(self, price: str, *depth: str) -> None:
        self._source.price_now = Decimal(price)
        quantities = [Decimal(quantity) for quantity in depth or ("1000",)]
        for side, at in ((Side.SELL, Decimal(price)), (Side.BUY, Decimal(price) - 1)):
            self._others.offered[side] = [Level(at, quantity) for quantity in quantities]

    def fill(self, quantity: str) -> None:
        self._others.arrived += Decimal(quantity)

    def fill_before(self, call: str, quantity: str) -> None:
        # Every call lets the others trade first.
        self.fill(quantity)

    async def lose_answer(self, call: str) -> None:
        await self._script(f"{call} 1 timeout")

    async def misreport(self, *faults: str) -> None:
        await self._script(*faults)

    def go_down(self, is_down: bool = True) -> None:
        self._source.silent = is_down

    async def placed(self) -> int:
        async with self._runtime.database.reading() as session:
            return await session.scalar(select(func.count()).select_from(PaperOrder)) or 0

    async def restart(self) -> None:
        self._open()

    def _open(self) -> None:
        # Time flies, so that no price is remembered.
        market = Market(self._source, wall=lambda: float(next(self._ticks)))
        paper = PaperVenue(market, self._runtime.database, self._clock, self._others)
        self.venue = FaultyVenue(paper, self._runtime.database, self._clock)

    async def _script(self, *rules: str) -> None:
        now = self._clock.now()
        values = {"script": ";".join(rules), "seed": 0, "set_at": now, "placed": 0, "amended": 0, "cancelled": 0, "found": 0}
        async with self._runtime.database.writing() as session:
            await session.execute(upsert(session, PaperFaults, {"account": ACCOUNT}, values))
            await session.commit()


class CcxtStand:
    """The adapter on a server that speaks the exchange's wire."""

    venue: CcxtVenue

    def __init__(self, server: WireServer, exchange_id: str, credentials: Credentials, clock: ManualClock) -> None:
        self.server, self.floor, self.credentials = server, server.floor, credentials
        self._exchange_id, self._clock = exchange_id, clock
        self.call_seconds = 20.0

    async def open(self) -> None:
        self.address = await self.server.start()
        self._connect()
        await self.venue.start()

    async def close(self) -> None:
        await self.venue.close()
        await self.server.stop()

    def price(self, price: str, *depth: str) -> None:
        self.floor.offer(*((price, quantity) for quantity in depth or ("1000",)))
        self.floor.bid(*((str(Decimal(price) - 1), quantity) for quantity in depth or ("1000",)))

    def fill(self, quantity: str) -> None:
        self.floor.fill(quantity)

    def fill_before(self, call: str, quantity: str) -> None:
        self.server.trouble(call, Trouble.RACED, first=lambda: self.floor.fill(quantity))

    async def lose_answer(self, call: str) -> None:
        self.server.trouble(call, Trouble.DROP_AFTER)

    async def misreport(self, *faults: str) -> None:
        pytest.skip(f"{self.venue.name}: how it reports fills is its own affair")

    def go_down(self, is_down: bool = True) -> None:
        self.server.is_down = is_down

    async def placed(self) -> int:
        return len(self.floor.orders)

    async def restart(self) -> None:
        await self.venue.close()
        self._connect()

    def _connect(self) -> None:
        connection = Connection(base_url=self.address, paces_requests=False, pause_seconds=(0.001, 0.001, 0.001), request_seconds=5)
        self.venue = CcxtVenue(self._exchange_id, self._credentials_of, self._clock, connection, self.call_seconds)

    async def _credentials_of(self, account: str) -> Credentials:
        return self.credentials


def binance_stand(clock: ManualClock) -> CcxtStand:
    return CcxtStand(binance.BinanceServer(Floor()), "binance", Credentials(binance.KEY, binance.SECRET), clock)


def kraken_stand(clock: ManualClock) -> CcxtStand:
    return CcxtStand(kraken.KrakenServer(Floor()), "kraken", Credentials(kraken.KEY, kraken.SECRET), clock)


def market(
    client_order_id: str, quantity: str = "0.1", side: Side = Side.BUY, symbol: str = BTC, *, reduce_only: bool = False
) -> VenueOrder:
    return VenueOrder(ACCOUNT, client_order_id, symbol, side, OrderType.MARKET, Decimal(quantity), reduce_only=reduce_only)


def limit(
    client_order_id: str, price: str, quantity: str = "0.1", side: Side = Side.BUY, time_in_force: TimeInForce = TimeInForce.GTC
) -> VenueOrder:
    return VenueOrder(ACCOUNT, client_order_id, BTC, side, OrderType.LIMIT, Decimal(quantity), Decimal(price), time_in_force=time_in_force)


def needs_limits(stand: Stand) -> None:
    if not stand.venue.supports(OrderType.LIMIT):
        pytest.skip(f"{stand.venue.name}: it says that it takes no limit orders")


def needs(stand: Stand, ability: Ability) -> None:
    if ability not in stand.venue.abilities:
        pytest.skip(f"{stand.venue.name}: it says that it is not able to {ability.value}")
