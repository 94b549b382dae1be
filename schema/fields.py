"""Declares fields of the GraphQL schema: each with its description, and with the permission that its service asks for."""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_origin

import strawberry
from strawberry.types.field import StrawberryField

from domain.kernel.permissions import Permission
from schema.arguments import ARGUMENTS, STREAM_ARGUMENTS
from schema.context import BatchLoad, Info

Declared = Callable[[Callable[..., object]], StrawberryField]
Service = Callable[..., object]


def field(kind: Any, description: str, *, service: Service | None = None, name: str | None = None) -> Declared:
    """Declare a field of the GraphQL type `kind`; what the function returns needs only its attributes."""

    def declare(resolver: Callable[..., object]) -> StrawberryField:
        _describe_arguments(resolver, ARGUMENTS)
        about = with_permission(description, service)
        return strawberry.field(resolver, graphql_type=kind, name=name, description=about, metadata={"service": service})

    return declare


def mutation(kind: Any, description: str, *, service: Service | None = None) -> Declared:
    """Declare a field of the mutation root; it is nullable, so that a failure does not hide what its neighbours have done."""
    return field(kind | None, description, service=service)


def subscription(kind: Any, description: str, *, service: Service | None = None) -> Declared:
    """Declare a field of the subscription root; the function is an async generator."""

    def declare(resolver: Callable[..., object]) -> StrawberryField:
        _describe_arguments(resolver, STREAM_ARGUMENTS)
        declared: StrawberryField = strawberry.subscription(resolver, graphql_type=kind, description=with_permission(description, service))
        return declared

    return declare


def with_permission(description: str, service: Service | None) -> str:
    """Return the description with the permission that the service requires, if it does."""
    permission: Permission | None = getattr(service, "permission", None)
    return description if permission is None else f"{description} Requires the permission `{permission.value}`."


def _describe_arguments(resolver: Callable[..., object], descriptions: Mapping[str, str]) -> None:
    annotations = resolver.__annotations__
    for name in inspect.signature(resolver).parameters:
        if name not in {"self", "info"}:
            annotations[name] = Annotated[annotations[name], strawberry.argument(description=descriptions[name])]


def related(kind: Any, batch: BatchLoad[Any], key: str, description: str) -> Any:
    """Declare a field that leads to other rows: `batch` finds them for all objects of a level at once, by their attribute `key`."""

    nothing: Any = [] if get_origin(kind) is list else None

    async def load(self: Any, info: Info) -> Any:
        found = await info.context.load(batch, getattr(self, key))
        return nothing if found is None else found  # what it belongs to may be gone by now

    return strawberry.field(resolver=load, graphql_type=kind, description=with_permission(description, batch))
