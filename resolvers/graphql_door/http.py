"""GraphQL over HTTP: queries and mutations as JSON, subscriptions as server-sent events, GraphiQL for browsers."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import ANONYMOUS
from domain.plans.allowances import Traffic, check, spend
from domain.runtime.logging import bind_request
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from resolvers.graphiql_page import graphiql_response, wants_graphiql
from resolvers.graphql_door.engine import Engine, OperationRequest, Prepared, Refused
from resolvers.graphql_door.errors import to_json, wire_errors
from resolvers.graphql_door.negotiation import Form, chosen_form
from resolvers.http import REQUEST_ID, request_id_of
from resolvers.identity import anonymous_operation, bearer_token, identified
from resolvers.live_session import until_session_ends
from schema.context import GraphQLContext

log = structlog.get_logger()
DOOR = "graphql"
PING_SECONDS = 15.0
# A token that is not good, for the address it comes from: guessing has to end.
BAD_TOKEN_COST = 20
METHODS = {"Allow": "GET, POST, OPTIONS"}


class GraphQLOverHTTP:
    """The ASGI endpoint of `/graphql` for HTTP."""

    def __init__(self, engine: Engine, runtime: Callable[[], Runtime]) -> None:
        self.engine, self.runtime = engine, runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._respond(request)
        response.headers.setdefault(REQUEST_ID, request_id_of(scope))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if wants_graphiql(request):
            return graphiql_response(request)
        form = chosen_form(request.headers.get("accept"))
        answer = _Answer(form or Form.JSON, request_id_of(request.scope))
        try:
            if form is None:
                raise DomainError(ErrorCode.NOT_ACCEPTABLE, "GraphQL answers are application/graphql-response+json or application/json")
            return await self._answer(request, answer)
        except DomainError as refusal:
            return answer.refused(refusal)
        except Refused as refusal:
            return answer.not_executed(refusal.errors)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it
        except Exception as error:
            return answer.refused(error)

    async def _answer(self, request: Request, answer: "_Answer") -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=METHODS)
        if request.method not in {"GET", "POST"}:
            raise DomainError(ErrorCode.METHOD_NOT_ALLOWED, "GraphQL is asked with POST, or with GET for queries")
        runtime = self.runtime()
        operation = replace(anonymous_operation(request, runtime, DOOR), idempotency_key=None)
        token = _token(request)
        if token is not None:
            operation = await _identified(operation, token)
        bind_request(operation.request_id, user_id=operation.caller.user_id)
        message = _from_query(request) if request.method == "GET" else await _from_body(request, runtime.settings.max_body_bytes)
        prepared = self.engine.prepare(OperationRequest.of(message))
        if prepared.type is OperationType.MUTATION and request.method == "GET":
            raise DomainError(ErrorCode.METHOD_NOT_ALLOWED, "Mutations need POST")
        context = GraphQLContext(operation)
        if answer.form is Form.EVENTS:
            return await self._stream(prepared, context, token)
        if prepared.type is OperationType.SUBSCRIPTION:
            raise DomainError(
                ErrorCode.BAD_REQUEST,
                "Subscriptions need a WebSocket with the protocol graphql-transport-ws, or server-sent events (Accept: text/event-stream)",
            )
        return answer.executed(await self.engine.execute(prepared, context))

    async def _stream(self, prepared: Prepared, context: GraphQLContext, token: str | None) -> Response:
        if prepared.type is OperationType.SUBSCRIPTION:
            if token is None:
                raise DomainError(ErrorCode.UNAUTHORIZED, "Subscriptions need an access token")
            await check(context.operation, Traffic.CONNECTS)
            results = await self.engine.subscribe(prepared, context)
        else:
            results = _once(await self.engine.execute(prepared, context))
        events = _events(results, context, token)
        # As the WHATWG asks of event streams, and so that proxies neither keep nor hold back anything.
        return _EventStream(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


class _EventStream(StreamingResponse):
    """Sends the head of the answer when the events have begun: a client that has it misses nothing of what happens from then on."""

    body_iterator: AsyncGenerator[bytes]

    async def stream_response(self, send: Send) -> None:
        async with contextlib.aclosing(self.body_iterator) as chunks:
            first = await anext(chunks)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Answer:
    """Writes answers in the form that one request asked for."""

    def __init__(self, form: Form, request_id: str) -> None:
        self.form, self.request_id = form, request_id

    def executed(self, result: ExecutionResult) -> Response:
        if result.data is None and result.errors and all(error.path is None for error in result.errors):
            return self.not_executed(result.errors)  # its variables were refused
        return self._response({"data": result.data} | self._errors(result.errors) | _extensions(result), HTTPStatus.OK)

    def not_executed(self, errors: tuple[Exception, ...] | list[GraphQLError]) -> Response:
        headers = _retry_after(errors)
        # Clients of the older media type take every status but 200 for a broken server.
        if self.form is Form.JSON:
            return self._response({"data": None} | self._errors(errors), HTTPStatus.OK, headers)
        status = HTTPStatus.TOO_MANY_REQUESTS if headers else HTTPStatus.BAD_REQUEST
        return self._response(self._errors(errors), status, headers)

    def refused(self, error: Exception) -> Response:
        code = error.code if isinstance(error, DomainError) else ErrorCode.INTERNAL_ERROR
        headers = _retry_after([error])
        if code.v1 == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        if code is ErrorCode.METHOD_NOT_ALLOWED:
            headers |= METHODS
        return self._response(self._errors([error]), code.v1, headers)

    def _errors(self, errors: Any) -> dict[str, Any]:
        return {"errors": wire_errors(errors, self.request_id)} if errors else {}

    def _response(self, content: Mapping[str, Any], status: int, headers: Mapping[str, str] | None = None) -> Response:
        media_type = Form.JSON.value if self.form is Form.EVENTS else self.form.value
        return Response(to_json(content), status, {"Vary": "Accept", **(headers or {})}, f"{media_type}; charset=utf-8")


def _extensions(result: ExecutionResult) -> dict[str, Any]:
    return {"extensions": result.extensions} if result.extensions else {}


def _retry_after(errors: Iterable[Exception]) -> dict[str, str]:
    waits = [error.details["retry_after"] for error in errors if isinstance(error, DomainError) and "retry_after" in error.details]
    return {"Retry-After": str(waits[0])} if waits else {}


async def _identified(operation: Operation, token: str) -> Operation:
    try:
        return await identified(operation, token)
    except DomainError:
        await spend(operation, BAD_TOKEN_COST)
        raise


def _token(request: Request) -> str | None:
    header = request.headers.get("authorization")
    if header is None or not header.strip():
        return None
    token = bearer_token(header)
    if token is None:
        raise DomainError(ErrorCode.UNAUTHORIZED, "The Authorization header must be `Bearer` and an access token")
    return token


def _from_query(request: Request) -> dict[str, Any]:
    message: dict[str, Any] = {name: request.query_params.get(name) for name in ("query", "operationName")}
    for name in ("variables", "extensions"):
        written = request.query_params.get(name)
        message[name] = _json(written.encode(), name) if written else None
    return message


async def _from_body(request: Request, max_bytes: int) -> Any:
    kind, *parameters = (word.strip().lower() for word in request.headers.get("content-type", "").split(";"))
    charset = next((word.removeprefix("charset=").strip('"') for word in parameters if word.startswith("charset=")), "utf-8")
    if kind != "application/json" or charset not in {"utf-8", "utf8"}:
        raise DomainError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "A GraphQL request is application/json in UTF-8")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise DomainError(ErrorCode.PAYLOAD_TOO_LARGE, f"The body is larger than {max_bytes} bytes", limit=max_bytes)
    return _json(bytes(body), "body")


def _json(text: bytes, field: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise DomainError(ErrorCode.INVALID_JSON, f"The {field} is not valid JSON: {error}", field=field) from None


async def _once(result: ExecutionResult) -> AsyncIterator[ExecutionResult]:
    yield result


async def _events(results: AsyncIterator[ExecutionResult], context: GraphQLContext, token: str | None) -> AsyncGenerator[bytes]:
    """Yield the results as server-sent events until they end, or the session does; pings while nothing happens.

    The first of all is empty where the stream has begun and there is nothing to tell yet.
    """
    operation = context.operation
    begun: asyncio.Task[object] | None = asyncio.create_task(context.begun.wait())
    ended = asyncio.create_task(until_session_ends(operation, token)) if token and operation.caller != ANONYMOUS else None
    coming: asyncio.Task[ExecutionResult | None] | None = None
    try:
        while True:
            coming = coming or asyncio.create_task(_next(results))
            waiting: list[asyncio.Task[Any]] = [task for task in (coming, ended, begun) if task]
            done, _ = await asyncio.wait(waiting, timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                yield b": ping\n\n"
            elif done == {begun}:
                begun = None
                yield b""
            elif ended in done and ended is not None:
                yield _event({"errors": wire_errors([ended.result()], operation.request_id)})
                break
            else:
                result, coming = coming.result(), None
                if result is None:
                    break
                errors = {"errors": wire_errors(result.errors, operation.request_id)} if result.errors else {}
                yield _event({"data": result.data} | errors | _extensions(result))
    except Exception as error:
        yield _event({"errors": wire_errors([error], operation.request_id)})
    finally:
        for task in (coming, ended, begun):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
        await results.aclose()  # type: ignore[attr-defined]
    yield b"event: complete\ndata:\n\n"


async def _next(results: AsyncIterator[ExecutionResult]) -> ExecutionResult | None:
    return await anext(results, None)


def _event(content: Mapping[str, Any]) -> bytes:
    return b"event: next\ndata: " + to_json(content) + b"\n\n"
