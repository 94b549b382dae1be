"""Documents that would cost too much are refused in little time, whatever shape they have."""

import time

import pytest
from graphql import get_introspection_query, parse, specified_rules
from strawberry.schema.schema import validate_document

from domain.kernel.errors import DomainError, ErrorCode
from resolvers.graphql import SCHEMA
from resolvers.graphql_door.limits import MAX_FIELDS, MAX_FRAGMENT_NESTING, MAX_REPEATS, Limits, check_limits
from tests.graphql_client import GraphQLClient

LITTLE_SECONDS = 2.0  # each takes milliseconds here; the same without limits, minutes and more
LIMITS = Limits(depth=12, aliases=30, tokens=2_000)


def nested(depth: int) -> str:
    """A query of exactly so many levels: flows, edges, node, and back through the newest run."""
    levels = ["flows", "nodes", *["latestExecution", "flow"] * depth][: depth - 1]
    return "{ " + " { ".join([*levels, "id"]) + " }" * len(levels) + " }"


def aliased(count: int) -> str:
    return "{ " + " ".join(f"a{number}: __typename" for number in range(count)) + " }"


@pytest.mark.parametrize("query", [nested(12), aliased(30), "{ " + "__typename " * (MAX_REPEATS + 1) + "}", get_introspection_query()])
async def test_largest_documents_are_answered(ada: GraphQLClient, query: str) -> None:
    await ada.data(query)


BOMB = "query { ...F0 } " + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(30))
WIDE = "{ errorCatalogue { ...A ...B } } fragment A on ErrorDescription { code meaning } fragment B on ErrorDescription { code meaning }"
TOO_COSTLY = {
    "too deep": nested(13),
    "too deep through a fragment": "{ flows { nodes { ...F } } } fragment F on Flow " + nested(11).replace("flows", "latestExecution", 1),
    "too deep in an operation that is not run": f"query A {{ __typename }} query B {nested(13)}",
    "too many aliases": aliased(31),
    "too many aliases through fragments": "{ ...F ...F ...F ...F } fragment F on Query " + aliased(8),
    "doubling fragments": BOMB + " fragment F30 on Query { __typename }",
    "doubling aliases": BOMB + " fragment F30 on Query { a: __typename }",
    "doubling fragments that nothing spreads": BOMB.replace("query { ...F0 }", "query { __typename }")
    + " fragment F30 on Query { __typename }",
    "one field again and again": "{ " + "__typename " * (MAX_REPEATS + 2) + "}",
    "one object again and again": "{ " + "errorCatalogue { code } " * 120 + "}",
    "repetition times repetition": "{ " + ("errorCatalogue { " + "code " * 40 + "} ") * 40 + "}",
    "repetition through fragments": "{ " + "...F " * 80 + "} fragment F on Query { errorCatalogue { code meaning } }",
    "long chain of fragments": "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(MAX_FRAGMENT_NESTING + 1))
    + f" fragment F{MAX_FRAGMENT_NESTING + 1} on Query {{ __typename }}",
    "too many tokens": "{ " + " ".join(f"f{number}" for number in range(2_000)) + " }",
    "nested beyond the parser": "{ a" * 900 + " }" * 900,
    "list nested beyond the parser": "{ instrument(symbol: " + "[" * 900 + "]" * 900 + ") { name } }",
    "many directives": "{ __typename " + "@skip(if: false) " * 400 + "}",
}


@pytest.mark.parametrize("query", TOO_COSTLY.values(), ids=TOO_COSTLY.keys())
async def test_costly_document_is_refused_in_little_time(nobody: GraphQLClient, query: str) -> None:
    started = time.process_time()
    assert await nobody.refusal(query) == "QUERY_TOO_COMPLEX"
    assert time.process_time() - started < LITTLE_SECONDS


async def test_refusal_names_the_numbers(nobody: GraphQLClient) -> None:
    error = await nobody.error(aliased(31))
    assert error["message"] == "The operation uses 31 aliases; 30 are allowed"
    assert error["extensions"]["details"] == {"found": 31, "allowed": 30}


async def test_introspection_cannot_be_nested_without_end(nobody: GraphQLClient) -> None:
    query = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"
    assert await nobody.refusal(query) == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    "query",
    ["{ ...A } fragment A on Query { ...A }", "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "{ ...Nobody }"],
)
async def test_fragments_that_go_nowhere_are_refused(nobody: GraphQLClient, query: str) -> None:
    assert {error["extensions"]["code"] for error in (await nobody.ask(query))["errors"]} == {"VALIDATION_ERROR"}


def test_worst_document_that_passes_is_validated_in_little_time() -> None:
    worst = 0.0
    for query in ("{ " + ("errorCatalogue { " + "code " * 13 + "} ") * 13 + "}", "{ " + "__typename " * 200 + "}", WIDE):
        document = parse(query, max_tokens=LIMITS.tokens)
        check_limits(document, LIMITS)
        started = time.process_time()
        validate_document(SCHEMA._schema, document, tuple(specified_rules))
        worst = max(worst, time.process_time() - started)
    assert worst < LITTLE_SECONDS


def test_fields_are_counted_with_their_fragments() -> None:
    document = "{ " + " ".join(f"...F{n}" for n in range(12)) + " }"
    fragments = " ".join(f"fragment F{n} on Query {{ f{n} {{ " + " ".join(f"g{m}" for m in range(90)) + " } }" for n in range(12))
    with pytest.raises(DomainError) as refusal:
        check_limits(parse(document + fragments), LIMITS)
    assert refusal.value.code is ErrorCode.QUERY_TOO_COMPLEX
    assert refusal.value.details == {"found": 12 * 91, "allowed": MAX_FIELDS}
