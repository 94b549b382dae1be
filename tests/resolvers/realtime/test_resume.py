import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from domain.kernel.clock import ManualClock
from domain.kernel.ids import new_id
from domain.runtime import event_log
from domain.runtime.database import Database
from domain.runtime.event_bus import RedisEventBus
from domain.runtime.event_log import Cursor, Interest
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from resolvers.realtime import socketio
from tests.conftest import REDIS, need_service
from tests.databases import both_databases
from tests.resolvers.realtime.live import (
    PATIENCE_SECONDS,
    Listener,
    Person,
    Refused,
    emit,
    execution_event,
    listening,
    person,
    position_event,
    serving,
)

EVENTS = 120


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold new sockets for so long that `resume` is in time on a machine that is busy with other tests, too."""
    monkeypatch.setattr(socketio, "HOLD_SECONDS", 5.0)


async def logged_cursors(runtime: Runtime, someone: Person) -> list[str]:
    async with runtime.database.reading() as session:
        return [str(event.cursor) for event in await event_log.read(session, Interest(someone.id), Cursor(0, 0), limit=10_000)]


async def tell_at_random(runtime: Runtime, someone: Person, dice: random.Random) -> None:
    number = 0
    while number < EVENTS:
        bunch = dice.randint(1, 6)
        events = [
            position_event(someone, index) if index % 2 else execution_event(someone, f"exec_{index}", index)
            for index in range(number, min(EVENTS, number + bunch))
        ]
        # Side by side, so that on PostgreSQL a lower number can be committed later.
        await asyncio.gather(*(emit(runtime, event) for event in events))
        number += bunch
        await asyncio.sleep(dice.uniform(0, 0.03))


async def follow_with_a_bad_network(address: str, someone: Person, dice: random.Random, start: str, wanted: int) -> tuple[list[str], int]:
    seen: list[str] = []
    connections = 0
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        while len(seen) < wanted:
            connections += 1
            after = seen[-1] if seen else start
            in_handshake = dice.random() < 0.3
            listener = await Listener(address).open({"token": someone.token, **({"after": after} if in_handshake else {})})
            if not in_handshake:
                await asyncio.sleep(dice.uniform(0, 0.05))
                asked = asyncio.create_task(listener.ask("resume", {"after": after}))
            goal = dice.randint(1, 30)
            patience = dice.uniform(0.05, 0.6)
            for _ in range(int(patience / 0.01)):
                if len(listener.seen) >= goal or len(seen) + len(listener.seen) >= wanted:
                    break
                await asyncio.sleep(0.01)
            await listener.drop()
            if not in_handshake:
                asked.cancel()
                await asyncio.gather(asked, return_exceptions=True)
            seen += [data["cursor"] for _, data in listener.seen]
    return seen, connections


async def check_that_nothing_is_lost_or_doubled(serving_runtime: Runtime, telling: Sequence[Runtime], address: str, ada: Person) -> None:
    dice = random.Random(20_260_302)
    async with serving_runtime.database.reading() as session:
        start = str(await event_log.head(session))
    tasks = [asyncio.create_task(tell_at_random(runtime, ada, random.Random(index))) for index, runtime in enumerate(telling)]
    seen, connections = await follow_with_a_bad_network(address, ada, dice, start, EVENTS * len(telling))
    await asyncio.gather(*tasks)
    assert connections > 5
    assert seen == await logged_cursors(serving_runtime, ada)


@both_databases
@pytest.mark.usefixtures("patient")
async def test_client_that_keeps_losing_its_network_sees_every_event_once(runtime: Runtime, address: str, ada: Person) -> None:
    await check_that_nothing_is_lost_or_doubled(runtime, [runtime], address, ada)


@pytest.fixture
async def processes(settings: Settings, clock: ManualClock) -> AsyncIterator[list[Runtime]]:
    """Two runtimes that share nothing but PostgreSQL and Redis."""
    need_service("Redis", REDIS)
    prefix = new_id("test")
    runtimes = [
        Runtime(settings, clock, Database(settings.effective_database_url, pool_size=8), RedisEventBus(REDIS, prefix)) for _ in range(2)
    ]
    for runtime in runtimes:
        await runtime.bus.start()
    yield runtimes
    for runtime in runtimes:
        await runtime.bus.close()
        await runtime.database.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("patient")
async def test_events_of_another_process_arrive_over_redis_each_once(processes: list[Runtime]) -> None:
    here, elsewhere = processes
    ada = await person(elsewhere)
    async with serving(here) as address:
        await check_that_nothing_is_lost_or_doubled(here, [here, elsewhere], address, ada)


async def test_replay_comes_in_order_before_its_acknowledgement(runtime: Runtime, address: str, ada: Person) -> None:
    await emit(runtime, *(position_event(ada, number) for number in range(500)))
    cursors = await logged_cursors(runtime, ada)
    async with listening(address, ada) as listener:
        answer = await listener.ask("resume", {"after": cursors[99]})
        assert [data["cursor"] for data in listener.of("position_update")] == cursors[100:]
        assert answer == {"success": True, "count": 400, "cursor": cursors[-1]}


async def test_asking_again_replays_only_what_has_not_been_sent(runtime: Runtime, address: str, ada: Person) -> None:
    await emit(runtime, *(position_event(ada, number) for number in range(10)))
    cursors = await logged_cursors(runtime, ada)
    async with listening(address, ada) as listener:
        assert (await listener.ask("resume", {"after": cursors[7]}))["count"] == 2
        assert (await listener.ask("resume", {"after": cursors[3]}))["count"] == 4
        assert (await listener.ask("resume", {"after": cursors[3]}))["count"] == 0
        assert (await listener.ask("resume", {"after": cursors[-1]}))["count"] == 0
        await emit(runtime, position_event(ada, 10))
        await listener.wait_for(7)
        newest = (await logged_cursors(runtime, ada))[-1]
        assert [data["cursor"] for data in listener.of("position_update")] == [*cursors[8:], *cursors[4:8], newest]


async def test_new_socket_begins_with_what_comes_after_it(runtime: Runtime, address: str, ada: Person) -> None:
    await emit(runtime, position_event(ada, 1))
    async with listening(address, ada) as listener:
        await emit(runtime, position_event(ada, 2))
        await listener.wait_for(1)
        await asyncio.sleep(0.1)
        assert [data["position_id"] for data in listener.of("position_update")] == ["pos_2"]


async def test_cursor_older_than_the_log_is_refused_and_the_stream_goes_on(
    runtime: Runtime, address: str, ada: Person, clock: ManualClock
) -> None:
    await emit(runtime, position_event(ada, 1))
    old = (await logged_cursors(runtime, ada))[0]
    clock.advance(minutes=20)
    await emit(runtime, position_event(ada, 2))
    await emit(runtime, position_event(ada, 3))
    async with runtime.operation().unit_of_work() as work:
        await event_log.prune(work.session, work.now + timedelta(days=30, minutes=-10), 30)
    async with listening(address, ada) as listener:
        answer = await listener.ask("resume", {"after": "0-0"})
        assert (answer["success"], answer["code"]) == (False, "CURSOR_EXPIRED")
        assert (await listener.ask("resume", {"after": old}))["count"] == 2
        await emit(runtime, position_event(ada, 4))
        await listener.wait_for(3)
    for after, code in (("0-0", "CURSOR_EXPIRED"), ("junk", "CURSOR_INVALID"), ("ffff-ffff", "CURSOR_INVALID")):
        with pytest.raises(Refused, match=code):
            await Listener(address).open({"token": ada.token, "after": after})
