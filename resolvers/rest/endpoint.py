"""Turns the rows of a route table into Starlette routes: the service's signature is the request, the view is the answer."""

import inspect
import math
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, compile_path
from starlette.types import Receive, Scope, Send

from domain.audit.recording import note_refusal
from domain.kernel.errors import DomainError, ErrorCode
from domain.plans.allowances import Traffic, admit
from domain.runtime.logging import bind_request
from domain.runtime.operation import Operation
from domain.runtime.paging import Page
from domain.runtime.rate_limits import RateLimited, Standing
from domain.runtime.runtime import Runtime
from domain.runtime.unit_of_work import UnitOfWork
from resolvers.http import LIMIT_HEADERS, REQUEST_ID, request_id_of
from resolvers.identity import anonymous_operation, bearer_token, identified
from resolvers.rest.inputs import REQUIRED, Header, Input, arguments_of, is_record, read_body
from schema.rest.dialects import Dialect, FieldError, InvalidInput
from schema.rest.rendering import reader_of, to_json

log = structlog.get_logger()
RuntimeGetter = Callable[[], Runtime]
NO_BODY = {204, 304}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an adapter returns when it decides on status or headers itself; `result` still goes through the row's view."""

    result: Any = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """`method path` answers with `view(service(...))`.

    The service's first parameter decides how it is run: a `UnitOfWork` (reading for GET, writing otherwise) or the whole
    `Operation`. Of the others, those named in the path come from it, a record (dataclass, TypedDict, pydantic model) is the
    body, `Annotated[…, Header(name)]` is a header, and the rest is the query.
    """

    method: str
    path: str
    service: Callable[..., Awaitable[Any]]
    view: Any = None
    status: int = 200
    public: bool = False  # open without a token; a valid one is used nevertheless
    body: Any = None  # the body's own type where its words differ: its `arguments()` or fields are the service's arguments
    form: bool = False  # also reads application/x-www-form-urlencoded
    bare: bool = False  # a page is sent as its bare items
    rename: Mapping[str, str] = field(default_factory=dict)  # service argument -> name on the wire
    types: Mapping[str, Any] = field(default_factory=dict)  # service argument -> its type in this dialect
    defaults: Mapping[str, Any] = field(default_factory=dict)  # service argument -> its default in this dialect
    given: Mapping[str, Any] = field(default_factory=dict)  # service argument -> fixed value, not read from the request
    answer: Mapping[str, str] = field(default_factory=dict)  # fixed answer; `{flow_id}` is filled from the arguments
    statuses: Mapping[ErrorCode, int] = field(default_factory=dict)  # refusals with another status than the catalogue's
    limits: Traffic = Traffic.ORDINARY  # which of the dialect's rate limits count it
    tag: str | None = None  # heading in the API document; default: the first word of the path

    @cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.service, eval_str=True)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class BoundCall:
    """A row in one dialect, checked: a row that does not fit its service fails when it is bound."""

    def __init__(self, call: Call, dialect: Dialect) -> None:
        self.call, self.dialect = call, dialect
        self.path = dialect.prefix + call.path
        _, _, converters = compile_path(call.path)
        parameters = list(call.signature.parameters.values())
        first = parameters[0].annotation if parameters else None
        if first not in (UnitOfWork, Operation):
            raise TypeError(f"{call.name}: the first parameter of {call.service.__qualname__} must be a UnitOfWork or an Operation")
        self.takes_work = first is UnitOfWork
        self.inputs: list[Input] = []
        self.body: Input | None = None
        if call.body is not None:
            self.body = Input("", "body", "body", call.body, None if NoneType in get_args(call.body) else REQUIRED)
        for parameter in parameters[1:]:
            if parameter.name not in call.given:
                self._place(parameter, set(converters))
        self._read = reader_of(get_args(call.view)[0] if self.is_list else call.view)
        missing = set(converters) - {entry.wire_name for entry in self.inputs if entry.place == "path"}
        known = {parameter.name for parameter in parameters[1:]}
        strangers = (set(call.rename) | set(call.types) | set(call.defaults) | set(call.given)) - known
        if missing or strangers:
            raise TypeError(f"{call.name}: {call.service.__qualname__} has no argument for {sorted(missing | strangers)}")

    @property
    def queried(self) -> set[str]:
        """The names that clients give in the query."""
        return {entry.wire_name for entry in self.inputs if entry.place == "query"}

    @property
    def is_list(self) -> bool:
        return get_origin(self.call.view) is list

    @property
    def is_paged(self) -> bool:
        returned = self.call.signature.return_annotation
        return self.is_list and not self.call.bare and (get_origin(returned) is Page or returned is Page)

    def _place(self, parameter: inspect.Parameter, in_path: set[str]) -> None:
        call, name = self.call, parameter.name
        wire_name = call.rename.get(name, name)
        annotation = call.types.get(name, parameter.annotation)
        default = call.defaults.get(name, parameter.default)
        marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
        header = next((mark for mark in marks if isinstance(mark, Header)), None)
        if wire_name in in_path:
            self.inputs.append(Input(name, "path", wire_name, annotation))
        elif header:
            self.inputs.append(Input(name, "header", header.name, annotation, default))
        elif call.body is not None:
            return  # the row's own body type gives it
        elif not is_record(annotation):
            self.inputs.append(Input(name, "query", wire_name, annotation, default))
        elif self.body is None:
            self.body = Input(name, "body", "body", annotation, default)
        else:
            raise TypeError(f"{call.name}: {call.service.__qualname__} takes two bodies")

    async def respond(self, request: Request, operation: Operation) -> Response:
        """Read the request, run the service in the caller's name, write the view; raises DomainError for every refusal."""
        arguments = await self._arguments(request, operation.runtime.settings.max_body_bytes)
        try:
            result = await self._run(operation, arguments)
        except DomainError as refusal:
            await note_refusal(operation, refusal)
            raise
        if isinstance(result, Response):
            return result
        answer = result if isinstance(result, Answer) else Answer(result)
        status = answer.status or self.call.status
        if status in NO_BODY:
            return Response(status_code=status, headers=dict(answer.headers))
        content, headers = self._content(answer.result, arguments)
        return json_response(content, status, {**headers, **answer.headers})

    async def _arguments(self, request: Request, max_bytes: int) -> dict[str, Any]:
        arguments = dict(self.call.given)
        problems: list[FieldError] = []
        for entry in self.inputs:
            try:
                arguments[entry.argument] = entry.pick(request)
            except InvalidInput as refusal:
                problems += refusal.errors
        if problems:
            raise InvalidInput(problems)
        if self.body is not None:
            body = await read_body(request, self.body, accepts_form=self.call.form, max_bytes=max_bytes)
            arguments |= {self.body.argument: body} if self.body.argument else arguments_of(body)
        return arguments

    async def _run(self, operation: Operation, arguments: dict[str, Any]) -> Any:
        if not self.takes_work:
            return await self.call.service(operation, **arguments)
        async with operation.reading() if self.call.method == "GET" else operation.unit_of_work() as work:
            return await self.call.service(work, **arguments)

    def _content(self, result: Any, arguments: dict[str, Any]) -> tuple[Any, dict[str, str]]:
        if self.call.answer:
            return {key: text.format_map(arguments) for key, text in self.call.answer.items()}, {}
        if not self.is_list:
            return self._read(result), {}
        if not isinstance(result, Page):
            return [self._read(item) for item in result], {}
        items = [self._read(item) for item in result.items]
        if self.call.bare:
            return items, {}
        return self.dialect.page(items, result.total, arguments.get("limit", len(items)), arguments.get("offset", 0))


