"""Parses untrusted JSON and forms: exact numbers, text that can be stored, a limited depth; anything else is a clear refusal."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from domain.kernel.errors import ErrorCode
from schema.rest.dialects import FieldError, InvalidInput

MAX_DEPTH = 40
MAX_FORM_FIELDS = 100
# Beyond this even refusing a number politely needs care: decimals overflow when they are compared.
_MAX_EXPONENT = 300
_SAFE_INTEGER_DIGITS = 18


def parse_json(body: bytes) -> Any:
    """Return the document; numbers with a fraction or many digits are Decimals, never floats."""
    try:
        document = json.loads(body.decode("utf-8-sig"), parse_float=_number, parse_int=_integer, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise _broken("The body is not UTF-8 text") from None
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise _broken(f"JSON decode error: {error.msg}", error.pos) from None
    check_text(document, ("body",))
    return document


def parse_form(body: bytes) -> dict[str, Any]:
    """Return the fields of an urlencoded form; of a repeated one the last."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise _broken("The body is not an urlencoded form") from None
    form = dict(pairs)
    check_text(form, ("body",))
    return form


def check_text(value: Any, place: tuple[str | int, ...], depth: int = 0) -> None:
    """Raise InvalidInput for text that no database or answer can hold (lone surrogates, NUL) and for too deep nesting."""
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidInput([FieldError("string_unicode", place, "Text must not contain lone surrogates")])
        if "\0" in value:
            raise InvalidInput([FieldError("string_unicode", place, "Text must not contain NUL characters")])
    elif isinstance(value, dict | list):
        if depth >= MAX_DEPTH:
            raise _too_deep()
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(key, str):
                check_text(key, place)
            check_text(item, (*place, key), depth + 1)


def _broken(message: str, position: int | None = None) -> InvalidInput:
    place = ("body",) if position is None else ("body", position)
    return InvalidInput([FieldError("json_invalid", place, message)], ErrorCode.INVALID_JSON)


def _too_deep() -> InvalidInput:
    return InvalidInput([FieldError("json_invalid", ("body",), f"The body is nested deeper than {MAX_DEPTH} levels")])


def _number(literal: str) -> Decimal:
    try:
        number = Decimal(literal)
    except InvalidOperation:
        raise _too_large() from None
    if number and abs(number.adjusted()) > _MAX_EXPONENT:
        raise _too_large()
    return number if number else Decimal(0)


def _integer(literal: str) -> int | Decimal:
    if len(literal) <= _SAFE_INTEGER_DIGITS:
        return int(literal)
    if len(literal) > _MAX_EXPONENT:
        raise _too_large()
    return Decimal(literal)


def _too_large() -> InvalidInput:
    return InvalidInput([FieldError("number_too_large", ("body",), "A number in the body is too large or has too many digits")])


def _refuse_constant(name: str) -> None:
    raise _broken(f"JSON decode error: {name} is not a JSON number")
