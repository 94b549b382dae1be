"""Says what a GraphQL operation costs: beforehand from its document and variables, afterwards from its answer, by one formula.

A leaf costs nothing and an object 1, with what is selected in it. A list is priced as if it were as long as its bound, a
connection as if its page were full, and each of its nodes costs at least 1. A field of the mutation root costs 10, and
looking at the schema 10 however it is done. `cost=` in a field's declaration replaces its own part.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
)

from domain.runtime.keyset import DEFAULT_SIZE, MAX_SIZE
from schema.fields import AT_MOST, COST, DEFAULT_AT_MOST

MUTATION = 10
INTROSPECTION = 10
# Beyond it every cost is the same: none.
MAX_COST = 1_000_000_000
MAX_DIGITS = len(str(MAX_SIZE))
Variables = Mapping[str, Any]
ErrorPath = Sequence[str | int]


class _Kind(Enum):
    LEAF = "leaf"
    OBJECT = "object"
    LIST = "list"
    CONNECTION = "connection"
    PAGE = "page"  # `nodes` or `edges`: paid for by their connection


@dataclass(frozen=True, slots=True)
class _Price:
    own: int
    kind: _Kind
    at_most: int
    type: GraphQLObjectType | None


@dataclass(frozen=True, slots=True, eq=False)
class _Field:
    """A field as a document selects it."""

    node: FieldNode
    price: _Price
    selected: "_Selection"

    @property
    def key(self) -> str:
        return (self.node.alias or self.node.name).value


@dataclass(frozen=True, slots=True, eq=False)
class _Selection:
    """What is selected in one place, without the leaves that cost nothing; a fragment is one object however often it is spread."""

    fields: tuple[_Field, ...] = ()
    fragments: tuple[tuple[FragmentSpreadNode | InlineFragmentNode, "_Selection"], ...] = ()

    @property
    def is_free(self) -> bool:
        return not self.fields and not self.fragments


class CostModel:
    """The prices of a schema's fields."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._prices: dict[tuple[str, str], _Price] = {}

    def operations(self, document: DocumentNode) -> dict[str | None, "PricedOperation"]:
        """Return the operations of a validated document by name."""
        reading = _Reading(self, document)
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        return {node.name.value if node.name else None: PricedOperation(node, reading.root(node)) for node in operations}

    def root(self, operation: OperationType) -> GraphQLObjectType:
        root = self._schema.get_root_type(operation)
        assert root is not None  # validation has seen to it
        return root

    def price(self, parent: GraphQLObjectType, name: str) -> _Price:
        key = (parent.name, name)
        if key not in self._prices:
            self._prices[key] = self._priced(parent, name)
        return self._prices[key]

    def _priced(self, parent: GraphQLObjectType, name: str) -> _Price:
        if name.startswith("__"):
            return _Price(0 if name == "__typename" else INTROSPECTION, _Kind.LEAF, 0, None)
        field = parent.fields[name]
        declared = _declared(field)
        named = get_named_type(field.type)
        if not isinstance(named, GraphQLObjectType):
            assert is_leaf_type(named)  # this schema has neither interfaces nor unions
        type = named if isinstance(named, GraphQLObjectType) else None
        own = MUTATION if parent is self._schema.mutation_type else 0 if type is None else 1
        kind = _Kind.LEAF if type is None else _Kind.OBJECT
        if type is not None and is_list_type(get_nullable_type(field.type)):
            kind = _Kind.PAGE if _is_connection(parent) else _Kind.LIST
        elif type is not None and _is_connection(type):
            kind = _Kind.CONNECTION
        return _Price(declared.get(COST, own), kind, declared.get(AT_MOST, DEFAULT_AT_MOST), type)


