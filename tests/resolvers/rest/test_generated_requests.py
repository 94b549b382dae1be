"""Made-up requests, fitting and unfitting ones, to every operation of both API documents: each answer is one that the document promises."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from resolvers.rest.endpoint import BoundCall
from resolvers.rest.openapi import openapi
from schema.rest.dialects import API_V1, V1
from tests.resolvers.doors.generated import Theatre
from tests.resolvers.doors.stage import Scene
from tests.resolvers.rest.good_requests import ROWS, good_request, name_of

EXAMPLES = int(os.environ.get("GENERATED_EXAMPLES", "1"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENTS = {dialect.prefix: openapi(dialect, [row for row in ROWS if row.dialect is dialect], "1") for dialect in (API_V1, V1)}
SCHEMAS = {prefix: schemathesis.openapi.from_dict(document) for prefix, document in DOCUMENTS.items()}


@pytest.fixture(scope="module")
def theatre(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    theatre = Theatre(scene, tmp_path_factory.mktemp("theatre"))
    yield theatre
    theatre.close()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_answer_is_one_that_the_document_promises(theatre: Theatre, row: BoundCall, mode: GenerationMode) -> None:
    operation = SCHEMAS[row.dialect.prefix][row.path.replace(":path}", "}")][row.call.method]
    promised = DOCUMENTS[row.dialect.prefix]["paths"][operation.path][row.call.method.lower()]["responses"]
    good = good_request(row, theatre.stage)
    things = {f"{name}_id": id for name, id in theatre.stage.things.items()} | {"symbol": theatre.stage.things["symbol"]}

    @seed(7)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=False,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=strategies.data())
    def ask(case: Any, data: strategies.DataObject) -> None:
        if mode is GenerationMode.POSITIVE:
            known = {name: things[name] for name in case.path_parameters or {} if name in things}
            case.path_parameters = {**(case.path_parameters or {}), **known}
        if good.body and isinstance(case.body, dict) and data.draw(strategies.booleans()):
            # Made-up words alone seldom get past the first check: here some of them stand in a request that is good otherwise.
            taken = data.draw(strategies.sets(strategies.sampled_from(sorted(case.body) or [""])))
            case.body = {**good.body, **{name: case.body[name] for name in taken if name in case.body}}
        answer = stage.answer(case, good.person.headers)
        case.validate_response(answer, checks=CHECKS)
        if row.dialect is V1 and answer.status_code >= 400:
            documented = promised[str(answer.status_code)]["content"]["application/json"]["examples"]
            assert answer.json()["error"]["code"] in documented, answer.text

    # There is nothing that a path of any text could be unfitting with.
    with theatre.copy() as stage, suppress(*[Unsatisfiable] if mode is GenerationMode.NEGATIVE else []):
        ask()
