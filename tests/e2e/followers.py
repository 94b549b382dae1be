"""Clients that follow a stream for ever: whatever cuts them off, they come back and go on from their last cursor."""

import asyncio
import contextlib
import json
import time
from abc import ABC, abstractmethod
from typing import Any

import aiohttp
import socketio
from websockets import WebSocketException
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

EXECUTION_UPDATES = (
    "subscription Follow($after: Cursor) { executionUpdates(after: $after) { cursor executionId status progressPercent message } }"
)
CONVERSATION_UPDATES = (
    "subscription Follow($id: ID!, $after: Cursor) "
    "{ conversationUpdates(executionId: $id, after: $after) { cursor type messages { id } swarmVote } }"
)
BEGINNING = "0-0"
PAUSE_SECONDS = 0.05


class Follower(ABC):
    """Notes every event once it has come, and where to go on; `ended` says with which code and reason the server closed."""

    def __init__(self) -> None:
        self.cursor = BEGINNING
        self.seen: list[dict[str, Any]] = []
        self.ended: tuple[int, str] | None = None

    @property
    def cursors(self) -> list[str]:
        return [event["cursor"] for event in self.seen]

    def note(self, event: dict[str, Any]) -> None:
        self.seen.append(event)
        self.cursor = event["cursor"]

    async def has_seen(self, count: int, seconds: float = 10) -> None:
        """Wait until so many events have come, or for so long."""
        deadline = time.monotonic() + seconds
        while len(self.seen) < count and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(PAUSE_SECONDS)

    async def follow(self) -> None:
        """Connect again and again, until cancelled."""
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError, socketio.exceptions.SocketIOError):
                await self.follow_once()
            await asyncio.sleep(PAUSE_SECONDS)

    @abstractmethod
    async def follow_once(self) -> None:
        """Connect, go on from the cursor, and note what comes until the connection ends."""

    @abstractmethod
    async def cut(self) -> None:
        """Tear the connection, without a goodbye."""


class _WebSocketFollower(Follower):
    def __init__(self) -> None:
        super().__init__()
        self._socket: ClientConnection | None = None

    async def cut(self) -> None:
        if self._socket is not None:
            self._socket.transport.abort()

    def _note_end(self, socket: ClientConnection) -> None:
        if socket.close_code is not None:
            self.ended = (socket.close_code, socket.close_reason or "")


class GraphQLFollower(_WebSocketFollower):
    """Follows a subscription that takes `after`; any error it is sent ends it."""

    def __init__(self, url: str, token: str, query: str = EXECUTION_UPDATES, **variables: Any) -> None:
        super().__init__()
        self._url, self._token = url.replace("http://", "ws://") + "/graphql", token
        self._query, self._variables = query, variables

    async def follow_once(self) -> None:
        protocol = Subprotocol("graphql-transport-ws")
        async with connect(self._url, subprotocols=[protocol], open_timeout=5, proxy=None) as self._socket:
            await self._send(type="connection_init", payload={"Authorization": f"Bearer {self._token}"})
            await self._socket.recv()
            variables = {**self._variables, "after": self.cursor}
            await self._send(id="1", type="subscribe", payload={"query": self._query, "variables": variables})
            try:
                async for frame in self._socket:
                    message = _document(frame)
                    assert message["type"] in {"next", "ping"}, message
                    if message["type"] == "next":
                        assert not message["payload"].get("errors"), message
                        self.note(next(iter(message["payload"]["data"].values())))
                    else:
                        await self._send(type="pong")
            finally:
                self._note_end(self._socket)

    async def _send(self, **message: Any) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps(message))


class ConversationFollower(_WebSocketFollower):
    """Follows the conversation of one run."""

    def __init__(self, url: str, token: str, execution_id: str) -> None:
        super().__init__()
        self._url = f"{url.replace('http://', 'ws://')}/api/v1/conversations/ws/{execution_id}?token={token}"

    async def follow_once(self) -> None:
        async with connect(f"{self._url}&after={self.cursor}", open_timeout=5, proxy=None) as self._socket:
            try:
                async for frame in self._socket:
                    self.note(_document(frame))
            finally:
                self._note_end(self._socket)


class SocketIOFollower(Follower):
    """Follows `execution_update` of all of its user's runs."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__()
        self._url, self._token = url, token
        self._client: Any = None

    async def follow_once(self) -> None:
        gone = asyncio.Event()
        async with aiohttp.ClientSession() as http:
            client = self._client = socketio.AsyncClient(reconnection=False, http_session=http)
            client.on("execution_update", self._hear)
            client.on("disconnect", lambda _reason: gone.set())
            auth = {"token": self._token, "after": self.cursor}
            await client.connect(self._url, auth=auth, transports=["websocket"], wait_timeout=5)
            try:
                # Not `client.wait`: aiohttp goes on for ten seconds after a connection that has ended.
                await gone.wait()
            finally:
                await self.cut()

    async def cut(self) -> None:
        if self._client is not None:
            with contextlib.suppress(TimeoutError, OSError, aiohttp.ClientError):
                async with asyncio.timeout(1):
                    await self._client.eio.disconnect(abort=True)

    async def _hear(self, event: dict[str, Any]) -> None:
        if not event.get("snapshot"):
            self.note(event)


def _document(frame: str | bytes) -> Any:
    # Fractions as they are written: in free JSON, GraphQL sends them as strings and the conversation socket as numbers.
    return json.loads(frame, parse_float=str)


@contextlib.asynccontextmanager
async def following(*followers: Follower) -> Any:
    """Follow within the block; an error of a follower is raised at its end."""
    tasks = [asyncio.create_task(follower.follow()) for follower in followers]
    try:
        yield
    finally:
        failed = [task.exception() for task in tasks if task.done() and not task.cancelled()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for error in failed:
        if error is not None:
            raise error
