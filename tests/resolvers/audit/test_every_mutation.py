"""Every mutation of the schema and every row that is not a GET is answered by a service that is audited.

That each leaves exactly one entry is proved where good requests are sent: rest/test_every_row.py and graphql/test_every_field.py.
"""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from domain.audit.recording import Audited
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from resolvers.graphql import SCHEMA
from resolvers.rest.api_v1 import API_V1_ROWS
from resolvers.rest.v1 import V1_ROWS
from tests.accounts import bearer
from tests.audit_log import entries


def _mutations() -> dict[str, Callable[..., Any] | None]:
    definition: Any = SCHEMA.schema_converter.type_map["Mutation"].definition
    return {SCHEMA.config.name_converter.get_graphql_name(field): field.metadata.get("service") for field in definition.fields}


def _rows() -> dict[str, Callable[..., Any]]:
    return {f"{row.call.method} {row.path}": row.call.service for row in (*API_V1_ROWS, *V1_ROWS) if row.call.method != "GET"}


ORDER = {"symbol": "BTC/USDT", "side": "buy", "quantity": 0.01}
BODIES = {"POST /api/v1/flows": {"name": "Swing", "symbol": "BTC/USDT"}, "POST /api/v1/orders": ORDER, "POST /v1/trading/orders": ORDER}
SERVICES: dict[str, Callable[..., Any] | None] = {**{f"mutation {name}": it for name, it in _mutations().items()}, **_rows()}


@pytest.mark.parametrize("name", SERVICES)
def test_what_answers_is_audited(name: str) -> None:
    service = SERVICES[name]
    assert service is not None, f"{name}: name the service that answers it, `@mutation(…, service=some_service)`"
    where = f"{service.__module__}.{service.__qualname__}"
    assert isinstance(getattr(service, "audited", None), Audited), (
        f'{name} is answered by {where}, which leaves no audit entry: write `@audited("noun.verb", id="the_id_argument")` '
        '(from domain.audit.recording) above its `@requires`, with `id="result.id"` for what it makes; on a door\'s own function that '
        "only hands on, write `@carried_out_by(the_service)`."
    )


@pytest.mark.parametrize("door", ["mutation createFlow", *BODIES])
async def test_repeated_key_leaves_one_entry_on_every_door(client: httpx.AsyncClient, runtime: Runtime, ada: Operation, door: str) -> None:
    headers = {**await bearer(runtime, ada.caller), "Idempotency-Key": "once"}
    before = len(await entries(runtime))
    for _ in range(2):
        if door.startswith("mutation"):
            query = 'mutation { createFlow(input: {name: "Swing", symbol: "BTC/USDT"}, idempotencyKey: "once") { id } }'
            answer = await client.post("/graphql", json={"query": query}, headers=headers)
        else:
            answer = await client.post(door.partition(" ")[2], json=BODIES[door], headers=headers)
        assert answer.status_code < 300, answer.text
    assert len(await entries(runtime)) == before + 1