class DialectRouter:
    """All rows of a dialect: picks by path and method, and answers refusals and accidents in the dialect's envelope."""

    def __init__(self, rows: Iterable[BoundCall], dialect: Dialect, runtime: RuntimeGetter) -> None:
        self.dialect, self.runtime = dialect, runtime
        self._rows = [(*compile_path(row.path), row) for row in sorted(rows, key=_specificity)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(Request(scope, receive))
        response.headers.setdefault(REQUEST_ID, request_id_of(scope))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        request_id = request_id_of(request.scope)
        statuses: Mapping[ErrorCode, int] = {}
        queried: Collection[str] = ()
        headers: dict[str, str] = {}
        limits: dict[str, str] = {}
        try:
            found = self._rows_at(request)
            row, request.scope["path_params"] = found.get("GET" if request.method == "HEAD" else request.method, (None, {}))
            if found and row is None:
                headers["Allow"] = ", ".join(sorted({"OPTIONS", *found} | ({"HEAD"} if "GET" in found else set())))
            if request.method == "OPTIONS" and row is None:
                return _options(headers)
            operation, stranger = await self._identified(request)
            limits = await self._admit(operation, row.call.limits if row else Traffic.ORDINARY)
            if row is None:
                raise _without_row(path_exists=bool(found))
            statuses, queried = row.call.statuses, row.queried
            self._check_accept(request)
            if stranger is not None and not row.call.public:
                raise stranger
            response = await row.respond(request, operation)
        except DomainError as error:
            if isinstance(error, RateLimited):
                limits = limit_headers(error.standing)
            response = failure_response(self.dialect, error, request_id, statuses.get(error.code), headers, queried)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it
        except Exception:
            log.exception("request.failed", request_id=request_id, method=request.method, path=request.scope["path"])
            response = failure_response(self.dialect, DomainError(ErrorCode.INTERNAL_ERROR, "Internal Server Error"), request_id)
        response.headers.update(limits)
        return response

    async def _identified(self, request: Request) -> tuple[Operation, DomainError | None]:
        """Return the operation in the caller's name; in nobody's, and why, if the request's token says nothing."""
        operation = anonymous_operation(request, self.runtime(), self.dialect.door)
        try:
            operation, stranger = await identified(operation, bearer_token(request.headers.get("authorization"))), None
        except DomainError as refusal:
            stranger = refusal
        bind_request(operation.request_id, user_id=operation.caller.user_id)
        return operation, stranger

    async def _admit(self, operation: Operation, traffic: Traffic) -> dict[str, str]:
        """Count the request, before its body is read, and return the headers that say what is left; raises RateLimited."""
        admission = await admit(operation, self.dialect.door, traffic)
        if admission.refused_by is not None:
            raise RateLimited(admission.refused_by)
        return limit_headers(admission.tightest)

    def _rows_at(self, request: Request) -> dict[str, tuple[BoundCall, dict[str, Any]]]:
        found: dict[str, tuple[BoundCall, dict[str, Any]]] = {}
        for pattern, _, converters, row in self._rows:
            if match := pattern.match(request.scope["path"]):
                values = {name: converters[name].convert(value) for name, value in match.groupdict().items()}
                if "" not in values.values():
                    found.setdefault(row.call.method, (row, values))
        return found

    def _check_accept(self, request: Request) -> None:
        accepted = request.headers.get("accept") or "*/*"
        if self.dialect.negotiates and not re.search(r"\*/\*|application/\*|application/(\w+\+)?json", accepted.lower()):
            raise DomainError(ErrorCode.NOT_ACCEPTABLE, "This API sends application/json")


def bind(calls: Iterable[Call], dialect: Dialect) -> list[BoundCall]:
    """Check the rows against their services; raises TypeError for one that does not fit, or that is there twice."""
    bound = [BoundCall(call, dialect) for call in calls]
    seen: set[str] = set()
    for row in bound:
        if row.call.name in seen:
            raise TypeError(f"{row.call.name} is there twice")
        seen.add(row.call.name)
    return bound


def routes_of(rows: Iterable[BoundCall], dialect: Dialect, runtime: RuntimeGetter) -> list[Route]:
    """Return the routes that answer the dialect's prefix and everything under it."""
    router = DialectRouter(rows, dialect, runtime)
    return [Route(dialect.prefix, router), Route(dialect.prefix + "/{path:path}", router)]


def _options(headers: Mapping[str, str]) -> Response:
    if not headers:
        raise _without_row(path_exists=False)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)


