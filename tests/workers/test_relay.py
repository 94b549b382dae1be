import asyncio
from collections.abc import Sequence

from domain.runtime import outbox
from domain.runtime.outbox import BATCH, JobMessage
from domain.runtime.runtime import Runtime
from workers.relay import Relay


async def test_broker_that_is_down_is_tried_once_a_tick_however_many_jobs_wait(runtime: Runtime) -> None:
    rounds: list[int] = []

    async def refuse(messages: Sequence[JobMessage]) -> None:
        rounds.append(len(messages))
        async with runtime.operation().unit_of_work() as work:
            await outbox.release(work.session, [message.job_id for message in messages])

    async with runtime.operation().unit_of_work() as work:
        for _ in range(BATCH):
            work.enqueue("flows.run")
    async with runtime.operation().unit_of_work() as work:
        await outbox.forget_dispatches(work.session)
    relay = Relay(runtime, refuse)
    await relay.start()
    await asyncio.sleep(0.5)  # half a tick
    await relay.stop()
    assert rounds == [BATCH]
