"""Real exchanges through ccxt: spot markets of any exchange id, spoken to in exact numbers and with ids of our own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from weakref import WeakValueDictionary

from domain.exchanges.ccxt_clients import NOBODY, CcxtClients, Connection, CredentialsOf, load_ccxt
from domain.exchanges.ccxt_dialects import dialect_of
from domain.exchanges.ccxt_errors import is_duplicate
from domain.exchanges.ccxt_shapes import balances_in, fills_in, open_order_in, report_of, rules_in, trades_in
from domain.exchanges.venue import (
    Ability,
    Estimate,
    InstrumentRules,
    OrderType,
    Refusal,
    Side,
    TimeInForce,
    VenueBalance,
    VenueFill,
    VenueLockedOut,
    VenueOpenOrder,
    VenueOrder,
    VenueRejected,
    VenueReport,
    VenueStatus,
    VenueTrade,
    VenueUnavailable,
)
from domain.kernel.clock import Clock
from domain.kernel.money import plain, round_to_step

RESTING = frozenset({VenueStatus.OPEN, VenueStatus.PARTIALLY_FILLED})
# Of estimates before the exchange has been asked for its own; higher than what the large ones take.
FEE_RATE = Decimal("0.004")
# Exchanges count requests; fills that come a few seconds later are still exact.
SYNC_SECONDS = 5.0


class CcxtVenue:
    """One exchange, for many accounts.

    Quantities are rounded down to the exchange's step, so that never more is traded than was asked; limit prices down for a buy and
    up for a sell, so that no price is worse than the limit. An order is looked up before it is placed: exchanges compare ids with
    their open orders only, and would take the id of a filled one again.
    """

    def __init__(
        self,
        exchange_id: str,
        credentials_of: CredentialsOf,
        clock: Clock,
        connection: Connection | None = None,
        call_seconds: float = 20.0,
    ) -> None:
        connection = connection or Connection()
        # Fills are unique by this name: those of a sandbox must not meet real ones.
        self.name = f"{exchange_id}-sandbox" if connection.sandbox else exchange_id
        self.call_seconds = call_seconds
        self.sync_seconds = SYNC_SECONDS
        self._dialect = dialect_of(exchange_id)
        self._clients = CcxtClients(exchange_id, credentials_of, clock, connection)
        self._rules: dict[str, InstrumentRules] = {}
        self._placing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self) -> None:
        """Load ccxt, so that the first order does not wait for that; takes seconds."""
        await load_ccxt()

    @property
    def abilities(self) -> frozenset[Ability]:
        # Accounts are spot accounts: nothing is borrowed there.
        able = frozenset(Ability) - {Ability.LEVERAGE}
        return able if self._dialect.amends else able - {Ability.AMEND}

    def supports(self, order_type: OrderType) -> bool:
        return order_type in (OrderType.MARKET, OrderType.LIMIT)

    def known_as(self, account: str, client_order_id: str) -> str:
        """Return 32 hexadecimal digits, which every exchange takes: binance up to 36 characters, kraken a UUID or 18 characters."""
        return blake2b(f"{account}\x1f{client_order_id}".encode(), digest_size=16).hexdigest()

    def estimate(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> Estimate:
        """Return the market's price, and the fee of a taker as far as the exchange has told it, 0.4 % otherwise."""
        rules = self._rules.get(symbol)
        rate = FEE_RATE if rules is None or rules.taker_fee_rate is None else rules.taker_fee_rate
        return Estimate(price, abs(quantity * price) * rate)

    async def place(self, order: VenueOrder) -> VenueReport:
        # The same order twice at once: the second waits, and finds it.
        turn = self._placing.setdefault(self.known_as(order.account, order.client_order_id), asyncio.Lock())
        async with self._in_time(), turn:
            return await self._place(order)

    async def find(self, account: str, client_order_id: str, symbol: str) -> VenueReport | None:
        async with self._in_time():
            return await self._find(account, client_order_id, symbol)

    async def cancel(self, account: str, client_order_id: str, symbol: str) -> VenueReport:
        async with self._in_time():
            found = await self._find(account, client_order_id, symbol)
            if found is not None and found.status in RESTING:
                order_id = found.venue_order_id
                try:
                    await self._clients.ask(account, lambda client: client.cancel_order(order_id, symbol))
                except VenueRejected as refusal:
                    # It ended before the cancellation arrived: how, the look-up tells.
                    if refusal.reason is not Refusal.ORDER_NOT_FOUND:
                        raise
                found = await self._find(account, client_order_id, symbol)
        if found is None:
            raise VenueRejected(f"{self.name} has no such order", Refusal.ORDER_NOT_FOUND)
        return found

    async def amend(
        self,
        account: str,
        client_order_id: str,
        symbol: str,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> VenueReport:
        if not self._dialect.amends:
            raise VenueRejected(f"{self.name} cannot amend an order: cancel it and place another", Refusal.NOT_SUPPORTED)
        if stop_price is not None:
            raise VenueRejected(f"{self.name} takes no stop prices here", Refusal.NOT_SUPPORTED)
        async with self._in_time():
            found = await self._look_up(account, client_order_id, symbol)
            if found is None or found["status"] != "open":
                raise VenueRejected("The order does not rest at the venue", Refusal.ORDER_NOT_FOUND)
            rules = await self._rules_for(account, symbol)
            side = Side(found["side"])
            amount = None if quantity is None else plain(_rounded_quantity(rules, quantity))
            limit = None if price is None else plain(_rounded_price(rules, side, price))
            # Asked once: a change that arrived is seen in the look-up, and one that did not is the caller's to repeat.
            await self._clients.ask(
                account, lambda client: client.edit_order(found["id"], symbol, found["type"], side.value, amount, limit), only_once=True
            )
            report = await self._find(account, client_order_id, symbol)
        if report is None:
            raise VenueUnavailable(f"{self.name} does not show an order that it has amended")
        return report

    async def open_orders(self, account: str, symbol: str | None = None) -> tuple[VenueOpenOrder, ...]:
        async with self._in_time():
            orders = await self._clients.ask(account, lambda client: client.fetch_open_orders(symbol))
            return tuple(open_order_in(order) for order in orders)

    async def trades(self, account: str, symbol: str, since: datetime) -> tuple[VenueTrade, ...]:
        async def ask(client: Any) -> tuple[VenueTrade, ...]:
            if symbol not in client.markets:
                raise VenueRejected(f"{self.name} does not trade {symbol}", Refusal.UNKNOWN_SYMBOL)
            told = await self._dialect.trades_since(client, symbol, int(since.timestamp() * 1000))
            return trades_in(told, client.market(symbol), since)

        async with self._in_time():
            return await self._clients.ask(account, ask)

    async def balances(self, account: str) -> tuple[VenueBalance, ...]:
        async with self._in_time():
            return balances_in(await self._clients.ask(account, lambda client: client.fetch_balance()))

    async def rules(self, symbol: str) -> InstrumentRules:
        async with self._in_time():
            return await self._rules_for(NOBODY, symbol)

    async def server_time(self, account: str) -> datetime | None:
        async def ask(client: Any) -> datetime | None:
            milliseconds = await client.fetch_time() if client.has.get("fetchTime") else None
            return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)

        async with self._in_time():
            return await self._clients.ask(account, ask)

    async def close(self) -> None:
        """Close every connection."""
        await self._clients.close()

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.call_seconds):
                yield
        except TimeoutError:
            raise VenueUnavailable(f"{self.name} did not answer within {self.call_seconds:g} seconds") from None

    async def _place(self, order: VenueOrder) -> VenueReport:
        self._check_kind(order)
        try:
            rules = await self._rules_for(order.account, order.symbol)
            known = await self._find(order.account, order.client_order_id, order.symbol)
            if known is not None:
                return known
            amount, price = _fitted(order, rules)
            await self._clients.ask(order.account, lambda client: self._create(client, order, amount, price), only_once=True)
        except VenueLockedOut as refusal:
            raise VenueRejected(str(refusal), Refusal.CREDENTIALS) from refusal
        except VenueRejected as refusal:
            # An open order has our id: the one that we are placing, on its way from an earlier attempt.
            if not is_duplicate(refusal):
                raise
        return await self._find_placed(order)

    async def _find_placed(self, order: VenueOrder) -> VenueReport:
        # What placing answers differs from exchange to exchange, and lacks fees or fills on most: one look-up serves all.
        try:
            report = await self._find(order.account, order.client_order_id, order.symbol)
        except VenueUnavailable as silence:
            raise VenueUnavailable(f"{self.name} took the order and then went silent: {silence}") from silence
        if report is None:
            raise VenueUnavailable(f"{self.name} took the order but does not show it yet")
        return report

    def _check_kind(self, order: VenueOrder) -> None:
        if not self.supports(order.order_type):
            raise VenueRejected(f"{self.name} takes market and limit orders here, not {order.order_type.value}", Refusal.NOT_SUPPORTED)
        if order.order_type is OrderType.LIMIT and order.time_in_force not in self._dialect.times_in_force:
            raise VenueRejected(f"{self.name} does not take {order.time_in_force.value} orders", Refusal.NOT_SUPPORTED)
        if order.reduce_only and order.side is Side.BUY:
            raise VenueRejected("On a spot market nothing is owed that a purchase could reduce", Refusal.NOT_SUPPORTED)

    async def _create(self, client: Any, order: VenueOrder, amount: Decimal, price: Decimal | None) -> Any:
        params: dict[str, str] = {**self._dialect.order_params, "clientOrderId": self.known_as(order.account, order.client_order_id)}
        if order.order_type is OrderType.LIMIT and order.time_in_force is not TimeInForce.GTC:
            params["timeInForce"] = order.time_in_force.value
        limit = None if price is None else plain(price)
        return await client.create_order(order.symbol, order.order_type.value, order.side.value, plain(amount), limit, params)

    async def _find(self, account: str, client_order_id: str, symbol: str) -> VenueReport | None:
        found = await self._look_up(account, client_order_id, symbol)
        if found is None:
            return None
        fills: tuple[VenueFill, ...] = ()
        if Decimal(found["filled"] or 0) > 0:
            fills = await self._clients.ask(account, lambda client: self._fills(client, found, symbol))
        return report_of(found, fills)

    async def _look_up(self, account: str, client_order_id: str, symbol: str) -> dict[str, Any] | None:
        ours = self.known_as(account, client_order_id)
        try:
            return await self._clients.ask(account, lambda client: self._dialect.look_up(client, ours, symbol))
        except VenueRejected as refusal:
            # A refused question says nothing about the order.
            raise VenueUnavailable(f"{self.name} refuses to look an order up: {refusal}") from refusal

    async def _fills(self, client: Any, order: dict[str, Any], symbol: str) -> tuple[VenueFill, ...]:
        fills = fills_in(await self._dialect.trades_of(client, order, symbol), client.market(symbol))
        if sum(fill.quantity for fill in fills) < Decimal(order["filled"]):
            # The list of trades lags behind: a report without them would end the order with fills missing for ever.
            raise VenueUnavailable(f"{self.name} does not list all trades of an order yet")
        return fills

    async def _rules_for(self, account: str, symbol: str) -> InstrumentRules:
        async def read(client: Any) -> InstrumentRules:
            return rules_in(client.market(symbol), client.precisionMode)

        self._rules[symbol] = await self._clients.ask(account, read)
        return self._rules[symbol]


