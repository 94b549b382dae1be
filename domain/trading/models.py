"""Tables of trading: orders with their history, fills and positions."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.exchanges.venue import OrderType as OrderType
from domain.exchanges.venue import Side as Side
from domain.exchanges.venue import TimeInForce as TimeInForce
from domain.kernel.money import percent_of
from domain.runtime.database import Base
from domain.trading.machine import OrderStatus as OrderStatus
from domain.trading.positions import PositionSide as PositionSide


class PositionStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    LIQUIDATED = "liquidated"


class OrderPurpose(StrEnum):
    """Why an order exists; an exit's purpose becomes the position's exit reason. `external` was made outside, at the venue."""

    MANUAL = "manual"
    ENTRY = "entry"
    REVERSE_SIGNAL = "reverse_signal"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    MANUAL_CLOSE = "manual_close"
    EXTERNAL = "external"
    LIQUIDATION = "liquidation"


class CancelReason(StrEnum):
    """Why an order ended before all of it was filled."""

    USER = "user"
    SYSTEM = "system"
    IOC = "ioc"
    FOK = "fok"
    EXPIRED = "expired"
    NO_LIQUIDITY = "no_liquidity"
    SELF_MATCH = "self_match"
    POST_ONLY = "post_only"
    REDUCE_ONLY = "reduce_only"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LIQUIDATION = "liquidation"
    GROUP = "group"


class Order(Base):
    """An order: written before the venue hears of it, so that a crash cannot place it twice or lose it.

    `book` names the position it acts on (see Position). `reference_price` is the market price it was checked against. `attempts`
    counts how often it was handed to the venue; until `attempt_until` somebody is at it. `amend_*` are values that the venue has been
    asked to take and has not confirmed. `cancel_reason` is one word, `status_reason` a sentence. Since `unresolved_at` the venue has
    not told how the order stands. Of the orders with one `group_id` only as much is filled as each of them asks for. `triggered_at` is
    when the server saw the stop price reached, None where the venue watches it.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("user_id", "client_order_id"),
        Index("ix_orders_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_orders_status_created_at", "status", "created_at"),
        Index("ix_orders_wallet_id_status", "wallet_id", "status"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    wallet_id: Mapped[str] = mapped_column(ForeignKey("wallets.id"))
    venue: Mapped[str] = mapped_column(String(40))
    client_order_id: Mapped[str] = mapped_column(String(64))
    request_digest: Mapped[str] = mapped_column(String(64))
    venue_order_id: Mapped[str | None] = mapped_column(String(80))
    symbol: Mapped[str] = mapped_column(String(20))
    book: Mapped[str] = mapped_column(String(40))
    side: Mapped[Side]
    order_type: Mapped[OrderType]
    time_in_force: Mapped[TimeInForce]
    quantity: Mapped[Decimal]
    price: Mapped[Decimal | None]
    stop_price: Mapped[Decimal | None]
    trail: Mapped[Decimal | None]
    trail_is_percent: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime | None]
    post_only: Mapped[bool] = mapped_column(default=False)
    reference_price: Mapped[Decimal]
    reduce_only: Mapped[bool] = mapped_column(default=False)
    purpose: Mapped[OrderPurpose]
    status: Mapped[OrderStatus]
    status_reason: Mapped[str | None] = mapped_column(String(255))
    cancel_reason: Mapped[CancelReason | None]
    unresolved_at: Mapped[datetime | None]
    amend_quantity: Mapped[Decimal | None]
    amend_price: Mapped[Decimal | None]
    amend_stop_price: Mapped[Decimal | None]
    filled_quantity: Mapped[Decimal]
    average_fill_price: Mapped[Decimal | None]
    total_fees: Mapped[Decimal]
    fee_currency: Mapped[str] = mapped_column(String(20))
    flow_id: Mapped[str | None] = mapped_column(String(40), index=True)
    execution_id: Mapped[str | None] = mapped_column(String(40), index=True)
    group_id: Mapped[str | None] = mapped_column(String(40), index=True)
    position_id: Mapped[str | None] = mapped_column(String(40), index=True)
    attached_stop_loss: Mapped[Decimal | None]
    attached_take_profit: Mapped[Decimal | None]
    reasoning: Mapped[str | None] = mapped_column(Text)
    confidence: Mapped[Decimal | None]
    attempts: Mapped[int] = mapped_column(default=0)
    attempt_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    triggered_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    filled_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    @property
    def remaining_quantity(self) -> Decimal:
        return self.quantity - self.filled_quantity

    @property
    def kind(self) -> str:
        """What rules about triggers call the order's type."""
        return self.order_type.value

    @property
    def sequence(self) -> str:
        """Its place in time among orders that are reached together."""
        return self.id

    @property
    def sent_type(self) -> OrderType:
        """What the venue is given: the order's own kind, or what it turned into when its stop price was reached."""
        if self.triggered_at is None:
            return self.order_type
        return OrderType.MARKET if self.price is None else OrderType.LIMIT

    @property
    def is_amending(self) -> bool:
        return (self.amend_quantity, self.amend_price, self.amend_stop_price) != (None, None, None)


