"""Made-up operations, fitting and unfitting ones, on every field of Query and Mutation: each error has a code, and none is an accident."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    NameNode,
    OperationDefinitionNode,
    SelectionNode,
    introspection_from_schema,
    parse,
    parse_value,
    print_ast,
)
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.graphql import nodes

from domain.kernel.errors import ErrorCode
from resolvers.graphql import SCHEMA
from tests.resolvers.doors.generated import Theatre
from tests.resolvers.doors.stage import Scene
from tests.resolvers.graphql.good_arguments import ASKED_BY_CAROL, RootField, root_fields

EXAMPLES = int(os.environ.get("GENERATED_EXAMPLES", "1"))
CODES = {code.value for code in ErrorCode} - {ErrorCode.INTERNAL_ERROR.value}


def literal_of(value: Any, kind: GraphQLInputType | None = None) -> str:
    """Return the value as it is written in an operation."""
    kind = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if isinstance(kind, GraphQLEnumType):
        return str(value)
    if isinstance(value, list):
        inner = kind.of_type if isinstance(kind, GraphQLList) else None
        return f"[{', '.join(literal_of(item, inner) for item in value)}]"
    if isinstance(value, dict):
        inputs = kind.fields if isinstance(kind, GraphQLInputObjectType) else {}
        pairs = [f"{name}: {literal_of(item, inputs[name].type if name in inputs else None)}" for name, item in value.items()]
        return f"{{{', '.join(pairs)}}}"
    return json.dumps(value)


SCALARS: dict[str, Any] = {
    "Decimal": strategies.one_of(strategies.decimals().map(str).map(nodes.String), strategies.integers().map(nodes.Int)),
    "Cursor": strategies.text(strategies.characters(codec="utf-8"), max_size=40).map(nodes.String),
    "DateTime": strategies.datetimes().map(lambda moment: nodes.String(f"{moment.isoformat()}Z")),
    "Date": strategies.dates().map(str).map(nodes.String),
    "JSON": strategies.dictionaries(strategies.sampled_from(["max_usd", "interval", "swarm_runs"]), strategies.integers()).map(
        lambda document: parse_value(literal_of(document))
    ),
}
for _name, _strategy in SCALARS.items():
    schemathesis.graphql.scalar(_name, _strategy)
API = schemathesis.graphql.from_dict(dict(introspection_from_schema(SCHEMA._schema)))


@pytest.fixture(scope="module")
def theatre(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    theatre = Theatre(scene, tmp_path_factory.mktemp("theatre"))
    yield theatre
    theatre.close()


def with_known(query: str, field: RootField, known: dict[str, Any], names: set[str]) -> str:
    """Return the operation with the known values as these arguments of its root field."""

    def informed(node: SelectionNode) -> SelectionNode:
        if not isinstance(node, FieldNode) or node.name.value != field.name:
            return node
        kept = [argument for argument in node.arguments or () if argument.name.value not in names]
        written = {name: literal_of(known[name], field.field.args[name].type) for name in sorted(names & set(known))}
        given = [ArgumentNode(name=NameNode(value=name), value=parse_value(text)) for name, text in written.items()]
        return replace(node, arguments=(*kept, *given))

    document = parse(query)
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    selections = tuple(informed(node) for node in operation.selection_set.selections)
    return print_ast(replace(operation, selection_set=replace(operation.selection_set, selections=selections)))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
@pytest.mark.parametrize("field", [field for field in root_fields() if field.root != "Subscription"], ids=str)
def test_every_error_has_a_code_and_none_is_an_accident(theatre: Theatre, field: RootField, mode: GenerationMode) -> None:
    operation = API[field.root][field.name]
    good = field.good(theatre.stage.things)
    known = {**good, **{name: theatre.stage.things[kind] for name, kind in field.ids.items()}}

    @seed(7)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=strategies.data())
    def ask(case: Any, data: strategies.DataObject) -> None:
        query = case.body
        if mode is GenerationMode.POSITIVE:
            # Made-up ids find nothing: here some of what the field is given is what it is good with.
            query = with_known(query, field, known, data.draw(strategies.sets(strategies.sampled_from(sorted(known) or [""]))))
        person = stage.stage.carol if field.name in ASKED_BY_CAROL else stage.stage.ada
        answer = theatre.run(stage.stage.client.post("/graphql", json={"query": query}, headers=person.headers))
        assert answer.status_code < 500, answer.text
        body = answer.json()
        assert "errors" in body or body["data"] is not None, query
        codes = [error["extensions"]["code"] for error in body.get("errors", ())]
        assert set(codes) <= CODES, (query, body)

    with theatre.copy() as stage, suppress(*[Unsatisfiable] if mode is GenerationMode.NEGATIVE else []):
        ask()
