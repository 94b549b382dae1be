"""OpenAPI 3.1 read off the same rows that serve the requests."""

import inspect
import re
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any, get_args

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import needs_of
from domain.runtime.idempotency import MAX_KEY_LENGTH
from resolvers.http import LIMIT_HEADERS
from resolvers.rest.endpoint import BoundCall
from resolvers.rest.inputs import FORM_TYPE, JSON_TYPE, Input
from schema.rest.dialects import Dialect
from schema.rest.rendering import record_of

REFERENCE = "#/components/schemas/{model}"
_WITHOUT_TOKEN = (ErrorCode.UNAUTHORIZED, ErrorCode.TOKEN_EXPIRED, ErrorCode.TOKEN_REVOKED, ErrorCode.ACCOUNT_INACTIVE)
_RETRY_AFTER = "Retry-After"
_SHARED = {**LIMIT_HEADERS, _RETRY_AFTER: "Seconds until it makes sense to try again."}
_LIMITS = {name: {"$ref": f"#/components/headers/{name}"} for name in LIMIT_HEADERS}
_WITH_BODY = (ErrorCode.INVALID_JSON, ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE)
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "How to say who asks: `Bearer`.", "schema": {"type": "string", "const": "Bearer"}}},
    429: {_RETRY_AFTER: {"$ref": f"#/components/headers/{_RETRY_AFTER}"}},
}


