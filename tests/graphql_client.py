"""A GraphQL client for tests: over HTTP in the same process, and over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from domain.runtime.runtime import Runtime
from resolvers.graphql import graphql_routes
from resolvers.http import http_middleware

PROTOCOL = Subprotocol("graphql-transport-ws")
PATIENCE_SECONDS = 60  # for what is sure to come, on however busy a machine


def graphql_app(runtime: Runtime) -> Starlette:
    return Starlette(routes=graphql_routes(lambda: runtime, runtime.settings), middleware=http_middleware(runtime.settings))


class GraphQLClient:
    """Asks over HTTP in the name of whoever the headers say."""

    def __init__(self, http: httpx.AsyncClient, headers: dict[str, str] | None = None) -> None:
        self.http, self.headers = http, headers or {}

    def as_(self, headers: dict[str, str]) -> "GraphQLClient":
        return GraphQLClient(self.http, headers)

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the whole answer."""
        response = await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=self.headers)
        answer: dict[str, Any] = response.json()
        return answer

    async def data(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of an answer that has no errors."""
        answer = await self.ask(query, **variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def error(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the only error of an answer."""
        answer = await self.ask(query, **variables)
        assert len(answer["errors"]) == 1, answer
        error: dict[str, Any] = answer["errors"][0]
        return error

    async def refusal(self, query: str, **variables: Any) -> str:
        """Return the code of the only error of an answer."""
        return str((await self.error(query, **variables))["extensions"]["code"])


class Socket:
    """A graphql-transport-ws connection in plain frames."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self.connection.recv(), PATIENCE_SECONDS))
        return message

    async def start(self, token: str) -> None:
        await self.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, query: str, id: str = "1", **variables: Any) -> None:
        await self.send(id=id, type="subscribe", payload={"query": query, "variables": variables})

    async def next(self, id: str = "1") -> dict[str, Any]:
        """Return the data of the next result."""
        message = await self.receive()
        assert message["type"] == "next" and message["id"] == id, message
        assert "errors" not in message["payload"], message
        data: dict[str, Any] = message["payload"]["data"]
        return data

    async def closed(self) -> tuple[int, str]:
        """Wait until the server closes; return its code and reason."""
        await asyncio.wait_for(self.connection.wait_closed(), PATIENCE_SECONDS)
        return self.connection.close_code or 0, self.connection.close_reason or ""


@asynccontextmanager
async def socket_to(port: int, **options: Any) -> AsyncIterator[Socket]:
    options.setdefault("subprotocols", [PROTOCOL])
    async with connect(f"ws://127.0.0.1:{port}/graphql", proxy=None, **options) as connection:
        yield Socket(connection)
