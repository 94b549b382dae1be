import asyncio
import json
import random
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from domain.accounts.service import log_out
from domain.analysts.conversations import get_conversation, get_voting
from domain.analysts.models import Conversation
from domain.flows.conversing import message_document
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.events import Event
from domain.runtime.runtime import Runtime
from schema.realtime import conversation_view, voting_view
from tests.databases import both_databases
from tests.resolvers.realtime.live import PATIENCE_SECONDS, Person, conversation_of, conversation_socket, execution_of, frame, message_of

VOTE = {
    "total_agents": 3,
    "votes": [],
    "results": {},
    "consensus": {"action": "buy", "confidence": 70, "agreement": 100, "is_unanimous": True},
}


async def say(someone: Person, execution_id: str, conversation_id: str, *numbers: int) -> None:
    async with someone.operation.unit_of_work() as work:
        for number in numbers:
            message = message_of(conversation_id, number, someone)
            work.session.add(message)
            work.emit(Event("conversation.message", someone.id, conversation_id, message_document(message), execution_id=execution_id))


async def vote(someone: Person, execution_id: str, conversation_id: str) -> None:
    async with someone.operation.unit_of_work() as work:
        conversation = await work.session.get(Conversation, conversation_id)
        assert conversation is not None
        conversation.swarm_vote = VOTE
        work.emit(Event("conversation.swarm_vote", someone.id, conversation_id, VOTE, execution_id=execution_id))


def speakers(messages: list[dict[str, Any]]) -> list[str]:
    return [message["agent_name"].removeprefix("market_analyst_") for message in messages]


