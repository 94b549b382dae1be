"""The table of price alerts."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.price_alerts.rules import AlertCondition as AlertCondition
from domain.runtime.database import Base


class PriceAlert(Base):
    """A price that a user waits for. It fires once: `triggered_at` is set and `is_active` ends in one change of the row.

    `reference_price` is the price when the alert was set or set anew.
    """

    __tablename__ = "price_alerts"
    __table_args__ = (
        Index("ix_price_alerts_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_price_alerts_symbol_active", "symbol", sqlite_where=text("is_active"), postgresql_where=text("is_active")),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    symbol: Mapped[str] = mapped_column(String(20))
    condition: Mapped[AlertCondition]
    target_price: Mapped[Decimal]
    reference_price: Mapped[Decimal]
    message: Mapped[str | None] = mapped_column(String(500))
    is_active: Mapped[bool]
    created_at: Mapped[datetime]
    triggered_at: Mapped[datetime | None]
    triggered_price: Mapped[Decimal | None]
