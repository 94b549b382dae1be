"""Two streams that arrive as they like become one story."""

import asyncio
from typing import Any

import pytest

from domain.flows.steps import Step
from resolvers.demo import story
from resolvers.demo.client import DemoFailed
from resolvers.demo.story import Happening, Progress, VoteFell, VotesCounted, in_order

FETCH = Progress(Step.DATA_FETCH, 10, "step 0")
ANALYSE = Progress(Step.MARKET_ANALYSIS, 30, "step 1")
GATE = Progress(Step.RISK_VALIDATION, 60, "step 2")
ADA = VoteFell("trend follower", "buy", 58, "voted", "Up.")
BOB = VoteFell("volume reader", None, 0, "abstained", "No volume.")
COUNTED = VotesCounted(1, 2, "buy", 100, 58)

VOTE_OF_ADA = {"agent_name": "trend_follower_1", "content": {"text": "Up.", "confidence": 58, "status": "voted"}, "vote": {"action": "buy"}}
VOTE_OF_BOB = {
    "agent_name": "volume_reader_2",
    "content": {"text": "No volume.", "confidence": 0, "status": "abstained"},
    "vote": None,
}
COUNT = {
    "total_agents": 2,
    "votes": [{"action": "buy"}, {"action": None}],
    "consensus": {"action": "buy", "agreement": 100, "confidence": 58},
}


def _update(step: int, percent: int, status: str = "RUNNING") -> tuple[str, Any]:
    update = {"status": status, "currentStep": step, "progressPercent": percent, "stepName": f"step {step}"}
    return "update", {"executionUpdates": update}


def _frame(kind: str, data: Any) -> tuple[str, Any]:
    return "frame", {"type": kind, "data": data}


async def _told(*items: tuple[str, Any]) -> list[Happening]:
    queue: asyncio.Queue[Any] = asyncio.Queue()
    for item in items:
        queue.put_nowait(item)
    return [happening async for happening in in_order(queue)]


async def test_later_steps_wait_for_the_votes_that_they_follow() -> None:
    told = await _told(
        _update(0, 0, "PENDING"),
        _update(0, 10),
        _update(1, 30),
        _update(2, 60),
        _update(3, 100, "COMPLETED"),
        _frame("initial", {"messages": [VOTE_OF_ADA], "swarm_vote": None}),
        _frame("message", VOTE_OF_BOB),
        _frame("swarm_vote", COUNT),
    )

    assert told == [FETCH, ANALYSE, ADA, BOB, COUNTED, GATE]


async def test_late_listener_is_told_what_was_said_before() -> None:
    told = await _told(
        _frame("initial", {"messages": [VOTE_OF_ADA, VOTE_OF_BOB], "swarm_vote": COUNT}),
        _update(3, 100, "COMPLETED"),
    )

    assert told == [ADA, BOB, COUNTED]


async def test_run_that_fails_before_its_votes_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "GRACE_SECONDS", 0.01)

    assert await _told(_update(0, 10), _update(0, 0, "FAILED"), _frame("initial", {"messages": [], "swarm_vote": None})) == [FETCH]


async def test_silence_is_a_failure_of_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "RUN_SECONDS", 0.01)

    with pytest.raises(DemoFailed, match="does a worker run"):
        await _told(_update(0, 10))


async def test_lost_socket_is_a_failure_of_the_demo() -> None:
    with pytest.raises(DemoFailed, match="went away"):
        await _told(("failure", DemoFailed("The server went away")))
