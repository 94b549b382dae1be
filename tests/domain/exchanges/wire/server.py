"""An HTTP server on the loopback that answers as an exchange does, and misbehaves when it is told to."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiohttp import web

from tests.domain.exchanges.wire.floor import Floor


class Trouble(StrEnum):
    """What goes wrong with one request."""

    DROP_BEFORE = "the connection ends before the request is looked at"
    DROP_AFTER = "the request is carried out, and the connection ends without an answer"
    CUT = "the request is carried out, and the connection ends in the middle of the answer"
    LATE = "the request is carried out, and the answer comes after `seconds`"
    BROKEN = "the request is not carried out: an error of the server"
    TOO_MANY = "the request is not carried out: too many were made; `seconds` is Retry-After, none if zero"
    MALFORMED = "the request is carried out, and the answer is not JSON"
    RACED = "`first` happens on the floor in the moment before the request is carried out"


@dataclass(frozen=True)
class Fault:
    trouble: Trouble
    seconds: float = 0
    first: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Asked:
    """One request: `raw` is exactly what was signed or not, `path` has no query."""

    method: str
    path: str
    query: str
    body: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    document: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class WireServer(ABC):
    """Serves one exchange. `faults["place"]` are the next troubles of orders; `calls` tells what was asked, in order."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.calls: list[str] = []
        self.doubles_trades = False
        self.hides_trades = 0
        self.skew_seconds = 0.0
        self.is_down = False
        self.in_flight = self.most_in_flight = 0

    @abstractmethod
    def name_of(self, asked: Asked) -> str:
        """Return the kind of call: place, cancel, amend, find, open, closed, trades, balance, markets, time."""

    @abstractmethod
    def answer(self, name: str, asked: Asked) -> Answer:
        """Carry the request out."""

    @abstractmethod
    def too_many(self, seconds: float) -> Answer:
        """Return how the exchange says that it is asked too much."""

    def trouble(self, name: str, trouble: Trouble, *, times: int = 1, seconds: float = 0, first: Callable[[], None] = lambda: None) -> None:
        """Have the next so many requests of this kind go wrong."""
        self.faults[name].extend([Fault(trouble, seconds, first)] * times)

    def count(self, name: str) -> int:
        """Return how many requests of this kind there were."""
        return self.calls.count(name)

    async def start(self) -> str:
        """Listen on a free port and return the address."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.path, request.query_string, await request.text(), headers)
        name = self.name_of(asked)
        self.calls.append(name)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(request, name, asked)
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request, name: str, asked: Asked) -> web.StreamResponse:
        fault = self.faults[name].popleft() if self.faults[name] else None
        fault = Fault(Trouble.BROKEN) if self.is_down else fault
        match fault and fault.trouble:
            case Trouble.DROP_BEFORE:
                return _hang_up(request)
            case Trouble.BROKEN:
                return web.Response(status=503, text="<html>Service Unavailable</html>", content_type="text/html")
            case Trouble.TOO_MANY:
                assert fault is not None
                return _response(self.too_many(fault.seconds))
        if fault is not None:
            fault.first()
        answer = self.answer(name, asked)
        match fault and fault.trouble:
            case Trouble.DROP_AFTER:
                return _hang_up(request)
            case Trouble.CUT:
                return await _cut(request, answer)
            case Trouble.LATE:
                assert fault is not None
                await asyncio.sleep(fault.seconds)
            case Trouble.MALFORMED:
                return web.Response(text='{"orderId": 1, "cl', content_type="application/json")
        return _response(answer)


def _response(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status, text=json.dumps(answer.document), content_type="application/json", headers=dict(answer.headers)
    )


def _hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _cut(request: web.Request, answer: Answer) -> web.StreamResponse:
    text = json.dumps(answer.document).encode()
    response = web.StreamResponse(headers={"Content-Length": str(len(text)), "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(text[: len(text) // 2])
    _hang_up(request)
    return response
