"""Orders and net positions in the vocabulary of `/v1`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AliasChoices, Field

from domain.exchanges.venue import OrderType, Side, TimeInForce
from domain.kernel.clock import to_wire
from domain.trading.amending import OrderChanges
from domain.trading.grouping import GroupLeg, GroupRequest, OrderGroup
from domain.trading.models import CancelReason, Order, OrderStatus
from domain.trading.records import MarkedPosition, OrderRecord
from domain.trading.requests import OrderRequest
from schema.rest.orders import Amount, AnyCase, ClientOrderId

WIRE_STATUS = {
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELLED: "cancelled",
    OrderStatus.EXPIRED: "cancelled",
    OrderStatus.REJECTED: "cancelled",
    OrderStatus.FAILED: "cancelled",
}
# The document's words; any other reason is the server's own.
CANCEL_WORDS = {
    CancelReason.USER: "user",
    CancelReason.IOC: "ioc",
    CancelReason.FOK: "fok",
    CancelReason.EXPIRED: "expired",
    CancelReason.NO_LIQUIDITY: "no_liquidity",
}
FILTERED = {"pending": OrderStatus.OPEN, "filled": OrderStatus.FILLED, "cancelled": OrderStatus.CANCELLED}
# What a client filters by; `pending` is every order that can still be filled.
Filter = Annotated[Literal["pending", "filled", "cancelled"], AfterValidator(FILTERED.__getitem__)] | None
TypeWord = Literal["market", "limit", "stop", "stop_limit", "take_profit", "trailing_stop"]
TimeInForceWord = Annotated[Literal["GTC", "IOC", "FOK", "DAY"], AnyCase]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBodyV1:
    """`type` and `stopPrice` are other names of `order_type` and `stop_price`."""

    symbol: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/-]{1,20}$")]
    side: Side
    quantity: Amount
    order_type: Annotated[TypeWord, Field(validation_alias=AliasChoices("order_type", "type"))] = "market"
    price: Amount | None = None
    stop_price: Annotated[Decimal | None, Field(gt=0, validation_alias=AliasChoices("stop_price", "stopPrice"))] = None
    time_in_force: TimeInForceWord = "GTC"
    client_order_id: ClientOrderId | None = None
    trail: Amount | None = None
    trail_is_percent: bool = False
    expires_at: datetime | None = None
    post_only: bool = False
    reduce_only: bool = False

    def arguments(self) -> dict[str, Any]:
        return {
            "request": OrderRequest(
                symbol=self.symbol,
                side=self.side,
                order_type=OrderType(self.order_type),
                quantity=self.quantity,
                price=self.price,
                stop_price=self.stop_price,
                time_in_force=TimeInForce(self.time_in_force),
                client_order_id=self.client_order_id,
                trail=self.trail,
                trail_is_percent=self.trail_is_percent,
                expires_at=self.expires_at,
                post_only=self.post_only,
                reduce_only=self.reduce_only,
            )
        }


@dataclass(frozen=True, slots=True)
class TradeView:
    """An order; `price` is the limit price, or what a market order was filled at."""

    id: str
    user_id: str
    symbol: str
    quantity: Decimal
    price: Decimal | None
    side: str
    status: str
    order_type: str
    stop_price: Decimal | None
    time_in_force: str
    filled_quantity: Decimal
    remaining_quantity: Decimal
    average_price: Decimal | None
    commission: Decimal
    client_order_id: str
    cancel_reason: str | None
    currency: str
    unit: str
    flow_id: str | None
    execution_id: str | None
    position_id: str | None
    group_id: str | None
    created_at: datetime
    updated_at: datetime
    filled_at: datetime | None

    @classmethod
    def of(cls, record: OrderRecord) -> Self:
        order: Order = record.order
        return cls(
            id=order.id,
            user_id=order.user_id,
            symbol=order.symbol,
            quantity=order.quantity,
            price=order.price if order.price is not None else order.average_fill_price,
            side=order.side.value,
            status=WIRE_STATUS.get(order.status, "pending"),
            order_type=order.order_type.value,
            stop_price=order.stop_price,
            time_in_force=order.time_in_force.value,
            filled_quantity=order.filled_quantity,
            remaining_quantity=order.remaining_quantity,
            average_price=order.average_fill_price,
            commission=order.total_fees,
            client_order_id=order.client_order_id,
            cancel_reason=_cancel_word(order),
            currency=order.fee_currency,
            unit=record.unit,
            flow_id=order.flow_id,
            execution_id=order.execution_id,
            position_id=order.position_id,
            group_id=order.group_id,
            created_at=order.created_at,
            updated_at=order.updated_at or order.created_at,
            filled_at=order.filled_at,
        )


def _cancel_word(order: Order) -> str | None:
    if WIRE_STATUS.get(order.status) != "cancelled":
        return None
    return CANCEL_WORDS.get(order.cancel_reason, "system") if order.cancel_reason else "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class OcoLegV1:
    """One of the orders of a group; `type` and `stopPrice` are other names of `order_type` and `stop_price`."""

    order_type: Annotated[
        Literal["limit", "stop", "stop_limit", "take_profit", "trailing_stop"],
        Field(validation_alias=AliasChoices("order_type", "type")),
    ]
    price: Amount | None = None
    stop_price: Annotated[Decimal | None, Field(gt=0, validation_alias=AliasChoices("stop_price", "stopPrice"))] = None
    trail: Amount | None = None
    trail_is_percent: bool = False
    post_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OcoBodyV1:
    """Orders of which the first that is filled cancels the others; `client_order_id` names the group."""

    symbol: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/-]{1,20}$")]
    side: Side
    quantity: Amount
    legs: Annotated[list[OcoLegV1], Field(min_length=2, max_length=4)]
    time_in_force: Annotated[Literal["GTC", "DAY"], AnyCase] = "GTC"
    client_order_id: ClientOrderId | None = None
    reduce_only: bool = False

    def arguments(self) -> dict[str, Any]:
        return {
            "request": GroupRequest(
                symbol=self.symbol,
                side=self.side,
                quantity=self.quantity,
                legs=[GroupLeg(**{**asdict(leg), "order_type": OrderType(leg.order_type)}) for leg in self.legs],
                time_in_force=TimeInForce(self.time_in_force),
                client_order_id=self.client_order_id,
                reduce_only=self.reduce_only,
            )
        }


@dataclass(frozen=True, slots=True)
class TradeGroupView:
    """A group with its orders, in the order in which they were given."""

    group_id: str
    orders: list[TradeView]

    @classmethod
    def of(cls, group: OrderGroup) -> Self:
        return cls(group.id, [TradeView.of(record) for record in group.records])


@dataclass(frozen=True, slots=True)
class NetPositionView:
    """What the caller holds of one symbol, signed; `day_change` is the price's change per unit in 24 hours."""

    id: str
    user_id: str
    symbol: str
    quantity: Decimal
    average_price: Decimal
    current_price: Decimal
    market_value: Decimal
    unrealized_pnl: Decimal
    unrealized_pnl_percent: Decimal
    day_change: Decimal | None
    day_change_percent: Decimal | None
    realized_pnl: Decimal
    currency: str
    unit: str
    contract_size: Decimal
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, marked: MarkedPosition) -> Self:
        position = marked.net
        return cls(
            id=position.id,
            user_id=position.user_id,
            symbol=position.symbol,
            quantity=position.quantity,
            average_price=position.average_price,
            current_price=position.current_price,
            market_value=position.market_value,
            unrealized_pnl=position.unrealized_pnl,
            unrealized_pnl_percent=position.unrealized_pnl_percent,
            day_change=marked.day_change,
            day_change_percent=marked.day_change_percent,
            realized_pnl=position.realized_pnl,
            currency=position.currency,
            unit=position.unit,
            contract_size=position.contract_size,
            created_at=position.created_at,
            updated_at=position.updated_at,
        )


