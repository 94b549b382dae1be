"""Jobs from the commit to the end, over every broker: done, however often something dies on the way."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Callable

import pytest

from domain.kernel.clock import SystemClock
from domain.runtime.operation import Operation
from domain.runtime.outbox import REDELIVER_AFTER
from domain.runtime.runtime import Runtime
from tests.databases import both_databases
from tests.workers.conftest import Carrier, eventually, rows
from workers.background import Background
from workers.jobs import JobRegistry

Runtimes = Callable[..., Runtime]


def background(runtime: Runtime, jobs: JobRegistry, *, runs_jobs: bool = True) -> Background:
    return Background(runtime, jobs, (), runs_jobs=runs_jobs)


async def no_rows(runtime: Runtime) -> bool:
    return await rows(runtime) == []


async def test_50_jobs_are_done_and_leave_no_row(runtimes: Runtimes, jobs: JobRegistry, carrier: Carrier) -> None:
    runtime = runtimes(broker_url=carrier.url, redis_prefix=carrier.prefix)
    done: Counter[str] = Counter()

    @jobs.job("flows.run")
    async def run(operation: Operation, execution_id: str) -> None:
        done[execution_id] += 1

    process = background(runtime, jobs)
    await process.start()
    try:
        for first in range(0, 50, 10):
            async with runtime.operation().unit_of_work() as work:
                for number in range(first, first + 10):
                    work.enqueue("flows.run", execution_id=f"exec_{number}")
        await eventually(lambda: no_rows(runtime))
    finally:
        await process.stop()

    assert set(done) == {f"exec_{number}" for number in range(50)}


@both_databases
async def test_worker_in_another_process_does_the_jobs_of_the_server(runtimes: Runtimes, jobs: JobRegistry, redis_carrier: Carrier) -> None:
    over_redis = {"broker_url": redis_carrier.url, "redis_prefix": redis_carrier.prefix}
    server, worker = runtimes(**over_redis), runtimes(**over_redis)
    done_by: set[Runtime] = set()

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        done_by.add(operation.runtime)

    processes = [background(server, JobRegistry(), runs_jobs=False), background(worker, jobs)]
    for process in processes:
        await process.start()
    try:
        async with server.operation().unit_of_work() as work:
            work.enqueue("flows.run")
        await eventually(lambda: no_rows(server))
    finally:
        for process in processes:
            await process.stop()

    assert done_by == {worker}


async def test_job_survives_a_crash_between_commit_and_dispatch(runtimes: Runtimes, jobs: JobRegistry) -> None:
    done = asyncio.Event()

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        done.set()

    runtime = runtimes()
    async with runtime.operation().unit_of_work() as work:  # nothing dispatches yet: this is where the process died
        work.enqueue("flows.run")
    assert (await rows(runtime))[0].dispatched_at is not None

    after_restart = background(runtimes(), jobs)
    await after_restart.start()
    try:
        await asyncio.wait_for(done.wait(), 2)
        await eventually(lambda: no_rows(runtime))
    finally:
        await after_restart.stop()


async def test_job_that_the_broker_lost_is_sent_again_after_a_minute(runtimes: Runtimes, jobs: JobRegistry, redis_carrier: Carrier) -> None:
    done = asyncio.Event()

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        done.set()

    runtime = runtimes(broker_url=redis_carrier.url, redis_prefix=redis_carrier.prefix)
    async with runtime.operation().unit_of_work() as work:
        work.enqueue("flows.run")
    process = background(runtime, jobs)
    await process.start()
    try:
        await asyncio.sleep(0.3)
        assert not done.is_set(), "it was sent a moment ago and may be on its way"

        class InAMinute(SystemClock):
            def now(self):  # type: ignore[no-untyped-def]
                return super().now() + REDELIVER_AFTER

        runtime.clock = InAMinute()
        await asyncio.wait_for(done.wait(), 5)
    finally:
        await process.stop()


async def test_broker_that_does_not_answer_fails_no_request_and_loses_no_job(runtimes: Runtimes, jobs: JobRegistry) -> None:
    runtime = runtimes(broker_url="redis://127.0.0.1:1/0", redis_prefix="test")
    server = background(runtime, jobs, runs_jobs=False)
    await server.start()
    try:
        async with runtime.operation().unit_of_work() as work:
            work.enqueue("flows.run")

        async def released() -> bool:
            return (await rows(runtime))[0].dispatched_at is None

        await eventually(released)
    finally:
        await server.stop()


async def test_jobs_cut_short_by_a_stop_are_done_by_the_next_process(runtimes: Runtimes, jobs: JobRegistry, carrier: Carrier) -> None:
    runtime = runtimes(broker_url=carrier.url, redis_prefix=carrier.prefix)
    begun, patient = asyncio.Event(), True

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        begun.set()
        if patient:
            await asyncio.sleep(60)

    process = background(runtime, jobs)
    await process.start()
    async with runtime.operation().unit_of_work() as work:
        work.enqueue("flows.run")
    await asyncio.wait_for(begun.wait(), 5)
    started = time.monotonic()
    await process.stop(grace_seconds=0.2)
    assert time.monotonic() - started < 3
    assert (await rows(runtime))[0].dispatched_at is None

    patient = False
    jobs_of_the_next = JobRegistry()
    jobs_of_the_next.job("flows.run")(run)
    process = background(runtimes(broker_url=carrier.url, redis_prefix=carrier.prefix), jobs_of_the_next)
    await process.start()
    try:
        await eventually(lambda: no_rows(runtime))
    finally:
        await process.stop()


async def test_stop_lets_a_running_job_finish(runtimes: Runtimes, jobs: JobRegistry) -> None:
    runtime, begun = runtimes(), asyncio.Event()

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        begun.set()
        await asyncio.sleep(0.3)

    process = background(runtime, jobs)
    await process.start()
    async with runtime.operation().unit_of_work() as work:
        work.enqueue("flows.run")
    await begun.wait()
    await process.stop()

    assert await rows(runtime) == []


async def test_job_for_later_waits_for_its_time(runtimes: Runtimes, jobs: JobRegistry) -> None:
    runtime = runtimes()
    done_at: list[float] = []

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        done_at.append(operation.clock.now().timestamp())

    process = background(runtime, jobs)
    await process.start()
    try:
        async with runtime.operation().unit_of_work() as work:
            due = work.now.timestamp() + 0.4
            work.enqueue("flows.run", run_at=type(work.now).fromtimestamp(due, work.now.tzinfo))
        await eventually(lambda: no_rows(runtime))
    finally:
        await process.stop()

    assert done_at[0] >= due


async def test_jobs_run_side_by_side_up_to_the_number_of_threads(runtimes: Runtimes, jobs: JobRegistry) -> None:
    runtime = runtimes(worker_threads=4)
    running = most = 0
    four = asyncio.Event()

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 4:
            four.set()
        await four.wait()
        await asyncio.sleep(0.05)  # in which a fifth could begin
        running -= 1

    process = background(runtime, jobs)
    await process.start()
    try:
        async with runtime.operation().unit_of_work() as work:
            for _ in range(12):
                work.enqueue("flows.run")
        await eventually(lambda: no_rows(runtime))
    finally:
        await process.stop()

    assert most == 4


def test_server_without_worker_or_broker_is_refused(settings, jobs):  # type: ignore[no-untyped-def]
    runtime = Runtime(settings, SystemClock(), None, None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="EMBEDDED_WORKER=false needs a BROKER_URL or REDIS_URL"):
        background(runtime, jobs, runs_jobs=False)


async def test_latency_from_commit_to_job(runtimes: Runtimes, jobs: JobRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    runtime = runtimes()
    begun: asyncio.Queue[float] = asyncio.Queue()

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        begun.put_nowait(time.perf_counter())

    process = background(runtime, jobs)
    await process.start()
    milliseconds = []
    try:
        for _ in range(50):
            async with runtime.operation().unit_of_work() as work:
                work.enqueue("flows.run")
            committed = time.perf_counter()
            milliseconds.append((await begun.get() - committed) * 1000)
    finally:
        await process.stop()
    with capsys.disabled():
        print(f"\nembedded worker: p50 {statistics.median(milliseconds):.1f} ms from commit to job", end=" ")  # noqa: T201
