"""Checks GraphQL inputs against the same declarations of limits that the other doors use."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from domain.kernel.errors import DomainError, ErrorCode

_adapters: dict[Any, TypeAdapter[Any]] = {}


def checked[T](kind: type[T], values: Mapping[str, object]) -> T:
    """Return the domain's input made from these values; raises VALIDATION_ERROR naming every field that is outside its limits."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    adapter: TypeAdapter[T] = _adapters[kind]
    try:
        return adapter.validate_python(dict(values))
    except ValidationError as error:
        problems = [{"field": _camel_case(".".join(map(str, one["loc"]))), "message": one["msg"]} for one in error.errors()]
        message = f"{problems[0]['field']}: {problems[0]['message']}"
        raise DomainError(ErrorCode.VALIDATION_ERROR, message, errors=problems) from None


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)
