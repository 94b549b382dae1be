"""Reads a service's arguments from a request: path, query, headers and body, each checked against its type."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, is_typeddict

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError, SchemaValidator, core_schema
from starlette.datastructures import QueryParams
from starlette.requests import Request

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import exact
from resolvers.rest.json_body import check_text, parse_form, parse_json
from schema.rest.dialects import FieldError, InvalidInput

Place = Literal["path", "query", "header", "body"]
REQUIRED = inspect.Parameter.empty
MAX_INTEGER = 2**63 - 1
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
_SECRET_WORDS = ("password", "secret", "token", "api_key", "passphrase", "credential", "additional_config", "private_key")
_SHOWN = 200
_SHOWN_EXPONENT = 20
# A number in a query, a form or a string: no underscores, blanks or digits of other scripts, which Python would read too.
_NUMERIC = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf(inity)?)", re.ASCII | re.IGNORECASE)
# What clients are told instead of the words of the validator, which speak of Python.
_WORDED = {
    "dataclass_type": ("dict_type", "Input should be an object"),
    "model_type": ("dict_type", "Input should be an object"),
    "dict_type": ("dict_type", "Input should be an object"),
    "list_type": ("list_type", "Input should be an array"),
    "decimal_type": ("decimal_type", "Input should be a number"),
}


@dataclass(frozen=True, slots=True)
class Header:
    """Marks an argument of an adapter that is read from a header: `Annotated[str | None, Header("Prefer")]`."""

    name: str


class Input:
    """One argument of a service: where it comes from, under which name, and what it must look like."""

    def __init__(self, argument: str, place: Place, wire_name: str, annotation: Any, default: Any = REQUIRED) -> None:
        self.argument, self.place, self.wire_name, self.annotation, self.default = argument, place, wire_name, annotation, default
        self.adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        self._validator = strict_numbers(self.adapter)
        self._has_two_forms = _has_two_forms(annotation)
        self._many = any(get_origin(option) in (list, set, tuple, frozenset) for option in (annotation, *get_args(annotation)))

    @property
    def is_required(self) -> bool:
        return self.default is REQUIRED

    def pick(self, request: Request) -> Any:
        """Return the argument's value from path, query or headers; raises InvalidInput."""
        place = (self.place, self.wire_name)
        source: Mapping[str, Any] = {"path": request.path_params, "query": request.query_params, "header": request.headers}[self.place]
        if self.wire_name not in source:
            if self.is_required:
                raise InvalidInput([FieldError("missing", place, "Field required")])
            return self.default
        raw = _listed(request.query_params, self.wire_name) if self._many and self.place == "query" else source[self.wire_name]
        check_text(raw, place)
        return self.validate(raw, place)

    def validate(self, raw: Any, place: tuple[str | int, ...]) -> Any:
        """Return the raw value as the argument's type; raises InvalidInput with every problem in it."""
        try:
            return self._validator.validate_python(raw)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False)
            if self._has_two_forms:
                problems = [{**one, "loc": one["loc"][1:]} for one in problems if _is_of_list(one) == isinstance(raw, list)]
            raise InvalidInput([_problem(dict(problem), place) for problem in problems[:50]]) from None


def _problem(found: dict[str, Any], place: tuple[str | int, ...]) -> FieldError:
    kind, message = _WORDED.get(found["type"], (found["type"], found["msg"]))
    return FieldError(kind, place + found["loc"], message, _presentable(found["input"], found["loc"] or place))


def _has_two_forms(annotation: Any) -> bool:
    # An object, or a list of what is in it.
    is_union = get_origin(annotation) in (Union, UnionType)
    return is_union and is_record(annotation) and sum(option is not NoneType for option in get_args(annotation)) > 1


def _is_of_list(problem: ErrorDetails) -> bool:
    # In a body with two forms the first step is the validator's name for the form.
    return str(problem["loc"][0]).startswith("list[")


def is_record(annotation: Any) -> bool:
    """Say whether a type, or an optional of it, is a dataclass, pydantic model or TypedDict, that is: a body."""
    options = [annotation, *get_args(annotation)]
    return any(is_typeddict(option) or (isinstance(option, type) and _is_record_type(option)) for option in options)


def _is_record_type(kind: type) -> bool:
    return is_dataclass(kind) or issubclass(kind, BaseModel)


def arguments_of(body: Any) -> dict[str, Any]:
    """Return what a row's own body type gives to the service: its `arguments()`, else its fields by name."""
    if body is None:
        return {}
    if hasattr(body, "arguments"):
        return dict(body.arguments())
    if isinstance(body, dict):
        return dict(body)
    if isinstance(body, BaseModel):
        return {name: getattr(body, name) for name in type(body).model_fields}
    return {field.name: getattr(body, field.name) for field in fields(body)}


