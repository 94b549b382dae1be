"""What clients see of price alerts, and what they may set."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain.price_alerts.models import AlertCondition
from schema.enums import graphql_enum

graphql_enum(
    AlertCondition,
    name="PriceAlertCondition",
    description="What a price alert waits for.",
    values={
        "ABOVE": "A price at or above the target.",
        "BELOW": "A price at or below the target.",
        "CHANGE": "A move, up or down, of at least the target in the quote currency since the alert was set.",
        "CHANGE_PERCENT": "A move, up or down, of at least the target in percent since the alert was set.",
    },
)
TARGET = "A price, or for the two changes a distance: in the quote currency, or in percent."


@strawberry.type(description="A price that a user waits for; it fires once.")
class PriceAlert:
    id: strawberry.ID = strawberry.field(description="Begins with `palert_`.")
    symbol: str = strawberry.field(description="The canonical spelling.")
    condition: AlertCondition = strawberry.field(description="What it waits for.")
    target_price: Decimal = strawberry.field(description=TARGET)
    reference_price: Decimal = strawberry.field(description="The price when it was set or switched on.")
    message: str | None = strawberry.field(description="What its owner wants to be told.")
    is_active: bool = strawberry.field(description="Whether it waits.")
    created_at: datetime = strawberry.field(description="When it was made.")
    triggered_at: datetime | None = strawberry.field(description="When it fired.")
    triggered_price: Decimal | None = strawberry.field(description="The price at which it fired.")


@strawberry.input(description="What to wait for.")
class PriceAlertInput:
    symbol: str = strawberry.field(description="Any spelling or alias of an instrument.")
    condition: AlertCondition = strawberry.field(description="What to compare.")
    target_price: Decimal = strawberry.field(description=TARGET)
    message: str | None = strawberry.field(default=None, description="At most 500 characters.")
    is_active: bool = strawberry.field(default=True, description="Whether it waits from now on.")
