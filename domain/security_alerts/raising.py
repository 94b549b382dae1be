"""Raises alerts in the name of the system, one at a time for each cause."""

from collections.abc import Awaitable, Callable

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite

from domain.kernel.ids import new_id
from domain.runtime.unit_of_work import UnitOfWork
from domain.security_alerts.events import security_alert_raised
from domain.security_alerts.models import AlertSeverity, AlertStatus, SecurityAlert

# Filled by the composition: who looks after the installation, to be told of alerts that matter to more than one person.
ADMINISTRATORS: list[Callable[[UnitOfWork], Awaitable[list[str]]]] = []
TOLD_TO_ADMINISTRATORS = frozenset({AlertSeverity.HIGH, AlertSeverity.CRITICAL})


async def raise_alert(
    work: UnitOfWork,
    *,
    user_id: str | None,
    alert_type: str,
    message: str,
    severity: AlertSeverity,
    cause: str | None = None,
    details: dict[str, object] | None = None,
) -> SecurityAlert | None:
    """Raise an alert and tell the person concerned, and for a severe one the administrators too.

    While an alert of the same cause is active, that one counts the occurrence and None is returned.
    """
    values = {
        "id": new_id("alert"),
        "user_id": user_id,
        "alert_type": alert_type,
        "message": message[:1000],
        "severity": severity,
        "status": AlertStatus.ACTIVE,
        "details": details or {},
        "cause": cause[:200] if cause else None,
        "occurrences": 1,
        "created_at": work.now,
        "last_seen_at": work.now,
    }
    insert = postgresql.insert if work.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    inserted = insert(SecurityAlert).values(values).on_conflict_do_nothing().returning(SecurityAlert)
    alert: SecurityAlert | None = await work.session.scalar(inserted)
    if alert is None:
        again = update(SecurityAlert).where(SecurityAlert.cause == values["cause"], SecurityAlert.status == AlertStatus.ACTIVE)
        await work.session.execute(again.values(occurrences=SecurityAlert.occurrences + 1, last_seen_at=work.now))
        return None
    for recipient in sorted(await _recipients(work, alert)):
        work.emit(security_alert_raised(alert, recipient))
    return alert


async def _recipients(work: UnitOfWork, alert: SecurityAlert) -> set[str]:
    found = set() if alert.user_id is None else {alert.user_id}
    if alert.user_id is None or alert.severity in TOLD_TO_ADMINISTRATORS:
        for administrators in ADMINISTRATORS:
            found.update(await administrators(work))
    return found
