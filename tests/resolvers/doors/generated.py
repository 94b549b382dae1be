"""Sends what schemathesis makes up to the real application, on the event loop that the stage belongs to."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import requests

from tests.resolvers.doors.stage import Scene, Stage, opened

BASE_URL = "http://tradewind"
# What a client library adds by itself, and what belongs to the transport.
_LEFT_OUT = {"connection", "accept-encoding", "user-agent", "content-length"}


class Theatre:
    """A stage with an event loop of its own, for tests that are not coroutines."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self._runner, self._open = asyncio.Runner(), AsyncExitStack()
        self.stage = self.run(self._open.enter_async_context(opened(scene, folder)))

    def run[R](self, work: Coroutine[Any, Any, R]) -> R:
        return self._runner.run(work)

    def copy(self) -> "Performance":
        """Return a copy of the stage, to be used with `with`: what happens there stays there."""
        return Performance(self)

    def close(self) -> None:
        self.run(self._open.aclose())
        self._runner.close()


class Performance:
    """One copy of the stage while it lasts."""

    def __init__(self, theatre: Theatre) -> None:
        self._theatre, self._open = theatre, AsyncExitStack()

    def __enter__(self) -> "Performance":
        self.stage: Stage = self._theatre.run(self._open.enter_async_context(self._theatre.stage.copied()))
        return self

    def __exit__(self, *_: object) -> None:
        self._theatre.run(self._open.aclose())

    def answer(self, case: Any, headers: dict[str, str]) -> httpx.Response:
        """Send the case with these headers over its own."""
        prepared: Any = requests.Request(**case.as_transport_kwargs(base_url=BASE_URL)).prepare()
        own = {name: value for name, value in prepared.headers.items() if name.lower() not in _LEFT_OUT}
        merged = httpx.Headers({**own, **headers})
        request = self.stage.client.build_request(prepared.method, prepared.url, content=prepared.body, headers=merged)
        return self._theatre.run(self.stage.client.send(request))
