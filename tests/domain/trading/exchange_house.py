"""A desk with a real exchange on the loopback, reached as a server reaches one: through a definition, a wallet and its credentials."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from domain.composition import provide_exchanges, provide_notifications, provide_trading
from domain.exchanges.ccxt_clients import Connection
from domain.exchanges.ccxt_venue import CcxtVenue
from domain.exchanges.venue import Venue, Venues
from domain.runtime.operation import Operation
from domain.wallets.connecting import address_of, credentials_of
from domain.wallets.definitions import WalletDefinitionChanges, update_wallet_definition
from domain.wallets.models import Wallet
from domain.wallets.rules import ApiConfig
from tests.domain.exchanges.wire.binance import KEY, SECRET, BinanceServer
from tests.domain.exchanges.wire.floor import Floor
from tests.domain.trading.desk import Desk
from tests.domain.wallets.people import open_wallet


@dataclass
class ExchangeHouse:
    """Binance on the loopback, and Ada's wallet there."""

    desk: Desk
    server: BinanceServer
    address: str
    wallet: Wallet

    @property
    def ada(self) -> Operation:
        return self.desk.operation

    def price(self, price: str) -> None:
        self.server.floor.offer((price, "1000"))
        self.server.floor.bid((str(Decimal(price) - 1), "1000"))


@asynccontextmanager
async def exchange_house(desk: Desk, *, opens_loopback: bool = True) -> AsyncIterator[ExchangeHouse]:
    runtime = desk.runtime
    opened = "127.0.0.1" if opens_loopback else ""
    runtime.settings = runtime.settings.model_copy(update={"venue_allow_private": "127.0.0.1"})
    provide_notifications(runtime)
    provide_trading(runtime)
    server = BinanceServer(Floor())
    address = await server.start()
    async with desk.system.unit_of_work() as work:
        await update_wallet_definition(work, "binance", WalletDefinitionChanges(api_config=ApiConfig(base_url=address)))
    runtime.settings = runtime.settings.model_copy(update={"venue_allow_private": opened})
    provide_trading(runtime)
    provide_exchanges(runtime)
    if opens_loopback:
        runtime.use(Venues).connect_with(partial(_quick, desk))
    wallet = await open_wallet(desk.operation, "binance", "Real", credentials={"api_key": KEY, "api_secret": SECRET})
    house = ExchangeHouse(desk, server, address, wallet)
    house.price("50000")
    yield house
    await runtime.use(Venues).close()
    await server.stop()


def _quick(desk: Desk, venue_slug: str) -> Venue:
    # As the composition does it, without the pauses that an exchange deserves.
    connection = Connection(address_of=partial(address_of, desk.runtime, venue_slug), paces_requests=False, pause_seconds=(0.001, 0.001))
    return CcxtVenue(venue_slug, partial(credentials_of, desk.runtime), desk.clock, connection)
