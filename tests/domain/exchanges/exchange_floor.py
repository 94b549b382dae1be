"""A book at which tests trade: short words for commands, and the events one by one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from domain.exchanges.book import Book
from domain.exchanges.liquidity import DEFAULT_MODEL, LiquidityModel
from domain.exchanges.matching import apply
from domain.exchanges.orders import Accepted, Amend, Cancel, Closed, Command, Event, Filled, Listing, Place, Rejected, Tick
from domain.exchanges.venue import OrderType, Side

BUY, SELL = Side.BUY, Side.SELL
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
COINS = Listing("COIN/EUR", tick=Decimal(1), lot=Decimal(1), maker_rate=Decimal("0.001"), taker_rate=Decimal("0.002"))


class Floor:
    """Holds a book and applies commands to it; without `volume` the market has a price but offers nothing."""

    def __init__(
        self, listing: Listing = COINS, price: str | None = "100", volume: str = "0", model: LiquidityModel = DEFAULT_MODEL
    ) -> None:
        self.book = Book(listing, seed=5, model=model)
        self.now = NOON
        if price is not None:
            self.tick(price, volume=volume)

    def send(self, command: Command) -> tuple[Event, ...]:
        self.book, events = apply(self.book, command)
        return events

    def tick(self, price: str, seconds: int = 0, volume: str = "0") -> tuple[Event, ...]:
        self.now += timedelta(seconds=seconds)
        return self.send(Tick(Decimal(price), self.now, Decimal(volume)))

    def place(self, id: str, account: str, side: Side, quantity: str, price: str | None = None, **more: Any) -> tuple[Event, ...]:
        kind = more.pop("kind", OrderType.MARKET if price is None else OrderType.LIMIT)
        numbers: dict[str, Any] = {name: Decimal(more.pop(name)) for name in ("stop_price", "trail", "position") if name in more}
        limit = None if price is None else Decimal(price)
        return self.send(Place(id, account, side, kind, Decimal(quantity), limit, **numbers, **more))

    def amend(self, id: str, **values: str) -> tuple[Event, ...]:
        return self.send(Amend(id, **{name: Decimal(value) for name, value in values.items()}))

    def cancel(self, id: str) -> tuple[Event, ...]:
        return self.send(Cancel(id))

    def resting(self) -> dict[str, str]:
        """Return what is left of each live order."""
        return {order.id: str(order.remaining) for order in sorted(self.book.orders.values(), key=lambda order: order.sequence)}


def fills(events: tuple[Event, ...]) -> list[tuple[str, str, str]]:
    """Return (order, quantity, price) of each fill."""
    return [(event.order_id, str(event.quantity), str(event.price)) for event in events if isinstance(event, Filled)]


def ends(events: tuple[Event, ...]) -> list[tuple[str, str, str | None]]:
    """Return (order, status, reason) of each order that ended."""
    return [(event.order_id, event.status.value, event.reason and event.reason.value) for event in events if isinstance(event, Closed)]


def refusal(events: tuple[Event, ...]) -> str:
    """Return the reason of the one event, a refusal."""
    (event,) = events
    assert isinstance(event, Rejected) and event.message
    return event.reason.value


def is_accepted(events: tuple[Event, ...]) -> bool:
    return isinstance(events[0], Accepted)
