"""Socket.IO: who may connect, which rooms a socket is in, and what it is sent."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import socketio
import structlog
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from domain.audit.recording import note_refusal
from domain.flows.events import EXECUTION_UPDATED
from domain.flows.service import get_execution
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Permission
from domain.market.instruments import find_instrument
from domain.market.market import Market
from domain.notifications.events import NOTIFICATION_CREATED
from domain.plans.allowances import Traffic, check
from domain.runtime.event_log import Cursor, Interest, StoredEvent
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.trading.events import POSITION_UPDATED
from resolvers.identity import anonymous_operation, bearer_token, connected
from resolvers.live_session import is_origin_allowed, session_end
from resolvers.realtime.engine import Engine
from resolvers.realtime.feeds import Reader, SocketGone, UserFeed, check_readable, head
from resolvers.realtime.packets import INVALID_JSON, TOO_LARGE, event_text
from resolvers.realtime.prices import PriceFeeds
from schema.realtime import execution_snapshot, execution_update, position_update

log = structlog.get_logger()
DOOR = "socket.io"
RuntimeGetter = Callable[[], Runtime]

# How long a new socket is held before it goes live, so that a client that reconnects can `resume` before anything newer arrives.
HOLD_SECONDS = 0.5
MAX_SOCKETS_OF_USER = 50
MAX_ROOMS = 200
MAX_SYMBOLS = 50
MAX_TEXT = 200
MAX_ASKED_AT_ONCE = 100
# Packets that wait for one client: beyond the first it is cut off, beyond the others nothing more is replayed, no price is sent.
MAX_WAITING, MAX_WAITING_OF_REPLAY, MAX_WAITING_FOR_PRICES = 1_000, 100, 20
STALLED_SECONDS = 15.0
# After these the client only has to connect again, with a fresh token: the transport closes, and clients do so by themselves.
RECONNECTABLE = {ErrorCode.TOKEN_EXPIRED}

Ack = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Update:
    """An event as it goes over the wire, the rooms it is for, and what a caller needs to see it."""

    cursor: Cursor
    rooms: frozenset[str]
    permission: Permission
    text: str


def update_of(event: StoredEvent, user_id: str) -> Update:
    if event.type == EXECUTION_UPDATED:
        rooms = frozenset((f"positions:{user_id}", f"executions:{event.subject_id}"))
        return Update(event.cursor, rooms, Permission.EXECUTIONS_READ, event_text("execution_update", execution_update(event)))
    if event.type == NOTIFICATION_CREATED:
        text = event_text("notification", {**event.payload, "cursor": str(event.cursor)})
        return Update(event.cursor, frozenset((f"positions:{user_id}",)), Permission.NOTIFICATIONS_READ, text)
    text = event_text("position_update", position_update(event))
    return Update(event.cursor, frozenset((f"positions:{user_id}",)), Permission.POSITIONS_READ, text)


@dataclass(eq=False)
class Connection:
    """One identified socket."""

    engine: Engine
    transport_id: str
    operation: Operation
    rooms: set[str]
    symbols: set[str] = field(default_factory=set)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    asked: int = 0
    reader: Reader[Update] = field(init=False)

    @property
    def user_id(self) -> str:
        return self.operation.caller.id

    def act_as(self, operation: Operation) -> None:
        """Take the rights that the caller has now."""
        self.operation = operation

    def _wants(self, update: Update) -> bool:
        return not update.rooms.isdisjoint(self.rooms) and self.operation.caller.may(update.permission)

    async def offer(self, update: Update) -> None:
        if self._wants(update):
            await self.send(update.text)

    async def push(self, update: Update) -> bool:
        if not self._wants(update):
            return False
        if not await self.engine.has_room(self.transport_id, MAX_WAITING_OF_REPLAY, STALLED_SECONDS):
            await self.engine.hang_up(self.transport_id, at_once=True)
            raise SocketGone
        await self.send(update.text)
        return True

    async def offer_price(self, text: str) -> None:
        # A price that has to wait is an old price.
        if (self.engine.waiting(self.transport_id) or 0) <= MAX_WAITING_FOR_PRICES:
            await self.send(text)

    async def send(self, text: str) -> None:
        """Send an event, or cut off a client that does not read what it is sent: it can connect again and resume."""
        waiting = self.engine.waiting(self.transport_id)
        if waiting is not None and waiting >= MAX_WAITING:
            log.info("socketio.slow_client", user_id=self.operation.caller.user_id, waiting=waiting)
            await self.engine.hang_up(self.transport_id, at_once=True)
        elif waiting is not None:
            await self.engine.send_text(self.transport_id, text)


class SocketIODoor:
    """The Socket.IO server of one process. It needs no link to the others: each follows the event log itself."""

    def __init__(self, runtime: RuntimeGetter) -> None:
        self._runtime = runtime
        self._connections: dict[str, Connection] = {}
        self._feeds: dict[str, UserFeed[Update]] = {}
        self._prices: PriceFeeds | None = None
        self._engine = Engine(self._is_origin_allowed)
        self._engine.on("connect", self._connect)
        self._engine.on("disconnect", self._disconnect)
        self._engine.on("*", self._answer)
        self._app = socketio.ASGIApp(self._engine, socketio_path="/socket.io")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except (ValueError, RecursionError) as error:  # a transport that does not speak the protocol
            log.info("socketio.broken_transport", error=f"{type(error).__name__}: {error}"[:MAX_TEXT])

    def _is_origin_allowed(self, origin: str | None, environ: Mapping[str, Any]) -> bool:
        return is_origin_allowed(self._runtime().settings, origin, environ.get("HTTP_HOST"))

    # --- coming and going

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: object) -> None:
        try:
            await self._admit(sid, environ, auth if isinstance(auth, dict) else {})
        except DomainError as refusal:
            details = {name: refusal.details[name] for name in ("retry_after",) if name in refusal.details}
            raise socketio.exceptions.ConnectionRefusedError(refusal.message, {"code": refusal.code.value, **details}) from None
        except Exception:
            log.exception("socketio.connect_failed")
            raise socketio.exceptions.ConnectionRefusedError("Internal server error", {"code": ErrorCode.INTERNAL_ERROR.value}) from None

    async def _admit(self, sid: str, environ: Mapping[str, Any], auth: dict[str, Any]) -> None:
        anonymous = anonymous_operation(HTTPConnection(environ["asgi.scope"]), self._runtime(), DOOR)
        sent = auth.get("token")
        token = sent.removeprefix("Bearer ").strip() if isinstance(sent, str) else bearer_token(environ.get("HTTP_AUTHORIZATION"))
        operation = await connected(anonymous, token)
        start = await head(operation)
        after = None
        if auth.get("after") is not None:
            after = Cursor.parse(_text(auth, "after"))
            await check_readable(operation, _interest(operation), after)
        connection = Connection(self._engine, self._engine.transport_of(sid), operation, {f"positions:{operation.caller.id}"})
        if self._engine.waiting(connection.transport_id) is None:
            raise DomainError(ErrorCode.BAD_REQUEST, "The client has gone")  # no disconnect would ever be told of it
        feed = self._feeds.get(connection.user_id)
        if feed is not None and len(feed) >= MAX_SOCKETS_OF_USER:
            raise DomainError(ErrorCode.RATE_LIMIT_EXCEEDED, f"At most {MAX_SOCKETS_OF_USER} sockets a user", limit=MAX_SOCKETS_OF_USER)
        if feed is None:
            feed = self._feeds[connection.user_id] = self._new_feed(operation, start)
        connection.reader = Reader(feed, connection, start)
        feed.join(connection.reader)
        self._connections[sid] = connection
        connection.tasks = [
            asyncio.create_task(self._begin(connection, after)),
            asyncio.create_task(self._end_with_session(sid, connection, token or "")),
        ]

    def _new_feed(self, operation: Operation, start: Cursor) -> UserFeed[Update]:
        user_id = operation.caller.id
        return UserFeed(operation, _interest(operation), start, lambda event: update_of(event, user_id))

    async def _begin(self, connection: Connection, after: Cursor | None) -> None:
        try:
            if after is None:
                await asyncio.sleep(HOLD_SECONDS)
                await connection.reader.go_live()
            else:
                await connection.reader.resume(after)
        except SocketGone:
            return
        except Exception as error:
            log.warning("socketio.stream_failed", error=f"{type(error).__name__}: {error}")
            await self._engine.hang_up(connection.transport_id)

    async def _end_with_session(self, sid: str, connection: Connection, token: str) -> None:
        refusal = await session_end(connection.operation, token, connection.act_as)
        if refusal.code not in RECONNECTABLE:
            await self._engine.disconnect(sid)
        await self._engine.hang_up(connection.transport_id)

    async def _disconnect(self, sid: str, _reason: object = None) -> None:
        connection = self._connections.pop(sid, None)
        if connection is None:
            return
        self._forget_symbols(connection, set(connection.symbols))
        feed = self._feeds[connection.user_id]
        if feed.leave(connection.reader):
            del self._feeds[connection.user_id]
        for task in connection.tasks:
            if task is not asyncio.current_task():
                task.cancel()

    # --- what clients ask

    async def _answer(self, name: str, sid: str, *arguments: object) -> Ack | None:
        connection = self._connections.get(sid)
        if connection is None:
            return None
        waiting = self._engine.waiting(connection.transport_id)
        if waiting is None or waiting >= MAX_WAITING or connection.asked >= MAX_ASKED_AT_ONCE:
            # It asks and asks, and does not wait for answers.
            await self._engine.hang_up(connection.transport_id, at_once=True)
            return None
        connection.asked += 1
        try:
            await check(connection.operation, Traffic.FRAMES)
            return {"success": True, **await self._do(connection, name, arguments)}
        except DomainError as refusal:
            await note_refusal(connection.operation, refusal)
            return _refused(refusal.code, refusal.message)
        except SocketGone:
            return None
        except Exception:
            log.exception("socketio.request_failed", socket_event=name[:MAX_TEXT], request_id=connection.operation.request_id)
            await self._engine.hang_up(connection.transport_id)
            return _refused(ErrorCode.INTERNAL_ERROR, "Internal server error")
        finally:
            connection.asked -= 1

    async def _do(self, connection: Connection, name: str, arguments: tuple[object, ...]) -> Ack:
        if name == TOO_LARGE:
            raise DomainError(ErrorCode.PAYLOAD_TOO_LARGE, "The payload is too large")
        if name == INVALID_JSON:
            raise DomainError(ErrorCode.INVALID_JSON, "The payload is not valid JSON")
        verb = VERBS.get(name)
        if verb is None:
            raise DomainError(ErrorCode.BAD_REQUEST, f"Unknown event: {name[:40]}")
        payload = arguments[0] if arguments else {}
        if not isinstance(payload, dict) or len(arguments) > 1:
            raise DomainError(ErrorCode.VALIDATION_ERROR, f"{name} takes one object")
        return await verb(self, connection, payload)

    async def _subscribe_positions(self, connection: Connection, payload: dict[str, Any]) -> Ack:
        room = f"positions:{_own_user_id(connection, payload)}"
        connection.rooms.add(room)
        return {"room": room}

    async def _unsubscribe_positions(self, connection: Connection, payload: dict[str, Any]) -> Ack:
        room = f"positions:{_own_user_id(connection, payload)}"
        connection.rooms.discard(room)
        return {"room": room}

    async def _subscribe_execution(self, connection: Connection, payload: dict[str, Any]) -> Ack:
        execution_id = _text(payload, "execution_id")
        room = f"executions:{execution_id}"
        was_in = room in connection.rooms
        if not was_in and len(connection.rooms) >= MAX_ROOMS:
            raise DomainError(ErrorCode.RATE_LIMIT_EXCEEDED, f"A socket is in {MAX_ROOMS} rooms at most", limit=MAX_ROOMS)
        connection.rooms.add(room)  # before the look, so that nothing falls in between; another's run never reaches this feed
        try:
            await connection.send(await self._state_of(connection, execution_id))
        except DomainError:
            if not was_in:
                connection.rooms.discard(room)
            raise
        return {"room": room}

    async def _state_of(self, connection: Connection, execution_id: str) -> str:
        while True:
            place = connection.reader.position
            async with connection.operation.reading() as work:
                execution = (await get_execution(work, execution_id)).execution
            # If events went out meanwhile, what was read may be older than they are.
            if place == connection.reader.position:
                return event_text("execution_update", execution_snapshot(execution, place))

    async def _unsubscribe_execution(self, connection: Connection, payload: dict[str, Any]) -> Ack:
        room = f"executions:{_text(payload, 'execution_id')}"
        connection.rooms.discard(room)
        return {"room": room}

    async def _subscribe_market(self, connection: Connection, payload: dict[str, Any]) -> Ack:
        wanted = _symbols(payload) - connection.symbols
        if len(connection.symbols) + len(wanted) > MAX_SYMBOLS:
            raise DomainError(
                ErrorCode.VALIDATION_ERROR, f"A socket follows {MAX_SYMBOLS} symbols at most", field="symbols", limit=MAX_SYMBOLS
            )
        if self._prices is None:
            self._prices = PriceFeeds(self._runtime().use(Market))
        # Asked for all before any is followed: a symbol the source does not carry refuses the whole request.
        now = [await self._prices.text_of(symbol) for symbol in sorted(wanted)]
        if connection in self._connections.values():
            for symbol in wanted - connection.symbols:
                connection.symbols.add(symbol)
                self._prices.listen(symbol, connection.offer_price)
        for text in now:
            await connection.offer_price(text)
        return {"room": "market", "symbols": sorted(connection.symbols)}

    async def _unsubscribe_market(self, connection: Connection, payload: dict[str, Any]) -> Ack:
        self._forget_symbols(connection, _symbols(payload) if payload.get("symbols") is not None else set(connection.symbols))
        return {"room": "market", "symbols": sorted(connection.symbols)}

    def _forget_symbols(self, connection: Connection, symbols: set[str]) -> None:
        for symbol in symbols & connection.symbols:
            connection.symbols.discard(symbol)
            if self._prices is not None:
                self._prices.forget(symbol, connection.offer_price)

    async def _resume(self, connection: Connection, payload: dict[str, Any]) -> Ack:
        count = await connection.reader.resume(Cursor.parse(_text(payload, "after")))
        return {"count": count, "cursor": str(connection.reader.position)}


VERBS: Mapping[str, Callable[[SocketIODoor, Connection, dict[str, Any]], Awaitable[Ack]]] = {
    "resume": SocketIODoor._resume,
    "subscribe_execution": SocketIODoor._subscribe_execution,
    "subscribe_market": SocketIODoor._subscribe_market,
    "subscribe_positions": SocketIODoor._subscribe_positions,
    "unsubscribe_execution": SocketIODoor._unsubscribe_execution,
    "unsubscribe_market": SocketIODoor._unsubscribe_market,
    "unsubscribe_positions": SocketIODoor._unsubscribe_positions,
}


def _interest(operation: Operation) -> Interest:
    return Interest(operation.caller.id, (EXECUTION_UPDATED, POSITION_UPDATED, NOTIFICATION_CREATED))


def _refused(code: ErrorCode, message: str) -> Ack:
    return {"success": False, "error": message, "code": code.value}


def _text(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"{name} is required and must be a text of at most {MAX_TEXT} characters", field=name)
    return value


def _own_user_id(connection: Connection, payload: Mapping[str, Any]) -> str:
    if _text(payload, "user_id") != connection.user_id:
        raise DomainError(ErrorCode.FORBIDDEN, "Only your own positions can be followed")
    return connection.user_id


def _symbols(payload: Mapping[str, Any]) -> set[str]:
    symbols = payload.get("symbols")
    if not isinstance(symbols, list) or not 1 <= len(symbols) <= MAX_SYMBOLS or not all(isinstance(symbol, str) for symbol in symbols):
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"symbols must be a list of 1 to {MAX_SYMBOLS} texts", field="symbols")
    return {find_instrument(symbol).symbol for symbol in symbols}
