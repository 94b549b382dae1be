"""The trading floor behind both servers: one account, one market, its own matching, nothing of ours."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

BASE, QUOTE = "BTC", "USDT"


class Refused(Exception):
    """The floor says no; each server says it in its exchange's words."""


@dataclass
class FloorTrade:
    number: int
    order: "FloorOrder"
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    is_maker: bool
    at: float

    @property
    def value(self) -> Decimal:
        return self.price * self.quantity


@dataclass
class FloorOrder:
    number: int
    client_id: str
    side: str
    kind: str
    quantity: Decimal
    price: Decimal
    time_in_force: str
    at: float
    status: str = "open"
    trades: list[FloorTrade] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        return sum((trade.quantity for trade in self.trades), Decimal(0))

    @property
    def value(self) -> Decimal:
        return sum((trade.value for trade in self.trades), Decimal(0))

    @property
    def rest(self) -> Decimal:
        return self.quantity - self.filled


@dataclass
class Floor:
    """`asks` and `bids` are what others offer, best first; `fee_currency` is that of every fee, `fee_price` what it costs in the quote."""

    asks: list[tuple[Decimal, Decimal]] = field(default_factory=list)
    bids: list[tuple[Decimal, Decimal]] = field(default_factory=list)
    balances: dict[str, Decimal] = field(default_factory=lambda: {BASE: Decimal(2), QUOTE: Decimal(100_000)})
    fee_rate: Decimal = Decimal("0.001")
    fee_currency: str = QUOTE
    fee_price: Decimal = Decimal(1)
    now: Callable[[], float] = time.time
    orders: list[FloorOrder] = field(default_factory=list)

    def offer(self, *asks: tuple[str, str]) -> None:
        self.asks = [(Decimal(price), Decimal(quantity)) for price, quantity in asks]

    def bid(self, *bids: tuple[str, str]) -> None:
        self.bids = [(Decimal(price), Decimal(quantity)) for price, quantity in bids]

    def open_orders(self) -> list[FloorOrder]:
        return [order for order in self.orders if order.status == "open"]

    def trades(self) -> list[FloorTrade]:
        return sorted((trade for order in self.orders for trade in order.trades), key=lambda trade: trade.number)

    def locked(self, currency: str) -> Decimal:
        side = "buy" if currency == QUOTE else "sell"
        of_side = (order for order in self.open_orders() if order.side == side)
        return sum((order.rest * (order.price if side == "buy" else 1) for order in of_side), Decimal(0))

    def place(self, side: str, kind: str, quantity: Decimal, price: Decimal, time_in_force: str, client_id: str) -> FloorOrder:
        # As at both exchanges, ids are compared with those of open orders only.
        if client_id and any(order.client_id == client_id for order in self.open_orders()):
            raise Refused("duplicate")
        order = FloorOrder(len(self.orders) + 1, client_id, side, kind, quantity, price, time_in_force, self.now())
        reach = sum((taken for _, taken in self._reach(order)), Decimal(0))
        cost = sum((level * taken for level, taken in self._reach(order)), Decimal(0)) + (quantity - reach) * price
        currency, needed = (QUOTE, cost) if side == "buy" else (BASE, quantity)
        if needed > self.balances[currency] - self.locked(currency):
            raise Refused("funds")
        if time_in_force == "FOK" and reach < quantity:
            order.status = "expired"
        self.orders.append(order)
        if order.status == "open":
            for level, taken in list(self._reach(order)):
                self._trade(order, level, taken, is_maker=False)
                self._take(order, taken)
        if order.status == "open" and (kind == "market" or time_in_force == "IOC"):
            order.status = "expired"
        return order

    def cancel(self, order: FloorOrder) -> None:
        if order.status != "open":
            raise Refused("unknown")
        order.status = "cancelled"

    def amend(self, order: FloorOrder, quantity: Decimal | None, price: Decimal | None) -> None:
        if order.status != "open":
            raise Refused("unknown")
        order.quantity, order.price = quantity or order.quantity, price or order.price

    def fill(self, quantity: str, order: FloorOrder | None = None) -> None:
        """Somebody trades with a resting order, at its price."""
        order = order or self.open_orders()[-1]
        self._trade(order, order.price, Decimal(quantity), is_maker=True)

    def trade_outside(self, side: str, quantity: str, client_id: str = "") -> FloorOrder:
        """The account's owner trades at the market, by other means than ours."""
        return self.place(side, "market", Decimal(quantity), Decimal(0), "GTC", client_id)

    def _reach(self, order: FloorOrder) -> Iterator[tuple[Decimal, Decimal]]:
        left = order.rest
        for level, there in self.asks if order.side == "buy" else self.bids:
            beyond = level > order.price if order.side == "buy" else level < order.price
            if not left or (order.kind == "limit" and beyond):
                return
            yield level, min(left, there)
            left -= min(left, there)

    def _take(self, order: FloorOrder, quantity: Decimal) -> None:
        levels = self.asks if order.side == "buy" else self.bids
        level, there = levels.pop(0)
        if there > quantity:
            levels.insert(0, (level, there - quantity))

    def _trade(self, order: FloorOrder, price: Decimal, quantity: Decimal, *, is_maker: bool) -> None:
        number = 28_400 + len(self.trades())
        fee = price * quantity * self.fee_rate / self.fee_price
        trade = FloorTrade(number, order, price, quantity, fee, self.fee_currency, is_maker, self.now())
        order.trades.append(trade)
        sign = 1 if order.side == "buy" else -1
        self.balances[BASE] += sign * quantity
        self.balances[QUOTE] -= sign * trade.value
        self.balances[trade.fee_currency] = self.balances.get(trade.fee_currency, Decimal(0)) - trade.fee
        if not order.rest:
            order.status = "filled"
