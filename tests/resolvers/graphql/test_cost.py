"""What GraphQL operations cost: one formula before and after, and never more afterwards than before."""

import time
from pathlib import Path
from typing import Any

import pytest
from graphql import DocumentNode, get_introspection_query, parse, specified_rules
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.schema.schema import validate_document

from resolvers.graphql import SCHEMA
from resolvers.graphql_door.cost import MAX_COST, CostModel, PricedOperation
from tests.resolvers.graphql.generated import Answer, operations

GRAPHQL = SCHEMA._schema
MODEL = CostModel(GRAPHQL)
ROOT = Path(__file__).parents[3]


def checked(query: str) -> DocumentNode:
    document = parse(query)
    assert validate_document(GRAPHQL, document, tuple(specified_rules)) == []
    return document


def priced(query: str, name: str | None = None) -> PricedOperation:
    return MODEL.operations(checked(query))[name]


def estimate(query: str, **variables: Any) -> int:
    (operation,) = MODEL.operations(checked(query)).values()
    return operation.estimate(variables)


WHY = "orders(first: 5) { nodes { riskVerdicts { ruleName } execution { votes { name } snapshot { createdAt } } } }"


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ __typename }", 0),
        ("{ rateLimit { limit remaining } }", 0),
        ("{ me { id email } }", 1),
        ("{ a: me { id } b: me { id } }", 2),
        ("{ flow(id: 1) { id latestExecution { status result { action } } } }", 3),
        ("{ flows { nodes { id } } }", 1 + 20),
        ("{ flows { edges { cursor } pageInfo { endCursor } } }", 1 + 20),
        ("{ flows(first: 3) { nodes { id } } }", 1 + 3),
        ("{ flows(last: 100) { nodes { id name } totalCount } }", 1 + 100 + 3),
        ("{ flows(first: 10) { nodes { latestExecution { id } } } }", 1 + 10),
        ("{ flows(first: 10) { nodes { latestExecution { id flow { id } } } edges { node { latestExecution { id } } } } }", 1 + 10 * 3),
        ("{ " + WHY + " }", 1 + 5 * (1 + 1 + 1 + 1)),
        ("{ positions(first: 2) { nodes { fills { order { id } } } } }", 1 + 2 * (1 + 20)),
        ("{ execution(id: 1) { steps { name } } }", 2),
        ('{ candles(symbol: "BTC") { candles { open } } }', 5 + 1),
        ('{ ticker(symbol: "BTC") { price } indicators(symbol: "BTC") { summary } }', 2 + 10),
        ("mutation { a: logOut b: deleteFlow(flowId: 1) }", 20),
        ("mutation { triggerFlow(flowId: 1) { id flow { id } } }", 11),
        ("subscription { orderUpdates { order { id } } }", 2),
        ("{ me { ...F ...F } } fragment F on User { id }", 1),
        (
            "{ ...F a: me { id } } fragment F on Query { flow(id: 1) { id } ... on Query { flows(first: 4) { ...G } } }"
            " fragment G on FlowConnection { nodes { latestExecution { flow { id } } } }",
            1 + 1 + 1 + 4 * 2,
        ),
        (get_introspection_query(), 10),
        ('{ __schema { types { name } } __type(name: "Flow") { name } }', 20),
    ],
)
def test_cost_is_estimated_from_the_document(query: str, cost: int) -> None:
    assert estimate(query) == cost


@pytest.mark.parametrize(
    ("variables", "cost"),
    [
        ({}, 51),
        ({"n": None}, 21),
        ({"n": 1}, 2),
        ({"n": 100}, 101),
        ({"n": 10_000}, 101),
        ({"n": "3"}, 101),
        ({"n": -1}, 101),
        ({"n": True}, 101),
    ],
)
def test_page_size_comes_from_variables(variables: dict[str, Any], cost: int) -> None:
    assert estimate("query ($n: Int = 50) { flows(first: $n) { nodes { id } } }", **variables) == cost


@pytest.mark.parametrize("size", ["0", "-5", "101", "2147483647"])
def test_page_size_out_of_bounds_is_priced_as_the_largest(size: str) -> None:
    assert estimate(f"{{ flows(first: {size}) {{ nodes {{ id }} }} }}") == 101


