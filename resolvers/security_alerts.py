"""Answers GraphQL's questions about security alerts, and deals with them as clients ask."""

import strawberry

from domain.security_alerts import models, service
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation
from schema.inputs import checked
from schema.security_alerts import SecurityAlert, SecurityAlertInput

OTHERS = "Others' alerts need the permission `security_alerts:write`."


@strawberry.type
class SecurityAlertQueries:
    security_alerts = listing(
        SecurityAlert,
        "Security alerts, newest first: the caller's own, or everybody's with the permission `security_alerts:read`.",
        service.page_of_alerts,
    )

    @field(SecurityAlert | None, "One security alert. Raises NOT_FOUND.", service=service.get_alert)
    async def security_alert(self, info: Info, id: strawberry.ID) -> models.SecurityAlert:
        async with info.context.reading() as work:
            return await service.get_alert(work, id)


@strawberry.type
class SecurityAlertMutations:
    @mutation(
        SecurityAlert,
        "Report something about the own account. With an `idempotencyKey` a repeated call answers with what the first one made. "
        "Raises VALIDATION_ERROR, IDEMPOTENCY_CONFLICT.",
        service=service.create_alert,
    )
    async def create_security_alert(
        self, info: Info, input: SecurityAlertInput, idempotency_key: str | None = None
    ) -> models.SecurityAlert:
        given: dict[str, object] = {
            "alert_type": input.alert_type,
            "message": input.message,
            "severity": input.severity,
            "details": {} if input.details is None else input.details,
        }
        body = checked(service.NewAlert, given)
        async with info.context.unit_of_work(idempotency_key) as work:
            return await service.create_alert(work, body)

    @mutation(
        SecurityAlert,
        f"Say that a security alert was seen. {OTHERS} Raises NOT_FOUND, FORBIDDEN, INVALID_ALERT_STATE for a resolved one.",
        service=service.acknowledge_alert,
    )
    async def acknowledge_security_alert(self, info: Info, alert_id: strawberry.ID) -> models.SecurityAlert:
        async with info.context.unit_of_work() as work:
            return await service.acknowledge_alert(work, alert_id)

    @mutation(
        SecurityAlert, f"Say that a security alert is done with. {OTHERS} Raises NOT_FOUND, FORBIDDEN.", service=service.resolve_alert
    )
    async def resolve_security_alert(self, info: Info, alert_id: strawberry.ID) -> models.SecurityAlert:
        async with info.context.unit_of_work() as work:
            return await service.resolve_alert(work, alert_id)
