"""What the matching engine knows of an order, the commands it takes and the events it answers with: values only."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.exchanges.venue import OrderType, Side, TimeInForce, VenueStatus

ZERO = Decimal(0)

# Whose position it is: an account may keep several in one instrument, each in a book of its own.
Holder = tuple[str, str]


class Liquidity(StrEnum):
    """Who was there first: a maker's order rested in the book, a taker's order came and traded at the maker's price."""

    MAKER = "maker"
    TAKER = "taker"


class Reason(StrEnum):
    """Why an order ended unfilled, was made smaller or was refused."""

    USER = "user"
    SYSTEM = "system"
    IOC = "ioc"
    FOK = "fok"
    EXPIRED = "expired"
    NO_LIQUIDITY = "no_liquidity"
    SELF_MATCH = "self_match"
    POST_ONLY = "post_only"
    REDUCE_ONLY = "reduce_only"
    # Reasons of refusals alone.
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    UNKNOWN_ORDER = "unknown_order"
    BELOW_FILLED = "below_filled"
    NO_MARKET = "no_market"


@dataclass(frozen=True, slots=True)
class Listing:
    """The terms on which a venue trades one instrument.

    Prices are multiples of `tick`, quantities multiples of `lot`; a quantity counts contracts of `contract_size` units. The fee of a
    fill is its absolute value in the quote currency times `maker_rate` or `taker_rate` (0.001 = 0.1 %; a negative rate pays the user).
    """

    symbol: str
    tick: Decimal
    lot: Decimal
    contract_size: Decimal = Decimal(1)
    allow_negative_price: bool = False
    maker_rate: Decimal = Decimal("0.001")
    taker_rate: Decimal = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class BookOrder:
    """An order that lives in a book: one that rests at `price`, or one that waits for `stop_price`.

    `quantity` is the total; `sequence` is its priority in time. `trail` is the distance of a trailing stop, in price units or, with
    `trail_is_percent`, in percent of the price.
    """

    id: str
    account: str
    side: Side
    kind: OrderType
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    stop_price: Decimal | None
    trail: Decimal | None
    trail_is_percent: bool
    time_in_force: TimeInForce
    expires_at: datetime | None
    post_only: bool
    reduce_only: bool
    waiting: bool
    sequence: int
    book: str = ""

    @property
    def holder(self) -> Holder:
        return self.account, self.book

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled


@dataclass(frozen=True, slots=True)
class Place:
    """Take an order.

    `price`, `stop_price` and `trail` belong to the kinds that need them; any other combination is refused. DAY and GTD need
    `expires_at` (for DAY the end of the session), but for market orders, which never rest. A reduce-only order needs `position`, what
    the account holds in its `book` of this instrument at this moment (negative when short); it is made smaller to fit, and refused
    where there is nothing to reduce.
    """

    order_id: str
    account: str
    side: Side
    kind: OrderType
    quantity: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    trail_is_percent: bool = False
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: datetime | None = None
    post_only: bool = False
    reduce_only: bool = False
    position: Decimal | None = None
    book: str = ""

    @property
    def holder(self) -> Holder:
        return self.account, self.book


@dataclass(frozen=True, slots=True)
class Amend:
    """Change the total quantity, the limit price or the stop price of a live order; None leaves a value as it is.

    All or nothing: a refused amend changes nothing. Another price or a larger quantity loses time priority, a smaller one keeps it.
    """

    order_id: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a live order; its fills stand."""

    order_id: str
    reason: Reason = Reason.USER


@dataclass(frozen=True, slots=True)
class CancelAll:
    """End all live orders of an account, oldest first."""

    account: str
    reason: Reason = Reason.USER


@dataclass(frozen=True, slots=True)
class Tick:
    """The market's price at a moment. `volume` is what the market offers on each side of it, in contracts; 0 means nothing."""

    price: Decimal
    at: datetime
    volume: Decimal


@dataclass(frozen=True, slots=True)
class SetPosition:
    """Say what an account holds in a book after a change that did not happen in this book; its reduce-only orders are made to fit."""

    account: str
    position: Decimal
    book: str = ""


Command = Place | Amend | Cancel | CancelAll | Tick | SetPosition


@dataclass(frozen=True, slots=True)
class Accepted:
    """The order was taken, with this total quantity."""

    order_id: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Rejected:
    """The command was refused and changed nothing. With `duplicate`, another order of this id lives on."""

    order_id: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Triggered:
    """The market's price reached the order's stop price: it trades or rests from now on."""

    order_id: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class StopMoved:
    """A trailing stop followed the market."""

    order_id: str
    stop_price: Decimal


@dataclass(frozen=True, slots=True)
class Filled:
    """One side of a trade; `trade` counts the trades of the book.

    A trade between two orders is reported once for each; one with the synthetic book once, with `synthetic` set. `fee` is in the
    quote currency.
    """

    order_id: str
    account: str
    side: Side
    trade: int
    price: Decimal
    quantity: Decimal
    remaining: Decimal
    liquidity: Liquidity
    fee: Decimal
    synthetic: bool


@dataclass(frozen=True, slots=True)
class Amended:
    """The order's values from now on; with `reduce_only` as reason it was made smaller because the position shrank."""

    order_id: str
    quantity: Decimal
    price: Decimal | None
    stop_price: Decimal | None
    kept_priority: bool
    reason: Reason = Reason.USER


@dataclass(frozen=True, slots=True)
class Closed:
    """The order has left the book for good: filled, cancelled or expired. `reason` is None where it was filled."""

    order_id: str
    status: VenueStatus
    reason: Reason | None = None


Event = Accepted | Rejected | Triggered | StopMoved | Filled | Amended | Closed
