"""GraphQL over WebSocket, protocol graphql-transport-ws: many operations on one socket, all of one session."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson
import structlog
from graphql import OperationType
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.ids import new_id
from domain.plans.allowances import Traffic, check
from domain.runtime.logging import bind_request
from domain.runtime.operation import Operation
from domain.runtime.rate_limits import RateLimited
from domain.runtime.runtime import Runtime
from resolvers.graphql_door.engine import Engine, OperationRequest, Refused
from resolvers.graphql_door.errors import to_json, wire_errors
from resolvers.identity import anonymous_operation, bearer_token, connected, identified
from resolvers.live_session import is_origin_allowed, until_session_ends
from schema.context import GraphQLContext

log = structlog.get_logger()
PROTOCOL = "graphql-transport-ws"
DOOR = "graphql"
INIT_SECONDS = 10.0
# A client that takes no message for so long is dropped; until then it holds up only itself, since streams are read as it takes them.
SEND_SECONDS = 30.0
CLOSE_SECONDS = 5.0
MAX_ID_LENGTH = 128
MAX_REASON_BYTES = 123  # what a close frame has room for


class _Close(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


class GraphQLOverWebSocket:
    """The ASGI endpoint of `/graphql` for sockets."""

    def __init__(self, engine: Engine, runtime: Callable[[], Runtime]) -> None:
        self.engine, self.runtime = engine, runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket, runtime = WebSocket(scope, receive, send), self.runtime()
        if not is_origin_allowed(runtime.settings, websocket.headers.get("origin"), websocket.headers.get("host")):
            await websocket.close()  # before it is accepted: the handshake is answered with 403
            return
        if PROTOCOL not in websocket.scope["subprotocols"]:
            await websocket.accept()
            await websocket.close(4406, "Subprotocol not acceptable")
            return
        await websocket.accept(PROTOCOL)
        await _Connection(websocket, self.engine, runtime).serve()


class _Connection:
    """One accepted socket."""

    def __init__(self, websocket: WebSocket, engine: Engine, runtime: Runtime) -> None:
        self.websocket, self.engine, self.runtime = websocket, engine, runtime
        self.anonymous = replace(anonymous_operation(websocket, runtime, DOOR), idempotency_key=None)
        self.token = ""
        self.running: dict[str, asyncio.Task[None]] = {}
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        """Listen and watch the session side by side; whichever ends first ends both, and every operation with them."""
        watch: asyncio.Task[None] | None = None
        listen: asyncio.Task[None] | None = None
        try:
            operation = await self._initialised()
            watch = asyncio.create_task(self._watch(operation))
            listen = asyncio.create_task(self._listen(operation))
            done, _ = await asyncio.wait((listen, watch, self.lost), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except WebSocketDisconnect:
            pass
        except _Close as close:
            await self._close(close)
        except Exception:
            log.exception("graphql.socket_failed", request_id=self.anonymous.request_id)
            await self._close(_Close(1011, "Internal server error"))
        finally:
            if not self.lost.cancel() and not self.lost.cancelled():
                self.lost.exception()  # seen, or something else ended the socket first
            await _cancelled(*filter(None, (watch, listen)), *self.running.values())

    async def _initialised(self) -> Operation:
        try:
            async with asyncio.timeout(INIT_SECONDS):
                while (message := await self._receive())["type"] in {"ping", "pong"}:
                    await self._answer_ping(message)
        except TimeoutError:
            raise _Close(4408, "Connection initialisation timeout") from None
        if message["type"] != "connection_init":
            raise _Close(4401, "Unauthorized")
        parameters = message.get("payload")
        if not isinstance(parameters, dict | None):
            raise _Close(4400, "The payload of connection_init must be an object")
        token = token_of(parameters or {})
        if token is None:
            raise _Close(4403, "UNAUTHORIZED: connectionParams must hold an access token")
        try:
            operation = await connected(self.anonymous, token)
        except DomainError as refusal:
            code = 4429 if refusal.code is ErrorCode.RATE_LIMIT_EXCEEDED else 4403
            raise _Close(code, f"{refusal.code.value}: {refusal.message}") from None
        self.token = token
        await self._send({"type": "connection_ack"})
        return operation

    async def _watch(self, operation: Operation) -> None:
        refusal = await until_session_ends(operation, self.token)
        raise _Close(4403, f"{refusal.code.value}: {refusal.message}")

    async def _listen(self, operation: Operation) -> None:
        while True:
            message = await self._receive()
            too_often = await _over_limit(operation)
            match message["type"]:
                case "subscribe":
                    await self._subscribe(message, too_often)
                case "complete":
                    if task := self.running.pop(_id_of(message), None):
                        task.cancel()
                case _ if too_often:
                    raise _Close(4429, f"{too_often.code.value}: {too_often.message}")
                case "ping" | "pong":
                    await self._answer_ping(message)
                case "connection_init":
                    raise _Close(4429, "Too many initialisation requests")
                case _:
                    raise _Close(4400, "Unknown message type")

    async def _answer_ping(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "ping":
            await self._send({"type": "pong"})

    async def _subscribe(self, message: Mapping[str, Any], refusal: DomainError | None) -> None:
        id = _id_of(message)
        if id in self.running:
            raise _Close(4409, f"Subscriber for {id} already exists")
        most = self.runtime.settings.graphql_max_subscriptions
        request_id = new_id("req")
        if len(self.running) >= most:
            refusal = DomainError(ErrorCode.TOO_MANY_SUBSCRIPTIONS, f"A socket carries at most {most} operations at a time", limit=most)
        if refusal is not None:
            await self._send({"id": id, "type": "error", "payload": wire_errors([refusal], request_id)})
            return
        task = asyncio.create_task(self._run(id, message.get("payload"), request_id))
        self.running[id] = task

    async def _run(self, id: str, payload: object, request_id: str) -> None:
        """Carry one operation; whatever ends it is told to the client, except that the client itself ended it."""
        try:
            bind_request(request_id)
            prepared = self.engine.prepare(OperationRequest.of(payload))
            # The rights of now, not those of when the socket was opened.
            operation = await identified(replace(self.anonymous, request_id=request_id), self.token)
            context = GraphQLContext(operation)
            if prepared.type is OperationType.SUBSCRIPTION:
                results = await self.engine.subscribe(prepared, context)
                async with contextlib.aclosing(results):  # type: ignore[type-var]
                    async for result in results:
                        await self._send_next(id, result, request_id)
            else:
                result = await self.engine.execute(prepared, context)
                await self._send_next(id, result, request_id)
            last: dict[str, Any] = {"id": id, "type": "complete"}
        except WebSocketDisconnect:
            return
        except Refused as refusal:
            last = {"id": id, "type": "error", "payload": wire_errors(refusal.errors, request_id)}
        except Exception as error:
            last = {"id": id, "type": "error", "payload": wire_errors([error], request_id)}
        # Its id is free again as soon as the client can know.
        if self.running.get(id) is asyncio.current_task():
            del self.running[id]
        with contextlib.suppress(WebSocketDisconnect):
            await self._send(last)

    async def _send_next(self, id: str, result: Any, request_id: str) -> None:
        payload = {"data": result.data}
        if result.errors:
            payload["errors"] = wire_errors(result.errors, request_id)
        if result.extensions:
            payload["extensions"] = result.extensions
        await self._send({"id": id, "type": "next", "payload": payload})

    async def _send(self, message: Mapping[str, Any]) -> None:
        text = to_json(message).decode()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.websocket.send_text(text)
        except TimeoutError:
            if not self.lost.done():
                self.lost.set_exception(_Close(1013, "The client takes no messages"))
            raise WebSocketDisconnect(1013) from None
        except RuntimeError:
            raise WebSocketDisconnect(1006) from None  # closed meanwhile

    async def _receive(self) -> dict[str, Any]:
        received = await self.websocket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        text = received.get("text")
        if text is None:
            raise _Close(4400, "Messages must be text")
        if len(text) > self.runtime.settings.max_body_bytes:
            raise _Close(1009, "Message too big")
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise _Close(4400, "Messages must be JSON") from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise _Close(4400, "Messages must be objects with a type")
        return message

    async def _close(self, close: _Close) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.websocket.close(close.code, close.reason)


def token_of(parameters: Mapping[str, object]) -> str | None:
    """Return the access token of `connectionParams`: `Authorization: "Bearer …"` with a key in any case, or `token`."""
    by_name = {name.lower(): value for name, value in parameters.items()}
    for name in ("authorization", "token"):
        value = by_name.get(name)
        if isinstance(value, str) and value.strip():
            token = bearer_token(value)
            return token if token else value.strip() if name == "token" else None
    return None


async def _over_limit(operation: Operation) -> DomainError | None:
    try:
        await check(operation, Traffic.FRAMES)
    except RateLimited as refusal:
        return refusal
    return None


def _id_of(message: Mapping[str, Any]) -> str:
    id = message.get("id")
    if not isinstance(id, str) or not 1 <= len(id) <= MAX_ID_LENGTH:
        raise _Close(4400, f"A message id is a string of 1 to {MAX_ID_LENGTH} characters")
    return id


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