class OrderTransition(Base):
    """One change of an order's status, with its reason."""

    __tablename__ = "order_transitions"
    __table_args__ = (UniqueConstraint("order_id", "seq"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"))
    seq: Mapped[int]
    status: Mapped[OrderStatus]
    reason: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]


class Fill(Base):
    """A trade the venue made for an order; booked once, however often the venue tells of it."""

    __tablename__ = "fills"
    __table_args__ = (
        UniqueConstraint("venue", "venue_trade_id"),
        Index("ix_fills_user_id_executed_at", "user_id", "executed_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    wallet_id: Mapped[str] = mapped_column(ForeignKey("wallets.id"))
    position_id: Mapped[str | None] = mapped_column(String(40), index=True)
    venue: Mapped[str] = mapped_column(String(40))
    venue_trade_id: Mapped[str] = mapped_column(String(80))
    symbol: Mapped[str] = mapped_column(String(20))
    side: Mapped[Side]
    quantity: Mapped[Decimal]
    price: Mapped[Decimal]
    fee: Mapped[Decimal]
    fee_currency: Mapped[str] = mapped_column(String(20))
    is_maker: Mapped[bool | None]
    executed_at: Mapped[datetime]


class Position(Base):
    """What a user holds of a symbol in one book: a flow's own, or the one of all manual orders (`book` is `manual`).

    `quantity` is what is open now and never negative; the side carries the sign. P&L is in `currency`, the quote of the
    instrument, fees included. `entry_price` is the average cost of what is open (or was, before it closed), `exit_price` the average
    over the fills that shrank it; the sums behind them are described at `positions.Holding`. `trail_percent` and `break_even_percent`
    move `stop_loss` (see `protection`), since `trailing_since` and once at `break_even_at`. `told_*` is what a price move alone was last
    told at.
    """

    __tablename__ = "positions"
    __table_args__ = (
        Index(
            "uq_positions_open_book",
            "wallet_id",
            "symbol",
            "book",
            unique=True,
            sqlite_where=text("status = 'open'"),
            postgresql_where=text("status = 'open'"),
        ),
        Index("ix_positions_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_positions_status", "status"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    wallet_id: Mapped[str] = mapped_column(ForeignKey("wallets.id"))
    symbol: Mapped[str] = mapped_column(String(20))
    book: Mapped[str] = mapped_column(String(40))
    flow_id: Mapped[str | None] = mapped_column(String(40), index=True)
    execution_id: Mapped[str | None] = mapped_column(String(40))
    side: Mapped[PositionSide]
    status: Mapped[PositionStatus]
    currency: Mapped[str] = mapped_column(String(20))
    contract_size: Mapped[Decimal]
    quantity: Mapped[Decimal]
    open_cost: Mapped[Decimal]
    open_fees: Mapped[Decimal]
    entry_quantity: Mapped[Decimal]
    entry_price: Mapped[Decimal]
    entry_value: Mapped[Decimal]
    entry_fees: Mapped[Decimal]
    entry_order_id: Mapped[str] = mapped_column(String(40))
    exit_quantity: Mapped[Decimal]
    exit_price: Mapped[Decimal | None]
    exit_value: Mapped[Decimal]
    exit_fees: Mapped[Decimal]
    exit_order_id: Mapped[str | None] = mapped_column(String(40))
    exit_reason: Mapped[OrderPurpose | None]
    realized_pnl: Mapped[Decimal]
    stop_loss: Mapped[Decimal | None]
    take_profit: Mapped[Decimal | None]
    initial_stop_loss: Mapped[Decimal | None]
    initial_take_profit: Mapped[Decimal | None]
    trail_percent: Mapped[Decimal | None]
    trail_activation_price: Mapped[Decimal | None]
    trailing_since: Mapped[datetime | None]
    break_even_percent: Mapped[Decimal | None]
    break_even_at: Mapped[datetime | None]
    told_percent: Mapped[Decimal | None]
    told_at: Mapped[datetime | None]
    current_price: Mapped[Decimal]
    unrealized_pnl: Mapped[Decimal]
    unrealized_pnl_percent: Mapped[Decimal]
    high_water_mark: Mapped[Decimal]
    low_water_mark: Mapped[Decimal]
    priced_at: Mapped[datetime]
    reasoning: Mapped[str | None] = mapped_column(Text)
    confidence: Mapped[Decimal | None]
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]

    @property
    def value(self) -> Decimal:
        return self.quantity * self.current_price * self.contract_size

    @property
    def signed_quantity(self) -> Decimal:
        return self.quantity * self.side.sign

    @property
    def realized_pnl_percent(self) -> Decimal:
        return percent_of(self.realized_pnl, abs(self.entry_value))


class MarginLevel(StrEnum):
    """How short of margin a wallet is: below 125 % of what its positions require, or below the requirement itself."""

    WARNING = "warning"
    LIQUIDATION = "liquidation"


class MarginAlarm(Base):
    """A wallet that is short of margin in a currency, since then; there is no row for one that is not."""

    __tablename__ = "margin_alarms"
    __table_args__ = (PrimaryKeyConstraint("wallet_id", "currency"),)

    wallet_id: Mapped[str] = mapped_column(ForeignKey("wallets.id"))
    currency: Mapped[str] = mapped_column(String(20))
    level: Mapped[MarginLevel]
    since: Mapped[datetime]