class PricedOperation:
    """One operation of a document."""

    def __init__(self, node: OperationDefinitionNode, selection: _Selection) -> None:
        self._node, self._selection = node, selection
        self._fixed = None if node.variable_definitions else _Pricing(node, {}).estimate(selection)[0]

    def estimate(self, variables: Variables | None) -> int:
        """Return the most that the operation can cost with these variables; takes time in proportion to the document."""
        return self._fixed if self._fixed is not None else _Pricing(self._node, variables or {}).estimate(self._selection)[0]

    def actual(self, variables: Variables | None, data: Mapping[str, Any] | None, failures: Iterable[ErrorPath] = ()) -> int:
        """Return what the operation has cost, by the data of its answer and by where in it something failed.

        A failure that has taken more than its own field out of the answer hides what else was looked up: then it costs the estimate.
        """
        if any(_is_torn(data, path) for path in failures):
            return self.estimate(variables)
        return 0 if data is None else _Pricing(self._node, variables or {}).answered([self._selection], data)


class _Reading:
    """Takes a document apart, each fragment once."""

    def __init__(self, model: CostModel, document: DocumentNode) -> None:
        self._model = model
        self._definitions = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        self._fragments: dict[str, _Selection] = {}

    def root(self, operation: OperationDefinitionNode) -> _Selection:
        return self._selection(operation.selection_set, self._model.root(operation.operation))

    def _selection(self, selections: SelectionSetNode | None, parent: GraphQLObjectType | None) -> _Selection:
        fields: list[_Field] = []
        fragments: list[tuple[FragmentSpreadNode | InlineFragmentNode, _Selection]] = []
        if selections is None or parent is None:
            return _Selection()
        for node in selections.selections:
            if isinstance(node, FieldNode):
                price = self._model.price(parent, node.name.value)
                if price.own or price.kind is not _Kind.LEAF:
                    fields.append(_Field(node, price, self._selection(node.selection_set, price.type)))
            elif isinstance(node, InlineFragmentNode):
                fragments.append((node, self._selection(node.selection_set, parent)))
            elif isinstance(node, FragmentSpreadNode):
                fragments.append((node, self._fragment(node.name.value, parent)))
        return _Selection(tuple(fields), tuple((node, inner) for node, inner in fragments if not inner.is_free))

    def _fragment(self, name: str, parent: GraphQLObjectType) -> _Selection:
        # Without interfaces and unions a fragment is spread in one type alone.
        if name not in self._fragments:
            self._fragments[name] = self._selection(self._definitions[name].selection_set, parent)
        return self._fragments[name]


