"""What people do with security alerts."""

import dataclasses

import pytest
from sqlalchemy import func, select

from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Caller, Permission
from domain.runtime.event_log import EventRow
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.security_alerts import service
from domain.security_alerts.models import AlertSeverity, AlertStatus, SecurityAlert
from domain.security_alerts.service import NewAlert
from tests.builders import make_user

STOLEN = NewAlert("stolen_phone", "My phone is gone.", AlertSeverity.HIGH, {"model": "Fairphone"})


async def report(operation: Operation, body: NewAlert = STOLEN) -> SecurityAlert:
    async with operation.unit_of_work() as work:
        return await service.create_alert(work, body)


async def events(operation: Operation) -> list[tuple[str, str]]:
    async with operation.reading() as work:
        return [(row.type, row.user_id) for row in await work.session.scalars(select(EventRow).order_by(EventRow.seq))]


async def code_of(operation: Operation, verb: object, alert_id: str) -> ErrorCode:
    with pytest.raises(DomainError) as refusal:
        async with operation.unit_of_work() as work:
            await verb(work, alert_id)  # type: ignore[operator]
    return refusal.value.code


async def test_a_report_concerns_its_author_and_is_told(ada: Operation) -> None:
    alert = await report(ada)
    assert (alert.user_id, alert.created_by, alert.status, alert.severity) == (ada.caller.id, ada.caller.id, "active", "high")
    assert (alert.details, alert.occurrences, alert.cause) == ({"model": "Fairphone"}, 1, None)
    assert await events(ada) == [("security_alert.raised", ada.caller.id)]


async def test_repeated_report_with_its_key_is_one_alert(ada: Operation) -> None:
    keyed = dataclasses.replace(ada, idempotency_key="once")
    first, second = await report(keyed), await report(keyed)
    assert first.id == second.id
    with pytest.raises(DomainError) as refusal:
        await report(keyed, dataclasses.replace(STOLEN, message="Another one."))
    assert refusal.value.code is ErrorCode.IDEMPOTENCY_CONFLICT
    async with ada.reading() as work:
        assert await work.session.scalar(select(func.count()).select_from(SecurityAlert)) == 1


async def test_details_have_a_size(ada: Operation) -> None:
    with pytest.raises(DomainError) as refusal:
        await report(ada, dataclasses.replace(STOLEN, details={"text": "x" * 16_384}))
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR
    assert await events(ada) == []


async def test_alert_is_seen_and_then_done_with(ada: Operation, clock: ManualClock) -> None:
    alert = await report(ada)
    clock.advance(minutes=1)
    async with ada.unit_of_work() as work:
        seen = await service.acknowledge_alert(work, alert.id)
    acknowledged_at = seen.acknowledged_at
    assert (seen.status, acknowledged_at, seen.acknowledged_by) == ("acknowledged", clock.now(), ada.caller.id)
    clock.advance(minutes=1)
    async with ada.unit_of_work() as work:
        assert (await service.acknowledge_alert(work, alert.id)).acknowledged_at == acknowledged_at
    async with ada.unit_of_work() as work:
        done = await service.resolve_alert(work, alert.id)
    assert (done.status, done.resolved_at, done.resolved_by) == ("resolved", clock.now(), ada.caller.id)
    async with ada.unit_of_work() as work:
        await service.resolve_alert(work, alert.id)
    assert await code_of(ada, service.acknowledge_alert, alert.id) is ErrorCode.INVALID_ALERT_STATE
    told = [type for type, _ in await events(ada)]
    assert told == ["security_alert.raised", "security_alert.updated", "security_alert.updated"]


async def test_others_alerts_need_permissions(runtime: Runtime, ada: Operation, bob: Operation, admin: Operation) -> None:
    alert = await report(ada)
    for verb in (service.get_alert, service.acknowledge_alert, service.resolve_alert):
        assert await code_of(bob, verb, alert.id) is ErrorCode.NOT_FOUND
    rights = frozenset({Permission.SECURITY_ALERTS_READ, Permission.PROFILE_READ, Permission.PROFILE_WRITE})
    reader = Caller((await make_user(runtime)).user_id, permissions=rights)
    auditor = runtime.operation(reader, door="test")
    async with auditor.reading() as work:
        assert (await service.get_alert(work, alert.id)).id == alert.id
    assert await code_of(auditor, service.acknowledge_alert, alert.id) is ErrorCode.FORBIDDEN
    assert await code_of(auditor, service.resolve_alert, alert.id) is ErrorCode.FORBIDDEN
    async with admin.unit_of_work() as work:
        seen = await service.acknowledge_alert(work, alert.id)
    assert (seen.status, seen.acknowledged_by) == (AlertStatus.ACKNOWLEDGED, admin.caller.id)


async def test_lists_hold_what_the_caller_may_see(ada: Operation, bob: Operation, admin: Operation, clock: ManualClock) -> None:
    first = await report(ada)
    clock.advance(seconds=1)
    second = await report(bob, NewAlert("odd_mail", "A strange mail came.", AlertSeverity.LOW))
    for operation, expected in ((ada, [first.id]), (bob, [second.id]), (admin, [second.id, first.id])):
        async with operation.reading() as work:
            page = await service.list_alerts(work)
            assert ([alert.id for alert in page.items], page.total) == (expected, len(expected))
    async with admin.reading() as work:
        assert [alert.id for alert in (await service.list_alerts(work, severity=AlertSeverity.LOW)).items] == [second.id]
        assert (await service.list_alerts(work, status=AlertStatus.RESOLVED)).total == 0
