"""Every operation that people are shown, in the tabs of GraphiQL and in the documents, is one that the schema takes."""

import re
from pathlib import Path

import pytest
from graphql import parse, validate

from resolvers.graphql import SCHEMA

ROOT = Path(__file__).parents[3]
TABS = (ROOT / "resolvers" / "graphiql" / "src" / "examples.graphql").read_text().split("# ----")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# An operation stands on an indented line of its own or within backticks; an ellipsis leaves fields out.
WRITTEN = re.compile(r"^ {4}((?:query|mutation|subscription)\b.*\})$|`((?:query|mutation|subscription) [^`]*\})`", re.MULTILINE)
SHOWN = [(path.name, "".join(found)) for path in DOCUMENTS for found in WRITTEN.findall(path.read_text())]


def problems_of(operation: str) -> list[str]:
    return [problem.message for problem in validate(SCHEMA._schema, parse(operation))]


@pytest.mark.parametrize("tab", TABS, ids=range(len(TABS)))
def test_tab_of_graphiql_holds_good_operations(tab: str) -> None:
    assert problems_of(tab) == []


@pytest.mark.parametrize(("name", "operation"), SHOWN)
def test_operation_in_a_document_is_a_good_one(name: str, operation: str) -> None:
    assert problems_of(operation.replace(" … }", " }")) == []


def test_operations_are_found_where_they_stand() -> None:
    assert len(TABS) >= 5
    assert {name for name, _ in SHOWN} >= {"README.md", "streams.md"}
    assert sum(name == "README.md" for name, _ in SHOWN) >= 4
