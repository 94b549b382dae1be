"""Watches over what lives longer than a request: who may open a socket, and when its session ends or loses rights."""

from collections.abc import Callable
from urllib.parse import urlsplit

import structlog

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Caller
from domain.runtime.operation import Operation
from domain.runtime.settings import Settings
from resolvers.identity import identified

log = structlog.get_logger()
# The bell rings at once; looking again covers expiry, a lost bell and a change of role, within the promised five seconds.
RECHECK_SECONDS = 4.0
DEFAULT_PORTS = {"http": 80, "https": 443}


async def session_end(operation: Operation, token: str, changed: Callable[[Operation], None]) -> DomainError:
    """Wait until the token no longer opens its session and return why.

    Each look hands the operation with the rights the caller has now to `changed`, which may end the session by raising a DomainError.
    """
    caller = operation.caller
    async with operation.runtime.bus.subscribe(f"session:{caller.session_id or caller.api_key_id}") as bell:
        while True:
            try:
                changed(await identified(operation, token))
            except DomainError as refusal:
                return refusal
            except Exception as error:  # a database that is away for a moment ends nobody's session
                log.warning("session.unchecked", error=f"{type(error).__name__}: {error}")
            await bell.wait(RECHECK_SECONDS)


async def until_session_ends(operation: Operation, token: str) -> DomainError:
    """Wait until the token is no longer good for what its caller could do when the operation began; return why.

    For streams whose rights were checked when they began: a caller whose rights have changed has to begin again.
    """
    rights = _rights(operation.caller)

    def compare(now: Operation) -> None:
        if _rights(now.caller) != rights:
            raise DomainError(ErrorCode.TOKEN_REVOKED, "Your permissions have changed; connect again")

    return await session_end(operation, token, compare)


def is_origin_allowed(settings: Settings, origin: str | None, host: str | None) -> bool:
    """Say whether a page of this origin may open a socket: none (not a browser), the server's own, or one of the settings."""
    if origin is None or "*" in settings.origins or origin in settings.origins:
        return True
    try:
        page, here = urlsplit(origin), urlsplit(f"//{host}")
        port = DEFAULT_PORTS.get(page.scheme)
        return page.hostname is not None and (page.hostname, page.port or port) == (here.hostname, here.port or port)
    except ValueError:
        return False


def _rights(caller: Caller) -> tuple[object, ...]:
    return caller.user_id, caller.role, caller.is_superuser, caller.permissions
