"""What happens to a job's row when the job is done, fails, is repeated or is cut short."""

import asyncio

import pytest
import structlog

from domain.kernel.clock import ManualClock
from domain.runtime import outbox
from domain.runtime.operation import Operation
from domain.runtime.outbox import JobMessage, take_due
from domain.runtime.runtime import Runtime
from tests.workers.conftest import eventually, rows
from workers.jobs import JobRegistry, perform


async def enqueue(runtime: Runtime, name: str, **arguments: str) -> JobMessage:
    async with runtime.operation(request_id="req_of_the_click").unit_of_work() as work:
        work.enqueue(name, run_at=None, **arguments)
    (row,) = await rows(runtime)
    return outbox.message_of(row)


async def test_job_gets_its_arguments_and_the_request_id_and_its_row_goes(runtime: Runtime, jobs: JobRegistry) -> None:
    seen = []

    @jobs.job("flows.run")
    async def run(operation: Operation, execution_id: str) -> None:
        logged = structlog.contextvars.get_contextvars()
        seen.append((execution_id, operation.caller.is_system, operation.door, operation.request_id, logged["request_id"]))

    message = await enqueue(runtime, "flows.run", execution_id="exec_1")
    await asyncio.create_task(perform(runtime, jobs["flows.run"], message))

    assert seen == [("exec_1", True, "worker", "req_of_the_click", "req_of_the_click")]
    assert await rows(runtime) == []


async def test_failed_job_is_postponed_with_growing_pauses_and_given_up_after_8_attempts(
    runtime: Runtime, jobs: JobRegistry, clock: ManualClock
) -> None:
    calls = 0

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        nonlocal calls
        calls += 1
        raise ValueError("the venue is on fire")

    message = await enqueue(runtime, "flows.run")
    pauses = []
    for _ in range(8):
        await perform(runtime, jobs["flows.run"], message)
        (row,) = await rows(runtime)
        assert row.last_error == "ValueError: the venue is on fire"
        assert row.dispatched_at is None
        pauses.append((row.run_at - clock.now()).total_seconds())
        clock.set(row.run_at)

    assert pauses == [2, 4, 8, 16, 32, 64, 128, 0]
    assert calls == row.attempts == 8
    assert row.failed_at == clock.now()
    async with runtime.operation().unit_of_work() as work:
        assert await take_due(work.session, work.now) == []


async def test_message_that_comes_again_after_the_job_is_done_does_nothing(runtime: Runtime, jobs: JobRegistry) -> None:
    calls = 0

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        nonlocal calls
        calls += 1

    message = await enqueue(runtime, "flows.run")
    for _ in range(3):
        await perform(runtime, jobs["flows.run"], message)

    assert calls == 1


async def test_message_of_a_postponed_job_that_comes_early_does_nothing(runtime: Runtime, jobs: JobRegistry, clock: ManualClock) -> None:
    calls = 0

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        nonlocal calls
        calls += 1
        raise ValueError("not now")

    message = await enqueue(runtime, "flows.run")
    await perform(runtime, jobs["flows.run"], message)
    clock.advance(seconds=1.9)
    await perform(runtime, jobs["flows.run"], message)
    assert calls == 1

    clock.advance(seconds=0.1)
    await perform(runtime, jobs["flows.run"], message)
    assert calls == 2


async def test_job_over_its_time_limit_counts_as_failed(runtime: Runtime, jobs: JobRegistry) -> None:
    @jobs.job("flows.run", limit_seconds=0.05)
    async def run(operation: Operation) -> None:
        await asyncio.sleep(30)

    await perform(runtime, jobs["flows.run"], await enqueue(runtime, "flows.run"))

    (row,) = await rows(runtime)
    assert (row.attempts, row.last_error) == (1, "TimeoutError: ")


async def test_cancelled_job_is_free_for_any_worker_at_once(runtime: Runtime, jobs: JobRegistry) -> None:
    begun = asyncio.Event()

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        begun.set()
        await asyncio.sleep(30)

    message = await enqueue(runtime, "flows.run")
    running = asyncio.create_task(perform(runtime, jobs["flows.run"], message))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    async with runtime.operation().unit_of_work() as work:
        assert await take_due(work.session, work.now) == [message]
    (row,) = await rows(runtime)
    assert row.attempts == 0


async def test_long_job_is_not_taken_for_lost(
    runtime: Runtime, jobs: JobRegistry, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "REDELIVER_AFTER", outbox.REDELIVER_AFTER / 1000)
    go_on = asyncio.Event()

    @jobs.job("flows.run")
    async def run(operation: Operation) -> None:
        await go_on.wait()

    running = asyncio.create_task(perform(runtime, jobs["flows.run"], await enqueue(runtime, "flows.run")))
    clock.advance(minutes=5)

    async def stamped() -> bool:
        return (await rows(runtime))[0].dispatched_at == clock.now()

    await eventually(stamped)
    async with runtime.operation().unit_of_work() as work:
        assert await take_due(work.session, work.now) == []

    go_on.set()
    await running


def test_two_jobs_of_one_name_are_refused(jobs: JobRegistry) -> None:
    @jobs.job("flows.run")
    async def first(operation: Operation) -> None: ...

    with pytest.raises(ValueError, match=r"two jobs named flows\.run"):

        @jobs.job("flows.run")
        async def second(operation: Operation) -> None: ...
