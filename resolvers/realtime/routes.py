"""The routes of everything that stays open: Socket.IO and the conversation socket."""

from collections.abc import Callable

from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from domain.runtime.runtime import Runtime
from resolvers.realtime.conversations import ConversationSocket
from resolvers.realtime.socketio import SocketIODoor


def realtime_routes(runtime: Callable[[], Runtime]) -> list[BaseRoute]:
    """Return the routes; `runtime` is asked at each request. They come before those that answer every unknown path of `/api/v1`."""
    door = SocketIODoor(runtime)
    return [
        WebSocketRoute("/api/v1/conversations/ws/{execution_id}", ConversationSocket(runtime)),
        Mount("/socket.io", door),
        # A mount wants something behind its slash; clients may leave even that out.
        Route("/socket.io", door, include_in_schema=False),
        WebSocketRoute("/socket.io", door),
    ]
