"""Answers GraphQL's questions about price alerts, and does with them what clients ask."""

from dataclasses import asdict

import strawberry

from domain.price_alerts import models, service
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation
from schema.inputs import checked
from schema.price_alerts import PriceAlert, PriceAlertInput


@strawberry.type
class PriceAlertQueries:
    price_alerts = listing(
        PriceAlert, "Prices that the caller waits or has waited for, newest first. Raises UNKNOWN_SYMBOL.", service.page_of_price_alerts
    )

    @field(PriceAlert | None, "One price alert. Raises NOT_FOUND.", service=service.get_price_alert)
    async def price_alert(self, info: Info, id: strawberry.ID) -> models.PriceAlert:
        async with info.context.reading() as work:
            return await service.get_price_alert(work, id)


@strawberry.type
class PriceAlertMutations:
    @mutation(
        PriceAlert,
        "Wait for a price; a condition that holds already fires at once. With an `idempotencyKey` a repeated call answers with what the "
        "first one made. Raises UNKNOWN_SYMBOL, VALIDATION_ERROR, ALERT_LIMIT_REACHED, NO_MARKET_DATA, IDEMPOTENCY_CONFLICT.",
        service=service.create_price_alert,
    )
    async def create_price_alert(self, info: Info, input: PriceAlertInput, idempotency_key: str | None = None) -> models.PriceAlert:
        body = checked(service.NewPriceAlert, asdict(input))
        return await service.create_price_alert(info.context.keyed(idempotency_key), body)

    @mutation(
        PriceAlert,
        "Switch a price alert off, or on again: then it waits anew, from the price of now. Raises NOT_FOUND, ALERT_LIMIT_REACHED.",
        service=service.switch_price_alert,
    )
    async def switch_price_alert(self, info: Info, price_alert_id: strawberry.ID, is_active: bool) -> models.PriceAlert:
        return await service.switch_price_alert(info.context.operation, price_alert_id, is_active)

    @mutation(strawberry.ID, "Delete a price alert and return its id. Raises NOT_FOUND.", service=service.delete_price_alert)
    async def delete_price_alert(self, info: Info, price_alert_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await service.delete_price_alert(work, price_alert_id)
        return price_alert_id
