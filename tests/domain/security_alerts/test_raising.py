"""What the system warns of by itself."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from domain.runtime.event_log import EventRow
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork
from domain.security_alerts import raising, service
from domain.security_alerts.models import AlertSeverity, SecurityAlert
from tests.databases import both_databases


@pytest.fixture
def watchful_admin(admin: Operation) -> Iterator[Operation]:
    async def administrators(_work: UnitOfWork) -> list[str]:
        return [admin.caller.id]

    before = raising.ADMINISTRATORS[:]
    raising.ADMINISTRATORS[:] = [administrators]
    yield admin
    raising.ADMINISTRATORS[:] = before


async def guess(operation: Operation, user_id: str | None = None, severity: AlertSeverity = AlertSeverity.HIGH) -> SecurityAlert | None:
    async with operation.unit_of_work() as work:
        return await raising.raise_alert(
            work,
            user_id=user_id,
            alert_type="brute_force",
            message="Somebody guesses passwords.",
            severity=severity,
            cause="brute_force:203.0.113.7",
            details={"ip": "203.0.113.7"},
        )


async def recipients(operation: Operation) -> list[str]:
    async with operation.reading() as work:
        rows = await work.session.scalars(select(EventRow).where(EventRow.type == "security_alert.raised"))
        return sorted(row.user_id for row in rows)


@both_databases
async def test_one_alert_of_a_cause_is_active(system: Operation, ada: Operation, watchful_admin: Operation) -> None:
    raised = [alert for alert in await asyncio.gather(*(guess(system, ada.caller.id) for _ in range(10))) if alert]
    assert len(raised) == 1
    async with system.reading() as work:
        alert = (await work.session.scalars(select(SecurityAlert))).one()
    assert (alert.occurrences, alert.user_id, alert.created_by, alert.details) == (10, ada.caller.id, None, {"ip": "203.0.113.7"})
    assert await recipients(system) == sorted([ada.caller.id, watchful_admin.caller.id])


@both_databases
async def test_cause_that_comes_back_after_somebody_looked_is_a_new_alert(system: Operation, watchful_admin: Operation) -> None:
    first = await guess(system)
    assert first is not None
    async with watchful_admin.unit_of_work() as work:
        await service.acknowledge_alert(work, first.id)
    second = await guess(system)
    assert second is not None and second.id != first.id


async def test_only_severe_alerts_reach_the_administrators(system: Operation, ada: Operation, watchful_admin: Operation) -> None:
    await guess(system, ada.caller.id, AlertSeverity.MEDIUM)
    assert await recipients(system) == [ada.caller.id]


async def test_alert_about_the_installation_is_for_administrators(system: Operation, ada: Operation, watchful_admin: Operation) -> None:
    await guess(system, None, AlertSeverity.LOW)
    assert await recipients(system) == [watchful_admin.caller.id]
    async with ada.reading() as work:
        assert (await service.list_alerts(work)).total == 0
