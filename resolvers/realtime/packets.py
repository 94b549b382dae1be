"""Socket.IO packets for clients that are not to be trusted, with numbers that keep every digit."""

from typing import Any

import orjson
import socketio

from schema.rest.rendering import to_json

MAX_PAYLOAD = 65_536
# What a client's event becomes when its payload cannot be used: its id is still known, so that it gets its answer.
INVALID_JSON = "\0invalid_json"
TOO_LARGE = "\0too_large"
# The server's own events: a client that sends them would open or close a socket that is not there.
RESERVED = {"connect", "disconnect"}


class _ExactJSON:
    """The two functions that Socket.IO wants of a JSON library."""

    @staticmethod
    def dumps(value: Any, **_options: Any) -> str:
        return to_json(value).decode()

    @staticmethod
    def loads(text: str) -> Any:
        if len(text) > MAX_PAYLOAD:
            return [TOO_LARGE]
        try:
            return orjson.loads(text)  # refuses NaN and deep nesting, which the standard library does not
        except orjson.JSONDecodeError:
            return [INVALID_JSON]


class ExactPacket(socketio.packet.Packet):  # type: ignore[misc]
    """A text packet; a client's binary attachments are refused, since nothing here wants them and they are gathered without a limit."""

    uses_binary_events = False
    json = _ExactJSON

    def decode(self, encoded_packet: Any) -> int:
        """Read a client's packet. Raises ValueError for one that no honest client sends."""
        if not isinstance(encoded_packet, str):
            raise ValueError("not a text packet")
        super().decode(encoded_packet)
        if self.packet_type == socketio.packet.EVENT:
            name = self.data[0] if isinstance(self.data, list) and self.data else None
            if not isinstance(name, str) or name in RESERVED:
                raise ValueError("not an event")
        elif self.packet_type not in (socketio.packet.CONNECT, socketio.packet.DISCONNECT):
            raise ValueError("neither binary packets nor acknowledgements are expected")
        return 0


def event_text(name: str, payload: Any) -> str:
    """Return an event as it goes over the wire, to be written once for all its receivers."""
    return str(ExactPacket(socketio.packet.EVENT, data=[name, payload]).encode())
