"""The conversation socket: the discussion of one run as it stands, then each message and the vote as they fall."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import structlog
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from domain.analysts.conversations import ConversationRecord, find_conversation
from domain.audit.recording import note_refusal
from domain.flows.conversing import CONVERSATION_MESSAGE, CONVERSATION_SWARM_VOTE
from domain.flows.service import get_execution
from domain.kernel.errors import DomainError, ErrorCode
from domain.plans.allowances import Traffic, check
from domain.runtime import event_log
from domain.runtime.event_log import Cursor, Interest, StoredEvent
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from resolvers.identity import anonymous_operation, bearer_token, connected
from resolvers.live_session import is_origin_allowed, until_session_ends
from resolvers.realtime.feeds import check_readable
from schema.realtime import Frame, initial_frame
from schema.rest.rendering import to_json

log = structlog.get_logger()
DOOR = "conversation"
SUBPROTOCOL = "bearer."
FRAME_TYPES = {CONVERSATION_MESSAGE: "message", CONVERSATION_SWARM_VOTE: "swarm_vote"}
MAX_MESSAGE = 65_536
# A client that takes no frame for so long is cut off; meanwhile nothing piles up, since the log is read only as fast as it takes.
STALLED_SECONDS = 30.0

BAD_CURSOR, BAD_TOKEN, NOT_ALLOWED, NOT_THERE, TOO_OFTEN = 4400, 4401, 4403, 4404, 4429
TOO_BIG, GOING_ON_FAILED, TRY_AGAIN = 1009, 1011, 1013
CLOSE_CODES = {
    ErrorCode.CURSOR_INVALID: BAD_CURSOR,
    ErrorCode.CURSOR_EXPIRED: BAD_CURSOR,
    ErrorCode.FORBIDDEN: NOT_ALLOWED,
    ErrorCode.NOT_FOUND: NOT_THERE,
    ErrorCode.RATE_LIMIT_EXCEEDED: TOO_OFTEN,
}


class _Close(Exception):
    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason


class ConversationSocket:
    """Serves `/api/v1/conversations/ws/{execution_id}`."""

    def __init__(self, runtime: Callable[[], Runtime]) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        runtime = self._runtime()
        if not is_origin_allowed(runtime.settings, socket.headers.get("origin"), socket.headers.get("host")):
            await socket.close()  # before it is accepted: answered with 403
            return
        offered = next((name for name in scope.get("subprotocols", ()) if name.startswith(SUBPROTOCOL)), None)
        await socket.accept(offered)
        try:
            await self._serve(socket, anonymous_operation(socket, runtime, DOOR), _token_of(socket, offered))
        except _Close as end:
            await _close(socket, end.code, end.reason)
        except DomainError as refusal:
            await _close(socket, CLOSE_CODES.get(refusal.code, BAD_TOKEN), refusal.code.value)
        except WebSocketDisconnect:
            return
        except Exception:
            log.exception("conversation.failed")
            await _close(socket, GOING_ON_FAILED, ErrorCode.INTERNAL_ERROR.value)

    async def _serve(self, socket: WebSocket, anonymous: Operation, token: str | None) -> None:
        operation = await connected(anonymous, token)
        execution_id = socket.path_params["execution_id"]
        interest = Interest(operation.caller.id, tuple(FRAME_TYPES), execution_id)
        after = Cursor.parse(socket.query_params["after"]) if "after" in socket.query_params else None
        try:
            async with operation.reading() as work:
                await get_execution(work, execution_id)
        except DomainError as refusal:
            await note_refusal(operation, refusal)
            raise
        if after is not None:
            await check_readable(operation, interest, after)
        frames = _from_now(operation, interest) if after is None else _since(operation, interest, after)
        await _first_of(_send(socket, frames), _receive(socket, operation), _end_with_session(operation, token or ""))


async def _from_now(operation: Operation, interest: Interest) -> AsyncIterator[Frame]:
    async with operation.reading() as work:
        start = await event_log.head(work.session)
        record = await find_conversation(work, interest.execution_id or "")
    yield initial_frame(record, start)
    # On PostgreSQL what was read can hold more than the log shows yet; that must not come a second time.
    told = _Told(record)
    async for event in event_log.follow(operation, interest, start):
        if not told.holds(event):
            yield _frame(event)


async def _since(operation: Operation, interest: Interest, after: Cursor) -> AsyncIterator[Frame]:
    async for event in event_log.follow(operation, interest, after):
        yield _frame(event)


class _Told:
    """What the frame `initial` has already said."""

    def __init__(self, record: ConversationRecord | None) -> None:
        self._messages = {message.id for message in record.messages} if record else set()
        self._vote = record.conversation.swarm_vote if record else None

    def holds(self, event: StoredEvent) -> bool:
        if event.type == CONVERSATION_MESSAGE:
            return event.payload.get("id") in self._messages
        return event.payload == self._vote


def _frame(event: StoredEvent) -> Frame:
    return {"type": FRAME_TYPES[event.type], "data": event.payload, "cursor": str(event.cursor)}  # type: ignore[typeddict-item]


async def _send(socket: WebSocket, frames: AsyncIterator[Frame]) -> None:
    async for frame in frames:
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await socket.send_text(to_json(frame).decode())
        except TimeoutError:
            raise _Close(TRY_AGAIN, "Too slow") from None


async def _receive(socket: WebSocket, operation: Operation) -> None:
    # What a client says is ignored; it is read so that its leaving is noticed.
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        if len(message.get("text") or message.get("bytes") or "") > MAX_MESSAGE:
            raise _Close(TOO_BIG, "Too large")
        await check(operation, Traffic.FRAMES)


async def _end_with_session(operation: Operation, token: str) -> None:
    refusal = await until_session_ends(operation, token)
    raise _Close(BAD_TOKEN, refusal.code.value)


async def _first_of(*halves: Coroutine[Any, Any, None]) -> None:
    """Run side by side until one ends or fails, end the others with it, and pass its failure on."""
    tasks = [asyncio.create_task(half) for half in halves]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    try:
        await socket.close(code, reason)
    except (RuntimeError, OSError, WebSocketDisconnect):
        return  # it has closed itself meanwhile


def _token_of(socket: WebSocket, offered: str | None) -> str | None:
    return (
        socket.query_params.get("token")
        or bearer_token(socket.headers.get("authorization"))
        or (offered.removeprefix(SUBPROTOCOL) if offered else None)
    )
