"""What people do with security alerts: raise, read, acknowledge and resolve them."""

from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from sqlalchemy import Select, select

from domain.audit.recording import audited
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, check, requires
from domain.runtime.columns import dump_json
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.keyset import KeysetPage, PageRequest, equal, keyset_page
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork
from domain.security_alerts.events import security_alert_raised, security_alert_updated
from domain.security_alerts.machine import ALERT_MACHINE, AlertTrigger
from domain.security_alerts.models import AlertSeverity, AlertStatus, SecurityAlert

MAX_DETAILS = 16_384
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


@dataclass(frozen=True, slots=True)
class NewAlert:
    """What a person reports; `details` are at most 16 KiB of JSON."""

    alert_type: Word
    message: Sentence
    severity: AlertSeverity = AlertSeverity.MEDIUM
    details: Annotated[dict[str, Any], Field(max_length=100)] = field(default_factory=dict)


def alerts_visible_to(caller: Caller) -> Select[SecurityAlert]:
    """Return the select that every reading of alerts starts from: those that concern the caller, or all with the permission."""
    query = select(SecurityAlert)
    return query if caller.may(Permission.SECURITY_ALERTS_READ) else query.where(SecurityAlert.user_id == caller.id)


@audited("security_alert.create", id="result.id")
@requires(Permission.PROFILE_READ)
async def create_alert(work: UnitOfWork, body: NewAlert) -> SecurityAlert:
    """Raise an alert about the caller's own account. Raises VALIDATION_ERROR for details that are too large."""
    if len(dump_json(body.details).encode()) > MAX_DETAILS:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"details must not be larger than {MAX_DETAILS} bytes", field="details")
    alert_id = new_id("alert")
    if earlier := await claim(work, fingerprint_of("create_alert", **asdict(body)), alert_id):
        return await _found(work, alerts_visible_to(work.caller), earlier)
    alert = SecurityAlert(
        id=alert_id,
        user_id=work.caller.id,
        created_by=work.caller.id,
        alert_type=body.alert_type,
        message=body.message,
        severity=body.severity,
        status=AlertStatus.ACTIVE,
        details=body.details,
        created_at=work.now,
        last_seen_at=work.now,
    )
    work.session.add(alert)
    work.emit(security_alert_raised(alert, work.caller.id))
    return alert


@requires(Permission.PROFILE_READ)
async def list_alerts(
    work: UnitOfWork, status: AlertStatus | None = None, severity: AlertSeverity | None = None, limit: Limit = 50, offset: Offset = 0
) -> Page[SecurityAlert]:
    """Return alerts, newest first: one's own, or everybody's with the permission `security_alerts:read`."""
    query = _filtered(work, status, severity).order_by(SecurityAlert.created_at.desc(), SecurityAlert.id.desc())
    return await page_of(work.session, query, limit, offset)


@requires(Permission.PROFILE_READ)
async def page_of_alerts(
    work: UnitOfWork, page: PageRequest, status: AlertStatus | None = None, severity: AlertSeverity | None = None
) -> KeysetPage[SecurityAlert]:
    """Return one page of alerts, newest first."""
    return await keyset_page(work.session, _filtered(work, status, severity), SecurityAlert, page)


@requires(Permission.PROFILE_READ)
async def get_alert(work: UnitOfWork, alert_id: str) -> SecurityAlert:
    """Return one alert. Raises NOT_FOUND."""
    return await _found(work, alerts_visible_to(work.caller), alert_id)


@audited("security_alert.acknowledge", id="alert_id")
@requires(Permission.PROFILE_WRITE)
async def acknowledge_alert(work: UnitOfWork, alert_id: str) -> SecurityAlert:
    """Say that an alert was seen; saying it again changes nothing. Others' alerts need `security_alerts:write`.

    Raises NOT_FOUND, FORBIDDEN, INVALID_ALERT_STATE for a resolved one.
    """
    alert = await _locked(work, alert_id)
    if alert.status is not AlertStatus.ACKNOWLEDGED:
        alert.status = ALERT_MACHINE.after(alert.status, AlertTrigger.ACKNOWLEDGE)
        alert.acknowledged_at, alert.acknowledged_by = work.now, work.caller.id
        _tell_owner(work, alert)
    return alert


@audited("security_alert.resolve", id="alert_id")
@requires(Permission.PROFILE_WRITE)
async def resolve_alert(work: UnitOfWork, alert_id: str) -> SecurityAlert:
    """Say that an alert is done with; saying it again changes nothing. Others' alerts need `security_alerts:write`.

    Raises NOT_FOUND, FORBIDDEN.
    """
    alert = await _locked(work, alert_id)
    if alert.status is not AlertStatus.RESOLVED:
        alert.status = ALERT_MACHINE.after(alert.status, AlertTrigger.RESOLVE)
        alert.resolved_at, alert.resolved_by = work.now, work.caller.id
        _tell_owner(work, alert)
    return alert


def _filtered(work: UnitOfWork, status: AlertStatus | None, severity: AlertSeverity | None) -> Select[SecurityAlert]:
    return equal(alerts_visible_to(work.caller), (SecurityAlert.status, status), (SecurityAlert.severity, severity))


async def _locked(work: UnitOfWork, alert_id: str) -> SecurityAlert:
    visible = alerts_visible_to(work.caller)
    if work.caller.may(Permission.SECURITY_ALERTS_WRITE) and not work.caller.is_system:
        visible = select(SecurityAlert)  # whoever deals with others' alerts has been told of them
    alert = await _found(work, visible.with_for_update().execution_options(populate_existing=True), alert_id)
    if alert.user_id != work.caller.user_id:
        check(work.caller, Permission.SECURITY_ALERTS_WRITE)
    return alert


async def _found(work: UnitOfWork, query: Select[SecurityAlert], alert_id: str) -> SecurityAlert:
    alert = await work.session.scalar(query.where(SecurityAlert.id == alert_id))
    if alert is None:
        raise NotFound("Security alert", alert_id)
    return alert


def _tell_owner(work: UnitOfWork, alert: SecurityAlert) -> None:
    if alert.user_id is not None:
        work.emit(security_alert_updated(alert, alert.user_id))
