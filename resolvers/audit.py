"""Answers GraphQL's questions about the audit log."""

import strawberry

from domain.audit import models, reading, verifying
from schema.audit import AuditEntry, AuditFilter, AuditReport
from schema.connections import Connection, PageOfNodes, connection, page_request
from schema.context import Info
from schema.fields import field
from schema.scalars import Cursor

WHO = "Without the permission `audit:read` only what the caller did is there."


@strawberry.type
class AuditQueries:
    @field(AuditEntry | None, f"One entry of the audit log. {WHO} Raises NOT_FOUND. Needs an access token.", service=reading.get_entry)
    async def audit_entry(self, info: Info, id: strawberry.ID) -> models.AuditEntry:
        return await reading.get_entry(info.context.operation, id)

    @field(
        Connection[AuditEntry],
        "The audit log, newest first; reading it leaves an entry too. "
        "Raises FORBIDDEN without the permission `audit:read`, unless `actorId` is the caller. Needs an access token.",
        service=reading.page_of_entries,
    )
    async def audit_entries(
        self,
        info: Info,
        filter: AuditFilter | None = None,
        first: int | None = None,
        after: Cursor | None = None,
        last: int | None = None,
        before: Cursor | None = None,
    ) -> PageOfNodes:
        page = page_request(info, first, after, last, before)
        return connection(await reading.page_of_entries(info.context.operation, page, _filter(filter or AuditFilter())))

    @field(
        AuditReport,
        "Walk along the chain of the audit log, from a position to another or to its head, and tell the first broken link. "
        "Raises VALIDATION_ERROR.",
        service=verifying.verify,
    )
    async def verify_audit(self, info: Info, from_position: int = 1, to_position: int | None = None) -> verifying.AuditReport:
        return await verifying.verify(info.context.operation, from_position, to_position)


def _filter(given: AuditFilter) -> reading.AuditFilter:
    return reading.AuditFilter(
        actor_id=given.actor_id,
        action=given.action,
        object_type=given.object_type,
        object_id=given.object_id,
        door=given.door,
        event_type=given.event_type,
        severity=given.severity,
        result=given.result,
        request_id=given.request_id,
        since=given.from_,
        until=given.to,
    )
