"""Kills a server again and again in the middle of runs, and checks what is left."""

import asyncio
import random
import sqlite3
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.e2e.books import problems_in_the_books, updates_of
from tests.e2e.followers import GraphQLFollower, following
from tests.e2e.server_process import Client, ServerProcess
from tests.e2e.standstill import STANDSTILL, eager_flow


@dataclass
class Outcome:
    """What a run of kills came to."""

    kills: int
    statuses: dict[str, int]
    orders: int
    attempts: int
    restart_seconds: list[float]
    problems: list[str]
    events_stored: int
    events_seen: int
    events_in_order: bool


async def kill_again_and_again(var_dir: Path, executions: int, kills: int, seed: int = 1) -> Outcome:
    """Trigger so many runs while the server is killed so many times at random moments; returns what was found afterwards."""
    dice = random.Random(seed)
    server = ServerProcess(var_dir, LEASE_SECONDS="3", TICK_SECONDS="0.2", POSITION_MONITOR_SECONDS="0.5", **STANDSTILL)
    await asyncio.to_thread(server.start)
    try:
        return await _kill(server, var_dir / "tradewind.db", executions, kills, dice)
    finally:
        await asyncio.to_thread(server.stop)


async def _kill(server: ServerProcess, database: Path, executions: int, kills: int, dice: random.Random) -> Outcome:
    client = Client(server.url, "ada@example.com")
    await asyncio.to_thread(client.register)
    flows = [(await asyncio.to_thread(client.post, "/flows", eager_flow(f"Flow {number}")))["id"] for number in range(executions)]
    waiting = [(flow, str(uuid.UUID(int=dice.getrandbits(128)))) for flow in flows]
    restarts: list[float] = []
    subscriber = GraphQLFollower(server.url, client.token)
    async with following(subscriber):
        for kill in range(kills):
            count = len(waiting) if kill == kills - 1 else max(1, executions // kills)
            batch, waiting = waiting[:count], waiting[count:]
            triggering = asyncio.create_task(_trigger_until_accepted(client, batch))
            await _progress(database, events=dice.randrange(30))
            await asyncio.sleep(dice.uniform(0, 0.02))
            await asyncio.to_thread(server.kill)
            restarts.append(await asyncio.to_thread(server.start))
            await triggering
        statuses = await _wait_for_the_end(client, executions)
        stored = [cursor for cursor, _ in updates_of(database, "execution.updated")]
        await subscriber.has_seen(len(stored))
    orders, attempts = _figures(database)
    in_order = subscriber.cursors == stored
    problems = problems_in_the_books(database)
    return Outcome(kills, statuses, orders, attempts, restarts, problems, len(stored), len(subscriber.seen), in_order)


async def _progress(database: Path, events: int, seconds: float = 6) -> None:
    """Wait until so many more events are stored: a fast machine is killed as often in each step of a run as a slow one."""
    before, deadline = _stored(database), time.monotonic() + seconds
    while _stored(database) < before + events and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def _stored(database: Path) -> int:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
    finally:
        connection.close()


async def _trigger_until_accepted(client: Client, batch: list[tuple[str, str]]) -> None:
    for flow, key in batch:
        while True:
            try:
                await asyncio.to_thread(client.post, f"/flows/{flow}/trigger", None, **{"Idempotency-Key": key})
                break
            except httpx.TransportError:
                await asyncio.sleep(0.05)  # killed while it answered, or not up yet: the key makes asking again safe


async def _wait_for_the_end(client: Client, executions: int) -> dict[str, int]:
    deadline = time.monotonic() + 60
    while True:
        page = await asyncio.to_thread(client.get, "/flows/executions/all", limit=100)
        statuses: dict[str, int] = {}
        for run in page["items"]:
            statuses[run["status"]] = statuses.get(run["status"], 0) + 1
        if (not {"pending", "running"} & set(statuses) and page["total"] >= executions) or time.monotonic() > deadline:
            return statuses
        await asyncio.sleep(0.2)


def _figures(database: Path) -> tuple[int, int]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        orders = connection.execute("SELECT count(*) FROM orders").fetchone()[0]
        attempts = connection.execute("SELECT coalesce(sum(attempt), 0) FROM executions").fetchone()[0]
        return int(orders), int(attempts)
    finally:
        connection.close()
