"""Price alerts in the vocabulary of `/v1`."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AliasChoices, Field

from domain.price_alerts.models import AlertCondition, PriceAlert
from domain.price_alerts.service import Message, NewPriceAlert, Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAlertBody:
    """`threshold` is another name of `target_price`; with the condition `change_percent` it is in percent."""

    symbol: Symbol
    condition: AlertCondition
    target_price: Annotated[Decimal, Field(validation_alias=AliasChoices("target_price", "threshold"))]
    message: Message | None = None
    is_active: bool = True

    def arguments(self) -> dict[str, Any]:
        return {"body": NewPriceAlert(self.symbol, self.condition, self.target_price, self.message, self.is_active)}


@dataclass(frozen=True, slots=True)
class PriceAlertSwitchBody:
    """Whether the alert is to wait for its price."""

    is_active: bool


@dataclass(frozen=True, slots=True)
class PriceAlertView:
    """A price that the caller waits for."""

    id: str
    user_id: str
    symbol: str
    condition: str
    target_price: Decimal
    message: str | None
    is_active: bool
    created_at: datetime
    triggered_at: datetime | None
    triggered_price: Decimal | None
    reference_price: Decimal

    @classmethod
    def of(cls, alert: PriceAlert) -> Self:
        return cls(
            id=alert.id,
            user_id=alert.user_id,
            symbol=alert.symbol,
            condition=alert.condition.value,
            target_price=alert.target_price,
            message=alert.message,
            is_active=alert.is_active,
            created_at=alert.created_at,
            triggered_at=alert.triggered_at,
            triggered_price=alert.triggered_price,
            reference_price=alert.reference_price,
        )


@dataclass(frozen=True, slots=True)
class PriceAlertCreatedView:
    """The answer to a new alert, which is nested so that its `message` does not clash with the answer's own."""

    message: str
    alert_id: str
    alert: PriceAlertView

    @classmethod
    def of(cls, alert: PriceAlert) -> Self:
        return cls("Alert created successfully", alert.id, PriceAlertView.of(alert))
