"""What holds for every row of both tables, and the pages beside them."""

import re
from typing import Any

import httpx
import pytest

from domain.kernel.errors import DomainError, ErrorCode
from resolvers.rest.api_v1 import API_V1_ROWS
from resolvers.rest.endpoint import BoundCall
from resolvers.rest.v1 import V1_ROWS
from schema.rest.dialects import API_V1, V1

ROWS = [*API_V1_ROWS, *V1_ROWS]


def path_of(row: BoundCall) -> str:
    return re.sub(r"\{[^}]+\}", "nothing", row.path)


def named(row: BoundCall) -> str:
    return f"{row.call.method} {row.path}"


@pytest.mark.parametrize("row", [row for row in ROWS if not row.call.public], ids=named)
async def test_closed_row_refuses_nobody_in_its_envelope(client: httpx.AsyncClient, row: BoundCall) -> None:
    answer = await client.request(row.call.method, path_of(row))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert list(answer.json()) == (["detail"] if row.dialect is API_V1 else ["error"])


@pytest.mark.parametrize("row", [row for row in ROWS if row.body is not None and row.body.is_required], ids=named)
async def test_row_with_a_body_survives_any_body(client: httpx.AsyncClient, row: BoundCall) -> None:
    for body in ("[1]", "null", '"\\ud800"', '{"email": {"a": 1e999}}', "\x00", "{}"):
        answer = await client.request(row.call.method, path_of(row), content=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, (body, answer.text)


def test_open_rows_are_the_ones_that_the_contracts_name() -> None:
    closed_prefixes = ("/api/v1/users", "/api/v1/flows", "/api/v1/orders", "/api/v1/positions")
    assert not [row.path for row in ROWS if row.call.public and row.path.startswith(closed_prefixes)]
    assert {row.path for row in V1_ROWS if row.call.public} == {
        "/v1/auth/login",
        "/v1/auth/register",
        "/v1/auth/refresh",
        "/v1/iot/devices/{device_id}/heartbeat",  # devices send their own key
    }


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(item) for item in node)) if isinstance(node, list) else set()


@pytest.mark.parametrize(("dialect", "rows"), [(API_V1, API_V1_ROWS), (V1, V1_ROWS)])
async def test_document_is_whole(client: httpx.AsyncClient, dialect: Any, rows: list[BoundCall]) -> None:
    answer = await client.get(dialect.openapi_path)
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert len(operations) == len(rows)
    assert len({operation["operationId"] for operation in operations}) == len(rows)
    known = {f"#/components/{kind}/{name}" for kind, parts in document["components"].items() for name in parts}
    assert references(document) <= known
    assert all(operation["summary"] for operation in operations)


async def test_root_and_health_say_that_the_server_runs(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).json() == {"app": "Tradewind", "version": "0.1.0", "status": "running"}
    health = (await client.get("/health")).json()
    assert health == {"status": "healthy", "app": "Tradewind", "version": "0.1.0", "timestamp": "2026-03-02T09:30:00.000Z"}


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_has_both_envelopes(code: ErrorCode) -> None:
    error = DomainError(code, "A sentence.", field="name", number=1)
    assert list(API_V1.failure(error, "req_1")) == ["detail"]
    found = V1.failure(error, "req_1")["error"]
    assert (found["code"], found["message"], found["details"]["request_id"]) == (code.value, "A sentence.", "req_1")
    assert 400 <= API_V1.status_of(code) < 600 and 400 <= V1.status_of(code) < 600


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1"])
@pytest.mark.parametrize("path", ["", "/", "/nope", "//flows", "/auth/login/"])
async def test_no_path_of_a_dialect_falls_out_of_its_envelope(client: httpx.AsyncClient, prefix: str, path: str) -> None:
    answer = await client.get(prefix + path)
    assert (answer.status_code, list(answer.json())) == (404, ["detail"] if prefix == "/api/v1" else ["error"])


async def test_what_no_door_answers_is_refused_as_json_too(client: httpx.AsyncClient) -> None:
    for path in ("/nope", "/api", "/api/v2/flows", "/health/"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
    for path in ("/", "/health", "/api/openapi.json"):
        answer = await client.delete(path)
        assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
        assert "GET" in answer.headers["allow"]


async def test_browsers_of_allowed_origins_may_send_any_header(client: httpx.AsyncClient) -> None:
    wanted = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,x-device-key,if-match"}
    asked = await client.options("/v1/trading/orders/1", headers=wanted | {"Origin": "http://localhost:3000"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "http://localhost:3000")
    assert {"x-device-key", "if-match"} <= set(asked.headers["access-control-allow-headers"].split(","))
    refused = await client.options("/v1/trading/orders/1", headers=wanted | {"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in refused.headers