async def closing_code(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as end:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                await socket.recv()
    assert end.value.rcvd is not None
    return end.value.rcvd.code, end.value.rcvd.reason


async def test_initial_is_followed_by_each_message_and_the_vote(address: str, ada: Person) -> None:
    execution_id = await execution_of(ada)
    conversation_id = await conversation_of(ada, execution_id)
    await say(ada, execution_id, conversation_id, 1)
    async with conversation_socket(address, execution_id, f"?token={ada.token}") as socket:
        initial = await frame(socket)
        assert set(initial) == {"type", "data", "cursor"} and initial["type"] == "initial"
        data = initial["data"]
        assert (data["id"], data["execution_id"], data["status"], data["swarm_vote"]) == (conversation_id, execution_id, "active", None)
        assert data["created_at"].endswith("Z")
        assert speakers(data["messages"]) == ["1"]
        await say(ada, execution_id, conversation_id, 2, 3)
        await vote(ada, execution_id, conversation_id)
        second, third, tally = [await frame(socket) for _ in range(3)]
        assert (second["type"], third["type"], tally["type"]) == ("message", "message", "swarm_vote")
        assert speakers([second["data"], third["data"]]) == ["2", "3"]
        assert set(second["data"]) == set(data["messages"][0])
        assert tally["data"] == VOTE


async def test_run_without_a_conversation_begins_empty(address: str, ada: Person) -> None:
    execution_id = await execution_of(ada)
    async with conversation_socket(address, execution_id, additional_headers={"Authorization": f"Bearer {ada.token}"}) as socket:
        assert (await frame(socket))["data"] == {"messages": [], "swarm_vote": None}
        await say(ada, execution_id, await conversation_of(ada, execution_id), 1)
        assert (await frame(socket))["type"] == "message"


async def test_subprotocol_carries_the_token_and_is_echoed(address: str, ada: Person) -> None:
    execution_id = await execution_of(ada)
    async with conversation_socket(address, execution_id, subprotocols=[f"bearer.{ada.token}"]) as socket:
        assert socket.subprotocol == f"bearer.{ada.token}"
        assert (await frame(socket))["type"] == "initial"


@both_databases
async def test_reader_that_keeps_coming_back_reads_everything_once(address: str, ada: Person) -> None:
    execution_id = await execution_of(ada)
    conversation_id = await conversation_of(ada, execution_id)
    dice = random.Random(7)

    async def discuss() -> None:
        for number in range(1, 41):
            await say(ada, execution_id, conversation_id, number)
            await asyncio.sleep(dice.uniform(0, 0.02))
        await vote(ada, execution_id, conversation_id)

    discussion = asyncio.create_task(discuss())
    read: list[str] = []
    after, votes = "", 0
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        while not votes:
            query = f"?token={ada.token}" + (f"&after={after}" if after else "")
            async with conversation_socket(address, execution_id, query) as socket:
                for _ in range(dice.randint(1, 9)):
                    found = await frame(socket)
                    after = found["cursor"]
                    votes += found["type"] == "swarm_vote"
                    if found["type"] != "swarm_vote":
                        read += speakers(found["data"]["messages"] if found["type"] == "initial" else [found["data"]])
                    if votes:
                        break
    await discussion
    assert read == [str(number) for number in range(1, 41)]
    assert votes == 1


async def test_refusals_are_told_by_close_codes(address: str, ada: Person, bob: Person, clock: ManualClock) -> None:
    execution_id = await execution_of(ada)
    refusals = [
        (execution_id, "", (4401, "UNAUTHORIZED")),
        (execution_id, "?token=x.y.z", (4401, "UNAUTHORIZED")),
        (execution_id, f"?token={bob.token}", (4404, "NOT_FOUND")),
        ("exec_none", f"?token={ada.token}", (4404, "NOT_FOUND")),
        (execution_id, f"?token={ada.token}&after=junk", (4400, "CURSOR_INVALID")),
        (execution_id, f"?token={ada.token}&after=ffff-ffff", (4400, "CURSOR_INVALID")),
    ]
    for run, query, expected in refusals:
        async with conversation_socket(address, run, query) as socket:
            assert await closing_code(socket) == expected, query
    clock.advance(hours=1)
    async with conversation_socket(address, execution_id, f"?token={ada.token}") as socket:
        assert await closing_code(socket) == (4401, "TOKEN_EXPIRED")


async def test_foreign_page_is_not_let_in(address: str, ada: Person) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with conversation_socket(address, "exec_1", f"?token={ada.token}", origin="https://evil.example"):
            pass
    assert refusal.value.response.status_code == 403


async def test_logout_closes_within_five_seconds(address: str, ada: Person) -> None:
    execution_id = await execution_of(ada)
    async with conversation_socket(address, execution_id, f"?token={ada.token}") as socket:
        await frame(socket)
        async with ada.operation.unit_of_work() as work:
            await log_out(work)
        assert await closing_code(socket) == (4401, "TOKEN_REVOKED")


async def test_what_a_client_says_is_ignored_but_not_without_limit(address: str, ada: Person) -> None:
    execution_id = await execution_of(ada)
    async with conversation_socket(address, execution_id, f"?token={ada.token}") as socket:
        await frame(socket)
        await socket.send("hello")
        await socket.send(b"\x00")
        await socket.send(json.dumps({"type": "initial"}))
        await say(ada, execution_id, await conversation_of(ada, execution_id), 1)
        assert (await frame(socket))["type"] == "message"
        await socket.send("x" * 100_000)
        assert (await closing_code(socket))[0] == 1009


async def test_conversation_and_its_votes_are_read_by_their_owner_only(runtime: Runtime, ada: Person, bob: Person) -> None:
    execution_id = await execution_of(ada)
    conversation_id = await conversation_of(ada, execution_id)
    await say(ada, execution_id, conversation_id, 1, 2)
    await vote(ada, execution_id, conversation_id)
    async with ada.operation.reading() as work:
        view = conversation_view(await get_conversation(work, execution_id))
        assert (view["id"], speakers(view["messages"])) == (conversation_id, ["1", "2"])  # type: ignore[arg-type]
        assert voting_view(await get_voting(work, conversation_id)) == {"id": conversation_id, "swarm_vote": VOTE}
    async with bob.operation.reading() as work:
        for question in (get_conversation(work, execution_id), get_voting(work, conversation_id)):
            with pytest.raises(DomainError) as refusal:
                await question
            assert refusal.value.code is ErrorCode.NOT_FOUND
