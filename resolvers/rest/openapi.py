"""OpenAPI 3.1 read off the same rows that serve the requests."""

import inspect
from collections.abc import Iterable
from types import NoneType
from typing import Any, get_args

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from domain.kernel.errors import ErrorCode
from domain.kernel.permissions import needs_of
from resolvers.rest.endpoint import BoundCall
from resolvers.rest.inputs import FORM_TYPE, JSON_TYPE, Input
from schema.rest.dialects import Dialect
from schema.rest.rendering import record_of

REFERENCE = "#/components/schemas/{model}"
_COMMON = (ErrorCode.VALIDATION_ERROR, ErrorCode.INTERNAL_ERROR)
_WITH_BODY = (ErrorCode.INVALID_JSON, ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE)


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
        "parameters": [_parameter(entry, schemas) for entry in row.inputs],
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


def _responses(row: BoundCall, schemas: dict[str, Any]) -> dict[str, Any]:
    call = row.call
    permission = getattr(call.service, "permission", None)
    success: dict[str, Any] = {"description": "Success"}
    if call.answer:
        properties = {key: {"type": "string"} for key in call.answer}
        success["content"] = {JSON_TYPE: {"schema": {"type": "object", "properties": properties, "required": list(properties)}}}
    elif call.view is not None:
        success["content"] = {JSON_TYPE: {"schema": _answer_schema(row, schemas)}}
    codes = {*_COMMON, *call.statuses, *(code for code in ErrorCode if f" {code.value}" in f" {inspect.getdoc(call.service)}")}
    codes |= set(_WITH_BODY) if row.body is not None else set()
    codes |= {ErrorCode.NOT_FOUND} if any(entry.place == "path" for entry in row.inputs) else set()
    if not call.public:
        codes |= {ErrorCode.UNAUTHORIZED, ErrorCode.TOKEN_EXPIRED, ErrorCode.TOKEN_REVOKED}
        codes |= {ErrorCode.FORBIDDEN} if permission or getattr(call.service, "needs_superuser", False) else set()
        codes |= {ErrorCode.SESSION_REQUIRED} if getattr(call.service, "needs_session", False) else set()
    by_status: dict[int, list[ErrorCode]] = {}
    for code in ErrorCode:
        if code in codes:
            by_status.setdefault(call.statuses.get(code, row.dialect.status_of(code)), []).append(code)
    failure = {JSON_TYPE: {"schema": {"$ref": REFERENCE.format(model="Failure")}}}
    failures = {
        str(status): {"description": " ".join(f"`{code.value}`: {code.meaning}" for code in listed), "content": failure}
        for status, listed in sorted(by_status.items())
    }
    if row.is_paged and row.dialect.page_headers:
        success["headers"] = {name: {"description": text, "schema": {"type": "integer"}} for name, text in row.dialect.page_headers.items()}
    return {str(call.status): success, **failures, "default": {"description": "Any other refusal.", "content": failure}}


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
