"""The audit log over REST: days and moments of the query become a filter."""

from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import Field

from domain.audit.models import AuditEntry
from domain.audit.reading import AuditFilter, list_entries
from domain.audit.vocabulary import AuditResult, Severity
from domain.kernel.clock import as_utc
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.operation import Operation
from domain.runtime.paging import Offset, Page

Word = Annotated[str, Field(max_length=128)]
Day = Annotated[str, Field(max_length=40, description="YYYY-MM-DD, or a moment as RFC 3339")]
Limit = Annotated[int, Field(ge=1, le=1000, description="how many entries to send")]


async def security_logs(
    operation: Operation,
    start_date: Day | None = None,
    end_date: Day | None = None,
    event_type: Word | None = None,
    user_id: Word | None = None,
    severity: Severity | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[AuditEntry]:
    """Return the audit log, newest first; both dates are included. Raises VALIDATION_ERROR, and FORBIDDEN without audit:read for others."""
    wanted = AuditFilter(
        actor_id=user_id,
        event_type=event_type,
        severity=severity,
        since=_moment(start_date, "start_date", time.min),
        until=_moment(end_date, "end_date", time.max),
    )
    return await list_entries(operation, wanted, limit, offset)


async def audit_entries(
    operation: Operation,
    actor_id: Word | None = None,
    action: Word | None = None,
    object_type: Word | None = None,
    object_id: Word | None = None,
    door: Word | None = None,
    event_type: Word | None = None,
    severity: Severity | None = None,
    result: AuditResult | None = None,
    request_id: Word | None = None,
    start_date: Day | None = None,
    end_date: Day | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> Page[AuditEntry]:
    """Return the audit log, newest first; both dates are included. Raises VALIDATION_ERROR, and FORBIDDEN without audit:read for others."""
    wanted = AuditFilter(
        actor_id=actor_id,
        action=action,
        object_type=object_type,
        object_id=object_id,
        door=door,
        event_type=event_type,
        severity=severity,
        result=result,
        request_id=request_id,
        since=_moment(start_date, "start_date", time.min),
        until=_moment(end_date, "end_date", time.max),
    )
    return await list_entries(operation, wanted, limit, offset)


def _moment(written: str | None, field: str, of_day: time) -> datetime | None:
    if written is None:
        return None
    try:
        if len(written) == len("2026-03-02"):
            return datetime.combine(date.fromisoformat(written), of_day, UTC)
        moment = datetime.fromisoformat(written.upper())
        return as_utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{field} must be YYYY-MM-DD or a moment as RFC 3339", field=field) from None
