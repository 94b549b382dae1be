"""What somebody wants to trade, and whether the wish makes sense at all: nothing here looks at a wallet."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from domain.exchanges.shapes import EXPIRING, IMMEDIATE, SHAPES
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import exact, plain, trimmed
from domain.market.instruments import Instrument, find_instrument
from domain.runtime.idempotency import fingerprint_of
from domain.trading.models import OrderPurpose, OrderType, Side, TimeInForce

MAX_CLIENT_ORDER_ID = 64
# Kept for ids that follow from something else: nobody else may take the id of an exit, or the exit could not be written.
OWN_PREFIX = "tw-"
MAX_TRAIL_PERCENT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What somebody wants to trade.

    `quantity` counts the instrument's contracts; prices are in its quote currency, in whole ticks, and market orders ignore theirs.
    `trail` is the distance of a trailing stop, in price units or, with `trail_is_percent`, in percent of the price. GTD orders need
    `expires_at`; DAY orders end with the instrument's trading day. `stop_loss` and `take_profit` are attached to the position that the
    order opens or grows. `position_id` and `reduce_only` belong to exits.
    """

    symbol: str
    side: Side
    quantity: Decimal
    order_type: OrderType = OrderType.MARKET
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    trail_is_percent: bool = False
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: datetime | None = None
    post_only: bool = False
    client_order_id: str | None = None
    wallet_id: str | None = None
    reduce_only: bool = False
    purpose: OrderPurpose = OrderPurpose.MANUAL
    flow_id: str | None = None
    execution_id: str | None = None
    position_id: str | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    reasoning: str | None = None
    confidence: Decimal | None = None

    @property
    def terms(self) -> dict[str, Decimal | None]:
        """The prices that decide when and at what the order trades; a market order has none."""
        wanted = SHAPES[self.order_type]
        given = {"price": self.price, "stop_price": self.stop_price, "trail": self.trail}
        return {name: None if want is False else given[name] for (name, want) in zip(given, wanted, strict=True)}


def own_client_order_id(subject_id: str, leg: str) -> str:
    """Return the id of the order that this leg of this run or position makes: the same each time, and short enough for any venue."""
    return OWN_PREFIX + hashlib.sha256(f"{subject_id}/{leg}".encode()).hexdigest()[:28]


def check_shape(request: OrderRequest) -> None:
    """Refuse what is wrong whatever the market does. Raises VALIDATION_ERROR, UNKNOWN_SYMBOL."""
    instrument = find_instrument(request.symbol)
    if exact(request.quantity, "quantity") <= 0:
        raise invalid("quantity", "must be greater than 0")
    for name in ("price", "stop_price", "trail", "stop_loss", "take_profit", "confidence"):
        value = getattr(request, name)
        if value is not None:
            exact(value, name)
    terms = request.terms
    for (name, value), wanted in zip(terms.items(), SHAPES[request.order_type], strict=True):
        if wanted and value is None:
            raise invalid(name, f"is needed for a {request.order_type.value} order")
    for name in ("price", "stop_price"):
        check_price(instrument, name, terms[name])
    if (trail := terms["trail"]) is not None:
        if trail <= 0:
            raise invalid("trail", "must be greater than 0")
        if request.trail_is_percent and trail > MAX_TRAIL_PERCENT:
            raise invalid("trail", f"is at most {MAX_TRAIL_PERCENT} percent")
    if request.post_only and (terms["price"] is None or request.time_in_force in IMMEDIATE):
        raise invalid("post_only", "is for orders that can rest at a limit price")
    if request.expires_at is not None and (request.time_in_force not in EXPIRING or request.expires_at.tzinfo is None):
        raise invalid("expires_at", "is a moment with a time zone, for GTD orders")
    if request.time_in_force is TimeInForce.GTD and request.expires_at is None:
        raise invalid("expires_at", "is needed for a GTD order")
    key = request.client_order_id
    if key is not None and not (1 <= len(key) <= MAX_CLIENT_ORDER_ID and key.isprintable()):
        raise invalid("client_order_id", f"must have 1 to {MAX_CLIENT_ORDER_ID} printable characters")


