"""Periodic work among several processes: each entry in one at a time, going on when that one stops or dies."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.databases import both_databases
from tests.workers.conftest import eventually
from workers import maintenance
from workers.catalogue import timetable_entries
from workers.timetable import Entry, Timetable

Runtimes = Callable[..., Runtime]


@asynccontextmanager
async def running(*timetables: Timetable):  # type: ignore[no-untyped-def]
    for timetable in timetables:
        await timetable.start()
    try:
        yield
    finally:
        for timetable in timetables:
            await timetable.stop()


class Rounds:
    """Counts the rounds of an entry by the runtime that did them, and how many ran at once."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.by: list[Runtime] = []
        self.at_once = self.most_at_once = 0
        self._seconds = seconds

    async def __call__(self, operation: Operation) -> None:
        self.by.append(operation.runtime)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.at_once -= 1

    def reached(self, number: int, runtime: Runtime | None = None) -> Callable[[], Awaitable[bool]]:
        async def reached() -> bool:
            return len([by for by in self.by if runtime in (None, by)]) >= number

        return reached


def timetable(runtime: Runtime, *functions: Callable[[Operation], Awaitable[object]], **kwargs: float) -> Timetable:
    limits = {"limit_seconds": kwargs.pop("limit_seconds")} if "limit_seconds" in kwargs else {}
    entries = [Entry(f"test.{number}", 0.02, function, **limits) for number, function in enumerate(functions)]
    return Timetable(runtime, entries, lease_seconds=kwargs.get("lease_seconds", 0.6))


@both_databases
async def test_of_two_processes_one_does_the_entry_and_the_other_takes_over_when_it_stops(runtimes: Runtimes) -> None:
    rounds, runtime_1, runtime_2 = Rounds(0.01), runtimes(), runtimes()
    first, second = timetable(runtime_1, rounds), timetable(runtime_2, rounds)
    async with running(first):
        await eventually(rounds.reached(1))
        async with running(second):
            await eventually(rounds.reached(5))
            assert set(rounds.by) == {runtime_1}
            await first.stop()
            await eventually(rounds.reached(3, runtime_2))

    assert rounds.most_at_once == 1


async def test_entry_of_a_process_that_died_goes_on_when_its_lease_has_run_out(runtimes: Runtimes) -> None:
    rounds, runtime_1, runtime_2 = Rounds(), runtimes(), runtimes()
    died = timetable(runtime_1, rounds)
    await died.start()
    await eventually(rounds.reached(1))
    for task in died._tasks:
        task.cancel()

    async with running(timetable(runtime_2, rounds)):
        await asyncio.sleep(0.1)
        assert runtime_2 not in rounds.by
        await eventually(rounds.reached(1, runtime_2), seconds=2)


async def test_round_longer_than_the_lease_keeps_it(runtimes: Runtimes) -> None:
    rounds = Rounds(1.0)
    async with running(timetable(runtimes(), rounds, lease_seconds=0.3), timetable(runtimes(), rounds, lease_seconds=0.3)):
        await eventually(rounds.reached(2))

    assert rounds.most_at_once == 1
    assert len(set(rounds.by)) == 1


async def test_entry_that_fails_or_hangs_stops_neither_itself_nor_the_others(runtimes: Runtimes) -> None:
    failures, hangs, healthy = 0, 0, Rounds()

    async def fail(operation: Operation) -> None:
        nonlocal failures
        failures += 1
        raise DomainError(ErrorCode.MARKET_UNAVAILABLE, "The market source does not answer")

    async def hang(operation: Operation) -> None:
        nonlocal hangs
        hangs += 1
        await asyncio.sleep(60)

    async with running(timetable(runtimes(), fail, hang, healthy, limit_seconds=0.2)):
        await eventually(healthy.reached(10))

        async def went_on() -> bool:
            return failures >= 3 and hangs >= 2

        await eventually(went_on)


async def test_database_that_fails_for_a_moment_does_not_end_the_timetable(runtimes: Runtimes, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, rounds = runtimes(), Rounds()
    real, broken = runtime.database.writing, 3

    def writing():  # type: ignore[no-untyped-def]
        nonlocal broken
        if broken:
            broken -= 1
            raise OSError("connection refused")
        return real()

    monkeypatch.setattr(runtime.database, "writing", writing)
    async with running(timetable(runtime, rounds)):
        await eventually(rounds.reached(3))

    assert broken == 0


async def test_every_round_has_a_request_id_of_its_own(runtimes: Runtimes) -> None:
    ids: list[str] = []

    async def note(operation: Operation) -> None:
        ids.append(operation.request_id)
        assert (operation.door, operation.caller.is_system) == ("timetable", True)

    async def three() -> bool:
        return len(ids) >= 3

    async with running(timetable(runtimes(), note)):
        await eventually(three)
    assert len(set(ids)) == len(ids)


async def test_entries_of_the_system_have_different_names_and_run(system: Operation) -> None:
    entries: Iterable[Entry] = timetable_entries(system.runtime.settings)
    names = [entry.name for entry in entries]
    assert len(set(names)) == len(names)
    for entry in maintenance.ENTRIES:
        await entry.function(system)
