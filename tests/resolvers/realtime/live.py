"""A real server on a spare port, people with sessions, and clients that note what they are sent."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

import socketio
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect

from domain.accounts.models import User
from domain.accounts.sessions import open_session
from domain.analysts.models import Conversation, Message
from domain.flows.models import Execution, ExecutionStatus, Flow, FlowMode, FlowStatus, FlowTrigger
from domain.kernel.events import Event
from domain.kernel.ids import new_id
from domain.market.market import Market
from domain.market.simulated import SimulatedSource
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from resolvers.identity import identified
from resolvers.realtime.routes import realtime_routes
from tests.builders import make_user
from tests.serving import served

PATIENCE_SECONDS = 60  # for what is sure to come, on however busy a machine


@contextlib.asynccontextmanager
async def serving(runtime: Runtime) -> AsyncIterator[str]:
    """Serve the realtime doors in this loop; yields `127.0.0.1:<port>`."""
    runtime.provide(Market, Market(SimulatedSource(runtime.clock, seed=7)))
    app = Starlette(routes=realtime_routes(lambda: runtime))
    async with served(app, log_level="critical") as port:
        yield f"127.0.0.1:{port}"
    await runtime.use(Market).close()


@dataclass
class Person:
    """Somebody with an account, a session and one flow."""

    operation: Operation
    token: str
    flow_id: str

    @property
    def id(self) -> str:
        return self.operation.caller.id


async def person(runtime: Runtime, role: str = "user") -> Person:
    caller = await make_user(runtime, role=role)
    operation = runtime.operation(caller, door="test")
    flow_id = new_id("flow")
    async with operation.unit_of_work() as work:
        user = await work.session.get(User, caller.id)
        assert user is not None
        tokens = await open_session(work, user)
        work.session.add(
            Flow(
                id=flow_id,
                user_id=caller.id,
                name="Swing",
                symbol="BTC/USDT",
                mode=FlowMode.SWARM,
                status=FlowStatus.DRAFT,
                trigger=FlowTrigger.MANUAL,
                agents=[],
                config={},
                total_pnl_usd=Decimal(0),
                created_at=work.now,
            )
        )
    return Person(await identified(operation, tokens.access_token), tokens.access_token, flow_id)


async def execution_of(someone: Person, status: ExecutionStatus = ExecutionStatus.COMPLETED, step: int = 3) -> str:
    """Insert a run of the person's flow, without any event."""
    execution_id = new_id("exec")
    async with someone.operation.unit_of_work() as work:
        work.session.add(
            Execution(
                id=execution_id,
                flow_id=someone.flow_id,
                user_id=someone.id,
                flow_name="Swing",
                symbol="BTC/USDT",
                mode=FlowMode.SWARM,
                config={},
                provider="rules",
                status=status,
                current_step=step,
                result={"action": "buy", "reasoning": "Trade BUY executed successfully"},
                request_id="req_1",
                created_at=work.now,
            )
        )
    return execution_id


def execution_event(someone: Person, execution_id: str, progress: int) -> Event:
    payload = {
        "execution_id": execution_id,
        "flow_id": someone.flow_id,
        "status": "RUNNING",
        "current_step": 1,
        "step_name": "AI Swarm Analyzing",
        "progress_percent": progress,
        "message": "Running market analysis with AI agents...",
    }
    return Event("execution.updated", someone.id, execution_id, payload, execution_id=execution_id)


def position_event(someone: Person, number: int = 1, price: str = "89500.12") -> Event:
    payload = {
        "position_id": f"pos_{number}",
        "status": "open",
        "symbol": "BTC/USDT",
        "side": "long",
        "quantity": "0.00000001",
        "entry_price": "89000",
        "current_price": price,
        "unrealized_pnl": "-125.5",
        "unrealized_pnl_percent": "1.4",
        "realized_pnl": "0",
        "exit_quantity": "0.00000002",
        "exit_price": "89400.10",
        "stop_loss": None,
        "take_profit": "12345678901234567890.123456789012345678",
        "exit_reason": None,
        "flow_id": someone.flow_id,
    }
    return Event("position.updated", someone.id, f"pos_{number}", payload)


