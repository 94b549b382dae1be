"""Tables of the paper venue: what an exchange would keep. It knows nothing of our orders and positions, as a real one would not."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.exchanges.venue import OrderType, Side, TimeInForce, VenueStatus
from domain.runtime.database import Base

LIVE = "ended_at IS NULL"


class PaperBook(Base):
    """The head of the book of one instrument: all of it but the orders; whoever changes the book holds this row.

    `version` counts the changes. `price`, `volume` and `market_at` are the last tick; `taken` lists side, price and quantity,
    `positions` account, book and position.
    """

    __tablename__ = "paper_books"

    symbol: Mapped[str] = mapped_column(String(20), primary_key=True)
    version: Mapped[int]
    sequence: Mapped[int]
    trades: Mapped[int]
    price: Mapped[Decimal | None]
    volume: Mapped[Decimal | None]
    market_at: Mapped[datetime | None]
    taken: Mapped[list[Any]]
    positions: Mapped[list[Any]]


class PaperOrder(Base):
    """An order that the paper venue took: as it stands in its book, or as it ended.

    `version` is that of the book in which it last changed, so that another process reads only what is new to it. `reason` says why it
    ended as it did, None where it was filled.
    """

    __tablename__ = "paper_orders"
    __table_args__ = (
        UniqueConstraint("account", "client_order_id"),
        Index("ix_paper_orders_symbol_version", "symbol", "version"),
        Index("ix_paper_orders_live_symbol", "symbol", sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
        Index("ix_paper_orders_live_account", "account", sqlite_where=text(LIVE), postgresql_where=text(LIVE)),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    account: Mapped[str] = mapped_column(String(40))
    client_order_id: Mapped[str] = mapped_column(String(64))
    symbol: Mapped[str] = mapped_column(String(20))
    book: Mapped[str] = mapped_column(String(40))
    side: Mapped[Side]
    order_type: Mapped[OrderType]
    quantity: Mapped[Decimal]
    filled: Mapped[Decimal]
    price: Mapped[Decimal | None]
    stop_price: Mapped[Decimal | None]
    trail: Mapped[Decimal | None]
    trail_is_percent: Mapped[bool]
    time_in_force: Mapped[TimeInForce]
    expires_at: Mapped[datetime | None]
    post_only: Mapped[bool]
    reduce_only: Mapped[bool]
    waiting: Mapped[bool]
    sequence: Mapped[int]
    version: Mapped[int]
    status: Mapped[VenueStatus]
    reason: Mapped[str | None] = mapped_column(String(24))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PaperFill(Base):
    """One side of a trade on the paper venue; `trade` counts those of the book."""

    __tablename__ = "paper_fills"
    __table_args__ = (Index("ix_paper_fills_order_id_trade", "order_id", "trade"),)

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(40))
    trade: Mapped[int]
    quantity: Mapped[Decimal]
    price: Mapped[Decimal]
    fee: Mapped[Decimal]
    fee_currency: Mapped[str] = mapped_column(String(20))
    is_maker: Mapped[bool | None]
    executed_at: Mapped[datetime]
