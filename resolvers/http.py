"""What every HTTP answer carries whatever door it comes from: request id, security headers, CORS."""

import re
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.kernel.ids import new_id
from domain.runtime.logging import bind_request
from domain.runtime.settings import Settings

REQUEST_ID = "X-Request-ID"
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
LIMIT_HEADERS = {
    "X-RateLimit-Limit": "How many requests the tightest rule allows in its window.",
    "X-RateLimit-Remaining": "How many of them are left.",
    "X-RateLimit-Reset": "When the next request leaves the window, in seconds since 1970.",
}
EXPOSED = [REQUEST_ID, "X-Total-Count", "Retry-After", *LIMIT_HEADERS, "Preference-Applied", "Location"]
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'self'",
    "Referrer-Policy": "no-referrer",
}


def http_middleware(settings: Settings) -> list[Middleware]:
    """Return the middleware of the whole server, outermost first."""
    return [
        Middleware(AnswerHeaders),
        Middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_credentials=True,
            allow_methods=["*"],
            allow_headers=["*"],  # safe: the origins are a list of names
            expose_headers=EXPOSED,
            max_age=600,
        ),
    ]


class AnswerHeaders:
    """Gives each request an id (the sender's own, if it is a sane one) and each answer its headers; a page may set its own policy."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        bind_request(request_id)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def request_id_of(scope: MutableMapping[str, Any]) -> str:
    """Return the id of this request or socket: made or accepted once, then kept in its scope."""
    state = scope.setdefault("state", {})
    if "request_id" not in state:
        sent = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
        state["request_id"] = sent if _SANE_ID.fullmatch(sent) else new_id("req")
    return str(state["request_id"])
