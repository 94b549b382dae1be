"""Refuses GraphQL documents whose answer, or whose mere validation, would cost too much; counted before anything else looks at them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.settings import Settings

# Fields of a document after its fragments have been spread out: what an answer has to visit.
MAX_FIELDS = 1_000
# Fields that name again what is selected already, in the same place: validation compares each with each.
MAX_REPEATS = 200
MAX_FRAGMENT_NESTING = 40


@dataclass(frozen=True, slots=True)
class Limits:
    """How deep, long and wide one document may be."""

    depth: int
    aliases: int
    tokens: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.graphql_max_depth, settings.graphql_max_aliases, settings.graphql_max_tokens)


@dataclass(frozen=True, slots=True)
class _Size:
    depth: int = 0
    fields: int = 0
    aliases: int = 0

    def beside(self, other: "_Size") -> "_Size":
        return _Size(max(self.depth, other.depth), self.fields + other.fields, self.aliases + other.aliases)


def check_limits(document: DocumentNode, limits: Limits) -> None:
    """Raise QUERY_TOO_COMPLEX if the document is too deep, or has too many aliases, fields or repetitions.

    Each fragment is measured once, however often it is spread, so that measuring takes time in proportion to the document. Introspection
    is not deep by this count: a rule of the GraphQL library bounds it.
    """
    measure = _Measure(document)
    total = _Size()
    for selections in measure.roots():
        total = total.beside(measure.selections(selections, 0))
    _refuse("is nested {} levels deep", total.depth, limits.depth)
    _refuse("uses {} aliases", total.aliases, limits.aliases)
    _refuse("selects {} fields", total.fields, MAX_FIELDS)
    # Only now is it safe to spread the fragments out.
    _refuse("selects {} fields more than once", sum(measure.repeats([selections]) for selections in measure.roots()), MAX_REPEATS)


def _refuse(sentence: str, found: int, allowed: int) -> None:
    if found > allowed:
        found = min(found, 1_000_000)  # spread fragments can make it astronomical
        message = f"The operation {sentence.format(found)}; {allowed} are allowed"
        raise DomainError(ErrorCode.QUERY_TOO_COMPLEX, message, found=found, allowed=allowed)


class _Measure:
    def __init__(self, document: DocumentNode) -> None:
        self.document = document
        self.fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        self._sizes: dict[str, _Size] = {}

    def roots(self) -> Iterator[SelectionSetNode]:
        for node in self.document.definitions:
            if isinstance(node, OperationDefinitionNode):
                yield node.selection_set
        # Validation also walks what no operation spreads.
        for name, fragment in self.fragments.items():
            if name not in self._sizes:
                yield fragment.selection_set

    def fragment(self, name: str, nesting: int) -> _Size:
        _refuse("nests fragments {} deep", nesting, MAX_FRAGMENT_NESTING)
        if name not in self._sizes:
            self._sizes[name] = _Size()  # a fragment within itself, or unknown, counts nothing: validation refuses it
            if name in self.fragments:
                self._sizes[name] = self.selections(self.fragments[name].selection_set, nesting + 1)
        return self._sizes[name]

    def selections(self, selections: SelectionSetNode | None, nesting: int) -> _Size:
        size = _Size()
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                inner = self.selections(node.selection_set, nesting)
                depth = 0 if node.name.value.startswith("__") else inner.depth + 1
                size = size.beside(_Size(depth, inner.fields + 1, inner.aliases + (node.alias is not None)))
            elif isinstance(node, FragmentSpreadNode):
                size = size.beside(self.fragment(node.name.value, nesting))
            elif isinstance(node, InlineFragmentNode):
                size = size.beside(self.selections(node.selection_set, nesting))
        return size

    def repeats(self, places: Iterable[SelectionSetNode]) -> int:
        """Count the fields that share a response key with an earlier one, in selection sets that merge into one."""
        fields: dict[str, list[FieldNode]] = defaultdict(list)
        for place in places:
            self._collect(place, fields, ())
        return sum(len(nodes) - 1 + self.repeats([node.selection_set for node in nodes if node.selection_set]) for nodes in fields.values())

    def _collect(self, place: SelectionSetNode, fields: dict[str, list[FieldNode]], within: tuple[str, ...]) -> None:
        for node in place.selections:
            if isinstance(node, FieldNode):
                fields[(node.alias or node.name).value].append(node)
            elif isinstance(node, InlineFragmentNode):
                self._collect(node.selection_set, fields, within)
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name in self.fragments and name not in within:
                    self._collect(self.fragments[name].selection_set, fields, (*within, name))
