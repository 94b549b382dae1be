"""What people do with their notifications."""

from datetime import timedelta

import pytest

from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.notifications import service
from domain.notifications.kinds import NotificationKind, NotificationType
from domain.notifications.models import Notification
from domain.notifications.relations import newest_unread, unread_counts
from domain.notifications.service import NewNotification
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.audit_log import entries
from tests.builders import operation_of_new_user
from tests.conftest import START
from tests.databases import both_databases
from tests.domain.notifications.receiver import jobs, refusal_of, rows

HELLO = NewNotification(NotificationType.INFO, "Hello", "A note to myself.", {"a": 1})


async def write(user: Operation, body: NewNotification = HELLO) -> Notification:
    async with user.unit_of_work() as work:
        return await service.create_notification(work, body)


async def read(user: Operation, notification_id: str) -> Notification:
    async with user.unit_of_work() as work:
        return await service.mark_read(work, notification_id)


async def delete(user: Operation, notification_id: str) -> None:
    async with user.unit_of_work() as work:
        await service.delete_notification(work, notification_id)


async def titles(user: Operation, **filters: object) -> list[str]:
    async with user.reading() as work:
        page = await service.list_notifications(work, limit=100, **filters)  # type: ignore[arg-type]
        assert page.total == len(page.items)
        return [item.title for item in page.items]


async def unread(user: Operation) -> int:
    async with user.reading() as work:
        return (await service.count_unread(work)).unread_count


async def test_note_to_oneself_is_listed_and_goes_nowhere_else(ada: Operation, bob: Operation, told: Runtime) -> None:
    note = await write(ada)
    assert (note.kind, note.subject_id, note.user_id, note.is_read) == (NotificationKind.MANUAL, None, ada.caller.id, False)
    async with ada.reading() as work:
        stored = await service.get_notification(work, note.id)
    assert (stored.title, stored.message, stored.details, stored.created_at) == ("Hello", "A note to myself.", {"a": 1}, START)
    assert (await titles(ada), await titles(bob)) == (["Hello"], [])
    assert await jobs(told, "notifications.mail") == []


@both_databases
async def test_reading_keeps_the_first_moment(ada: Operation, clock: ManualClock) -> None:
    note = await write(ada)
    clock.advance(minutes=1)
    first = await read(ada, note.id)
    clock.advance(minutes=1)
    again = await read(ada, note.id)
    assert first.read_at == again.read_at == again.updated_at == START + timedelta(minutes=1)
    assert await unread(ada) == 0


@both_databases
async def test_all_are_read_together_and_only_ones_own(ada: Operation, bob: Operation, clock: ManualClock) -> None:
    notes = [await write(ada) for _ in range(3)]
    await write(bob)
    await read(ada, notes[0].id)
    await delete(ada, notes[1].id)
    clock.advance(minutes=1)
    async with ada.unit_of_work() as work:
        done = await service.mark_all_read(work)
    assert (done.marked_count, done.message) == (1, "Marked 1 notifications as read")
    (entry,) = await entries(ada.runtime, "notification.read_all")
    assert entry.details == {"marked": [notes[2].id]}
    assert [row.read_at for row in await rows(ada, Notification)] == [START, None, START + timedelta(minutes=1)]
    assert (await unread(ada), await unread(bob)) == (0, 1)


@both_databases
async def test_list_is_narrowed_by_what_was_read_by_type_and_by_kind(ada: Operation, clock: ManualClock) -> None:
    for number, type in enumerate(NotificationType):
        clock.advance(seconds=1)
        note = await write(ada, NewNotification(type, f"{number}", "x"))
        if number % 2:
            await read(ada, note.id)
    assert await titles(ada) == ["3", "2", "1", "0"]
    assert await titles(ada, is_read=True) == ["3", "1"]
    assert await titles(ada, is_read=False, type="warning") == ["2"]
    assert await titles(ada, kind="manual") == ["3", "2", "1", "0"]
    assert await titles(ada, kind="order.filled") == []
    assert await titles(ada, type="whatever") == await titles(ada, kind="whatever") == []


@both_databases
async def test_what_is_deleted_is_gone(ada: Operation) -> None:
    note = await write(ada)
    await delete(ada, note.id)
    assert (await titles(ada), await unread(ada)) == ([], 0)
    for call in (delete(ada, note.id), read(ada, note.id)):
        assert (await refusal_of(call)).code is ErrorCode.NOT_FOUND


async def test_anothers_notification_is_not_there(ada: Operation, bob: Operation) -> None:
    note = await write(ada)
    for call in (delete(bob, note.id), read(bob, note.id)):
        assert (await refusal_of(call)).code is ErrorCode.NOT_FOUND
    async with bob.reading() as work:
        assert await unread_counts(work, [ada.caller.id]) == {ada.caller.id: 0}
    (row,) = await rows(ada, Notification)
    assert (row.read_at, row.deleted_at) == (None, None)


async def test_same_key_writes_one(told: Runtime) -> None:
    user = await operation_of_new_user(told, idempotency_key="k1")
    first, again = await write(user), await write(user)
    assert first.id == again.id
    refusal = await refusal_of(write(user, NewNotification(NotificationType.INFO, "Other", "x")))
    assert refusal.code is ErrorCode.IDEMPOTENCY_CONFLICT
    assert len(await rows(user, Notification)) == 1


async def test_metadata_has_a_limit(ada: Operation) -> None:
    await write(ada, NewNotification(NotificationType.INFO, "Fits", "x", {"a": "x" * (16_384 - 8)}))
    refusal = await refusal_of(write(ada, NewNotification(NotificationType.INFO, "Large", "x", {"a": "x" * (16_384 - 7)})))
    assert (refusal.code, refusal.details["field"]) == (ErrorCode.VALIDATION_ERROR, "metadata")
    assert await titles(ada) == ["Fits"]


async def test_viewer_reads_and_writes_nothing(told: Runtime) -> None:
    viewer = await operation_of_new_user(told, role="viewer")
    assert await titles(viewer) == []
    with pytest.raises(DomainError) as refusal:
        await write(viewer)
    assert refusal.value.code is ErrorCode.FORBIDDEN


async def test_stream_begins_with_the_newest_fifty_oldest_first(ada: Operation, clock: ManualClock) -> None:
    for number in range(52):
        clock.advance(seconds=1)
        await write(ada, NewNotification(NotificationType.INFO, f"{number}", "x"))
    async with ada.reading() as work:
        assert [note.title for note in await newest_unread(work)] == [f"{number}" for number in range(2, 52)]