@dataclass(frozen=True, slots=True)
class AmendBody:
    """A new total quantity or new prices. A client may send the whole order back: what never changes must be what it is."""

    quantity: Amount | None = None
    price: Amount | None = None
    stop_price: Annotated[Decimal | None, Field(gt=0, validation_alias=AliasChoices("stop_price", "stopPrice"))] = None
    id: str | None = None
    user_id: str | None = None
    symbol: str | None = None
    side: Side | None = None
    status: str | None = None
    order_type: Annotated[str | None, Field(validation_alias=AliasChoices("order_type", "type"))] = None
    time_in_force: Annotated[str | None, AnyCase] = None
    filled_quantity: Decimal | None = None
    remaining_quantity: Decimal | None = None
    average_price: Decimal | None = None
    commission: Decimal | None = None
    client_order_id: str | None = None
    cancel_reason: str | None = None
    currency: str | None = None
    unit: str | None = None
    flow_id: str | None = None
    execution_id: str | None = None
    position_id: str | None = None
    group_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    filled_at: datetime | None = None

    def arguments(self) -> dict[str, Any]:
        stated = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in CHANGEABLE}
        return {
            "changes": OrderChanges(self.quantity, self.price, self.stop_price),
            "stated": {name: value for name, value in stated.items() if value is not None},
        }


CHANGEABLE = {"quantity", "price", "stop_price"}


def changed_field(order: TradeView, stated: Mapping[str, Any]) -> str | None:
    """Return the first field that was stated to be something else than it is; times are compared as they are sent, None if all agree."""
    return next((name for name, value in stated.items() if _sent(getattr(order, name)) != _sent(value)), None)


def _sent(value: Any) -> Any:
    return to_wire(value) if isinstance(value, datetime) else value


@dataclass(frozen=True, slots=True)
class CancelledView:
    """The answer to a cancelled order, with the order."""

    message: str
    order: TradeView

    @classmethod
    def of(cls, record: OrderRecord) -> Self:
        return cls("Order cancelled successfully", TradeView.of(record))
