"""A real server in the event loop of a test."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.types import ASGIApp

GRACE_SECONDS = 1


class _Server(uvicorn.Server):
    # uvicorn looks ten times a second whether it is to stop, and sleeps as long over its connections; a test that ends is not to wait.

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)  # sets the header `Date`
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self.servers:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await asyncio.gather(*(listener.wait_closed() for listener in self.servers))
        for task in self.server_state.tasks:
            task.cancel()


@contextlib.asynccontextmanager
async def served(app: ASGIApp, log_level: str = "error") -> AsyncIterator[int]:
    """Serve the application on a free port of this machine, and yield the port."""
    config = uvicorn.Config(app, port=0, log_level=log_level, lifespan="off")
    server = _Server(config)
    listener = config.bind_socket()
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.002)
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.stopping.set()
        await task
        listener.close()
