"""Lists as Relay connections: pages by cursor, with a total that is counted only for those who ask."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

import strawberry
from graphql import FieldNode, FragmentSpreadNode, GraphQLResolveInfo, InlineFragmentNode, SelectionSetNode

from domain.runtime.keyset import KeysetPage, PageRequest, Place
from schema.arguments import ARGUMENTS
from schema.context import Info
from schema.fields import COST, FREE, with_permission
from schema.scalars import Cursor

COUNT_COST = 3
PAGE_ARGUMENTS = {"first": int | None, "after": Cursor | None, "last": int | None, "before": Cursor | None}

type Service = Callable[..., Awaitable[KeysetPage[Any]]]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Older objects follow. When reading backward: whether the page has a `before`.")
    has_previous_page: bool = strawberry.field(description="Newer objects precede. When reading forward: whether the page has an `after`.")
    start_cursor: Cursor | None = strawberry.field(description="Cursor of the first object; null on an empty page.")
    end_cursor: Cursor | None = strawberry.field(description="Cursor of the last object: the `after` of the next page.")


@strawberry.type(description="An object of a list with its cursor.")
class Edge[Node]:
    cursor: Cursor = strawberry.field(description="The place of this object in the list.")
    node: Node = strawberry.field(description="The object.", metadata=FREE)


@strawberry.type(description="One page of a list, newest first.")
class Connection[Node]:
    edges: list[Edge[Node]] = strawberry.field(description="The objects with their cursors.", metadata=FREE)
    nodes: list[Node] = strawberry.field(description="The objects alone.", metadata=FREE)
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.", metadata=FREE)
    total_count: int = strawberry.field(
        description=f"How many objects the whole list has under the same filter; counted only when selected. Costs {COUNT_COST}.",
        metadata={COST: COUNT_COST},
    )


class Listed(Protocol):
    """What a list needs to know of its objects."""

    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class PlacedNode:
    cursor: str
    node: object


@dataclass(frozen=True, slots=True)
class PageOfNodes:
    """The value of a `Connection` field: plain attributes, so that its leaves need no resolvers."""

    edges: Sequence[PlacedNode]
    nodes: Sequence[object]
    page_info: PageInfo
    total_count: int | None


def listing(node: Any, description: str, service: Service) -> Any:
    """Declare a field with a page of what `service(work, page, …)` returns; whatever else the service takes is a filter of the field.

    A filter named `…_id` is an `ID`, every other one has the type that the service gives it.
    """

    async def page(self: Any, info: Info, **arguments: Any) -> PageOfNodes:
        asked = page_request(info, **{name: arguments.pop(name) for name in PAGE_ARGUMENTS})
        async with info.context.reading() as work:
            return connection(await service(work, asked, **arguments))

    own, (_, _, *filters) = _parameters(page)[:2], _parameters(service)
    paging = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in PAGE_ARGUMENTS.items()
    ]
    # What Strawberry reads a field's arguments from.
    page.__signature__ = inspect.Signature([*own, *map(_argument, [*filters, *paging])])  # type: ignore[attr-defined]
    return strawberry.field(
        resolver=page,
        graphql_type=Connection[node],
        description=with_permission(description, service),
        metadata={"service": service},
    )


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())


def _argument(parameter: inspect.Parameter) -> inspect.Parameter:
    kind = parameter.annotation
    if parameter.name.endswith("_id"):
        kind = strawberry.ID if parameter.default is inspect.Parameter.empty else strawberry.ID | None
    about = strawberry.argument(description=ARGUMENTS[parameter.name])
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[kind, about])


def page_request(info: Info, first: int | None, after: Cursor | None, last: int | None, before: Cursor | None) -> PageRequest:
    """Return what the arguments ask for, with a total only if the operation selects one."""
    return PageRequest.of(first=first, after=after, last=last, before=before, want_total=selects(info, "totalCount"))


def connection[T: Listed](page: KeysetPage[T]) -> PageOfNodes:
    """Return a page of rows as the value of a `Connection` field."""
    cursors = [str(Place(item.created_at, item.id)) for item in page.items]
    return PageOfNodes(
        edges=[PlacedNode(cursor, item) for cursor, item in zip(cursors, page.items, strict=True)],
        nodes=page.items,
        page_info=PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=Cursor(cursors[0]) if cursors else None,
            end_cursor=Cursor(cursors[-1]) if cursors else None,
        ),
        total_count=page.total,
    )


def selects(info: Info, field: str) -> bool:
    """Tell whether the operation selects this field (by its GraphQL name) right below the one being resolved."""
    raw: GraphQLResolveInfo[Any] = info._raw_info
    return any(_selects(node.selection_set, field, raw.fragments, set()) for node in raw.field_nodes)


def _selects(selections: SelectionSetNode | None, field: str, fragments: Any, seen: set[str]) -> bool:
    for selection in selections.selections if selections else ():
        if isinstance(selection, FieldNode):
            if selection.name.value == field:
                return True
        elif isinstance(selection, InlineFragmentNode):
            if _selects(selection.selection_set, field, fragments, seen):
                return True
        elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
            seen.add(selection.name.value)
            if _selects(fragments[selection.name.value].selection_set, field, fragments, seen):
                return True
    return False
