"""Orders in the vocabulary of `/api/v1`."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field

from domain.exchanges.venue import OrderType, Side, TimeInForce
from domain.trading.amending import OrderChanges
from domain.trading.changing import OrderMonitored
from domain.trading.grouping import GroupLeg, GroupRequest, OrderGroup
from domain.trading.models import Fill
from domain.trading.records import OrderRecord
from domain.trading.requests import OrderRequest

Amount = Annotated[Decimal, Field(gt=0)]
Symbol = Annotated[str, Field(min_length=1, max_length=40)]
ClientOrderId = Annotated[str, Field(min_length=1, max_length=64)]
# The document knows one word for a stop; whether it has a limit, `limit_price` tells.
TYPE_WORDS = {OrderType.STOP: "stop_loss", OrderType.STOP_LIMIT: "stop_loss"}
AnyCase = BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)
OrderTypeWord = Literal["market", "limit", "stop_loss", "take_profit", "trailing_stop"]
TimeInForceWord = Annotated[Literal["GTC", "IOC", "FOK", "GTD"], AnyCase]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBody:
    """`user_wallet_id` may be left out: the caller's first active wallet is used.

    `stop_loss` as a type is a stop order, with a `price` one that becomes a limit order; as a field it is, like `take_profit`, attached
    to the position that the order opens. `trail` is the distance of a trailing stop, in price units or percent.
    """

    symbol: Symbol
    side: Side
    order_type: OrderTypeWord = "market"
    quantity: Amount
    price: Amount | None = None
    stop_price: Amount | None = None
    time_in_force: TimeInForceWord = "GTC"
    user_wallet_id: Annotated[str, Field(max_length=40)] | None = None
    client_order_id: ClientOrderId | None = None
    trail: Amount | None = None
    trail_is_percent: bool = False
    expires_at: datetime | None = None
    post_only: bool = False
    reduce_only: bool = False
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None

    def arguments(self) -> dict[str, Any]:
        return {
            "request": OrderRequest(
                symbol=self.symbol,
                side=self.side,
                order_type=self._type(),
                quantity=self.quantity,
                price=self.price,
                stop_price=self.stop_price,
                time_in_force=TimeInForce(self.time_in_force),
                wallet_id=self.user_wallet_id,
                client_order_id=self.client_order_id,
                trail=self.trail,
                trail_is_percent=self.trail_is_percent,
                expires_at=self.expires_at,
                post_only=self.post_only,
                reduce_only=self.reduce_only,
                stop_loss=self.stop_loss,
                take_profit=self.take_profit,
            )
        }

    def _type(self) -> OrderType:
        if self.order_type == "stop_loss":
            return OrderType.STOP if self.price is None else OrderType.STOP_LIMIT
        return OrderType(self.order_type)


@dataclass(frozen=True, slots=True)
class FillView:
    """One trade at the venue."""

    fill_id: str
    amount: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    timestamp: datetime
    trade_id: str
    is_maker: bool | None

    @classmethod
    def of(cls, fill: Fill) -> Self:
        return cls(fill.id, fill.quantity, fill.price, fill.fee, fill.fee_currency, fill.executed_at, fill.venue_trade_id, fill.is_maker)


@dataclass(frozen=True, slots=True)
class TransitionView:
    """One change of status, with its reason."""

    status: str
    timestamp: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order; `total_fees` is in `fee_currency`."""

    id: str
    user_id: str
    user_wallet_id: str
    symbol: str
    side: str
    order_type: str
    time_in_force: str
    status: str
    requested_amount: Decimal
    filled_amount: Decimal
    remaining_amount: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail: Decimal | None
    trail_is_percent: bool
    expires_at: datetime | None
    post_only: bool
    reduce_only: bool
    status_reason: str | None
    cancel_reason: str | None
    average_fill_price: Decimal | None
    total_fees: Decimal
    fee_currency: str
    client_order_id: str
    external_order_id: str | None
    position_id: str | None
    flow_id: str | None
    execution_id: str | None
    group_id: str | None
    fills: list[FillView]
    status_history: list[TransitionView]
    created_at: datetime
    updated_at: datetime | None
    triggered_at: datetime | None
    submitted_at: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, record: OrderRecord) -> Self:
        order = record.order
        return cls(
            id=order.id,
            user_id=order.user_id,
            user_wallet_id=order.wallet_id,
            symbol=order.symbol,
            side=order.side.value,
            order_type=TYPE_WORDS.get(order.order_type, order.order_type.value),
            time_in_force=order.time_in_force.value,
            status=order.status.value,
            requested_amount=order.quantity,
            filled_amount=order.filled_quantity,
            remaining_amount=order.remaining_quantity,
            limit_price=order.price,
            stop_price=order.stop_price,
            trail=order.trail,
            trail_is_percent=order.trail_is_percent,
            expires_at=order.expires_at,
            post_only=order.post_only,
            reduce_only=order.reduce_only,
            status_reason=order.status_reason,
            cancel_reason=order.cancel_reason.value if order.cancel_reason else None,
            average_fill_price=order.average_fill_price,
            total_fees=order.total_fees,
            fee_currency=order.fee_currency,
            client_order_id=order.client_order_id,
            external_order_id=order.venue_order_id,
            position_id=order.position_id,
            flow_id=order.flow_id,
            execution_id=order.execution_id,
            group_id=order.group_id,
            fills=[FillView.of(fill) for fill in record.fills],
            status_history=[TransitionView(change.status.value, change.created_at, change.reason) for change in record.transitions],
            created_at=order.created_at,
            updated_at=order.updated_at,
            triggered_at=order.triggered_at,
            submitted_at=order.submitted_at,
            closed_at=order.closed_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OcoLegBody:
    """One of the orders of a group; a `stop_loss` with a `price` becomes a limit order."""

    order_type: Literal["limit", "stop_loss", "take_profit", "trailing_stop"]
    price: Amount | None = None
    stop_price: Amount | None = None
    trail: Amount | None = None
    trail_is_percent: bool = False
    post_only: bool = False

    def leg(self) -> GroupLeg:
        stop = OrderType.STOP if self.price is None else OrderType.STOP_LIMIT
        return GroupLeg(
            order_type=stop if self.order_type == "stop_loss" else OrderType(self.order_type),
            price=self.price,
            stop_price=self.stop_price,
            trail=self.trail,
            trail_is_percent=self.trail_is_percent,
            post_only=self.post_only,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OcoBody:
    """Orders of which the first that is filled cancels the others; `client_order_id` names the group."""

    symbol: Symbol
    side: Side
    quantity: Amount
    legs: Annotated[list[OcoLegBody], Field(min_length=2, max_length=4)]
    time_in_force: Annotated[Literal["GTC", "GTD"], AnyCase] = "GTC"
    expires_at: datetime | None = None
    user_wallet_id: Annotated[str, Field(max_length=40)] | None = None
    client_order_id: ClientOrderId | None = None
    reduce_only: bool = False
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None

    def arguments(self) -> dict[str, Any]:
        return {
            "request": GroupRequest(
                symbol=self.symbol,
                side=self.side,
                quantity=self.quantity,
                legs=[leg.leg() for leg in self.legs],
                time_in_force=TimeInForce(self.time_in_force),
                expires_at=self.expires_at,
                wallet_id=self.user_wallet_id,
                client_order_id=self.client_order_id,
                reduce_only=self.reduce_only,
                stop_loss=self.stop_loss,
                take_profit=self.take_profit,
            )
        }


@dataclass(frozen=True, slots=True)
class OrderGroupView:
    """A group with its orders, in the order in which they were given."""

    group_id: str
    orders: list[OrderView]

    @classmethod
    def of(cls, group: OrderGroup) -> Self:
        return cls(group.id, [OrderView.of(record) for record in group.records])


@dataclass(frozen=True, slots=True)
class OrderChangesBody:
    """`quantity` is the new total, what is filled included; what is left out or null stays as it is."""

    quantity: Amount | None = None
    price: Amount | None = None
    stop_price: Amount | None = None

    def arguments(self) -> dict[str, Any]:
        return {"changes": OrderChanges(self.quantity, self.price, self.stop_price)}


@dataclass(frozen=True, slots=True)
class CancelledOrderView:
    """The answer to a cancelled order."""

    success: bool
    message: str
    order_id: str
    status: str

    @classmethod
    def of(cls, record: OrderRecord) -> Self:
        return cls(True, "Order cancelled successfully", record.order.id, record.order.status.value)


@dataclass(frozen=True, slots=True)
class MonitoredOrderView:
    """The answer to looking at an order."""

    success: bool
    message: str
    status: str
    filled_amount: Decimal
    remaining_amount: Decimal

    @classmethod
    def of(cls, looked: OrderMonitored) -> Self:
        order = looked.order
        return cls(looked.success, looked.message, order.status.value, order.filled_quantity, order.remaining_quantity)
