"""Makes GraphQL enums out of the domain's own, so that no list of values exists twice."""

from collections.abc import Mapping
from enum import Enum

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition


def graphql_enum(kind: type[Enum], *, description: str, values: Mapping[str, str], name: str | None = None) -> None:
    """Let the schema use a domain enum; `values` documents every member by its name."""
    strawberry.enum(kind, name=name, description=description)
    definition: StrawberryEnumDefinition = kind.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[value.name]
