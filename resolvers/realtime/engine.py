"""The Socket.IO library's server, hardened: it forgets silent strangers and hangs up on clients that break the protocol."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import socketio
import structlog

from resolvers.realtime.packets import ExactPacket

log = structlog.get_logger()
# Payloads are refused from 64 kB on, with an answer; a message beyond this ends the connection.
MAX_MESSAGE = 4 * 1_048_576
IDENTIFY_SECONDS = 20.0
LOOK_SECONDS = 0.02

# Handlers log what goes wrong themselves; the library would print a traceback for every bad packet of a client.
_quiet = logging.getLogger("tradewind.socketio")
_quiet.setLevel(logging.CRITICAL)


class Engine(socketio.AsyncServer):  # type: ignore[misc]
    """Knows transports (one connection each, which may be polling) and, on top of them, identified sockets (`sid`)."""

    def __init__(self, is_origin_allowed: Callable[[str | None, Mapping[str, Any]], bool]) -> None:
        super().__init__(
            async_mode="asgi",
            serializer=ExactPacket,
            cors_allowed_origins=is_origin_allowed,
            max_http_buffer_size=MAX_MESSAGE,
            logger=_quiet,
            engineio_logger=_quiet,
        )
        self._strangers: set[asyncio.Task[None]] = set()

    def transport_of(self, sid: str) -> str:
        return str(self.manager.eio_sid_from_sid(sid, "/"))

    def waiting(self, transport_id: str) -> int | None:
        """Return how many packets wait for the client; None when it is gone."""
        transport = self.eio.sockets.get(transport_id)
        return None if transport is None or transport.closed else transport.queue.qsize()

    async def has_room(self, transport_id: str, most: int, seconds: float) -> bool:
        """Wait until at most so many packets wait for the client; False when that takes too long, or the client is gone."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (waiting := self.waiting(transport_id)) is not None and waiting > most:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return waiting is not None

    async def send_text(self, transport_id: str, text: str) -> None:
        """Send an encoded packet; one for a client that has gone is dropped."""
        if self.waiting(transport_id) is not None:
            await self.eio.send(transport_id, text)

    async def hang_up(self, transport_id: str, *, at_once: bool = False) -> None:
        """Close the transport after what waits for the client, or `at_once` when the client does not read anyway.

        What is thrown away is the newest: what the client has been sent stays without a gap, and its last cursor good.
        """
        transport = self.eio.sockets.get(transport_id)
        if transport is None or transport.closed:
            return
        while at_once and not transport.queue.empty():
            transport.queue.get_nowait()
            transport.queue.task_done()
        await transport.close(wait=False)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: object) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        transport = self.eio.sockets.get(eio_sid)
        if transport is not None:
            transport.queue.put_nowait(None)  # lets the writer, or a waiting poll, end now rather than at the next ping

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        task = asyncio.create_task(self._forget_stranger(eio_sid))
        self._strangers.add(task)
        task.add_done_callback(self._strangers.discard)

    async def _forget_stranger(self, transport_id: str) -> None:
        await asyncio.sleep(IDENTIFY_SECONDS)
        sid = self.manager.sid_from_eio_sid(transport_id, "/")
        if sid is None or not self.manager.is_connected(sid, "/"):
            await self.hang_up(transport_id)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await super()._handle_eio_message(eio_sid, data)
        except Exception as error:
            log.info("socketio.protocol_broken", error=f"{type(error).__name__}: {error}"[:200])
            await self.hang_up(eio_sid)
