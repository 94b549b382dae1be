"""Reads views off what services return, and writes them as JSON that keeps every digit."""

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from types import FunctionType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import orjson
from pydantic import BaseModel

from domain.kernel.clock import to_wire
from domain.kernel.money import plain

Reader = Callable[[Any], Any]
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


def to_json(value: Any) -> bytes:
    """Return JSON: decimals as number literals with all their digits, times as RFC 3339 with `Z`."""
    return orjson.dumps(value, default=_wire_value, option=_OPTIONS)


def _wire_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value)) if value.is_finite() else None
    if isinstance(value, datetime):
        return to_wire(value)
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, frozenset | set | tuple | Sequence):
        return list(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def reader_of(view: Any) -> Reader:
    """Return how to make the view from a service's result.

    A view is a dataclass with `of(result)`, a dataclass or TypedDict whose fields are read from attributes (or keys) of the
    same name, a function that returns one of these, a pydantic model, a list or optional of such, or a plain JSON type.
    """
    origin, arguments = get_origin(view), get_args(view)
    if isinstance(view, FunctionType):
        return view
    if origin in (list, tuple, Sequence):
        return _list_reader(reader_of(arguments[0]))
    if origin in (Union, UnionType) and NoneType in arguments and len(arguments) == 2:
        return _optional_reader(reader_of(next(argument for argument in arguments if argument is not NoneType)))
    if isinstance(view, type) and issubclass(view, BaseModel):
        return _model_reader(view)
    if hasattr(view, "of"):
        return view.of  # type: ignore[no-any-return]
    if is_typeddict(view) or (isinstance(view, type) and is_dataclass(view)):
        return _record_reader(view)
    return _as_it_is


def record_of(view: Any) -> Any:
    """Return the type that describes the view: the return annotation of a function, else the view itself."""
    if isinstance(view, FunctionType):
        return get_type_hints(view, include_extras=True).get("return", Any)
    return view


def _as_it_is(value: Any) -> Any:
    return value


def _list_reader(read: Reader) -> Reader:
    return lambda items: [read(item) for item in items]


def _optional_reader(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _model_reader(view: type[BaseModel]) -> Reader:
    return lambda value: view.model_validate(value, from_attributes=True)


def _record_reader(view: Any) -> Reader:
    hints = get_type_hints(view, include_extras=True)
    names = [field.name for field in fields(view)] if is_dataclass(view) else list(hints)
    readers = [(name, reader_of(hints[name])) for name in names]

    def read(value: Any) -> Any:
        if isinstance(value, dict):
            return view(**{name: reader(value[name]) for name, reader in readers})
        return view(**{name: reader(getattr(value, name)) for name, reader in readers})

    return read
