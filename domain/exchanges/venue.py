"""The port to a venue: what it is asked, what it reports, and the ways in which it can fail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable

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
    """How an order waits and trades.

    `stop` and `take_profit` wait for the market's price and then trade at the market; with a limit price they become limit orders
    (`stop_limit`, and `take_profit` with a price). A `trailing_stop` is a stop that follows the price at a distance.
    """

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"


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
    """An order as a venue sees it. `client_order_id` is unique within the account and decides whether it is the same order.

    `trail` is the distance of a trailing stop, in price units or, with `trail_is_percent`, in percent of the price. DAY and GTD orders
    end at `expires_at`. `book` names whose position a reduce-only order may reduce, where an account keeps several in one instrument,
    and `position` is what that is at this moment, negative when short.
    """

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
    trail: Decimal | None = None
    trail_is_percent: bool = False
    expires_at: datetime | None = None
    post_only: bool = False
    book: str = ""
    position: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VenueFill:
    """One trade; `trade_id` is unique at the venue, `fee` is what it cost, in `fee_currency`.

    `is_maker` tells whether the order rested when it was hit; None where the venue does not say.
    """

    trade_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    executed_at: datetime
    is_maker: bool | None = None


@dataclass(frozen=True, slots=True)
class VenueReport:
    """All a venue knows about an order: its status and every fill so far.

    `quantity` is what the venue took, which can be less than was asked when it was cut to the venue's step, or made smaller since;
    None if that is the same. `price` and `stop_price` are the values it has at the venue now, None where the venue does not tell.
    `reason` of an order that ended unfilled is one of the venue's sentences, or one word: ioc, fok, expired, no_liquidity, self_match,
    post_only, reduce_only.
    """

    venue_order_id: str
    status: VenueStatus
    fills: tuple[VenueFill, ...] = ()
    reason: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VenueOpenOrder:
    """An order that rests at the venue, whoever placed it; `client_id` is what the venue calls `known_as`, None if it has none."""

    venue_order_id: str
    client_id: str | None
    symbol: str
    side: Side
    quantity: Decimal
    filled: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """A trade of an account, whoever ordered it; `fill` has the name that reports of the order give it.

    `client_id` is what the venue calls `known_as`, None where its trades do not say.
    """

    venue_order_id: str
    client_id: str | None
    symbol: str
    side: Side
    fill: VenueFill


@dataclass(frozen=True, slots=True)
class VenueBalance:
    """What an account holds of one currency: `free` can be spent, `locked` is held by open orders."""

    currency: str
    free: Decimal
    locked: Decimal


@dataclass(frozen=True, slots=True)
class InstrumentRules:
    """What a venue takes of one instrument: quantities in steps of `step`, prices in steps of `tick`; minimums of None do not exist.

    `min_notional` is price times quantity in the quote currency; `taker_fee_rate` is a fraction, None if the venue does not tell.
    """

    symbol: str
    step: Decimal
    tick: Decimal
    min_quantity: Decimal | None = None
    min_notional: Decimal | None = None
    taker_fee_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a market order should fill at and cost in fees, given the market price."""

    price: Decimal
    fee: Decimal


class Ability(StrEnum):
    """What a venue may be able to do beyond placing and finding orders; `Venue.abilities` says which it can.

    `leverage` is no call: positions there may be worth more than the money behind them, and whoever runs short is liquidated by us.
    """

    AMEND = "amend"
    BALANCES = "balances"
    CANCEL = "cancel"
    LEVERAGE = "leverage"
    OPEN_ORDERS = "open_orders"
    RULES = "rules"
    TRADES = "trades"


class Refusal(StrEnum):
    """Why a venue refused. `post_only` would have traded at once; for `reduce_only` there is no position to reduce."""

    BELOW_MINIMUM = "below_minimum"
    CREDENTIALS = "credentials"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    INVALID_ORDER = "invalid_order"
    MARKET_CLOSED = "market_closed"
    NOT_SUPPORTED = "not_supported"
    ORDER_NOT_FOUND = "order_not_found"
    OTHER = "other"
    POST_ONLY = "post_only"
    REDUCE_ONLY = "reduce_only"
    UNKNOWN_SYMBOL = "unknown_symbol"


class VenueRejected(Exception):
    """The venue refused for good: a refused order becomes `rejected` and is not sent again; any other call changed nothing."""

    def __init__(self, message: str = "", reason: Refusal = Refusal.OTHER) -> None:
        super().__init__(message)
        self.reason = reason


class VenueUnavailable(Exception):
    """Nobody knows whether the venue took the order: it stays unresolved and is looked up before it is sent again.

    `may_have_been_accepted` is False where it certainly did not take it; the look-up then only confirms it.
    """

    def __init__(self, message: str = "", *, may_have_been_accepted: bool = True) -> None:
        super().__init__(message)
        self.may_have_been_accepted = may_have_been_accepted


