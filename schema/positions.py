"""What clients see of positions, and of closing one."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry

from domain.flows import relations as flow_relations
from domain.trading import margins, relations
from domain.trading.models import OrderPurpose, PositionSide, PositionStatus
from domain.wallets import relations as wallet_relations
from schema.enums import graphql_enum
from schema.executions import Execution
from schema.fields import related
from schema.flows import Flow
from schema.orders import Fill, Order
from schema.scalars import Cursor
from schema.wallets import Wallet

graphql_enum(
    PositionSide, description="Which way a position gains.", values={"LONG": "When the price rises.", "SHORT": "When the price falls."}
)
graphql_enum(
    PositionStatus,
    description="Whether a position is held.",
    values={"OPEN": "It is.", "CLOSED": "It was closed.", "LIQUIDATED": "It was closed because its wallet was short of margin."},
)


@strawberry.type(description="What carries a position.")
class PositionMargin:
    leverage: int = strawberry.field(description="How many times its margin it may be worth, as the wallet is set now.")
    margin_used: Decimal = strawberry.field(description="Held against it by itself; 0 when it is closed.")
    liquidation_price: Decimal | None = strawberry.field(
        description="Where the wallet would be liquidated if all other prices stood still; null where there is no such price."
    )


@strawberry.type(description="What a user holds of a symbol, for one flow or by hand. Profit and loss bear all fees, in `currency`.")
class Position:
    id: strawberry.ID = strawberry.field(description="Begins with `pos_`.")
    symbol: str = strawberry.field(description="What is held.")
    side: PositionSide = strawberry.field(description="Which way it gains.")
    status: PositionStatus = strawberry.field(description="Whether it is held.")
    currency: str = strawberry.field(description="The quote currency of the instrument.")
    contract_size: Decimal = strawberry.field(description="Units in one contract.")
    quantity: Decimal = strawberry.field(description="Contracts open now; never negative.")
    entry_quantity: Decimal = strawberry.field(description="Contracts bought into it altogether.")
    entry_price: Decimal = strawberry.field(description="Average cost of what is open, or was before it closed.")
    entry_value: Decimal = strawberry.field(description="What the entries were worth.")
    entry_fees: Decimal = strawberry.field(description="Fees of the entries.")
    exit_quantity: Decimal = strawberry.field(description="Contracts taken out of it altogether.")
    exit_price: Decimal | None = strawberry.field(description="Average price of the exits.")
    exit_fees: Decimal = strawberry.field(description="Fees of the exits.")
    exit_reason: OrderPurpose | None = strawberry.field(description="Why it was closed.")
    current_price: Decimal = strawberry.field(description="The price seen last.")
    value: Decimal = strawberry.field(description="What is open, at that price.")
    unrealized_pnl: Decimal = strawberry.field(description="What closing at that price would win.")
    unrealized_pnl_percent: Decimal = strawberry.field(description="The same in percent of the cost.")
    realized_pnl: Decimal = strawberry.field(description="What the exits have won.")
    realized_pnl_percent: Decimal = strawberry.field(description="The same in percent of the entries' value.")
    stop_loss: Decimal | None = strawberry.field(description="It is closed when the price reaches this.")
    take_profit: Decimal | None = strawberry.field(description="It is closed when the price reaches this.")
    initial_stop_loss: Decimal | None = strawberry.field(description="The first stop it had.")
    initial_take_profit: Decimal | None = strawberry.field(description="The first target it had.")
    trail_percent: Decimal | None = strawberry.field(description="The stop follows the price at this distance, in percent.")
    trail_activation_price: Decimal | None = strawberry.field(description="From which price on; null for the entry's.")
    trailing_since: datetime | None = strawberry.field(description="Since when it follows; null before.")
    break_even_percent: Decimal | None = strawberry.field(description="At this profit, in percent, the stop goes to the entry.")
    break_even_at: datetime | None = strawberry.field(description="When it went there; null before.")
    high_water_mark: Decimal = strawberry.field(description="Highest price seen while it was open.")
    low_water_mark: Decimal = strawberry.field(description="Lowest price seen while it was open.")
    priced_at: datetime = strawberry.field(description="When the price was seen.")
    reasoning: str | None = strawberry.field(description="Why it was opened.")
    confidence: Decimal | None = strawberry.field(description="How sure the analysts were, 0 to 1.")
    wallet_id: strawberry.ID = strawberry.field(description="Whose money it is.")
    flow_id: strawberry.ID | None = strawberry.field(description="The flow it belongs to; null when held by hand.")
    execution_id: strawberry.ID | None = strawberry.field(description="The run that opened it.")
    entry_order_id: strawberry.ID = strawberry.field(description="The order that opened it.")
    exit_order_id: strawberry.ID | None = strawberry.field(description="The order that closes it, or did.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    closed_at: datetime | None = strawberry.field(description="When the last of it was closed.")
    updated_at: datetime | None = strawberry.field(description="Last change.")
    margin = related(PositionMargin | None, margins.margins_of_positions, "id", "What carries it.")
    orders = related(list[Order], relations.orders_of_positions, "id", "The orders that opened, changed and closed it, oldest first.")
    fills = related(list[Fill], relations.fills_of_positions, "id", "The trades that opened, changed and closed it, oldest first.")
    flow = related(Flow | None, flow_relations.flows_by_id, "flow_id", "The flow it belongs to.")
    execution = related(Execution | None, flow_relations.executions_by_id, "execution_id", "The run that opened it.")
    wallet = related(Wallet | None, wallet_relations.wallets_by_id, "wallet_id", "Where it is held.")


@strawberry.input(description="A stop that follows the price and only moves in favour of the position.")
class TrailingStopInput:
    distance_percent: Decimal = strawberry.field(description="Distance in percent of the price: above 0, at most 50.")
    activation_price: Decimal | None = strawberry.field(default=None, description="From which price on; null for the entry's.")


@strawberry.input(description="A stop that goes to the entry price once there is a profit.")
class BreakEvenInput:
    activation_profit_percent: Decimal = strawberry.field(description="Profit in percent, fees included: above 0, at most 1000.")


@strawberry.type(description="A position was closed by an opposite order.")
class PositionClosed:
    message: str = strawberry.field(description="One sentence.")
    position_id: strawberry.ID = strawberry.field(description="The position.")
    order_id: strawberry.ID = strawberry.field(description="The order that closed it.")
    realized_pnl: Decimal = strawberry.field(description="What all its exits won, fees included.")
    realized_pnl_percent: Decimal = strawberry.field(description="The same in percent of the entries' value.")
    position = related(Position | None, relations.positions_by_id, "position_id", "The position as it stands now.")
    order = related(Order | None, relations.orders_by_id, "order_id", "The order that closed it.")


@strawberry.type(description="A position that stayed open.")
class NotClosed:
    position_id: strawberry.ID = strawberry.field(description="The position.")
    code: str = strawberry.field(description="Why, as one of the catalogue's codes.")
    message: str = strawberry.field(description="Why, as a sentence.")


@strawberry.type(description="What became of everything that was to end.")
class Flattened:
    cancelled_orders: list[strawberry.ID] = strawberry.field(description="Orders that were cancelled.")
    unresolved_orders: list[strawberry.ID] = strawberry.field(description="Orders whose venue has not answered; it is asked until it does.")
    closed_positions: list[strawberry.ID] = strawberry.field(description="Positions that were closed.")
    not_closed: list[NotClosed] = strawberry.field(description="Positions that were not.")


@strawberry.type(description="A position has changed. The first ones of a stream without `after` tell how things stand.")
class PositionUpdate:
    cursor: Cursor = strawberry.field(description="Hand it back as `after` to go on behind this update.")
    position_id: strawberry.ID = strawberry.field(description="The position.")
    symbol: str = strawberry.field(description="What is held.")
    side: PositionSide = strawberry.field(description="Which way it gains.")
    status: PositionStatus = strawberry.field(description="Whether it was held.")
    quantity: Decimal = strawberry.field(description="Contracts that were open.")
    entry_price: Decimal = strawberry.field(description="Average cost.")
    current_price: Decimal = strawberry.field(description="The price then.")
    unrealized_pnl: Decimal = strawberry.field(description="What closing at that price would have won.")
    unrealized_pnl_percent: Decimal = strawberry.field(description="The same in percent of the cost.")
    realized_pnl: Decimal = strawberry.field(description="What the exits had won.")
    stop_loss: Decimal | None = strawberry.field(description="The stop.")
    take_profit: Decimal | None = strawberry.field(description="The target.")
    exit_reason: OrderPurpose | None = strawberry.field(description="Why it was closed.")
    flow_id: strawberry.ID | None = strawberry.field(description="Its flow.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    position = related(Position | None, relations.positions_by_id, "position_id", "The position as it stands now.")

    @classmethod
    def of(cls, payload: Mapping[str, Any], cursor: Cursor, occurred_at: datetime) -> "PositionUpdate":
        reason = payload["exit_reason"]
        return cls(
            cursor=cursor,
            position_id=payload["position_id"],
            symbol=payload["symbol"],
            side=PositionSide(payload["side"]),
            status=PositionStatus(payload["status"]),
            quantity=Decimal(payload["quantity"]),
            entry_price=Decimal(payload["entry_price"]),
            current_price=Decimal(payload["current_price"]),
            unrealized_pnl=Decimal(payload["unrealized_pnl"]),
            unrealized_pnl_percent=Decimal(payload["unrealized_pnl_percent"]),
            realized_pnl=Decimal(payload["realized_pnl"]),
            stop_loss=_decimal(payload["stop_loss"]),
            take_profit=_decimal(payload["take_profit"]),
            exit_reason=None if reason is None else OrderPurpose(reason),
            flow_id=payload["flow_id"],
            occurred_at=occurred_at,
        )


def _decimal(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)
