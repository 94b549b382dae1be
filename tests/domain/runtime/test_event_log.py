import asyncio
from datetime import timedelta

import pytest

from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.events import Event
from domain.runtime import event_log
from domain.runtime.event_log import Cursor, Interest
from domain.runtime.runtime import Runtime
from tests.databases import both_databases

ADA = "user_ada"


async def emit(runtime: Runtime, number: int, user_id: str = ADA, type: str = "order.updated") -> None:
    async with runtime.operation().unit_of_work() as work:
        work.emit(Event(type, user_id, f"order_{number}", {"number": number}))


async def take(runtime: Runtime, after: Cursor, count: int, interest: Interest | None = None) -> list[event_log.StoredEvent]:
    found = []
    async for event in event_log.follow(runtime.operation(), interest or Interest(ADA), after):
        found.append(event)
        if len(found) == count:
            break
    return found


@both_databases
async def test_stream_resumed_at_each_cursor_has_no_gap_and_no_double(runtime: Runtime) -> None:
    for number in range(10):
        await emit(runtime, number)
    everything = await take(runtime, Cursor(0, 0), 10)
    assert [event.payload["number"] for event in everything] == list(range(10))
    for index, event in enumerate(everything[:-1]):
        rest = await take(runtime, Cursor.parse(str(event.cursor)), 9 - index)
        assert [later.id for later in rest] == [later.id for later in everything[index + 1 :]]


@both_databases
async def test_stream_sees_concurrent_commits_once_and_in_its_own_order(runtime: Runtime) -> None:
    start = Cursor(0, 0)
    reader = asyncio.create_task(take(runtime, start, 60))
    await asyncio.gather(*(emit(runtime, number) for number in range(60)))
    live = await asyncio.wait_for(reader, 20)
    assert sorted(event.payload["number"] for event in live) == list(range(60))
    assert [event.id for event in live] == [event.id for event in await take(runtime, start, 60)]


@both_databases
async def test_event_hidden_behind_an_open_transaction_is_not_skipped(runtime: Runtime) -> None:
    if runtime.database.is_sqlite:
        pytest.skip("SQLite writers take turns: nothing can commit behind an open one")
    slow = runtime.operation().unit_of_work()
    await slow.__aenter__()
    slow.emit(Event("order.updated", ADA, "order_slow", {"number": 1}))
    slow.session.add(slow._row_of(Event("order.updated", ADA, "order_early", {"number": 0})))
    await slow.session.flush()  # holds a low number, and stays open
    await emit(runtime, 2)
    async with runtime.database.reading() as session:
        assert await event_log.read(session, Interest(ADA), Cursor(0, 0)) == []
    await slow.__aexit__(None, None, None)
    seen = await take(runtime, Cursor(0, 0), 3)
    assert [event.payload["number"] for event in seen] == [0, 1, 2]


@both_databases
async def test_stream_from_the_head_misses_nothing_that_comes_after(runtime: Runtime) -> None:
    await emit(runtime, 1)
    async with runtime.database.reading() as session:
        cursor = await event_log.head(session)
    await emit(runtime, 2)
    # On PostgreSQL an open transaction of anybody keeps what committed meanwhile in front of the head: told late, never lost.
    seen = [event.payload["number"] for event in await take(runtime, cursor, 1)]
    if seen == [1]:
        seen = [event.payload["number"] for event in await take(runtime, cursor, 2)][1:]
    assert seen == [2]


async def test_interest_narrows_to_user_type_and_run(runtime: Runtime) -> None:
    await emit(runtime, 1, user_id="user_bob")
    await emit(runtime, 2, type="position.updated")
    await emit(runtime, 3)
    seen = await take(runtime, Cursor(0, 0), 1, Interest(ADA, types=("order.updated",)))
    assert seen[0].payload == {"number": 3}


async def test_rolled_back_change_leaves_no_event(runtime: Runtime) -> None:
    with pytest.raises(RuntimeError):
        async with runtime.operation().unit_of_work() as work:
            work.emit(Event("order.updated", ADA, "order_1", {}))
            raise RuntimeError
    async with runtime.database.reading() as session:
        assert await event_log.read(session, Interest(ADA), Cursor(0, 0)) == []


async def test_cursor_older_than_the_log_is_refused(runtime: Runtime, clock: ManualClock) -> None:
    await emit(runtime, 1)
    old = (await take(runtime, Cursor(0, 0), 1))[0].cursor
    clock.advance(days=40)
    await emit(runtime, 2)
    async with runtime.operation().unit_of_work() as work:
        assert await event_log.prune(work.session, work.now - timedelta(days=0), 30) == 1
    assert [event.payload["number"] for event in await take(runtime, old, 1)] == [2]
    with pytest.raises(DomainError) as refusal:
        await take(runtime, Cursor(0, 0), 1)
    assert refusal.value.code is ErrorCode.CURSOR_EXPIRED


@both_databases
async def test_log_emptied_by_pruning_goes_on_after_the_last_cursor(runtime: Runtime, clock: ManualClock) -> None:
    await emit(runtime, 1)
    last = (await take(runtime, Cursor(0, 0), 1))[0].cursor
    clock.advance(days=40)
    async with runtime.operation().unit_of_work() as work:
        assert await event_log.prune(work.session, work.now, 30) == 1
    async with runtime.database.reading() as session:
        assert await event_log.head(session) >= last
    await emit(runtime, 2)
    assert [event.payload["number"] for event in await take(runtime, last, 1)] == [2]


@pytest.mark.parametrize("written", ["", "-", "x", "1", "1-", "-1", "g-1", "1-1-1", "1-" + "f" * 60, "\N{PILE OF POO}-1", "+1-2"])
def test_foreign_cursor_is_refused(written: str) -> None:
    with pytest.raises(DomainError) as refusal:
        Cursor.parse(written)
    assert refusal.value.code is ErrorCode.CURSOR_INVALID
