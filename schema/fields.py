"""Declares fields of the GraphQL schema: each with its description, and with the permission that its service asks for."""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_origin

import strawberry
from strawberry.types.field import StrawberryField

from domain.kernel.permissions import needs_of
from schema.arguments import ARGUMENTS, STREAM_ARGUMENTS
from schema.context import BatchLoad, Info

Declared = Callable[[Callable[..., object]], StrawberryField]
Service = Callable[..., object]

# What the price of an operation is made of; see resolvers/graphql_door/cost.py.
COST, AT_MOST = "cost", "at_most"
DEFAULT_AT_MOST = 20
FREE: Mapping[str, int] = {COST: 0}


def field(kind: Any, description: str, *, service: Service | None = None, name: str | None = None, cost: int | None = None) -> Declared:
    """Declare a field of the GraphQL type `kind`; what the function returns needs only its attributes.

    `cost` is what the field itself costs, without what is selected in it, where that is not 0 for a leaf and 1 for an object.
    """
    metadata = {} if cost is None else {COST: cost}
    priced = description if cost is None else f"{description} Costs {cost}."

    def declare(resolver: Callable[..., object]) -> StrawberryField:
        _describe_arguments(resolver, ARGUMENTS)
        described = with_permission(priced, service)
        return strawberry.field(resolver, graphql_type=kind, name=name, description=described, metadata={**metadata, "service": service})

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
    """Return the description with what the service requires of its callers."""
    return f"{description} {needs_of(service)}".rstrip()


def _describe_arguments(resolver: Callable[..., object], descriptions: Mapping[str, str]) -> None:
    annotations = resolver.__annotations__
    for name in inspect.signature(resolver).parameters:
        if name not in {"self", "info"}:
            annotations[name] = Annotated[annotations[name], strawberry.argument(description=descriptions[name])]


def related(kind: Any, batch: BatchLoad[Any], key: str, description: str, *, at_most: int = DEFAULT_AT_MOST) -> Any:
    """Declare a field that leads to other rows: `batch` finds them for all objects of a level at once, by their attribute `key`.

    A list is priced as if it held `at_most` of them; what it holds beyond that costs nothing more.
    """

    nothing: Any = [] if get_origin(kind) is list else None

    async def load(self: Any, info: Info) -> Any:
        found = await info.context.load(batch, getattr(self, key))
        return nothing if found is None else found  # what it belongs to may be gone by now

    described = with_permission(description, batch)
    return strawberry.field(resolver=load, graphql_type=kind, description=described, metadata={AT_MOST: at_most})
