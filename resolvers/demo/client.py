"""One user of a server, who knows it through its public doors alone: REST, GraphQL and both kinds of socket."""

import asyncio
import contextlib
import ipaddress
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from domain.kernel.ids import new_id

APP = "Tradewind"
ANSWER_SECONDS = 35.0
OPEN_SECONDS = 10.0
LOST = "The server went away while the demo was running"


class DemoFailed(Exception):
    """The demo cannot go on; the message is one sentence for people."""


class Client:
    """A user's connection; `register` comes first. Every method raises DemoFailed with the server's own sentence when it refuses."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.email = f"demo-{secrets.token_hex(5)}@example.com"
        self.password = secrets.token_urlsafe(12)
        self._token = ""
        # A proxy of the environment leads away from this machine.
        self.is_direct = _is_loopback(url)
        self._http = httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS, trust_env=not self.is_direct)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def register(self) -> None:
        """Make a new account and log in."""
        who = {"email": self.email, "password": self.password}
        await self.post("/auth/register", {**who, "first_name": "Demo", "last_name": "Trader"})
        tokens = await self.post("/auth/login", who)
        self._token = tokens["access_token"]
        self._http.headers["Authorization"] = f"Bearer {self._token}"

    async def get(self, path: str) -> Any:
        """Return an answer of `/api/v1`, its numbers exact."""
        return await self._rest("GET", path)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> Any:
        return await self._rest("POST", path, json=body, headers=headers)

    async def query(self, document: str, **variables: object) -> Any:
        """Return the data of a GraphQL operation."""
        answer = await self._send("POST", "/graphql", json={"query": document, "variables": variables})
        result = _document_of(answer)
        if "data" not in result or result.get("errors"):
            raise DemoFailed(_graphql_refusal(result.get("errors")))
        return result["data"]

    async def all_nodes(self, document: str, field: str, **variables: object) -> list[Any]:
        """Return the nodes of a connection, over all its pages; the document takes `$after`."""
        nodes: list[Any] = []
        after: str | None = None
        while True:
            page = (await self.query(document, after=after, **variables))[field]
            nodes += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return nodes
            after = page["pageInfo"]["endCursor"]

    @contextlib.asynccontextmanager
    async def subscriptions(self) -> AsyncIterator["Subscriptions"]:
        """Open a socket for GraphQL subscriptions."""
        async with self._socket("/graphql", subprotocols=["graphql-transport-ws"]) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": {"token": self._token}}))
            if (await _received(socket))["type"] != "connection_ack":
                raise DemoFailed("The server refused the GraphQL socket")
            async with Subscriptions(socket) as opened:
                yield opened

    async def conversation(self, execution_id: str) -> AsyncIterator[Any]:
        """Yield the frames of a run's conversation: `initial`, then every vote as it falls, then the count of the votes."""
        headers = {"Authorization": f"Bearer {self._token}"}
        async with self._socket(f"/api/v1/conversations/ws/{execution_id}", additional_headers=headers) as socket:
            while True:
                yield await _received(socket)

    @contextlib.asynccontextmanager
    async def _socket(self, path: str, **options: Any) -> AsyncIterator[ClientConnection]:
        url = f"ws{self.url.removeprefix('http')}{path}"
        try:
            async with connect(url, open_timeout=OPEN_SECONDS, proxy=None if self.is_direct else True, **options) as socket:
                yield socket
        except InvalidHandshake:
            raise DemoFailed(f"The server refused a socket at {path}") from None
        except (WebSocketException, OSError):
            raise DemoFailed(LOST) from None

    async def _rest(self, method: str, path: str, **options: Any) -> Any:
        answer = await self._send(method, f"/api/v1{path}", **options)
        document = _document_of(answer)
        if answer.is_error:
            raise DemoFailed(f"The server refused {method} {path} ({answer.status_code}): {_rest_refusal(document)}")
        return document

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return await self._http.request(method, path, **options)
        except httpx.TimeoutException:
            raise DemoFailed(f"The server did not answer {method} {path} within {ANSWER_SECONDS:g} s") from None
        except httpx.TransportError:
            raise DemoFailed(LOST) from None


class Subscriptions:
    """One socket with any number of GraphQL subscriptions on it, each with its own queue."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._queues: dict[str, asyncio.Queue[Any]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def subscribe(self, document: str, **variables: object) -> AsyncIterator[AsyncIterator[Any]]:
        """Begin a subscription at once; what it yields is the data of each result. It ends with the block."""
        id = new_id("sub")
        queue = self._queues[id] = asyncio.Queue()
        await self._send({"id": id, "type": "subscribe", "payload": {"query": document, "variables": variables}})
        try:
            yield _results(queue)
        finally:
            del self._queues[id]
            with contextlib.suppress(DemoFailed):
                await self._send({"id": id, "type": "complete"})

    async def _send(self, message: Mapping[str, Any]) -> None:
        try:
            await self._socket.send(json.dumps(message))
        except (WebSocketException, OSError):
            raise DemoFailed(LOST) from None

    async def _read(self) -> None:
        try:
            while True:
                message = await _received(self._socket)
                if message["type"] == "ping":
                    await self._socket.send(json.dumps({"type": "pong"}))
                elif queue := self._queues.get(message.get("id", "")):
                    queue.put_nowait(message)
        except (DemoFailed, WebSocketException, OSError):
            for queue in self._queues.values():
                queue.put_nowait({"type": "lost"})


async def health_of(url: str) -> bool:
    """Say whether a Tradewind server answers there; raises DemoFailed when something else does, or when the server is not well."""
    try:
        async with httpx.AsyncClient(base_url=url, timeout=OPEN_SECONDS, trust_env=not _is_loopback(url)) as http:
            answer = await http.get("/health")
    except httpx.TransportError:
        return False
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("app") != APP:
        raise DemoFailed(f"What answers at {url} is not a {APP} server")
    if answer.is_error or document.get("status") != "healthy":
        raise DemoFailed(f"The server at {url} is not healthy: it says {document.get('status', answer.status_code)!r}")
    return True


async def _results(queue: asyncio.Queue[Any]) -> AsyncIterator[Any]:
    while True:
        message = await queue.get()
        if message["type"] == "complete":
            return
        if message["type"] == "lost":
            raise DemoFailed(LOST)
        payload = message["payload"]
        if message["type"] == "error" or payload.get("errors"):
            raise DemoFailed(_graphql_refusal(payload if message["type"] == "error" else payload["errors"]))
        yield payload["data"]


async def _received(socket: ClientConnection) -> Any:
    try:
        return json.loads(await socket.recv(), parse_float=Decimal)
    except (WebSocketException, OSError):
        reason = f": {socket.close_reason}" if socket.close_reason else ""
        raise DemoFailed(f"The server closed a socket{reason}" if reason else LOST) from None


def _document_of(answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    try:
        return json.loads(answer.content, parse_float=Decimal)
    except ValueError:
        raise DemoFailed(f"The server answered {answer.request.url.path} with {answer.status_code} and no JSON") from None


def _rest_refusal(document: Any) -> str:
    detail = document.get("detail") if isinstance(document, dict) else None
    if isinstance(detail, list) and detail:
        return f"{'.'.join(str(part) for part in detail[0].get('loc', ())[1:])}: {detail[0].get('msg')}"
    return str(detail or "no reason given")


def _graphql_refusal(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) and errors else {}
    code = first.get("extensions", {}).get("code")
    return f"The server refused a GraphQL operation{f' ({code})' if code else ''}: {first.get('message', 'no reason given')}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
