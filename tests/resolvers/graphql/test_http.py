"""GraphQL over HTTP: forms of request and answer, and what is refused before anything runs."""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import httpx
import pytest

from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.graphql_client import GraphQLClient

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
AUDIT = Path(__file__).parents[2] / "graphql_http"


async def post(client: httpx.AsyncClient, query: str, accept: str = RESPONSE, **headers: str) -> httpx.Response:
    return await client.post("/graphql", json={"query": query}, headers={"Accept": accept, **headers})


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (JSON, JSON),
        (RESPONSE, RESPONSE),
        ("*/*", JSON),
        ("application/*", JSON),
        (f"{RESPONSE}, {JSON}", RESPONSE),
        (f"{JSON}, {RESPONSE}", RESPONSE),
        (f"{JSON};q=0.9, {RESPONSE};q=0.5", JSON),
        (f"{RESPONSE};q=0, */*", JSON),
        ("application/json; charset=utf-8", JSON),
        ("text/html;q=0.1, */*;q=0.2", JSON),
    ],
)
async def test_answer_comes_in_the_form_the_client_prefers(client: httpx.AsyncClient, accept: str, kind: str) -> None:
    answer = await post(client, "{ __typename }", accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert "Accept" in answer.headers["vary"]
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_form_that_cannot_be_sent_is_refused(client: httpx.AsyncClient) -> None:
    answer = await post(client, "{ __typename }", "text/plain")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "BAD_REQUEST"),
        ("{ nothing }", "VALIDATION_ERROR"),
        ("query A { __typename } query B { __typename }", "BAD_REQUEST"),
        ("fragment F on Query { __typename }", "VALIDATION_ERROR"),
        ('{ price(symbol: "\\u0000") { price } }', "VALIDATION_ERROR"),
    ],
)
async def test_broken_operation_is_400_or_for_older_clients_200(client: httpx.AsyncClient, query: str, code: str) -> None:
    modern, older = await post(client, query), await post(client, query, JSON)
    assert (modern.status_code, older.status_code) == (400, 200)
    for answer in (modern, older):
        error = answer.json()["errors"][0]
        assert error["extensions"]["code"] == code
        assert error["extensions"]["requestId"] == answer.headers["x-request-id"]
        assert error["message"]
    assert "data" not in modern.json()
    assert older.json()["data"] is None


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"{", JSON, 400, "INVALID_JSON"),
        (b"", JSON, 400, "INVALID_JSON"),
        (b'{"query": "{ __typename }", "variables": {"x": NaN}}', JSON, 400, "INVALID_JSON"),
        (b'\xff\xfe{"query": "{ __typename }"}', JSON, 400, "INVALID_JSON"),
        (b"[]", JSON, 400, "BAD_REQUEST"),
        (b'[{"query": "{ __typename }"}]', JSON, 400, "BAD_REQUEST"),
        (b'"{ __typename }"', JSON, 400, "BAD_REQUEST"),
        (b"{}", JSON, 400, "BAD_REQUEST"),
        (b'{"query": ""}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": 1}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": null}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": "{ __typename }", "variables": []}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": "{ __typename }", "variables": "{}"}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": "{ __typename }", "variables": {"a": "\\u0000"}}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": "{ __typename }", "variables": {"a": ' + b"[" * 30 + b"]" * 30 + b"}}", JSON, 400, "BAD_REQUEST"),
        (b'{"query": "{ __typename }", "variables": {"a": ' + b"[" * 9999 + b"]" * 9999 + b"}}", JSON, 400, "INVALID_JSON"),
        (b'{"query": "{ __typename }", "operationName": 1}', JSON, 400, "BAD_REQUEST"),
        (b'{"query": "{ __typename }", "extensions": 1}', JSON, 400, "BAD_REQUEST"),
        (b"{ __typename }", "application/graphql", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"query": "{ __typename }"}', "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"query": "{ __typename }"}', "application/json; charset=utf-16", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"query=x", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"query": "' + b" " * 1_048_576 + b'"}', JSON, 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_request_that_is_not_one_is_refused(client: httpx.AsyncClient, body: bytes, kind: str, status: int, code: str) -> None:
    for accept in (JSON, RESPONSE):
        answer = await client.post("/graphql", content=body, headers={"Content-Type": kind, "Accept": accept})
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (status, code)
        assert "data" not in answer.json()


async def test_query_may_be_a_link(client: httpx.AsyncClient) -> None:
    link = {"query": "query Q($s: String!) { instrument(symbol: $s) { symbol } }", "variables": json.dumps({"s": "btcusdt"})}
    answer = await client.get("/graphql", params={**link, "operationName": "Q"})
    assert answer.json() == {"data": {"instrument": {"symbol": "BTC/USDT"}}}
    broken = await client.get("/graphql", params={"query": "{ __typename }", "variables": "{"})
    assert (broken.status_code, broken.json()["errors"][0]["extensions"]["code"]) == (400, "INVALID_JSON")


