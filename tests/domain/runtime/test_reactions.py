"""Reactions to events belong to the transaction that emits them."""

import pytest
from sqlalchemy import select

from domain.kernel.events import Event
from domain.runtime.event_log import EventRow
from domain.runtime.operation import Operation
from domain.runtime.outbox import OutboxJob
from domain.runtime.runtime import Runtime
from domain.runtime.unit_of_work import UnitOfWork
from tests.databases import both_databases


async def stored(system: Operation) -> tuple[list[str], list[str]]:
    """Return the types of all events and the names of all jobs, in the order they were written."""
    async with system.reading() as work:
        events = await work.session.scalars(select(EventRow).order_by(EventRow.seq))
        jobs = await work.session.scalars(select(OutboxJob).order_by(OutboxJob.id))
        return [event.type for event in events], [job.name for job in jobs]


@both_databases
async def test_reaction_is_written_with_the_fact(runtime: Runtime, system: Operation) -> None:
    async def answer(work: UnitOfWork, event: Event) -> None:
        work.emit(Event("answer.given", event.user_id, event.subject_id))
        work.enqueue("answers.send", about=event.subject_id)

    runtime.react("question.asked", answer)
    async with system.unit_of_work() as work:
        work.emit(Event("question.asked", "user_1", "question_1"))
        work.emit(Event("weather.changed", "user_1", "weather_1"))
    assert await stored(system) == (["question.asked", "weather.changed", "answer.given"], ["answers.send"])


async def test_what_a_reaction_emits_is_reacted_to_by_nobody(runtime: Runtime, system: Operation) -> None:
    async def echo(work: UnitOfWork, event: Event) -> None:
        work.emit(event)

    runtime.react("sound.made", echo)
    runtime.react("sound.made", echo)
    async with system.unit_of_work() as work:
        work.emit(Event("sound.made", "user_1", "sound_1"))
    assert await stored(system) == (["sound.made"] * 3, [])


async def test_reaction_that_fails_takes_the_fact_with_it(runtime: Runtime, system: Operation) -> None:
    async def fail(_work: UnitOfWork, _event: Event) -> None:
        raise RuntimeError("no")

    runtime.react("question.asked", fail)
    with pytest.raises(RuntimeError):
        async with system.unit_of_work() as work:
            work.emit(Event("question.asked", "user_1", "question_1"))
    assert await stored(system) == ([], [])


async def test_nothing_reacts_to_what_is_rolled_back_or_only_read(runtime: Runtime, system: Operation) -> None:
    seen = []

    async def note(_work: UnitOfWork, event: Event) -> None:
        seen.append(event.type)

    runtime.react("question.asked", note)
    with pytest.raises(RuntimeError):
        async with system.unit_of_work() as work:
            work.emit(Event("question.asked", "user_1", "question_1"))
            raise RuntimeError("no")
    async with system.reading() as work:
        work.emit(Event("question.asked", "user_1", "question_1"))
    assert seen == []