class _Pricing:
    """Prices one operation with one set of variables."""

    def __init__(self, operation: OperationDefinitionNode, variables: Variables) -> None:
        self._variables = variables
        self._defaults = {node.variable.name.value: node.default_value for node in operation.variable_definitions or ()}
        self._known: dict[int, tuple[int, int]] = {}

    def estimate(self, selection: _Selection) -> tuple[int, int]:
        """Return the cost of a selection, and of what it selects of each node where it belongs to a connection."""
        known = self._known.get(id(selection))
        if known is not None:
            return known
        cost = of_node = 0
        for field in selection.fields:
            if self._is_left_out(field.node):
                continue
            if field.price.kind is _Kind.PAGE:
                of_node += self.estimate(field.selected)[0]
            else:
                cost += self._estimated(field)
        for node, inner in selection.fragments:
            if not self._is_left_out(node):
                more, more_of_node = self.estimate(inner)
                cost, of_node = cost + more, of_node + more_of_node
        self._known[id(selection)] = found = (min(cost, MAX_COST), min(of_node, MAX_COST))
        return found

    def _estimated(self, field: _Field) -> int:
        price = field.price
        cost, of_node = self.estimate(field.selected)
        if price.kind is _Kind.LIST:
            return price.own + price.at_most * cost
        if price.kind is _Kind.CONNECTION:
            return price.own + cost + self._page_size(field.node) * max(1, of_node)
        return price.own + cost

    def answered(self, selections: Iterable[_Selection], data: Mapping[str, Any]) -> int:
        """Return the cost of what the selections have brought."""
        return sum(self._answered(fields, data[key]) for key, fields in _merged(selections).items() if key in data)

    def _answered(self, fields: list[_Field], value: Any) -> int:
        price, inner = fields[0].price, [field.selected for field in fields]
        if value is None or price.kind is _Kind.LEAF:
            return price.own
        if price.kind is _Kind.LIST:
            return price.own + sum(self.answered(inner, item) for item in value[: price.at_most] if item is not None)
        if price.kind is _Kind.CONNECTION:
            return price.own + self._page(inner, value, self._page_size(fields[0].node))
        return price.own + self.answered(inner, value)

    def _page(self, selections: list[_Selection], value: Mapping[str, Any], size: int) -> int:
        lists: list[tuple[list[_Selection], list[Any]]] = []
        cost = 0
        for key, fields in _merged(selections).items():
            if fields[0].price.kind is not _Kind.PAGE:
                cost += self._answered(fields, value[key]) if key in value else 0
            elif key in value:
                lists.append(([field.selected for field in fields if not field.selected.is_free], value[key]))
        if not lists:
            return cost + size  # the page was read, and is not shown
        length = min(size, max(len(items) for _, items in lists))
        priced = [(inner, items) for inner, items in lists if inner]
        if not priced:
            return cost + length
        return cost + sum(max(1, sum(self.answered(inner, items[place]) for inner, items in priced)) for place in range(length))

    def _page_size(self, node: FieldNode) -> int:
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        sizes = [size for name in ("first", "last") if (size := self._number(given.get(name))) is not None]
        return max(sizes, default=DEFAULT_SIZE)

    def _number(self, value: ValueNode | None) -> int | None:
        # What is no number, or out of bounds, is refused later, and priced as the most there is.
        if isinstance(value, VariableNode) and value.name.value in self._variables:
            given = self._variables[value.name.value]
            if given is None:
                return None
            return given if type(given) is int and 1 <= given <= MAX_SIZE else MAX_SIZE
        if isinstance(value, VariableNode):
            value = self._defaults.get(value.name.value)
        if value is None or isinstance(value, NullValueNode):
            return None
        written = value.value if isinstance(value, IntValueNode) else ""
        return int(written) if written.isdigit() and len(written) <= MAX_DIGITS and 1 <= int(written) <= MAX_SIZE else MAX_SIZE

    def _is_left_out(self, node: FieldNode | FragmentSpreadNode | InlineFragmentNode) -> bool:
        for directive in node.directives or ():
            if directive.name.value in {"skip", "include"} and directive.arguments:
                condition = self._condition(directive.arguments[0].value)
                if condition is not None and condition == (directive.name.value == "skip"):
                    return True
        return False

    def _condition(self, value: ValueNode | None) -> bool | None:
        if isinstance(value, VariableNode) and value.name.value in self._variables:
            given = self._variables[value.name.value]
            return given if isinstance(given, bool) else None
        if isinstance(value, VariableNode):
            value = self._defaults.get(value.name.value)
        return value.value if isinstance(value, BooleanValueNode) else None


def _is_torn(data: Any, path: ErrorPath) -> bool:
    # Whether an answer ends above the field that failed there.
    for key in path:
        if data is None:
            return True
        data = data[key]
    return False


def _merged(selections: Iterable[_Selection]) -> dict[str, list[_Field]]:
    # As an answer shows them: one value for each key, whatever it was selected by.
    fields: dict[str, list[_Field]] = defaultdict(list)
    waiting, seen = list(selections), set[int]()
    while waiting:
        selection = waiting.pop()
        if id(selection) in seen:
            continue
        seen.add(id(selection))
        for field in selection.fields:
            fields[field.key].append(field)
        waiting += [inner for _, inner in selection.fragments]
    return fields


def _declared(field: GraphQLField) -> Mapping[str, int]:
    definition = field.extensions.get("strawberry-definition")
    metadata: Mapping[str, int] = getattr(definition, "metadata", None) or {}
    return metadata


def _is_connection(type: GraphQLObjectType) -> bool:
    return {"nodes", "edges", "pageInfo"} <= set(type.fields)