async def emit(runtime: Runtime, *events: Event) -> None:
    async with runtime.operation().unit_of_work() as work:
        for event in events:
            work.emit(event)


async def conversation_of(someone: Person, execution_id: str) -> str:
    conversation_id = new_id("conv")
    async with someone.operation.unit_of_work() as work:
        work.session.add(
            Conversation(
                id=conversation_id,
                execution_id=execution_id,
                user_id=someone.id,
                flow_id=someone.flow_id,
                context={"symbol": "BTC/USDT", "action": "voting", "phase": "market_analysis"},
                status="active",
                created_at=work.now,
            )
        )
    return conversation_id


def message_of(conversation_id: str, seq: int, someone: Person) -> Message:
    return Message(
        id=new_id("msg"),
        conversation_id=conversation_id,
        seq=seq,
        agent_name=f"market_analyst_{seq}",
        agent_role="market_analyst",
        ai_model="rules",
        message_type="vote",
        content={"text": f"Number {seq}", "confidence": 70, "sentiment": "bullish", "data": {}},
        vote={"action": "buy", "confidence": 70, "weight": 1},
        created_at=someone.operation.clock.now(),
    )


class _DecimalJSON:
    @staticmethod
    def loads(text: str) -> Any:
        return json.loads(text, parse_float=Decimal)

    @staticmethod
    def dumps(value: Any, **options: Any) -> str:
        return json.dumps(value, **options)


class DecimalPacket(socketio.packet.Packet):  # type: ignore[misc]
    """Lets a test see every digit that was on the wire."""

    json = _DecimalJSON


class Refused(Exception):
    """The server did not let the client in; holds the message and data of its `connect_error`."""


@dataclass
class Listener:
    """A Socket.IO client that notes every event, in order."""

    address: str
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    transports: tuple[str, ...] = ("websocket",)
    refusal: object = None

    def __post_init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False, handle_sigint=False, serializer=DecimalPacket)
        self.client.on("*", self._note)
        self.client.on("disconnect", self._end)
        self.client.on("connect_error", self._refuse)

    async def _note(self, event: str, data: dict[str, Any]) -> None:
        if not self.ended.is_set():
            self.seen.append((event, data))

    async def _end(self, *_reason: object) -> None:
        self.ended.set()

    async def _refuse(self, reason: object) -> None:
        self.refusal = reason

    async def open(self, auth: dict[str, Any] | None, **headers: str) -> Self:
        try:
            await self.client.connect(f"http://{self.address}", headers=headers, auth=auth, transports=list(self.transports))
        except socketio.exceptions.ConnectionError:
            raise Refused(self.refusal) from None
        return self

    async def ask(self, event: str, payload: object = None) -> dict[str, Any]:
        answer = await self.client.call(event, payload, timeout=PATIENCE_SECONDS)
        assert isinstance(answer, dict)
        return answer

    async def close(self) -> None:
        self.ended.set()
        await self.client.disconnect()

    async def drop(self) -> None:
        """Go without a word, as a client does that loses its network."""
        self.ended.set()
        await self.client.eio.ws.close()
        await self.client.disconnect()

    def of(self, event: str) -> list[dict[str, Any]]:
        return [data for name, data in self.seen if name == event]

    async def wait_for(self, count: int, event: str | None = None, seconds: float = PATIENCE_SECONDS) -> None:
        async with asyncio.timeout(seconds):
            while len(self.seen if event is None else self.of(event)) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def listening(address: str, someone: Person, **auth: Any) -> AsyncIterator[Listener]:
    listener = await Listener(address).open({"token": someone.token, **auth})
    try:
        yield listener
    finally:
        await listener.close()


def conversation_socket(address: str, execution_id: str, query: str = "", **options: Any) -> connect:
    return connect(f"ws://{address}/api/v1/conversations/ws/{execution_id}{query}", **options)


async def frame(socket: ClientConnection) -> dict[str, Any]:
    found = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_SECONDS))
    assert isinstance(found, dict)
    return found