class WireSchema(GenerateJsonSchema):
    """Describes decimals as the JSON numbers that they are on the wire; on the way in numeric strings are read too."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        return {"type": "number"} if self.mode == "serialization" else {"type": ["number", "string"]}


def openapi(dialect: Dialect, rows: Iterable[BoundCall], version: str) -> dict[str, Any]:
    """Return the API document of one dialect."""
    schemas: dict[str, Any] = {"Failure": dialect.failure_schema()}
    paths: dict[str, Any] = {}
    for row in rows:
        path = row.path.replace(":path}", "}")
        paths.setdefault(path, {})[row.call.method.lower()] = _operation(row, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": dialect.title, "version": version, "description": dialect.description},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": _integers(_SHARED),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT or API key"}},
        },
    }


def _operation(row: BoundCall, schemas: dict[str, Any]) -> dict[str, Any]:
    call = row.call
    summary, _, rest = (inspect.getdoc(call.service) or "").partition("\n")
    permission = getattr(call.service, "permission", None)
    description = " ".join(rest.split())
    description = f"{description} {needs_of(call.service)}".strip()
    words = [word.strip("{}").removesuffix(":path") for word in call.path.split("/") if word]
    operation: dict[str, Any] = {
        "operationId": "_".join([call.method.lower(), *words]).replace("-", "_"),
        "tags": [call.tag or words[0]],
        "summary": summary,
        "description": description,
        "parameters": [*(_parameter(entry, schemas) for entry in row.inputs), *_idempotency(row)],
        "responses": _responses(row, schemas),
        "security": [{}, {"bearer": []}] if call.public else [{"bearer": []}],
    }
    if permission:
        operation["x-permission"] = permission.value
    if row.body is not None:
        kinds = [JSON_TYPE, FORM_TYPE] if call.form else [JSON_TYPE]
        schema = _schema_of(row.body.annotation, "validation", schemas)
        operation["requestBody"] = {"required": row.body.is_required, "content": {kind: {"schema": schema} for kind in kinds}}
    return operation


def _parameter(entry: Input, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = _schema_of(entry.annotation, "validation", schemas)
    if not entry.is_required and entry.default is not None and isinstance(entry.default, str | int | bool):
        schema = {**schema, "default": entry.default}
    parameter: dict[str, Any] = {"name": entry.wire_name, "in": entry.place, "required": entry.is_required, "schema": schema}
    if "description" in schema:
        parameter["description"] = schema["description"]
    return parameter


def _idempotency(row: BoundCall) -> list[dict[str, Any]]:
    if ErrorCode.IDEMPOTENCY_CONFLICT not in _refusals_of(row):
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH, "pattern": r"^[\x21-\x7e]+$"}
    description = "The same key with the same request within 24 hours gets the first answer again."
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema, "description": description}]


def _responses(row: BoundCall, schemas: dict[str, Any]) -> dict[str, Any]:
    call = row.call
    success: dict[str, Any] = {"description": "Success", "headers": {**_LIMITS}}
    if call.answer:
        properties = {key: {"type": "string"} for key in call.answer}
        success["content"] = {JSON_TYPE: {"schema": {"type": "object", "properties": properties, "required": list(properties)}}}
    elif call.view is not None:
        success["content"] = {JSON_TYPE: {"schema": _answer_schema(row, schemas)}}
    if row.is_paged and row.dialect.page_headers:
        success["headers"] |= {
            name: {"description": text, "schema": {"type": "integer"}} for name, text in row.dialect.page_headers.items()
        }
    return {str(call.status): success, **_failures(row)}


def _failures(row: BoundCall) -> dict[str, Any]:
    by_status: dict[int, list[ErrorCode]] = {}
    for code in sorted(_refusals_of(row), key=list(ErrorCode).index):
        by_status.setdefault(row.call.statuses.get(code, row.dialect.status_of(code)), []).append(code)
    return {str(status): _failure(row.dialect, status, codes) for status, codes in sorted(by_status.items())}


def _refusals_of(row: BoundCall) -> set[ErrorCode]:
    # What a service raises stands in its docstring; the rest follows from what the row reads.
    call, doc = row.call, inspect.getdoc(row.call.service) or ""
    codes = {
        ErrorCode.RATE_LIMIT_EXCEEDED,
        ErrorCode.INTERNAL_ERROR,
        *call.statuses,
        *(code for code in ErrorCode if re.search(rf"\b{code.value}\b", doc)),
    }
    codes |= {ErrorCode.NOT_FOUND} if re.search(r"\bNotFound\b", doc) else set()
    codes |= {ErrorCode.BAD_REQUEST} if ErrorCode.IDEMPOTENCY_CONFLICT in codes else set()
    codes |= {ErrorCode.VALIDATION_ERROR} if row.inputs or row.body else set()
    codes |= set(_WITH_BODY) if row.body is not None else set()
    codes |= {ErrorCode.NOT_FOUND} if any(entry.place == "path" for entry in row.inputs) else set()
    codes |= {ErrorCode.NOT_ACCEPTABLE} if row.dialect.negotiates else set()
    codes |= set(_WITHOUT_TOKEN) if not call.public else set()
    guarded = getattr(call.service, "permission", None) or getattr(call.service, "needs_superuser", False)
    codes |= {ErrorCode.FORBIDDEN} if guarded else set()
    return codes | ({ErrorCode.SESSION_REQUIRED} if getattr(call.service, "needs_session", False) else set())


def _failure(dialect: Dialect, status: int, codes: list[ErrorCode]) -> dict[str, Any]:
    examples = {code.value: {"summary": code.meaning, "value": _example(dialect, code)} for code in codes}
    content = {"schema": {"$ref": REFERENCE.format(model="Failure")}, "examples": examples}
    failure: dict[str, Any] = {
        "description": " ".join(f"`{code.value}`: {code.meaning}" for code in codes),
        "content": {JSON_TYPE: content},
    }
    failure["headers"] = {**_LIMITS, **_HEADERS.get(status, {})}
    return failure


def _example(dialect: Dialect, code: ErrorCode) -> dict[str, Any]:
    return dialect.failure(DomainError(code, code.meaning), "req_01m814vhk8ez78tbngvgngrtde")


def _integers(headers: Mapping[str, str]) -> dict[str, Any]:
    return {name: {"description": text, "schema": {"type": "integer"}} for name, text in headers.items()}


def _answer_schema(row: BoundCall, schemas: dict[str, Any]) -> dict[str, Any]:
    if not row.is_list:
        return _schema_of(record_of(row.call.view), "serialization", schemas)
    item = _schema_of(record_of(get_args(row.call.view)[0]), "serialization", schemas)
    return row.dialect.page_schema(item) if row.is_paged else {"type": "array", "items": item}


def _schema_of(annotation: Any, mode: JsonSchemaMode, schemas: dict[str, Any]) -> dict[str, Any]:
    if annotation in (None, NoneType, Any):
        return {}
    # One class can be described in two ways: what may be left out on the way in is always there on the way out.
    reference = REFERENCE.replace("{model}", "{model}Input") if mode == "validation" else REFERENCE
    try:
        document = TypeAdapter(annotation).json_schema(ref_template=reference, schema_generator=WireSchema, mode=mode)
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError) as error:
        raise TypeError(f"{annotation} cannot be described in the API document") from error
    suffix = "Input" if mode == "validation" else ""
    for name, definition in document.pop("$defs", {}).items():
        _define(schemas, name + suffix, definition)
    title = document.get("title")
    if document.get("type") != "object" or not title or not title.isidentifier():
        return document
    _define(schemas, title + suffix, document)
    return {"$ref": REFERENCE.format(model=title + suffix)}


def _define(schemas: dict[str, Any], name: str, definition: dict[str, Any]) -> None:
    if schemas.setdefault(name, definition) != definition:
        raise TypeError(f"Two different types are named {name} in one API document")
