"""Subscribers whose connections tear at random, and whose server is killed and started again, miss nothing and hear nothing twice."""

import asyncio
import random
from pathlib import Path

from tests.e2e.books import updates_of
from tests.e2e.conftest import QUICK
from tests.e2e.followers import GraphQLFollower, SocketIOFollower, following
from tests.e2e.server_process import Client, ServerProcess
from tests.e2e.standstill import STANDSTILL, eager_flow

ROUNDS, RUNS_A_ROUND, KILLED_IN_ROUND = 3, 3, 1


async def test_followers_cut_off_at_random_see_every_event_once(tmp_path: Path) -> None:
    dice = random.Random(11)
    server = ServerProcess(tmp_path, LEASE_SECONDS="3", **QUICK, **STANDSTILL)
    await asyncio.to_thread(server.start)
    try:
        ada = Client(server.url, "ada@example.com")
        await asyncio.to_thread(ada.register)
        followers = (GraphQLFollower(server.url, ada.token), SocketIOFollower(server.url, ada.token))
        async with following(*followers):
            for round in range(ROUNDS):
                for number in range(RUNS_A_ROUND):
                    flow = await asyncio.to_thread(ada.post, "/flows", eager_flow(f"{round}.{number}"))
                    await asyncio.to_thread(ada.post, f"/flows/{flow['id']}/trigger")
                for follower in dice.sample(followers, 2):
                    await follower.has_seen(len(follower.seen) + dice.randrange(10), seconds=1)
                    await follower.cut()
                if round == KILLED_IN_ROUND:
                    await asyncio.to_thread(server.kill)
                    await asyncio.to_thread(server.start)
            await _all_ended(ada)
            stored = [cursor for cursor, _ in updates_of(tmp_path / "tradewind.db", "execution.updated")]
            for follower in followers:
                await follower.has_seen(len(stored))
    finally:
        await asyncio.to_thread(server.stop)

    assert len(stored) >= ROUNDS * RUNS_A_ROUND * 6, "each run queues, goes through four steps and ends"
    for follower in followers:
        assert follower.cursors == stored, type(follower).__name__


async def _all_ended(ada: Client) -> None:
    async with asyncio.timeout(30):
        while True:
            page = await asyncio.to_thread(ada.get, "/flows/executions/all", limit=100)
            if {run["status"] for run in page["items"]} == {"completed"}:
                return
            await asyncio.sleep(0.1)