async def read_body(request: Request, expected: Input, *, accepts_form: bool, max_bytes: int) -> Any:
    """Return the checked body, or the argument's default for an empty one.

    Raises PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID_JSON, or VALIDATION_ERROR with the list of problems.
    """
    content = await _content_of(request, max_bytes)
    kind, _, parameters = request.headers.get("content-type", JSON_TYPE).lower().partition(";")
    kind, charset = kind.strip(), parameters.strip().removeprefix("charset=").strip('"')
    if not content and not expected.is_required:
        return expected.default
    if kind == FORM_TYPE and accepts_form:
        return expected.validate(parse_form(content), ("body",))
    if (kind != JSON_TYPE and not (kind.startswith("application/") and kind.endswith("+json"))) or (
        parameters.strip().startswith("charset=") and charset not in ("utf-8", "utf8", "us-ascii")
    ):
        accepted = f"{JSON_TYPE} or {FORM_TYPE}" if accepts_form else JSON_TYPE
        raise DomainError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"The body must be {accepted} in UTF-8")
    if not content:
        raise InvalidInput([FieldError("missing", ("body",), "Field required")])
    return expected.validate(parse_json(content), ("body",))


async def _content_of(request: Request, max_bytes: int) -> bytes:
    # The declared length refuses early; counting refuses bodies that come in chunks or lie about their length.
    declared = request.headers.get("content-length", "0")
    content = bytearray()
    if not declared.isdecimal() or int(declared[:20]) <= max_bytes:
        async for chunk in request.stream():
            content += chunk
            if len(content) > max_bytes:
                break
        else:
            return bytes(content)
    raise DomainError(ErrorCode.PAYLOAD_TOO_LARGE, f"The body is larger than {max_bytes} bytes", max_bytes=max_bytes)


def _listed(query: QueryParams, name: str) -> list[str]:
    return [item.strip() for value in query.getlist(name) for item in value.split(",") if item.strip()]


def _presentable(value: Any, place: tuple[str | int, ...]) -> Any:
    # What was sent is shown back to its sender, but secrets do not belong into answers, nor whole documents.
    if any(word in str(part).lower() for part in place for word in _SECRET_WORDS):
        return "***"
    if isinstance(value, dict):
        return {key: _presentable(item, (key,)) for key, item in list(value.items())[:20]}
    if isinstance(value, list):
        return [_presentable(item, ()) for item in value[:20]]
    if isinstance(value, Decimal) and abs(value.adjusted()) > _SHOWN_EXPONENT:
        return str(value)[:_SHOWN]
    return value[:_SHOWN] if isinstance(value, str) else value


def strict_numbers(adapter: TypeAdapter[Any]) -> SchemaValidator:
    """Return the adapter's validator with numbers held to our rules.

    A boolean is not a number, integers fit 64 bits, decimals fit `kernel.money`; in free-form JSON (`Any`) a decimal becomes
    an ordinary number again, since that is what it was on the wire.
    """
    config = adapter.core_schema.get("config")
    return SchemaValidator(_tightened(adapter.core_schema), config, _use_prebuilt=False)


_PLAIN_KEYS = frozenset({"metadata", "serialization", "default", "expected", "config", "cls", "members", "ref", "schema_ref"})


def _tightened(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return type(node)(_tightened(item) for item in node)
    if not isinstance(node, dict):
        return node
    inner = {key: value if key in _PLAIN_KEYS else _tightened(value) for key, value in node.items()}
    match node.get("type"):
        case "int":
            checked = core_schema.no_info_before_validator_function(_plain("int"), inner)
            return core_schema.no_info_after_validator_function(_fits_64_bits, checked)
        case "float":
            return core_schema.no_info_before_validator_function(_plain("float"), inner | {"allow_inf_nan": False})
        case "decimal":
            checked = core_schema.no_info_before_validator_function(_plain("decimal"), inner)
            return core_schema.no_info_after_validator_function(_exact, checked)
        case "any":
            return core_schema.no_info_after_validator_function(_free_json, inner)
        case "dict" if "values_schema" not in node:
            return core_schema.no_info_after_validator_function(_free_json, inner)
    return inner


def _plain(kind: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, bool):
            raise PydanticCustomError("decimal_type" if kind == "decimal" else "number_type", "Input should be a number, not a boolean")
        if isinstance(value, str) and not _NUMERIC.fullmatch(value):
            raise PydanticCustomError(f"{kind}_parsing", "Input should be a number")
        return value

    return check


def _fits_64_bits(value: int) -> int:
    if abs(value) > MAX_INTEGER:
        raise PydanticCustomError("number_too_large", "Input should fit into 64 bits")
    return value


def _exact(value: Decimal) -> Decimal:
    if value and abs(value.adjusted()) > 60:  # comparing such numbers overflows
        raise PydanticCustomError("number_too_large", "Input has too many digits")
    try:
        return exact(value, "Input")
    except DomainError as refusal:
        raise PydanticCustomError("number_too_large", "{message}", {"message": refusal.message}) from None


def _same_float(value: Decimal) -> float:
    number = float(value)
    if Decimal(repr(number)) != value:
        raise PydanticCustomError("number_too_large", "A number in it has more digits than can be kept")
    return number


def _free_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) <= MAX_INTEGER else _same_float(value)
    if isinstance(value, dict):
        return {key: _free_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_free_json(item) for item in value]
    return value
