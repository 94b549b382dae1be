"""The machinery on a table of its own: what any row may rely on, whatever its service does."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, NotRequired, TypedDict

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response

from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.runtime.operation import Operation
from domain.runtime.paging import Limit, Offset, Page
from domain.runtime.runtime import Runtime
from domain.runtime.unit_of_work import UnitOfWork
from resolvers.http import http_middleware
from resolvers.rest.endpoint import Answer, Call, Header, bind, routes_of
from resolvers.rest.openapi import openapi
from schema.rest.dialects import API_V1, V1, Dialect
from tests.accounts import bearer, provide_accounts
from tests.builders import make_user


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Ship:
    name: str
    tons: Decimal
    built_at: datetime | None = None
    colour: Colour = Colour.RED
    crew: int = 1
    speed: float | None = None
    cargo: dict[str, Any] | None = None


class ShipChanges(TypedDict):
    name: NotRequired[str | None]
    tons: NotRequired[Decimal]


@dataclass(frozen=True)
class ShipView:
    name: str
    tons: Decimal
    built_at: datetime | None
    colour: Colour
    crew: int
    cargo: dict[str, Any] | None


async def build_ship(operation: Operation, ship: Ship) -> Ship:
    """Build a ship. Raises INSUFFICIENT_FUNDS."""
    if ship.name == "bug":
        raise RuntimeError("secret of the shipyard")
    if ship.name == "poor":
        raise DomainError(ErrorCode.INSUFFICIENT_FUNDS, "Too dear", needed=Decimal("1.10"))
    if ship.name == "busy":
        raise DomainError(ErrorCode.TOO_MANY_ATTEMPTS, "Not now", retry_after=7)
    return ship


async def change_ship(work: UnitOfWork, ship_id: str, changes: ShipChanges) -> dict[str, object]:
    return {"ship_id": ship_id, "changes": changes}


async def list_ships(work: UnitOfWork, colour: Colour | None = None, limit: Limit = 10, offset: Offset = 0) -> Page[Ship]:
    ships = [Ship(str(number), Decimal(number)) for number in range(25) if colour is not Colour.BLUE]
    return Page(ships[offset : offset + limit], len(ships))


async def find_ships(work: UnitOfWork, names: list[str], deep: bool = False) -> list[str]:
    return [*names, str(deep)]


async def get_ship(work: UnitOfWork, ship_id: str) -> Ship:
    if ship_id == "gone":
        raise NotFound("Ship", ship_id)
    return Ship(ship_id, Decimal("12345678901234567890.123456789012345678"), datetime(2026, 1, 1, tzinfo=UTC))


async def delete_ships(work: UnitOfWork, ship_id: str) -> None:
    return None


async def who_asks(operation: Operation) -> dict[str, object]:
    return {"door": operation.door, "user_id": operation.caller.user_id, "key": operation.idempotency_key, "id": operation.request_id}


async def wait_for_ship(operation: Operation, prefer: Annotated[str | None, Header("Prefer")] = None) -> Answer:
    return Answer({"prefer": prefer}, 202, {"Preference-Applied": prefer or ""})


async def own_answer(operation: Operation) -> Response:
    return PlainTextResponse("csv")


CALLS = [
    Call("GET", "/ships/{ship_id:path}", get_ship, ShipView, public=True),
    Call("GET", "/ships", list_ships, list[ShipView], public=True),
    Call("POST", "/ships", build_ship, ShipView, status=201, public=True, statuses={ErrorCode.INSUFFICIENT_FUNDS: 402}),
    Call("PATCH", "/ships/{ship_id}/parts", change_ship, public=True, view=dict[str, Any]),
    Call("DELETE", "/ships/{ship_id}", delete_ships, status=204),
    Call("DELETE", "/fleet/{ship_id}", delete_ships, answer={"message": "Gone", "ship_id": "{ship_id}"}, public=True),
    Call("GET", "/ships/found", find_ships, list[str], public=True, rename={"names": "name"}),
    Call("GET", "/bare", list_ships, list[ShipView], bare=True, public=True, defaults={"limit": 2}, given={"colour": None}),
    Call("GET", "/who", who_asks, dict[str, Any], public=True),
    Call("GET", "/private", who_asks, dict[str, Any]),
    Call("GET", "/waiting", wait_for_ship, dict[str, Any], public=True),
    Call("GET", "/own", own_answer, public=True),
]


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    provide_accounts(runtime)

    routes = [route for dialect in (API_V1, V1) for route in routes_of(bind(CALLS, dialect), dialect, lambda: runtime)]
    app = Starlette(routes=routes, middleware=http_middleware(runtime.settings))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tradewind") as client:
        yield client


async def post(client: httpx.AsyncClient, body: str | bytes, prefix: str = "/v1", kind: str = "application/json") -> httpx.Response:
    return await client.post(f"{prefix}/ships", content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1"])
@pytest.mark.parametrize(
    ("body", "status", "type"),
    [
        ("", 422, "missing"),
        ("{", None, "json_invalid"),
        ("{'name': 'x'}", None, "json_invalid"),
        ('{"name": "x", "tons": NaN}', None, "json_invalid"),
        ('{"name": "x", "tons": -Infinity}', None, "json_invalid"),
        (b"\xff\xfe", None, "json_invalid"),
        ("[" * 100_000, 422, "json_invalid"),
        ('{"a":' * 60 + "1" + "}" * 60, 422, "json_invalid"),
        ("[]", 422, "dict_type"),
        ("null", 422, "dict_type"),
        ('"text"', 422, "dict_type"),
        ('{"name": "x"}', 422, "missing"),
        ('{"name": 5, "tons": 1}', 422, "string_type"),
        ('{"name": "x", "tons": true}', 422, "decimal_type"),
        ('{"name": "x", "tons": "many"}', 422, "decimal_parsing"),
        ('{"name": "x", "tons": "NaN"}', 422, "finite_number"),
        ('{"name": "x", "tons": "1e9999999"}', 422, "number_too_large"),
        ('{"name": "x", "tons": 1e30}', 422, "number_too_large"),
        ('{"name": "x", "tons": 1e999}', 422, "number_too_large"),
        ('{"name": "x", "tons": 1e99999999999999999999}', 422, "number_too_large"),
        ('{"name": "x", "tons": 1%s}' % ("0" * 30), 422, "number_too_large"),
        ('{"name": "x", "tons": 1%s}' % ("0" * 5000), 422, "number_too_large"),
        ('{"name": "x", "tons": 1e-30}', 422, "number_too_large"),
        ('{"name": "x", "tons": {}}', 422, "decimal_type"),
        ('{"name": "x", "tons": 1, "crew": true}', 422, "number_type"),
        ('{"name": "x", "tons": 1, "crew": 1.5}', 422, "int_from_float"),
        ('{"name": "x", "tons": 1, "crew": 1%s}' % ("0" * 30), 422, "number_too_large"),
        ('{"name": "x", "tons": 1, "speed": false}', 422, "number_type"),
        ('{"name": "x", "tons": 1, "speed": "inf"}', 422, "finite_number"),
        ('{"name": "x", "tons": 1, "colour": "green"}', 422, "enum"),
        ('{"name": "x", "tons": 1, "built_at": "yesterday"}', 422, "datetime_from_date_parsing"),
        ('{"name": "\\ud800", "tons": 1}', 422, "string_unicode"),
        ('{"name": "x", "tons": 1, "cargo": {"\\ud800": 1}}', 422, "string_unicode"),
        ('{"name": "a\\u0000b", "tons": 1}', 422, "string_unicode"),
    ],
)
async def test_bad_body_is_a_clear_refusal(
    client: httpx.AsyncClient, prefix: str, body: str | bytes, status: int | None, type: str
) -> None:
    answer = await post(client, body, prefix)
    assert answer.status_code == (status or (422 if prefix == "/api/v1" else 400)), answer.text
    if prefix == "/api/v1":
        problem = answer.json()["detail"][0]
        assert (problem["type"], problem["loc"][0]) == (type, "body")
    else:
        assert answer.json()["error"]["details"]["errors"][0]["type"] == type


@pytest.mark.parametrize(
    ("literal", "sent_back"),
    [
        ("0.1", "0.1"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
        ("1e3", "1000"),
        ("1.50", "1.5"),
        ('"2.5"', "2.5"),
        ("-0.0", "0"),
        ("9007199254740993", "9007199254740993"),
        ("99999999999999999999", "99999999999999999999"),
    ],
)
async def test_numbers_keep_every_digit_both_ways(client: httpx.AsyncClient, literal: str, sent_back: str) -> None:
    answer = await post(client, '{"name": "x", "tons": ' + literal + "}")
    assert f'"tons":{sent_back},' in answer.text


async def test_emoji_unknown_keys_and_free_form_json_pass(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/ships",
        json={"name": "\N{SAILBOAT}", "tons": 1, "unknown": 1, "cargo": {"rum": 0.25, "kegs": [1, None, True, "\N{BEER MUG}"]}},
    )
    assert answer.status_code == 201
    assert answer.json()["name"] == "\N{SAILBOAT}"
    assert answer.json()["cargo"] == {"rum": 0.25, "kegs": [1, None, True, "\N{BEER MUG}"]}


async def test_time_is_sent_in_utc_with_z(client: httpx.AsyncClient) -> None:
    answer = await post(client, '{"name": "x", "tons": 1, "built_at": "2026-01-01T01:00:00+01:00"}')
    assert answer.json()["built_at"] == "2026-01-01T00:00:00.000Z"


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/json; charset=utf-16"])
async def test_other_media_types_are_refused(client: httpx.AsyncClient, kind: str) -> None:
    answer = await post(client, "{}", kind=kind)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert (await post(client, "{}", "/api/v1", kind)).json() == {"detail": "The body must be application/json in UTF-8"}


@pytest.mark.parametrize("kind", ["application/json; charset=UTF-8", "application/merge-patch+json", "Application/JSON"])
async def test_json_under_its_other_names_is_read(client: httpx.AsyncClient, kind: str) -> None:
    assert (await post(client, '{"name": "x", "tons": 1}', kind=kind)).status_code == 201


async def test_large_body_is_refused_whether_its_length_is_told_or_not(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(32):
            yield b"x" * 65_536

    told = await post(client, b"x" * 2_097_152)
    assert (told.status_code, told.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    untold = await client.post("/api/v1/ships", content=chunks(), headers={"Content-Type": "application/json"})
    assert (untold.status_code, list(untold.json())) == (413, ["detail"])


async def test_lists_page_in_each_dialect(client: httpx.AsyncClient) -> None:
    page = (await client.get("/api/v1/ships", params={"limit": 5, "offset": 20})).json()
    assert {**page, "items": [item["name"] for item in page["items"]]} == {
        "items": ["20", "21", "22", "23", "24"],
        "total": 25,
        "limit": 5,
        "offset": 20,
        "has_more": False,
    }
    assert (await client.get("/api/v1/ships")).json()["has_more"] is True
    bare = await client.get("/v1/ships")
    assert (len(bare.json()), bare.headers["x-total-count"]) == (10, "25")
    assert [item["name"] for item in (await client.get("/api/v1/bare")).json()] == ["0", "1"]


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=1e3", "limit"),
        ("limit=", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999999999", "offset"),
        ("colour=green", "colour"),
        ("colour=%00", "colour"),
        ("limit=" + "9" * 5000, "limit"),
    ],
)
async def test_bad_query_is_refused(client: httpx.AsyncClient, query: str, loc: str) -> None:
    answer = await client.get(f"/api/v1/ships?{query}")
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", loc])
    answer = await client.get(f"/v1/ships?{query}")
    assert answer.json()["error"]["details"]["errors"][0]["field"] == loc


async def test_all_bad_parameters_are_named_at_once(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/ships?limit=0&offset=-1&colour=green")
    assert [problem["field"] for problem in answer.json()["error"]["details"]["errors"]] == ["colour", "limit", "offset"]


async def test_many_values_come_repeated_or_with_commas(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/ships/found?name=a,b&name=c&deep=true")
    assert answer.json() == ["a", "b", "c", "True"]


async def test_fixed_words_win_over_parameters_and_parameters_may_hold_slashes(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/ships/found?name=a")).json() == ["a", "False"]
    assert (await client.get("/v1/ships/BTC%2FUSDT")).json()["name"] == "BTC/USDT"
    assert '"tons":12345678901234567890.123456789012345678,' in (await client.get("/v1/ships/x")).text
    assert (await client.get("/v1/ships/a%00b")).status_code == 422


async def test_refusals_wear_the_envelope_and_status_of_their_dialect_and_row(client: httpx.AsyncClient) -> None:
    missing = await client.get("/api/v1/ships/gone")
    assert (missing.status_code, missing.json()) == (404, {"detail": "Ship not found: gone"})
    missing = await client.get("/v1/ships/gone", headers={"X-Request-ID": "abc-1"})
    assert missing.json() == {
        "error": {
            "code": "NOT_FOUND",
            "message": "Ship not found: gone",
            "details": {"resource": "ship", "id": "gone", "request_id": "abc-1"},
        }
    }
    poor = await post(client, '{"name": "poor", "tons": 1}')
    assert (poor.status_code, poor.json()["error"]["details"]["needed"]) == (402, 1.1)
    busy = await post(client, '{"name": "busy", "tons": 1}')
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize("prefix", ["/api/v1", "/v1"])
async def test_accident_is_masked_and_found_in_the_log(client: httpx.AsyncClient, prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = await client.post(f"{prefix}/ships", json={"name": "bug", "tons": 1}, headers={"X-Request-ID": "find-me-1"})
    assert answer.status_code == 500
    assert "shipyard" not in answer.text
    assert answer.headers["x-request-id"] == "find-me-1"
    logged = capsys.readouterr()
    assert "find-me-1" in logged.out + logged.err and "secret of the shipyard" in logged.out + logged.err


async def test_unknown_path_and_method_wear_the_envelope(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/nowhere")).json() == {"detail": "Not Found"}
    assert (await client.get("/v1/nowhere")).json()["error"]["code"] == "ROUTE_NOT_FOUND"
    assert (await client.get("/v1/ships/")).status_code == 404  # an empty parameter is none, and nothing redirects
    for prefix in ("/api/v1", "/v1"):
        answer = await client.put(f"{prefix}/ships")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    assert answer.json()["error"]["code"] == "METHOD_NOT_ALLOWED"
    options = await client.options("/v1/ships")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    head = await client.head("/v1/ships")
    assert (head.status_code, head.content) == (200, b"")


async def test_every_answer_has_request_id_and_security_headers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/nowhere")
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    for insane in ("x" * 65, "a b", "<script>", "-"):
        assert (await client.get("/v1/who", headers={"X-Request-ID": insane})).headers["x-request-id"].startswith("req_")


async def test_origins_of_the_settings_may_ask(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/nowhere", headers={"Origin": "http://localhost:3000"})
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "X-Total-Count" in answer.headers["access-control-expose-headers"]
    preflight = {
        "Origin": "http://localhost:5173",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "Idempotency-Key",
    }
    assert (await client.options("/v1/ships", headers=preflight)).status_code == 200
    stranger = await client.get("/v1/who", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers


async def test_operation_knows_door_caller_and_key(client: httpx.AsyncClient, runtime: Runtime) -> None:
    caller = await make_user(runtime)
    headers = await bearer(runtime, caller) | {"Idempotency-Key": "once", "X-Request-ID": "r-1"}
    assert (await client.get("/api/v1/who", headers=headers)).json() == {
        "door": "api_v1",
        "user_id": caller.user_id,
        "key": "once",
        "id": "r-1",
    }
    nobody = (await client.get("/v1/who", headers={"Authorization": "Bearer junk"})).json()
    assert (nobody["door"], nobody["user_id"], nobody["key"]) == ("v1", None, None)
    assert (await client.get("/v1/private")).status_code == 401
    assert (await client.delete("/v1/ships/1", headers=headers)).status_code == 204
    assert (await client.delete("/v1/fleet/7")).json() == {"message": "Gone", "ship_id": "7"}


async def test_changes_tell_absent_from_null(client: httpx.AsyncClient) -> None:
    answer = await client.patch("/v1/ships/7/parts", json={"name": None})
    assert answer.json() == {"ship_id": "7", "changes": {"name": None}}


async def test_adapter_reads_headers_and_decides_on_its_answer(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/waiting", headers={"Prefer": "wait=30"})
    assert (answer.status_code, answer.json(), answer.headers["preference-applied"]) == (202, {"prefer": "wait=30"}, "wait=30")
    assert (await client.get("/v1/own")).text == "csv"


async def test_only_json_is_on_offer_in_v1(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/who", headers={"Accept": "text/html"})).json()["error"]["code"] == "NOT_ACCEPTABLE"
    assert (await client.get("/v1/who", headers={"Accept": "text/html, */*;q=0.8"})).status_code == 200
    assert (await client.get("/api/v1/who", headers={"Accept": "text/html"})).status_code == 200


@pytest.mark.parametrize(
    "call",
    [
        Call("GET", "/ships/{id}", get_ship, ShipView),
        Call("GET", "/ships/{ship_id}", get_ship, ShipView, rename={"name": "wire"}),
        Call("GET", "/ships/{ship_id}", get_ship, ShipView, defaults={"limit": 5}),
    ],
)
def test_row_that_does_not_fit_its_service_fails_when_it_is_bound(call: Call) -> None:
    with pytest.raises(TypeError, match="get_ship has no argument for"):
        bind([call], V1)


def test_same_row_twice_fails_when_it_is_bound() -> None:
    with pytest.raises(TypeError, match="twice"):
        bind([CALLS[0], CALLS[0]], V1)


@pytest.mark.parametrize("dialect", [API_V1, V1])
def test_document_describes_every_row(dialect: Dialect) -> None:
    document = openapi(dialect, bind(CALLS, dialect), "1")
    assert sum(len(methods) for methods in document["paths"].values()) == len(CALLS)
    ship = document["components"]["schemas"]["ShipView"]
    assert ship["properties"]["tons"] == {"type": "number"} | ({"title": "Tons"} if "title" in ship["properties"]["tons"] else {})
    listed = document["paths"][f"{dialect.prefix}/ships"]["get"]
    assert [parameter["name"] for parameter in listed["parameters"]] == ["colour", "limit", "offset"]
    built = document["paths"][f"{dialect.prefix}/ships"]["post"]
    assert "402" in built["responses"]