def test_what_is_left_out_costs_nothing() -> None:
    query = "query ($x: Boolean = true) { me { id } flows @include(if: $x) { nodes { id } } ...F @skip(if: $x) }"
    query += " fragment F on Query { b: me { id } }"
    assert (estimate(query), estimate(query, x=True), estimate(query, x=False), estimate(query, x="maybe")) == (22, 22, 2, 23)


def test_operation_is_chosen_by_name() -> None:
    query = "query A { me { id } } query B { flows { nodes { id } } }"
    assert (priced(query, "A").estimate({}), priced(query, "B").estimate(None)) == (1, 21)


@pytest.mark.parametrize(
    ("query", "data", "cost"),
    [
        ("{ flows { nodes { id } } }", {"flows": {"nodes": [{"id": "1"}] * 3}}, 4),
        ("{ flows { nodes { id } } }", {"flows": None}, 1),
        ("{ flows { nodes { id } totalCount } }", {"flows": {"nodes": [], "totalCount": 0}}, 4),
        ("{ flows(first: 7) { pageInfo { endCursor } } }", {"flows": {"pageInfo": {"endCursor": None}}}, 8),
        ("{ flows(first: 7) { edges { cursor } } }", {"flows": {"edges": [{"cursor": "x"}] * 2}}, 3),
        (
            "{ flows { nodes { latestExecution { flow { id } } } } }",
            {
                "flows": {
                    "nodes": [{"latestExecution": None}, {"latestExecution": {"flow": {"id": "1"}}}, {"latestExecution": {"flow": None}}]
                }
            },
            1 + 1 + 2 + 2,
        ),
        ("{ position(id: 1) { fills { order { id } } } }", {"position": {"fills": [{"order": {"id": "1"}}] * 4}}, 6),
        ("{ position(id: 1) { fills { order { id } } } }", {"position": {"fills": [{"order": {"id": "1"}}] * 90}}, 22),
        ("{ me { id } me { email } }", {"me": {"id": "1", "email": "x"}}, 1),
        ("{ me { id } }", None, 0),
    ],
)
def test_cost_is_measured_on_the_answer(query: str, data: dict[str, Any] | None, cost: int) -> None:
    operation = priced(query)
    assert operation.actual({}, data) == cost
    assert operation.estimate({}) >= cost


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_answer_costs_more_than_was_estimated(data: st.DataObject) -> None:
    query, variables = data.draw(operations(GRAPHQL))
    document = parse(query)
    assert validate_document(GRAPHQL, document, tuple(specified_rules)) == []
    operation = MODEL.operations(document)["Q"]
    answer = Answer(data.draw, GRAPHQL, document, variables).data()
    assert operation.actual(variables, answer) <= operation.estimate(variables)


def test_amplified_documents_are_priced_in_little_time_and_capped() -> None:
    # Each fragment spreads the next one twice, below a list: 2 to the 30th power, times lists in lists.
    chain = " ".join(
        f"fragment F{n} on Execution {{ a: flow {{ latestExecution {{ ...F{n + 1} }} }} b: flow {{ latestExecution {{ ...F{n + 1} }} }} }}"
        for n in range(30)
    )
    query = (
        f"{{ executions(first: 100) {{ nodes {{ ...F0 }} }} }} {chain} fragment F30 on Execution {{ id orders {{ execution {{ id }} }} }}"
    )
    started = time.process_time()
    (operation,) = MODEL.operations(parse(query)).values()
    assert operation.estimate({}) >= MAX_COST
    assert time.process_time() - started < 0.5


def test_documented_operations_stay_far_within_the_smallest_budget() -> None:
    examples = (ROOT / "resolvers/graphiql/src/examples.graphql").read_text().split("# ----\n")
    costs = {}
    for text in examples:
        ((name, operation),) = MODEL.operations(parse(text)).items()
        costs[name] = operation.estimate({})
    assert costs == {
        "Me": 22,
        "NewFlow": 10,
        "Trigger": 10,
        "ExecutionUpdates": 1,
        "Flows": 21,
        "WhyDidWeTrade": 136,
        "OpenPositions": 21,
        "Market": 20,
        "Notifications": 2,
        "PriceAlert": 10,
        "ApiKey": 11,
        "Audit": 11,
    }
    assert estimate(get_introspection_query(input_value_deprecation=True, specified_by_url=True)) == 10