def check_client_order_id(client_order_id: str | None) -> None:
    """Refuse ids that the server makes itself. Raises VALIDATION_ERROR."""
    if client_order_id is not None and client_order_id.startswith(OWN_PREFIX):
        raise DomainError(
            ErrorCode.VALIDATION_ERROR, f"Client order ids that begin with {OWN_PREFIX} are the server's own", field="client_order_id"
        )


def check_price(instrument: Instrument, name: str, price: Decimal | None) -> None:
    """Refuse a price that is not in whole ticks, or not above zero where it must be. Raises VALIDATION_ERROR."""
    if price is None:
        return
    if price <= 0 and not instrument.allow_negative_price:
        raise invalid(name, "must be greater than 0")
    if instrument.round_price(price) != price:
        raise DomainError(
            ErrorCode.VALIDATION_ERROR,
            f"{name} must be a multiple of {plain(instrument.tick)}",
            field=name,
            tick=plain(instrument.tick),
        )


def check_size(instrument: Instrument, quantity: Decimal, price: Decimal) -> None:
    """Refuse a quantity outside the instrument's limits. Raises VALIDATION_ERROR, QUANTITY_TOO_SMALL."""
    if quantity > instrument.max_quantity:
        raise DomainError(
            ErrorCode.VALIDATION_ERROR,
            f"quantity must be at most {plain(instrument.max_quantity)}",
            field="quantity",
            maximum=plain(instrument.max_quantity),
        )
    if quantity < instrument.min_quantity:
        raise DomainError(
            ErrorCode.QUANTITY_TOO_SMALL,
            f"The smallest quantity of {instrument.symbol} is {plain(instrument.min_quantity)}",
            field="quantity",
            minimum=plain(instrument.min_quantity),
        )
    if instrument.round_quantity(quantity) != quantity:
        raise DomainError(
            ErrorCode.VALIDATION_ERROR,
            f"quantity must be a multiple of {plain(instrument.lot)}",
            field="quantity",
            lot=plain(instrument.lot),
        )
    notional = abs(instrument.notional(quantity, price))
    if notional < instrument.min_notional:
        raise DomainError(
            ErrorCode.QUANTITY_TOO_SMALL,
            f"An order must be worth at least {plain(instrument.min_notional)} {instrument.quote}; this one is worth {plain(notional)}",
            field="quantity",
            minimum=plain(instrument.min_notional),
            notional=trimmed(notional),
        )


def check_protection(sign: int, price: Decimal, stop_loss: Decimal | None, take_profit: Decimal | None) -> None:
    """Refuse a stop or target that the price has already passed; `sign` is 1 for long. Raises STOP_ON_WRONG_SIDE."""
    if stop_loss is not None and (price - stop_loss) * sign <= 0:
        raise _wrong_side("stop_loss", stop_loss, price, "below" if sign > 0 else "above")
    if take_profit is not None and (take_profit - price) * sign <= 0:
        raise _wrong_side("take_profit", take_profit, price, "above" if sign > 0 else "below")


def invalid(field: str, what: str) -> DomainError:
    """Return the refusal of one field's value."""
    return DomainError(ErrorCode.VALIDATION_ERROR, f"{field} {what}", field=field)


def _wrong_side(field: str, value: Decimal, price: Decimal, where: str) -> DomainError:
    return DomainError(
        ErrorCode.STOP_ON_WRONG_SIDE,
        f"{field} must be {where} the price of {plain(price)}",
        field=field,
        value=plain(value),
        price=plain(price),
    )


def digest_of(request: OrderRequest, instrument: Instrument) -> str:
    """Return a digest by which equal requests are told from others, whoever sends them and whatever for."""
    asked = asdict(request) | request.terms | {"symbol": instrument.symbol, "quantity": trimmed(request.quantity)}
    # Who asks, and why, may be told differently by a retry; a wallet that is not named is whichever the first one took.
    for name in ("client_order_id", "wallet_id", "execution_id", "position_id", "reasoning", "confidence"):
        del asked[name]
    return fingerprint_of("order", **asked)