def _fitted(order: VenueOrder, rules: InstrumentRules) -> tuple[Decimal, Decimal | None]:
    amount = _rounded_quantity(rules, order.quantity)
    if amount <= 0 or (rules.min_quantity is not None and amount < rules.min_quantity):
        raise VenueRejected(f"{amount} {order.symbol} is less than the exchange takes", Refusal.BELOW_MINIMUM)
    if order.order_type is not OrderType.LIMIT:
        return amount, None
    if order.price is None:
        raise VenueRejected("A limit order needs a price", Refusal.INVALID_ORDER)
    price = _rounded_price(rules, order.side, order.price)
    if price <= 0:
        raise VenueRejected("The price is less than one tick", Refusal.INVALID_ORDER)
    if rules.min_notional is not None and amount * price < rules.min_notional:
        raise VenueRejected(f"{amount} {order.symbol} at {price} is worth less than {rules.min_notional}", Refusal.BELOW_MINIMUM)
    return amount, price


def _rounded_quantity(rules: InstrumentRules, quantity: Decimal) -> Decimal:
    return round_to_step(quantity, rules.step, "down")


def _rounded_price(rules: InstrumentRules, side: Side, price: Decimal) -> Decimal:
    return round_to_step(price, rules.tick, "floor" if side is Side.BUY else "ceiling")
