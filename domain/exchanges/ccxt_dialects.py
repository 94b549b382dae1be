"""Where exchanges differ behind ccxt: how an order is looked up by our id, what can be amended, what orders may say."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.exchanges.ccxt_errors import names_of
from domain.exchanges.venue import TimeInForce, VenueUnavailable

LookUp = Callable[[Any, str, str], Awaitable[dict[str, Any] | None]]
TradesSince = Callable[[Any, str, int], Awaitable[list[dict[str, Any]]]]
TradesOf = Callable[[Any, dict[str, Any], str], Awaitable[list[dict[str, Any]]]]

# The most that binance gives at once; it is more than one order of ours can have in practice.
MAX_TRADES = 1000
# What kraken gives at once.
PAGE_OF_TRADES = 50


async def look_up_by_client_id(client: Any, client_id: str, symbol: str) -> dict[str, Any] | None:
    """Ask for the order by our id. An exchange that cannot do that raises, which is not the same as having no such order."""
    try:
        order: dict[str, Any] = await client.fetch_order(None, symbol, {"clientOrderId": client_id})
    except Exception as error:
        if "OrderNotFound" in names_of(error):
            return None
        raise
    return order


async def look_up_in_lists(client: Any, client_id: str, symbol: str) -> dict[str, Any] | None:
    """Look among the open orders and then among the closed ones: one that ends in between is seen in the second list."""
    for fetch in (client.fetch_open_orders, client.fetch_closed_orders):
        for order in await fetch(symbol, None, None, {"clientOrderId": client_id, "trades": "true"}):
            if order["clientOrderId"] == client_id:
                found: dict[str, Any] = order
                return found
    return None


async def trades_by_order_id(client: Any, order: dict[str, Any], symbol: str) -> list[dict[str, Any]]:
    """Ask for the trades of the order, or, where that cannot be asked, for all since it was placed."""
    if client.has.get("fetchOrderTrades"):
        trades = await client.fetch_order_trades(order["id"], symbol, None, MAX_TRADES)
    else:
        trades = await client.fetch_my_trades(symbol, order.get("timestamp"), MAX_TRADES)
    return [trade for trade in trades if trade["order"] == order["id"]]


async def trades_named_by_order(client: Any, order: dict[str, Any], symbol: str) -> list[dict[str, Any]]:
    """Ask for the trades whose ids the order names."""
    named = list(dict.fromkeys(order["info"].get("trades") or ()))
    trades = await client.fetch_order_trades(order["id"], symbol, None, None, {"trades": named}) if named else []
    return [trade for trade in trades if trade["order"] == order["id"]]


async def trades_forward(client: Any, symbol: str, since: int) -> list[dict[str, Any]]:
    """Ask for the account's trades since a moment, in milliseconds, page by page from the oldest on."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    while True:
        page = await client.fetch_my_trades(symbol, since, MAX_TRADES)
        fresh = {(trade["order"], trade["id"]): trade for trade in page}
        is_news = not fresh.keys() <= found.keys()
        found |= fresh
        # Exchanges whose pages are smaller than what was asked for are asked until nothing new comes.
        if not page or not is_news:
            return list(found.values())
        latest = max(trade["timestamp"] for trade in page)
        if latest == since and len(page) >= MAX_TRADES:
            raise VenueUnavailable("More trades were made in one millisecond than the exchange lists")
        since = latest


async def trades_backward(client: Any, symbol: str, since: int) -> list[dict[str, Any]]:
    """Ask for the trades of all markets since a moment, page by page from the newest on; those of others are there too."""
    found: dict[str, dict[str, Any]] = {}
    offset = 0
    while True:
        # Trades made meanwhile push older ones to the next page, where they are seen again: none is missed.
        page = await client.fetch_my_trades(None, since, None, {"ofs": offset})
        found |= {trade["id"]: trade for trade in page}
        if len(page) < PAGE_OF_TRADES:
            return list(found.values())
        offset += len(page)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one exchange is spoken to. `limits_by_address`: too many requests of one account close the door for all of them."""

    look_up: LookUp = look_up_by_client_id
    trades_of: TradesOf = trades_by_order_id
    trades_since: TradesSince = trades_forward
    amends: bool = False
    limits_by_address: bool = False
    times_in_force: frozenset[TimeInForce] = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})
    order_params: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


_DIALECTS = {
    "binance": Dialect(
        limits_by_address=True,
        # Otherwise a key makes it ask for margins, networks and futures, which a key for spot alone may not see.
        options={
            "adjustForTimeDifference": True,
            "defaultType": "spot",
            "fetchCurrencies": False,
            "fetchMargins": False,
            "fetchMarkets": {"types": ["spot"]},
            "warnOnFetchOpenOrdersWithoutSymbol": False,
        },
    ),
    "kraken": Dialect(
        look_up=look_up_in_lists,
        trades_of=trades_named_by_order,
        trades_since=trades_backward,
        amends=True,
        times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC}),
        # Its trades do not name the currency of their fee: asked for, it is always the quote.
        order_params={"oflags": "fciq"},
    ),
}


def dialect_of(exchange_id: str) -> Dialect:
    """Return how to speak to an exchange: one that we know nothing special of is taken at ccxt's word."""
    return _DIALECTS.get(exchange_id, _PLAIN)


_PLAIN = Dialect(options={"defaultType": "spot"})
