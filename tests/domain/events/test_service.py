"""Reading the event log page by page."""

import asyncio
import re
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from domain.events.service import NEEDED, read_events
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.events import Event
from domain.kernel.permissions import Permission
from domain.runtime import event_log
from domain.runtime.event_log import StoredEvent
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.builders import operation_of_new_user
from tests.databases import both_databases


@pytest.fixture
async def ada(runtime: Runtime) -> Operation:
    return await operation_of_new_user(runtime)


async def happen(operation: Operation, *types: str, user_id: str | None = None) -> None:
    async with operation.unit_of_work() as work:
        for type in types:
            work.emit(Event(type, user_id or operation.caller.id, f"subject-of-{type}", {"price": "1.50"}))


def types_of(page: object) -> list[str]:
    return [event.type for event in page.events]  # type: ignore[attr-defined]


@both_databases
async def test_pages_hold_every_event_once_and_in_order(ada: Operation) -> None:
    for _ in range(5):
        await happen(ada, "order.updated", "position.updated")
    await happen(ada, "order.updated", user_id="user_other")
    seen: list[StoredEvent] = []
    after = None
    while True:
        # on PostgreSQL others' open transactions hide what came after them for a while
        page = await read_events(ada, after, limit=3, wait_seconds=20 if len(seen) < 10 else 0)
        if not page.events:
            break
        seen += page.events
        after = str(page.next)
    assert [event.type for event in seen] == ["order.updated", "position.updated"] * 5
    assert len({event.id for event in seen}) == 10
    assert str((await read_events(ada, after)).next) == after


async def test_latest_is_where_the_future_begins(ada: Operation) -> None:
    await happen(ada, "order.updated")
    page = await read_events(ada, "latest")
    assert page.events == []
    await happen(ada, "device.offline")
    assert types_of(await read_events(ada, str(page.next))) == ["device.offline"]


async def test_types_and_permissions_narrow_what_is_read(ada: Operation) -> None:
    await happen(ada, "order.updated", "order.other", "position.updated", "security_alert.raised", "plumbing.leaked")
    assert types_of(await read_events(ada)) == ["order.updated", "order.other", "position.updated", "security_alert.raised"]
    assert types_of(await read_events(ada, types="order.updated, position")) == ["order.updated", "position.updated"]
    caller = replace(ada.caller, permissions=ada.caller.permissions - {Permission.ORDERS_READ})
    narrowed = ada.on_behalf_of(caller)
    assert types_of(await read_events(narrowed)) == ["position.updated", "security_alert.raised"]
    assert types_of(await read_events(narrowed, types="order")) == []


@pytest.mark.parametrize("types", ["", " , ", "plumbing", "ord_r", "order.updated,%"])
async def test_unknown_types_are_refused(ada: Operation, types: str) -> None:
    with pytest.raises(DomainError) as refusal:
        await read_events(ada, types=types)
    assert (refusal.value.code, refusal.value.details["field"]) == (ErrorCode.VALIDATION_ERROR, "types")


async def test_old_and_foreign_cursors_are_refused_and_the_oldest_is_found(ada: Operation, clock: ManualClock) -> None:
    await happen(ada, "order.updated")
    old = str((await read_events(ada, limit=1)).next)
    await happen(ada, "order.other")
    clock.advance(days=40)
    await happen(ada, "position.updated")
    async with ada.unit_of_work() as work:
        await event_log.prune(work.session, clock.now() + timedelta(0), 30)
    for cursor, code in ((old, ErrorCode.CURSOR_EXPIRED), ("gibberish", ErrorCode.CURSOR_INVALID)):
        with pytest.raises(DomainError) as refusal:
            await read_events(ada, cursor)
        assert refusal.value.code is code
    assert types_of(await read_events(ada)) == ["position.updated"]


@both_databases
async def test_who_waits_is_woken_by_the_first_event(ada: Operation) -> None:
    now = str((await read_events(ada, "latest")).next)
    started = time.monotonic()
    waiting = asyncio.create_task(read_events(ada, now, wait_seconds=20))
    await asyncio.sleep(0.05)
    await happen(ada, "order.updated")
    assert types_of(await waiting) == ["order.updated"]
    assert time.monotonic() - started < 15
    assert types_of(await read_events(ada, now.replace("-", "-"), types="device", wait_seconds=0.05)) == []


def test_every_event_of_the_domain_can_be_read_by_somebody() -> None:
    written = (path.read_text() for path in Path("domain").glob("*/events.py"))
    nouns = {found for text in written for found in re.findall(r'^[A-Z_]+ = "([a-z_]+)\.[a-z_]+"', text, re.MULTILINE)}
    assert nouns and nouns <= set(NEEDED)
