"""The port to a venue: what it is asked, what it reports, and the two ways in which it can fail."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from domain.kernel.errors import DomainError, ErrorCode


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    DAY = "DAY"
    GTD = "GTD"


class VenueStatus(StrEnum):
    """What has become of an order at the venue."""

    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as a venue sees it. `client_order_id` is unique within the account and decides whether it is the same order."""

    account: str
    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class VenueFill:
    """One trade; `trade_id` is unique at the venue, `fee` is what it cost, in `fee_currency`."""

    trade_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    executed_at: datetime


@dataclass(frozen=True, slots=True)
class VenueReport:
    """All a venue knows about an order: its status and every fill so far."""

    venue_order_id: str
    status: VenueStatus
    fills: tuple[VenueFill, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a market order should fill at and cost in fees, given the market price."""

    price: Decimal
    fee: Decimal


class VenueRejected(Exception):
    """The venue refused the order for good: it becomes `rejected` and is not sent again."""


class VenueUnavailable(Exception):
    """Nobody knows whether the venue took the order: it stays unresolved and is looked up before it is sent again."""


class Venue(Protocol):
    """A place that executes orders. Every call may be slow: never make one inside a transaction."""

    @property
    def name(self) -> str: ...

    @property
    def call_seconds(self) -> float:
        """Return after how many seconds a call that has not returned has been given up; a look-up then tells its outcome."""
        ...

    def supports(self, order_type: OrderType) -> bool: ...

    def estimate(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> Estimate:
        """Return what a market order should fill at and cost; no I/O."""
        ...

    async def place(self, order: VenueOrder) -> VenueReport:
        """Hand the order over. Raises VenueRejected or VenueUnavailable."""
        ...

    async def find(self, account: str, client_order_id: str, symbol: str) -> VenueReport | None:
        """Return what became of an order, None if the venue never took it. Raises VenueUnavailable."""
        ...


class Venues:
    """The venues of this server by the slug of the wallet definition that trades there."""

    def __init__(self, by_slug: Mapping[str, Venue]) -> None:
        self._by_slug = dict(by_slug)

    def of(self, definition_slug: str) -> Venue:
        """Return the venue of wallets with this definition. Raises VENUE_UNAVAILABLE."""
        venue = self._by_slug.get(definition_slug)
        if venue is None:
            raise DomainError(
                ErrorCode.VENUE_UNAVAILABLE, f"This server has no connection to {definition_slug[:40]}", venue=definition_slug[:40]
            )
        return venue