def _without_row(*, path_exists: bool) -> DomainError:
    if path_exists:
        return DomainError(ErrorCode.METHOD_NOT_ALLOWED, "Method Not Allowed")
    return DomainError(ErrorCode.ROUTE_NOT_FOUND, "Not Found")


def _specificity(row: BoundCall) -> list[tuple[int, str]]:
    # Fixed words come before parameters, and parameters that may hold slashes last.
    return [(2 if ":path}" in word else 1 if "{" in word else 0, word) for word in row.path.split("/")]


def limit_headers(standing: Standing | None) -> dict[str, str]:
    """Return the headers that tell a client where it stands; none where nothing is limited."""
    if standing is None:
        return {}
    values = (standing.rule.limit, standing.remaining, math.ceil(standing.reset_at.timestamp()))
    return {name: str(value) for name, value in zip(LIMIT_HEADERS, values, strict=True)}


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(to_json(content), status, dict(headers or {}), "application/json; charset=utf-8")


def failure_response(
    dialect: Dialect,
    error: DomainError,
    request_id: str,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    queried: Collection[str] = (),
) -> Response:
    """Return a refusal in the dialect's envelope, with the headers that its status asks for."""
    status = status or dialect.status_of(error.code)
    extra = dict(headers or {})
    if status == HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = "Bearer"
    if "retry_after" in error.details:
        extra["Retry-After"] = str(error.details["retry_after"])
    return json_response(dialect.failure(error, request_id, queried), status, extra)


__all__ = ["Answer", "BoundCall", "Call", "Header", "bind", "routes_of"]
