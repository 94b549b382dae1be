"""Follows one run through its two streams and tells what happens in the order in which it does."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from domain.flows.steps import Step
from resolvers.demo.client import Client, DemoFailed, Subscriptions

UPDATES = """subscription ($execution: ID!) {
  executionUpdates(executionId: $execution) { status currentStep progressPercent stepName message error { code message } }
}"""
RUN_SECONDS = 90.0
# The two streams are read side by side: what follows the votes waits so long for them, and no longer.
GRACE_SECONDS = 2.0
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Progress:
    """The run has come to a step."""

    step: Step
    percent: int
    label: str


@dataclass(frozen=True, slots=True)
class VoteFell:
    """An analyst has spoken; `action` is None if it abstained or failed, and `text` says why."""

    analyst: str
    action: str | None
    confidence_percent: int
    status: str
    text: str


@dataclass(frozen=True, slots=True)
class VotesCounted:
    """The tally."""

    voted: int
    total: int
    action: str
    agreement_percent: int
    confidence_percent: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over; `run`, `order` and `position` are the answers of `/api/v1`."""

    run: Mapping[str, Any]
    order: Mapping[str, Any] | None
    position: Mapping[str, Any] | None

    @property
    def traded(self) -> bool:
        return self.order is not None and self.order["status"] == "filled"


Happening = Progress | VoteFell | VotesCounted | Ended


async def follow_run(client: Client, subscriptions: Subscriptions, flow_id: str) -> AsyncGenerator[Happening]:
    """Trigger the flow and yield what happens until the run has ended."""
    execution_id = (await client.post(f"/flows/{flow_id}/trigger"))["id"]
    queue: asyncio.Queue[Any] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        updates = await stack.enter_async_context(subscriptions.subscribe(UPDATES, execution=execution_id))
        readers = [
            asyncio.create_task(_copy("update", updates, queue)),
            asyncio.create_task(_copy("frame", client.conversation(execution_id), queue)),
        ]
        stack.push_async_callback(_stop, readers)
        async for happening in in_order(queue):
            yield happening
    yield await ending_of(client, await client.get(f"/flows/executions/{execution_id}"))


async def ending_of(client: Client, run: Mapping[str, Any]) -> Ended:
    """Return a run that has ended with the order it placed and the position that this made."""
    result = run["result"] or {}
    order = await client.get(f"/orders/{result['order_id']}") if result.get("order_id") else None
    position = await client.get(f"/positions/{order['position_id']}") if order and order["position_id"] else None
    return Ended(run, order, position)


async def in_order(queue: asyncio.Queue[Any]) -> AsyncIterator[Happening]:
    """Yield what the two streams say, put into the queue as (`update` | `frame`, item), as one story; ends with the run.

    Raises DemoFailed when nothing comes any more, and a `failure` that was put into the queue.
    """
    # Votes come through one socket and progress through another: the later steps are held back until the votes are counted.
    held: list[Mapping[str, Any]] = []
    is_counted = False
    while True:
        try:
            kind, item = await asyncio.wait_for(queue.get(), GRACE_SECONDS if held else RUN_SECONDS)
        except TimeoutError:
            if not held:
                raise DemoFailed(f"The run made no progress for {RUN_SECONDS:g} s: does a worker run?") from None
            is_counted = True
        else:
            if kind == "failure":
                raise item
            if kind == "update":
                held.append(item["executionUpdates"])
            else:
                for happening in _said(item):
                    yield happening
                    is_counted = is_counted or isinstance(happening, VotesCounted)
        while held and (is_counted or _is_early(held[0])):
            update = held.pop(0)
            if update["status"] in ENDED:
                return
            if update["progressPercent"]:
                yield Progress(Step(update["currentStep"]), update["progressPercent"], update["stepName"])


def _is_early(update: Mapping[str, Any]) -> bool:
    return update["status"] not in ENDED and update["currentStep"] <= Step.MARKET_ANALYSIS


def _said(frame: Mapping[str, Any]) -> list[Happening]:
    kind, data = frame["type"], frame["data"]
    if kind == "swarm_vote":
        return [_counted(data)]
    if kind == "message":
        return [_vote(data)]
    votes: list[Happening] = [_vote(message) for message in data["messages"]]
    return [*votes, _counted(data["swarm_vote"])] if data["swarm_vote"] else votes


def _vote(message: Mapping[str, Any]) -> VoteFell:
    content = message["content"]
    return VoteFell(
        analyst=message["agent_name"].rpartition("_")[0].replace("_", " "),
        action=message["vote"] and message["vote"]["action"],
        confidence_percent=int(content["confidence"]),
        status=content.get("status", "voted"),
        text=content["text"],
    )


def _counted(data: Mapping[str, Any]) -> VotesCounted:
    consensus = data["consensus"]
    voted = [vote for vote in data["votes"] if vote["action"]]
    return VotesCounted(len(voted), data["total_agents"], consensus["action"], int(consensus["agreement"]), int(consensus["confidence"]))


async def _copy(kind: str, source: AsyncIterator[Any], queue: asyncio.Queue[Any]) -> None:
    try:
        async for item in source:
            queue.put_nowait((kind, item))
    except DemoFailed as failure:
        queue.put_nowait(("failure", failure))


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
