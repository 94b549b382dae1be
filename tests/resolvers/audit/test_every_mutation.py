"""Every mutation of the schema and every row that is not a GET leaves exactly one entry."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from domain.audit.models import AuditEntry
from domain.audit.recording import Audited
from domain.audit.vocabulary import AuditResult
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from resolvers.graphql import SCHEMA
from resolvers.rest.api_v1 import API_V1_ROWS
from resolvers.rest.v1 import V1_ROWS
from tests.accounts import bearer
from tests.audit_log import entries
from tests.resolvers.audit.examples import MUTATIONS, ROWS, Example
from tests.resolvers.audit.things import Things


def _mutations() -> dict[str, Callable[..., Any] | None]:
    definition: Any = SCHEMA.schema_converter.type_map["Mutation"].definition
    return {SCHEMA.config.name_converter.get_graphql_name(field): field.metadata.get("service") for field in definition.fields}


def _rows() -> dict[str, Callable[..., Any]]:
    return {f"{row.call.method} {row.path}": row.call.service for row in (*API_V1_ROWS, *V1_ROWS) if row.call.method != "GET"}


SERVICES: dict[str, Callable[..., Any] | None] = {**{f"mutation {name}": it for name, it in _mutations().items()}, **_rows()}


def _shape(row: str) -> str:
    # `<flow>` of an example and `{flow_id}` of a row are the same place
    return re.sub(r"<\w+>|\{[^}]+\}", "*", row)


@pytest.mark.parametrize("name", SERVICES)
def test_what_answers_is_audited(name: str) -> None:
    service = SERVICES[name]
    assert service is not None, f"{name}: name the service that answers it, `@mutation(…, service=some_service)`"
    where = f"{service.__module__}.{service.__qualname__}"
    assert isinstance(getattr(service, "audited", None), Audited), (
        f'{name} is answered by {where}, which leaves no audit entry: write `@audited("noun.verb", id="the_id_argument")` '
        '(from domain.audit.recording) above its `@requires`, with `id="result.id"` for what it makes; on a door\'s own function that '
        "only hands on, write `@carried_out_by(the_service)`. Then add a request to tests/resolvers/audit/examples.py."
    )


def test_there_is_an_example_of_each() -> None:
    missing = sorted(set(_mutations()) - set(MUTATIONS)) + sorted(set(map(_shape, _rows())) - set(map(_shape, ROWS)))
    strangers = sorted(set(MUTATIONS) - set(_mutations())) + sorted(set(map(_shape, ROWS)) - set(map(_shape, _rows())))
    assert (missing, strangers) == ([], []), "tests/resolvers/audit/examples.py must have one request for each, and for nothing else"


async def _ask(client: httpx.AsyncClient, ada: Operation, name: str, example: Example) -> tuple[httpx.Response, list[AuditEntry]]:
    # Returns the answer, and the entries that the request has left.
    things = Things(ada)
    made: dict[str, str] = {}

    async def filled_in(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: await filled_in(item) for key, item in value.items()}
        for thing in re.findall(r"<(\w+)>", value) if isinstance(value, str) else ():
            made[thing] = made.get(thing) or await things.make(thing)
            value = value.replace(f"<{thing}>", made[thing])
        return value

    headers = {} if example.is_open else await bearer(ada.runtime, ada.caller)
    if name.startswith("mutation "):
        field = name.removeprefix("mutation ")
        arguments = f"({await filled_in(example.arguments)})" if example.arguments else ""
        selects = f" {{ {example.selects} }}" if example.selects else ""
        body, method, path = {"query": f"mutation {{ {field}{arguments}{selects} }}"}, "POST", "/graphql"
    else:
        method, _, path = (await filled_in(name)).partition(" ")
        body = await filled_in(example.body)
    before = len(await entries(ada.runtime))
    answer = await client.request(method, path, json=body, headers=headers)
    return answer, (await entries(ada.runtime))[before:]


EXAMPLES = {**{f"mutation {name}": example for name, example in MUTATIONS.items()}, **ROWS}


@pytest.mark.parametrize("name", EXAMPLES)
async def test_it_leaves_exactly_one_entry(client: httpx.AsyncClient, ada: Operation, name: str) -> None:
    example = EXAMPLES[name]
    answer, new = await _ask(client, ada, name, example)
    if example.refused is not None:
        assert (answer.json()["error"]["code"], new) == (example.refused, [])
        return
    assert answer.status_code < 300 and "errors" not in (answer.json() if answer.content else {}), answer.text
    assert len(new) == 1, [entry.action for entry in new]
    (entry,) = new
    door = "graphql" if name.startswith("mutation ") else "api_v1" if "/api/v1" in name else "v1"
    assert (entry.door, entry.result, entry.request_id) == (door, AuditResult.SUCCESS, answer.headers["x-request-id"])
    assert (entry.ip, entry.user_agent) == ("192.0.2.7", "tests")
    if not example.is_open:
        assert (entry.actor_id, entry.actor_email) == (ada.caller.id, "ada@example.com")
    if "<" in name or "<" in example.arguments:
        assert entry.object_id is not None


@pytest.mark.parametrize("door", ["mutation createFlow", "POST /api/v1/flows", "POST /api/v1/orders", "POST /v1/trading/orders"])
async def test_repeated_key_leaves_one_entry_on_every_door(client: httpx.AsyncClient, runtime: Runtime, ada: Operation, door: str) -> None:
    headers = {**await bearer(runtime, ada.caller), "Idempotency-Key": "once"}
    before = len(await entries(runtime))
    for _ in range(2):
        if door.startswith("mutation"):
            query = 'mutation { createFlow(input: {name: "Swing", symbol: "BTC/USDT"}, idempotencyKey: "once") { id } }'
            answer = await client.post("/graphql", json={"query": query}, headers=headers)
        else:
            answer = await client.post(door.partition(" ")[2], json=ROWS[door].body, headers=headers)
        assert answer.status_code < 300, answer.text
    assert len(await entries(runtime)) == before + 1