async def test_mutation_as_a_link_is_refused_and_nothing_changes(client: httpx.AsyncClient, ada: GraphQLClient) -> None:
    mutation = 'mutation { createFlow(input: {name: "X", symbol: "BTC/USDT"}) { id } }'
    answer = await client.get("/graphql", params={"query": mutation}, headers=ada.headers)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, POST, OPTIONS"
    assert (await ada.data("{ flows { totalCount } }"))["flows"] == {"totalCount": 0}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_refused(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/graphql")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, OPTIONS")


async def test_subscription_over_plain_http_is_told_where_to_go(client: httpx.AsyncClient, ada: GraphQLClient) -> None:
    answer = await client.post("/graphql", json={"query": "subscription { orderUpdates { cursor } }"}, headers=ada.headers)
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert "graphql-transport-ws" in error["message"] and "text/event-stream" in error["message"]


@pytest.mark.parametrize(
    ("header", "code"),
    [("Bearer nonsense", "UNAUTHORIZED"), ("Basic dTpw", "UNAUTHORIZED"), ("Bearer ", "UNAUTHORIZED"), ("token", "UNAUTHORIZED")],
)
async def test_bad_token_is_401_even_for_open_fields(client: httpx.AsyncClient, header: str, code: str) -> None:
    answer = await post(client, "{ __typename }", JSON, Authorization=header)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_expired_token_says_so(client: httpx.AsyncClient, ada: GraphQLClient, clock: ManualClock) -> None:
    clock.advance(minutes=31)
    answer = await post(client, "{ me { id } }", JSON, **ada.headers)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "TOKEN_EXPIRED")


async def test_request_id_of_the_client_is_kept(client: httpx.AsyncClient) -> None:
    answer = await post(client, "{ me { id } }", **{"X-Request-ID": "trace-42"})
    assert answer.headers["x-request-id"] == "trace-42"
    assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHORIZED", "details": {}, "requestId": "trace-42"}


async def test_browser_gets_graphiql_and_runs_nothing(client: httpx.AsyncClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = await client.get("/graphql", headers=browser)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Tradewind" in page.text
    linked = await client.get("/graphql", params={"query": "{ __typename }"}, headers=browser)
    assert linked.headers["content-type"] == "text/html; charset=utf-8"


async def test_events_are_sent_to_those_who_name_them(client: httpx.AsyncClient) -> None:
    answer = await post(client, "{ __typename }", "text/event-stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == 'event: next\ndata: {"data":{"__typename":"Query"}}\n\nevent: complete\ndata:\n\n'
    refused = await post(client, 'subscription { priceTicks(symbols: ["BTC/USDT"]) { price } }', "text/event-stream")
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHORIZED")


async def test_accident_is_masked_and_logged_once(
    client: httpx.AsyncClient, runtime: Runtime, trader: Caller, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("domain.accounts.service.get_me", broken)
    answer = await post(client, "{ me { id } }", **await bearer(runtime, trader), **{"X-Request-ID": "trace-7"})
    assert answer.status_code == 200
    error = answer.json()["errors"][0]
    assert error["message"] == "Something went wrong on the server"
    assert error["extensions"] == {"code": "INTERNAL_ERROR", "details": {}, "requestId": "trace-7"}
    assert error["path"] == ["me"]
    log = "".join(capsys.readouterr())
    assert log.count("graphql.failed") == 1
    assert "trace-7" in log


async def test_refusals_are_not_logged_as_accidents(client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    for query in ("{ me { id } }", "{", "{ nothing }", '{ instrument(symbol: "?") { name } }'):
        await post(client, query)
    log = "".join(capsys.readouterr())
    assert "graphql.failed" not in log and "Traceback" not in log


async def test_error_catalogue_documents_every_code(nobody: GraphQLClient) -> None:
    catalogue = (await nobody.data("{ errorCatalogue { code meaning apiV1Status v1Status } }"))["errorCatalogue"]
    codes = (await nobody.data('{ __type(name: "ErrorCode") { enumValues { name description } } }'))["__type"]["enumValues"]
    assert {(entry["code"], entry["meaning"]) for entry in catalogue} == {(code["name"], code["description"]) for code in codes}
    busy = next(entry for entry in catalogue if entry["code"] == "FLOW_BUSY")
    assert busy["meaning"] == "A run of this flow is under way; a flow runs one at a time."
    assert (busy["apiV1Status"], busy["v1Status"]) == (409, 409)


async def test_all_audits_of_graphql_http_pass(port: int) -> None:
    if shutil.which("node") is None or not (AUDIT / "node_modules").is_dir():
        pytest.skip("Node is not there, or npm ci has not been run in tests/graphql_http")
    audit = await asyncio.create_subprocess_exec(
        "node", "audit.mjs", cwd=AUDIT, env=os.environ | {"URL": f"http://127.0.0.1:{port}/graphql"}, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await audit.communicate()
    assert audit.returncode == 0, output.decode()
    assert output.decode().strip() == "61 of 61 audits ok"