class VenueRateLimited(VenueUnavailable):
    """The venue wants to be left alone for `retry_after_seconds`; it did not take the order. Calls before then fail without being made."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message, may_have_been_accepted=False)
        self.retry_after_seconds = retry_after_seconds


class VenueLockedOut(VenueUnavailable):
    """The venue does not accept the account's credentials: nothing is asked again until they change."""

    def __init__(self, message: str) -> None:
        super().__init__(message, may_have_been_accepted=False)


class Venue(Protocol):
    """A place that executes orders. Every call may be slow: never make one inside a transaction.

    Every call but `estimate` raises VenueUnavailable, or one of its kinds. A call that the venue is not able to answer
    raises VenueRejected with NOT_SUPPORTED and does nothing else.
    """

    @property
    def name(self) -> str: ...

    @property
    def call_seconds(self) -> float:
        """Return after how many seconds a call that has not returned has been given up; a look-up then tells its outcome."""
        ...

    @property
    def sync_seconds(self) -> float:
        """Return how often, at most, an account's open orders are asked for while there are any."""
        ...

    @property
    def abilities(self) -> frozenset[Ability]: ...

    def supports(self, order_type: OrderType) -> bool: ...

    def known_as(self, account: str, client_order_id: str) -> str:
        """Return what an order is called at the venue itself: the same for the same order for ever; no I/O."""
        ...

    def estimate(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> Estimate:
        """Return what a market order should fill at and cost; no I/O."""
        ...

    async def place(self, order: VenueOrder) -> VenueReport:
        """Hand the order over; one that the venue has already is reported as it stands. Raises VenueRejected or VenueUnavailable.

        Whoever may have handed it over before has asked `find` first.
        """
        ...

    async def find(self, account: str, client_order_id: str, symbol: str) -> VenueReport | None:
        """Return what became of an order, None if the venue never took it. Raises VenueUnavailable."""
        ...

    async def cancel(self, account: str, client_order_id: str, symbol: str) -> VenueReport:
        """Take what is left of an order off and return how it stands then.

        An order that had ended, also while the cancellation was on its way, is reported as it ended: that is no error.
        Raises VenueRejected with ORDER_NOT_FOUND if the venue never took it.
        """
        ...

    async def amend(
        self,
        account: str,
        client_order_id: str,
        symbol: str,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
    ) -> VenueReport:
        """Change the total quantity, the limit or the stop price of a resting order, keeping its id, and return how it stands then.

        Raises VenueRejected with ORDER_NOT_FOUND if it does not rest there (any more), with the reason if the change is refused;
        the order then stands as it stood.
        """
        ...

    async def open_orders(self, account: str, symbol: str | None = None) -> tuple[VenueOpenOrder, ...]:
        """Return the resting orders of an account, also those that somebody placed there by other means."""
        ...

    async def trades(self, account: str, symbol: str, since: datetime) -> tuple[VenueTrade, ...]:
        """Return all trades of an account from a moment on, oldest first, also those of orders that somebody placed by other means.

        Moments are the venue's. Raises VenueRejected with UNKNOWN_SYMBOL for what it does not trade.
        """
        ...

    async def balances(self, account: str) -> tuple[VenueBalance, ...]:
        """Return the currencies of which an account holds anything, by name."""
        ...

    async def rules(self, symbol: str) -> InstrumentRules:
        """Return what the venue takes of an instrument. Raises VenueRejected with UNKNOWN_SYMBOL."""
        ...


@runtime_checkable
class TellsTime(Protocol):
    """A venue whose clock can be read."""

    async def server_time(self, account: str) -> datetime | None:
        """Return what the venue's clock shows, None if it does not tell. Raises VenueUnavailable, VenueRejected."""
        ...


@runtime_checkable
class Closes(Protocol):
    """A venue that holds connections."""

    async def close(self) -> None: ...


class Venues:
    """The venues of this server, by the slug that a wallet has for its venue.

    What is not there from the start, `connect` makes when it is first asked for, once for this process; None for what it cannot make.
    """

    def __init__(self, by_slug: Mapping[str, Venue], connect: Callable[[str], Venue | None] | None = None) -> None:
        self._by_slug = dict(by_slug)
        self._connect = connect

    def known(self, venue_slug: str) -> Venue | None:
        """Return the venue of wallets that have this `venue_slug`, None if this server has no connection to it."""
        venue = self._by_slug.get(venue_slug)
        if venue is None and self._connect is not None:
            venue = self._connect(venue_slug)
            if venue is not None:
                self._by_slug[venue_slug] = venue
        return venue

    def of(self, venue_slug: str) -> Venue:
        """Return the venue of wallets that have this `venue_slug`. Raises VENUE_UNAVAILABLE."""
        venue = self.known(venue_slug)
        if venue is None:
            raise DomainError(ErrorCode.VENUE_UNAVAILABLE, f"This server has no connection to {venue_slug[:40]}", venue=venue_slug[:40])
        return venue

    def connect_with(self, connect: Callable[[str], Venue | None]) -> None:
        """Have further venues made by `connect`."""
        self._connect = connect

    async def close(self) -> None:
        """Close what holds connections; whoever asks again opens them anew."""
        for venue in self._by_slug.values():
            if isinstance(venue, Closes):
                await venue.close()
