"""Random operations over the real schema, and random answers that fit them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_required_argument,
)
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
MAX_DEPTH = 5
LITERALS = {
    "Int": "7",
    "Boolean": "true",
    "Float": "1.5",
    "Decimal": '"1.5"',
    "OrderInput": '{symbol: "BTC/USDT", side: BUY, quantity: "1"}',
}


@dataclass
class _Writer:
    draw: Draw
    schema: GraphQLSchema
    fragments: dict[str, str] = field(default_factory=dict)
    aliases: int = 0

    def selection(self, type: GraphQLObjectType, depth: int) -> str:
        usable = [name for name, field in type.fields.items() if self._is_usable(field, depth)]
        chosen = self.draw(st.lists(st.sampled_from(usable), min_size=1, max_size=4))
        parts = [self._field(name, type.fields[name], depth) for name in chosen]
        kind = self.draw(st.sampled_from(["plain", "plain", "inline", "named", "twice"]))
        if kind == "inline":
            parts.append(
                f"... on {type.name}{self._condition()} {{ {self.selection(type, depth)} }}" if depth < MAX_DEPTH else "__typename"
            )
        elif kind in {"named", "twice"} and len(self.fragments) < 4:
            name = f"F{len(self.fragments)}"
            self.fragments[name] = ""
            self.fragments[name] = f"fragment {name} on {type.name} {{ {self.selection(type, depth)} }}"
            parts += [f"...{name}{self._condition()}"] * (2 if kind == "twice" else 1)
        return " ".join(parts)

    def _is_usable(self, field: GraphQLField, depth: int) -> bool:
        if any(is_required_argument(one) and isinstance(get_named_type(one.type), GraphQLInputObjectType) for one in field.args.values()):
            return False
        return depth < MAX_DEPTH or is_leaf_type(get_named_type(field.type))

    def _field(self, name: str, field: GraphQLField, depth: int) -> str:
        # An alias of its own for each, so that fields of one name may have different arguments; some share one on purpose.
        arguments = self._arguments(field)
        self.aliases += 1
        alias = "" if not arguments and self.draw(st.booleans()) else f"a{self.aliases}: "
        named = get_named_type(field.type)
        inner = f" {{ {self.selection(named, depth + 1)} }}" if isinstance(named, GraphQLObjectType) else ""
        return f"{alias}{name}{arguments}{self._condition()}{inner}"

    def _arguments(self, field: GraphQLField) -> str:
        given = []
        for name, argument in field.args.items():
            if name in {"first", "last"}:
                continue
            if is_required_argument(argument):
                literal = self._literal(argument.type)
                given.append(f"{name}: {f'[{literal}]' if is_list_type(get_nullable_type(argument.type)) else literal}")
        if "first" in field.args:
            size = self.draw(st.sampled_from(["", "first: 1", "first: 3", "last: 4", "first: null", "first: $size", "last: $preset"]))
            given += [size] if size else []
        return f"({', '.join(given)})" if given else ""

    def _literal(self, type: Any) -> str:
        named = get_named_type(type)
        return next(iter(named.values)) if isinstance(named, GraphQLEnumType) else LITERALS.get(named.name, '"x"')

    def _condition(self) -> str:
        return str(self.draw(st.sampled_from(["", "", "", " @include(if: $yes)", " @skip(if: $yes)", " @include(if: $unset)"])))


@st.composite
def operations(draw: Draw, schema: GraphQLSchema) -> tuple[str, dict[str, Any]]:
    """Return the text of a query, and its variables."""
    writer = _Writer(draw, schema)
    assert schema.query_type
    body = writer.selection(schema.query_type, 0)
    variables = {"size": draw(st.sampled_from([None, 1, 2, 9])), "yes": draw(st.booleans())}
    declared = "$size: Int, $preset: Int = 2, $yes: Boolean!, $unset: Boolean! = false"
    uses = "size: rateLimit @include(if: $yes) @skip(if: $unset) { limit }"
    uses += " s: flows(first: $size, last: $preset) @skip(if: true) { __typename }"
    return f"query Q({declared}) {{ {body} {uses} }} " + " ".join(writer.fragments.values()), variables


class Answer:
    """Makes data as an execution would, with lists of any length that it could have."""

    def __init__(self, draw: Draw, schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]) -> None:
        self._draw, self._schema, self._variables = draw, schema, {"preset": 2, "unset": False, "size": None} | variables
        self._fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        self._operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))

    def data(self) -> dict[str, Any]:
        assert self._schema.query_type
        return self._object([self._operation.selection_set], self._schema.query_type)

    def _object(self, places: list[SelectionSetNode], type: GraphQLObjectType, length: int | None = None) -> dict[str, Any]:
        found: dict[str, list[FieldNode]] = {}
        for place in places:
            self._collect(place, found)
        data: dict[str, Any] = {}
        for key, nodes in found.items():
            name = nodes[0].name.value
            inner = [node.selection_set for node in nodes if node.selection_set]
            data[key] = (
                "x"
                if name == "__typename"
                else self._value(nodes[0], type.fields[name], inner, length if name in {"nodes", "edges"} else None)
            )
        return data

    def _value(self, node: FieldNode, field: GraphQLField, inner: list[SelectionSetNode], length: int | None) -> Any:
        named = get_named_type(field.type)
        if not isinstance(named, GraphQLObjectType):
            return 1
        if is_list_type(get_nullable_type(field.type)):
            count = self._draw(st.integers(0, 30)) if length is None else length
            return [self._object(inner, named) for _ in range(count)]
        if length is None and self._draw(st.integers(0, 9)) == 0:
            return None
        page = self._draw(st.integers(0, self._size(node))) if "nodes" in named.fields else None
        return self._object(inner, named, page)

    def _size(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value in {"first", "last"}:
                written: Any = argument.value
                value = self._variables[written.name.value] if hasattr(written, "name") else getattr(written, "value", None)
                return 20 if value is None else int(value)
        return 20

    def _collect(self, place: SelectionSetNode, found: dict[str, list[FieldNode]]) -> None:
        for node in place.selections:
            if any(self._holds(directive) == (directive.name.value == "skip") for directive in node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                self._collect(node.selection_set, found)
            elif isinstance(node, FragmentSpreadNode):
                self._collect(self._fragments[node.name.value].selection_set, found)

    def _holds(self, directive: Any) -> bool:
        value = directive.arguments[0].value
        return bool(self._variables[value.name.value] if hasattr(value, "name") else value.value)
