"""What clients see of orders and fills, and how they place one."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from domain.flows import relations as flow_relations
from domain.risk import relations as risk_relations
from domain.risk.models import RuleAction, RuleType
from domain.trading import relations, service
from domain.trading.models import CancelReason, OrderPurpose, OrderStatus, OrderType, Side, TimeInForce
from domain.wallets import relations as wallet_relations
from schema.enums import graphql_enum
from schema.executions import Execution
from schema.fields import related
from schema.flows import Flow
from schema.risk import RiskVerdict
from schema.scalars import JSON, Cursor
from schema.wallets import Wallet

if TYPE_CHECKING:
    from schema.positions import Position

graphql_enum(Side, description="Direction of a trade.", values={"BUY": "Buy.", "SELL": "Sell."})
graphql_enum(
    OrderType,
    description="How an order is to be executed.",
    values={
        "MARKET": "At once, at the market.",
        "LIMIT": "At a price or better.",
        "STOP": "At the market once a price is reached.",
        "STOP_LIMIT": "At a limit once a price is reached.",
        "TAKE_PROFIT": "Takes a profit once a price is reached, at a limit if one is given.",
        "TRAILING_STOP": "A stop that follows the market at a distance.",
    },
)
graphql_enum(
    TimeInForce,
    description="How long an order stays.",
    values={
        "GTC": "Until it is cancelled.",
        "IOC": "What cannot be filled at once is cancelled.",
        "FOK": "Filled whole at once, or not at all.",
        "DAY": "Until the end of the day.",
        "GTD": "Until a date.",
    },
)
graphql_enum(
    OrderStatus,
    description="How far an order has come.",
    values={
        "HELD": "The server waits for its price; the venue has not heard of it.",
        "PENDING": "Written down, not sent yet.",
        "SUBMITTED": "Sent; only the venue knows more, and is asked until it tells.",
        "OPEN": "The venue has it.",
        "PARTIALLY_FILLED": "A part of it is traded.",
        "FILLED": "All of it is traded.",
        "CANCELLING": "The venue was asked to cancel it.",
        "CANCELLED": "Cancelled.",
        "REJECTED": "The venue refused it.",
        "EXPIRED": "Its time was over.",
        "FAILED": "It never reached the venue.",
    },
)
graphql_enum(
    CancelReason,
    description="Why an order ended before all of it was traded.",
    values={
        "USER": "Its owner cancelled it.",
        "SYSTEM": "The server or the venue cancelled it.",
        "IOC": "What could not be filled at once was cancelled.",
        "FOK": "It could not be filled whole at once.",
        "EXPIRED": "Its time was over.",
        "NO_LIQUIDITY": "Nothing was left to trade with.",
        "SELF_MATCH": "It would have traded with an order of the same wallet.",
        "POST_ONLY": "It would have traded at once.",
        "REDUCE_ONLY": "There is no position left that it could reduce.",
        "INSUFFICIENT_FUNDS": "The wallet can no longer pay for it.",
        "LIQUIDATION": "The wallet was short of margin.",
        "GROUP": "Another order of its group was filled or took its place.",
    },
)
graphql_enum(
    OrderPurpose,
    description="Why an order exists.",
    values={
        "MANUAL": "A person placed it.",
        "ENTRY": "A run opened or grew a position.",
        "REVERSE_SIGNAL": "A run closed a position since the analysts turned around.",
        "STOP_LOSS": "The stop of a position was reached.",
        "TAKE_PROFIT": "The target of a position was reached.",
        "MANUAL_CLOSE": "A person closed a position.",
        "EXTERNAL": "Made outside, at the venue itself.",
        "LIQUIDATION": "The wallet was short of margin.",
    },
)
ItsPosition = Annotated["Position", strawberry.lazy("schema.positions")] | None
ItsOrder = Annotated["Order", strawberry.lazy("schema.orders")] | None


@strawberry.type(description="A trade that a venue made for an order.")
class Fill:
    id: strawberry.ID = strawberry.field(description="Begins with `fill_`.")
    order_id: strawberry.ID = strawberry.field(description="The order.")
    position_id: strawberry.ID | None = strawberry.field(description="The position it opened, changed or closed.")
    venue: str = strawberry.field(description="Where it was made.")
    venue_trade_id: str = strawberry.field(description="The venue's own id; booked once however often it is told.")
    symbol: str = strawberry.field(description="What was traded.")
    side: Side = strawberry.field(description="Whether it buys or sells.")
    quantity: Decimal = strawberry.field(description="Contracts.")
    price: Decimal = strawberry.field(description="In the quote currency.")
    fee: Decimal = strawberry.field(description="What it cost, in `feeCurrency`.")
    fee_currency: str = strawberry.field(description="Currency of the fee.")
    is_maker: bool | None = strawberry.field(description="Whether the order rested when it was hit; null where the venue does not say.")
    executed_at: datetime = strawberry.field(description="When it was traded.")
    order = related(ItsOrder, relations.orders_by_id, "order_id", "The order: from here on to the verdicts, votes and snapshot behind it.")


@strawberry.type(description="One change of an order's status.")
class OrderTransition:
    seq: int = strawberry.field(description="Counts from 1.")
    status: OrderStatus = strawberry.field(description="The new status.")
    reason: str = strawberry.field(description="Why.")
    created_at: datetime = strawberry.field(description="When it was written.")


@strawberry.type(description="An order.")
class Order:
    id: strawberry.ID = strawberry.field(description="Begins with `order_`.")
    client_order_id: str = strawberry.field(description="Unique for its user; decides at the venue whether it is the same order.")
    venue_order_id: str | None = strawberry.field(description="The venue's own id.")
    venue: str = strawberry.field(description="Where it goes.")
    wallet_id: strawberry.ID = strawberry.field(description="Whose money it is.")
    symbol: str = strawberry.field(description="What is traded.")
    side: Side = strawberry.field(description="Whether it buys or sells.")
    order_type: OrderType = strawberry.field(description="How it is to be executed.")
    time_in_force: TimeInForce = strawberry.field(description="How long it stays.")
    quantity: Decimal = strawberry.field(description="Contracts asked for.")
    filled_quantity: Decimal = strawberry.field(description="Contracts traded so far.")
    remaining_quantity: Decimal = strawberry.field(description="Contracts still to be traded.")
    price: Decimal | None = strawberry.field(description="Limit price.")
    stop_price: Decimal | None = strawberry.field(description="Price at which it is triggered; a trailing stop's follows the market.")
    trail: Decimal | None = strawberry.field(description="Distance of a trailing stop, in price units or percent.")
    trail_is_percent: bool = strawberry.field(description="Whether `trail` is in percent of the price.")
    expires_at: datetime | None = strawberry.field(description="When a DAY or GTD order ends.")
    post_only: bool = strawberry.field(description="It may only rest, never trade at once.")
    reference_price: Decimal = strawberry.field(description="The market price it was checked against.")
    average_fill_price: Decimal | None = strawberry.field(description="Average of the fills; null before the first.")
    total_fees: Decimal = strawberry.field(description="Sum of the fills' fees, in `feeCurrency`.")
    fee_currency: str = strawberry.field(description="Currency of the fees.")
    reduce_only: bool = strawberry.field(description="It can only make a position smaller.")
    purpose: OrderPurpose = strawberry.field(description="Why it exists.")
    status: OrderStatus = strawberry.field(description="How far it has come.")
    status_reason: str | None = strawberry.field(description="Why it has this status.")
    cancel_reason: CancelReason | None = strawberry.field(description="Why it ended before all of it was traded.")
    unresolved_at: datetime | None = strawberry.field(description="Since when the venue has not told how it stands; null when it has.")
    attached_stop_loss: Decimal | None = strawberry.field(name="stopLoss", description="Stop for the position that it opens or grows.")
    attached_take_profit: Decimal | None = strawberry.field(
        name="takeProfit", description="Target for the position that it opens or grows."
    )
    reasoning: str | None = strawberry.field(description="Why the analysts wanted it.")
    confidence: Decimal | None = strawberry.field(description="How sure they were, 0 to 1.")
    flow_id: strawberry.ID | None = strawberry.field(description="The flow it belongs to.")
    execution_id: strawberry.ID | None = strawberry.field(description="The run that placed it.")
    group_id: strawberry.ID | None = strawberry.field(description="The group of which one order cancels the others.")
    position_id: strawberry.ID | None = strawberry.field(description="The position it opened, changed or closed.")
    created_at: datetime = strawberry.field(description="When it was written down.")
    updated_at: datetime | None = strawberry.field(description="Last change.")
    triggered_at: datetime | None = strawberry.field(description="When the server saw its price reached; null where the venue watches it.")
    submitted_at: datetime | None = strawberry.field(description="When it was sent.")
    filled_at: datetime | None = strawberry.field(description="When the last of it was traded.")
    closed_at: datetime | None = strawberry.field(description="When its status became final.")
    fills = related(list[Fill], service.fills_of, "id", "Its trades, oldest first.")
    transitions = related(list[OrderTransition], service.transitions_of, "id", "Its history, oldest first.")
    risk_verdicts = related(list[RiskVerdict], risk_relations.verdicts_of_orders, "id", "What the risk rules said to it, oldest first.")
    execution = related(
        Execution | None, flow_relations.executions_by_id, "execution_id", "The run that placed it; null for a manual order."
    )
    flow = related(Flow | None, flow_relations.flows_by_id, "flow_id", "The flow it belongs to; null for a manual order.")
    position = related(ItsPosition, relations.positions_by_id, "position_id", "The position it opened, changed or closed.")
    wallet = related(Wallet | None, wallet_relations.wallets_by_id, "wallet_id", "The wallet that pays.")


@strawberry.type(description="An order has changed. The first ones of a stream without `after` tell how things stand.")
class OrderUpdate:
    cursor: Cursor = strawberry.field(description="Hand it back as `after` to go on behind this update.")
    order_id: strawberry.ID = strawberry.field(description="The order.")
    client_order_id: str = strawberry.field(description="Its client order id.")
    symbol: str = strawberry.field(description="What is traded.")
    side: Side = strawberry.field(description="Whether it buys or sells.")
    order_type: OrderType = strawberry.field(description="How it is executed.")
    status: OrderStatus = strawberry.field(description="How far it had come.")
    quantity: Decimal = strawberry.field(description="Contracts asked for.")
    filled_quantity: Decimal = strawberry.field(description="Contracts traded so far.")
    average_fill_price: Decimal | None = strawberry.field(description="Average of the fills.")
    total_fees: Decimal = strawberry.field(description="Sum of the fills' fees.")
    flow_id: strawberry.ID | None = strawberry.field(description="Its flow.")
    execution_id: strawberry.ID | None = strawberry.field(description="The run that placed it.")
    position_id: strawberry.ID | None = strawberry.field(description="The position it acts on.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    order = related(Order | None, relations.orders_by_id, "order_id", "The order as it stands now.")

    @classmethod
    def of(cls, payload: Mapping[str, Any], cursor: Cursor, occurred_at: datetime) -> "OrderUpdate":
        average = payload["average_fill_price"]
        return cls(
            cursor=cursor,
            order_id=payload["order_id"],
            client_order_id=payload["client_order_id"],
            symbol=payload["symbol"],
            side=Side(payload["side"]),
            order_type=OrderType(payload["order_type"]),
            status=OrderStatus(payload["status"]),
            quantity=Decimal(payload["requested_amount"]),
            filled_quantity=Decimal(payload["filled_amount"]),
            average_fill_price=None if average is None else Decimal(average),
            total_fees=Decimal(payload["total_fees"]),
            flow_id=payload["flow_id"],
            execution_id=payload["execution_id"],
            position_id=payload["position_id"],
            occurred_at=occurred_at,
        )


@strawberry.input(description="A new order.")
class OrderInput:
    symbol: str = strawberry.field(description="Any spelling or alias of an instrument.")
    side: Side = strawberry.field(description="Whether it buys or sells.")
    quantity: Decimal = strawberry.field(description="Contracts: a multiple of the instrument's lot, above 0.")
    order_type: OrderType = strawberry.field(
        default=OrderType.MARKET, description="A stop that the venue does not take is held by the server."
    )
    price: Decimal | None = strawberry.field(default=None, description="Limit price; market orders ignore it.")
    stop_price: Decimal | None = strawberry.field(default=None, description="Price at which it is triggered.")
    trail: Decimal | None = strawberry.field(default=None, description="Distance of a trailing stop, above 0.")
    trail_is_percent: bool = strawberry.field(default=False, description="Take `trail` as percent of the price, at most 50.")
    time_in_force: TimeInForce = strawberry.field(default=TimeInForce.GTC, description="How long it stays.")
    expires_at: datetime | None = strawberry.field(default=None, description="When a GTD order ends.")
    post_only: bool = strawberry.field(default=False, description="Refuse it if it would trade at once.")
    client_order_id: str | None = strawberry.field(
        default=None, description="1 to 64 characters, unique for the user. The same id with the same order answers with the first one."
    )
    wallet_id: strawberry.ID | None = strawberry.field(default=None, description="Null for the caller's first active wallet.")
    reduce_only: bool = strawberry.field(default=False, description="Let it only make a position smaller.")
    stop_loss: Decimal | None = strawberry.field(default=None, description="Stop for the position that it opens or grows.")
    take_profit: Decimal | None = strawberry.field(default=None, description="Target for the position that it opens or grows.")


@strawberry.input(description="One of the orders of a group: it waits for a price.")
class OcoLegInput:
    order_type: OrderType = strawberry.field(description="Any but `MARKET`; at most one is a `LIMIT`, which rests at the venue.")
    price: Decimal | None = strawberry.field(default=None, description="Limit price.")
    stop_price: Decimal | None = strawberry.field(default=None, description="Price at which it is triggered.")
    trail: Decimal | None = strawberry.field(default=None, description="Distance of a trailing stop, above 0.")
    trail_is_percent: bool = strawberry.field(default=False, description="Take `trail` as percent of the price, at most 50.")
    post_only: bool = strawberry.field(default=False, description="Refuse it if it would trade at once.")


@strawberry.input(description="Orders of which the first that is filled cancels the others.")
class OcoOrderInput:
    symbol: str = strawberry.field(description="Any spelling or alias of an instrument.")
    side: Side = strawberry.field(description="Whether they buy or sell.")
    quantity: Decimal = strawberry.field(description="Contracts that they fill together at most.")
    legs: list[OcoLegInput] = strawberry.field(description="2 to 4 orders.")
    time_in_force: TimeInForce = strawberry.field(default=TimeInForce.GTC, description="How long they stay; neither `IOC` nor `FOK`.")
    expires_at: datetime | None = strawberry.field(default=None, description="When GTD orders end.")
    client_order_id: str | None = strawberry.field(
        default=None, description="Names the group. The same id with the same group answers with the first one."
    )
    wallet_id: strawberry.ID | None = strawberry.field(default=None, description="Null for the caller's first active wallet.")
    reduce_only: bool = strawberry.field(default=False, description="Let them only make a position smaller.")
    stop_loss: Decimal | None = strawberry.field(default=None, description="Stop for the position that they open or grow.")
    take_profit: Decimal | None = strawberry.field(default=None, description="Target for the position that they open or grow.")


@strawberry.type(description="Orders of which the first that is filled cancels the others, and one filled in part makes them smaller.")
class OrderGroup:
    id: strawberry.ID = strawberry.field(description="Begins with `group_`.")
    orders: list[Order] = strawberry.field(description="In the order in which they were given.")


@strawberry.input(description="Changes of an order; what is left out or null stays as it is.")
class OrderChangesInput:
    quantity: Decimal | None = strawberry.field(default=None, description="The new total, what is filled included.")
    price: Decimal | None = strawberry.field(default=None, description="The new limit price.")
    stop_price: Decimal | None = strawberry.field(default=None, description="The new price at which it is triggered.")


@strawberry.type(description="What became of every order that was to be cancelled.")
class OrdersCancelled:
    cancelled: list[strawberry.ID] = strawberry.field(description="Those that were.")
    already_ended: list[strawberry.ID] = strawberry.field(description="Those that ended before: filled, for instance.")
    unresolved: list[strawberry.ID] = strawberry.field(description="Those whose venue has not answered; it is asked until it does.")


@strawberry.type(description="What one rule says to an order that was not placed.")
class PreviewVerdict:
    rule_id: strawberry.ID = strawberry.field(description="The rule.")
    rule_name: str = strawberry.field(description="What it is called.")
    rule_type: RuleType = strawberry.field(description="What it measures.")
    action: RuleAction = strawberry.field(description="What it does to a trade that breaks it.")
    passed: bool = strawberry.field(description="Whether the trade would keep it.")
    message: str = strawberry.field(description="One sentence with the numbers.")
    numbers: JSON = strawberry.field(description="What was compared.")


@strawberry.type(description="What placing an order would come to.")
class OrderPreview:
    accepted: bool = strawberry.field(description="Whether it would be taken; the venue is not asked.")
    code: str | None = strawberry.field(description="The refusal's code in the catalogue.")
    message: str | None = strawberry.field(description="The refusal as a sentence.")
    symbol: str = strawberry.field(description="What would be traded.")
    quantity: Decimal = strawberry.field(description="Contracts.")
    market_price: Decimal = strawberry.field(description="Where the market stands.")
    expected_price: Decimal = strawberry.field(description="Where it should trade, slippage included.")
    notional: Decimal = strawberry.field(description="What it is worth there, in `currency`.")
    fee: Decimal = strawberry.field(description="What it should cost.")
    margin: Decimal = strawberry.field(description="What would be held against what it opens.")
    costs: Decimal = strawberry.field(description="What would be set aside for fees and slippage.")
    available_before: Decimal = strawberry.field(description="What the wallet can spend without it.")
    available_after: Decimal = strawberry.field(description="And with it; below zero where it is refused.")
    currency: str = strawberry.field(description="Quote currency of the instrument.")
    liquidation_price: Decimal | None = strawberry.field(
        description="Where the wallet would then be liquidated, other prices standing still; null where there is no such price."
    )
    verdicts: list[PreviewVerdict] = strawberry.field(description="What every rule says.")
