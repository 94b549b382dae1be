"""Finds out who is asking: the bearer token of a header becomes a caller."""

from dataclasses import replace

from starlette.requests import HTTPConnection

from domain.accounts.identity import caller_of
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import ANONYMOUS
from domain.plans.allowances import Traffic, check
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from resolvers.http import request_id_of

MAX_HEADER = 8_192


def bearer_token(header: str | None) -> str | None:
    """Return the token of an `Authorization` header; None without one or with another scheme."""
    scheme, _, token = (header or "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token and len(token) <= MAX_HEADER else None


def anonymous_operation(connection: HTTPConnection, runtime: Runtime, door: str) -> Operation:
    """Return the operation of a request or socket before it is known who asks."""
    return runtime.operation(
        ANONYMOUS,
        door=door,
        request_id=request_id_of(connection.scope),
        ip=connection.client.host if connection.client else None,
        user_agent=(connection.headers.get("user-agent") or "")[:255] or None,
        idempotency_key=connection.headers.get("idempotency-key"),
    )


async def identified(operation: Operation, token: str | None) -> Operation:
    """Return the operation in the name of the token's user.

    Raises UNAUTHORIZED, TOKEN_EXPIRED, TOKEN_REVOKED or ACCOUNT_INACTIVE.
    """
    if token is None:
        raise DomainError(ErrorCode.UNAUTHORIZED, "Not authenticated")
    return replace(operation, caller=await caller_of(operation, token))


async def connected(operation: Operation, token: str | None) -> Operation:
    """Return the operation in whose name a socket is opened, which is counted: for the user, or for the address of a stranger.

    Raises what `identified` raises, and RATE_LIMIT_EXCEEDED.
    """
    try:
        operation = await identified(operation, token)
    except DomainError:
        await check(operation, Traffic.CONNECTS)
        raise
    await check(operation, Traffic.CONNECTS)
    return operation
