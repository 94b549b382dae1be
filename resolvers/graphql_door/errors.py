"""Turns whatever went wrong in a GraphQL operation into an error with a code from the catalogue, and hides what clients must not see."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import orjson
import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from domain.audit.recording import note_refusal
from domain.kernel.clock import to_wire
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import plain
from domain.runtime.operation import Operation

log = structlog.get_logger()
_QUOTED_INPUT = re.compile(r"(?:, found|(?<=non string value)): .*", re.DOTALL)
_MAX_MESSAGE = 500


def wire_errors(errors: Iterable[Exception], request_id: str) -> list[dict[str, Any]]:
    """Return errors as clients get them; an unexpected one is logged, once, and shown as INTERNAL_ERROR."""
    return [_wire_error(error if isinstance(error, GraphQLError) else _unlocated(error), request_id) for error in errors]


async def note_refusals(operation: Operation, errors: Iterable[Exception]) -> None:
    """Have what was refused for want of a permission recorded: once, however many fields the one refusal has cost."""
    causes = {id(cause): cause for cause in (_root_cause(error) if isinstance(error, GraphQLError) else error for error in errors)}
    for cause in causes.values():
        await note_refusal(operation, cause)


def _unlocated(error: Exception) -> GraphQLError:
    return GraphQLError(str(error), original_error=error)


def _wire_error(error: GraphQLError, request_id: str) -> dict[str, Any]:
    code, message, details = _refusal(error, request_id)
    written: dict[str, Any] = {"message": message}
    if error.locations:
        written["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        written["path"] = error.path
    written["extensions"] = {"code": code.value, "details": details, "requestId": request_id}
    return written


def _refusal(error: GraphQLError, request_id: str) -> tuple[ErrorCode, str, Mapping[str, object]]:
    cause = _root_cause(error)
    if isinstance(cause, DomainError):
        return cause.code, error.message, cause.details
    if isinstance(cause, GraphQLSyntaxError):
        # An exceeded token limit arrives as a syntax error, and is told apart by nothing else.
        too_long = "tokens. Parsing aborted" in cause.message or "nested too deeply" in cause.message
        return ErrorCode.QUERY_TOO_COMPLEX if too_long else ErrorCode.BAD_REQUEST, error.message, {}
    # What the GraphQL library itself refuses names the place in the document; its complaints about our own values do not.
    if isinstance(cause, GraphQLError) and (error.path is None or cause.nodes):
        return ErrorCode.VALIDATION_ERROR, _without_input(error.message), {}
    path = ".".join(map(str, error.path)) if error.path else None
    log.error("graphql.failed", request_id=request_id, path=path, exc_info=cause)
    return ErrorCode.INTERNAL_ERROR, "Something went wrong on the server", {}


def _without_input(message: str) -> str:
    # The library quotes whole input objects, and whatever stands where text should. Passwords do not belong into answers, nor a
    # megabyte of anything.
    return _QUOTED_INPUT.sub(".", message)[:_MAX_MESSAGE]


def _root_cause(error: GraphQLError) -> Exception:
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def to_json(value: object) -> bytes:
    """Return an answer as JSON bytes; decimals become plain strings, times end in `Z`."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return to_wire(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset | set | tuple):
        return list(value)
    return str(value)
