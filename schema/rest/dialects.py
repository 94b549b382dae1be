"""The two REST dialects: where their routes live, and how each wraps lists and refusals."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from domain.accounts.words import word_for
from domain.kernel.errors import DomainError, ErrorCode

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with the input: `place` begins with body, query, path or header."""

    type: str
    place: tuple[str | int, ...]
    message: str
    input: object = None


class InvalidInput(DomainError):
    """The request does not have the shape that its route reads; nothing has been done."""

    def __init__(self, errors: Sequence[FieldError], code: ErrorCode = ErrorCode.VALIDATION_ERROR) -> None:
        first = errors[0]
        where = _path_of(first)
        super().__init__(code, f"{where}: {first.message}" if where else first.message)
        self.errors = list(errors)


class Dialect(Protocol):
    """One vocabulary of REST."""

    door: str
    prefix: str
    title: str
    description: str
    openapi_path: str
    negotiates: bool
    page_headers: Mapping[str, str]

    def status_of(self, code: ErrorCode) -> int: ...

    def failure(self, error: DomainError, request_id: str, queried: Collection[str] = ()) -> dict[str, Any]:
        """Return the envelope of a refusal; fields named in `queried` came with the query, all others in the body."""
        ...

    def page(self, items: list[Any], total: int, limit: int, offset: int) -> tuple[Any, Headers]: ...

    def page_schema(self, items: dict[str, Any]) -> dict[str, Any]: ...

    def failure_schema(self) -> dict[str, Any]: ...


class ApiV1Dialect:
    """Moniqo: `{"detail": …}`; lists as `{items, total, limit, offset, has_more}`."""

    door = "api_v1"
    prefix = "/api/v1"
    title = "Tradewind API"
    description = "Flows, analysts, orders and positions."
    openapi_path = "/api/openapi.json"
    negotiates = False
    page_headers: Mapping[str, str] = {}

    # What clients of this dialect read as a list of problems; every other refusal is one sentence.
    _LISTED = frozenset({ErrorCode.VALIDATION_ERROR, ErrorCode.INVALID_JSON, ErrorCode.WEAK_PASSWORD})

    def status_of(self, code: ErrorCode) -> int:
        return code.api_v1

    def failure(self, error: DomainError, request_id: str, queried: Collection[str] = ()) -> dict[str, Any]:
        if error.code not in self._LISTED:
            return {"detail": error.message}
        problems = _problems_of(error, queried)
        return {"detail": [{"type": p.type, "loc": list(p.place), "msg": p.message, "input": p.input} for p in problems]}

    def page(self, items: list[Any], total: int, limit: int, offset: int) -> tuple[Any, Headers]:
        return {"items": items, "total": total, "limit": limit, "offset": offset, "has_more": offset + len(items) < total}, {}

    def page_schema(self, items: dict[str, Any]) -> dict[str, Any]:
        count = {"type": "integer", "minimum": 0}
        properties = {"items": {"type": "array", "items": items}, "total": count, "limit": count, "offset": count}
        return _object({**properties, "has_more": {"type": "boolean"}})

    def failure_schema(self) -> dict[str, Any]:
        text: dict[str, Any] = {"type": "string"}
        place = {"type": "array", "items": {"type": ["string", "integer"]}}
        problem = _object({"type": text, "loc": place, "msg": text, "input": {}})
        return _object({"detail": {"anyOf": [text, {"type": "array", "items": problem}]}})


class V1Dialect:
    """QuantEnergX: `{"error": {code, message, details}}`; lists as bare arrays with `X-Total-Count`."""

    door = "v1"
    prefix = "/v1"
    title = "Tradewind energy API"
    description = "Energy trading in the QuantEnergX dialect."
    openapi_path = "/v1/openapi.json"
    negotiates = True
    page_headers: Mapping[str, str] = {"X-Total-Count": "How many items the whole list has."}

    def status_of(self, code: ErrorCode) -> int:
        return code.v1

    def failure(self, error: DomainError, request_id: str, queried: Collection[str] = ()) -> dict[str, Any]:
        message, details = error.message, {**error.details, "request_id": request_id}
        if isinstance(needed := details.get("required_permission"), str):
            # the word that PUT /security/permissions would give
            details["required_permission"] = word_for(needed)
            message = message.replace(needed, word_for(needed))
        if isinstance(error, InvalidInput) or error.code is ErrorCode.VALIDATION_ERROR:
            details["errors"] = [_dotted(problem) for problem in _problems_of(error, queried)]
        return {"error": {"code": error.code.value, "message": message, "details": details}}

    def page(self, items: list[Any], total: int, limit: int, offset: int) -> tuple[Any, Headers]:
        return items, {"X-Total-Count": str(total)}

    def page_schema(self, items: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": items}

    def failure_schema(self) -> dict[str, Any]:
        code = {"type": "string", "enum": [code.value for code in ErrorCode]}
        return _object({"error": _object({"code": code, "message": {"type": "string"}, "details": {"type": "object"}})})


API_V1: Dialect = ApiV1Dialect()
V1: Dialect = V1Dialect()


def _problems_of(error: DomainError, queried: Collection[str]) -> list[FieldError]:
    if isinstance(error, InvalidInput):
        return error.errors
    listed = error.details.get("errors")
    found = listed if isinstance(listed, list) and listed else [{"field": error.details.get("field"), "message": error.message}]
    kind = "value_error" if error.code is ErrorCode.VALIDATION_ERROR else error.code.value.lower()
    return [FieldError(str(one.get("type", kind)), _place_of(one.get("field"), queried), str(one["message"])) for one in found]


def _place_of(field: object, queried: Collection[str]) -> tuple[str, ...]:
    if not field or field == "body":
        return ("body",)
    return ("query" if field in queried else "body", *str(field).split("."))


def _path_of(problem: FieldError) -> str:
    # Where JSON breaks off is a position in the text, not a field.
    return "" if problem.type == "json_invalid" else ".".join(str(part) for part in problem.place[1:])


def _dotted(problem: FieldError) -> dict[str, str]:
    return {"field": _path_of(problem), "message": problem.message, "type": problem.type}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}
