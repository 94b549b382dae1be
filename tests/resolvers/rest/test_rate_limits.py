"""How often the REST doors may be asked, with a clock that moves only when it is told to."""

import httpx
import pytest

from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.plans.allowances import Traffic, admit
from domain.runtime.rate_limits import MemoryRateLimiter
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from resolvers.rest.api_v1 import API_V1_ROWS
from resolvers.rest.openapi import openapi
from resolvers.rest.v1 import V1_ROWS
from schema.rest.dialects import API_V1, V1
from tests.accounts import ADA
from tests.domain.plans.subscribers import cancel, subscribe

NOW = 1_772_443_800  # the clock's start in seconds since 1970
HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_limits": True})


@pytest.fixture
async def runtime(runtime: Runtime) -> Runtime:
    runtime.rate_limiter = MemoryRateLimiter()
    return runtime


def standing(answer: httpx.Response) -> tuple[int, ...]:
    return tuple(int(answer.headers[name]) for name in HEADERS)


async def times(count: int, client: httpx.AsyncClient, method: str, path: str, /, **more: object) -> httpx.Response:
    """Ask so often, every time with success, and return the last answer."""
    for _ in range(count):
        answer = await client.request(method, path, **more)  # type: ignore[arg-type]
        assert answer.status_code != 429, answer.text
    return answer


async def admitted(count: int, runtime: Runtime, caller: Caller, dialect: str, traffic: Traffic) -> None:
    """Have so many requests of this user counted as the doors have them counted, without the work of answering them."""
    operation = runtime.operation(caller, door="test")
    for _ in range(count):
        assert (await admit(operation, dialect, traffic)).refused_by is None


# --- /api/v1


async def test_61st_request_in_a_minute_is_refused(ada: httpx.AsyncClient, clock: ManualClock) -> None:
    first = await ada.get("/api/v1/users/me")
    assert standing(first) == (60, 59, NOW + 60)
    clock.advance(seconds=30)
    last = await times(59, ada, "GET", "/api/v1/users/me")
    assert standing(last) == (60, 0, NOW + 60)
    refused = await ada.get("/api/v1/users/me")
    assert refused.status_code == 429
    assert refused.json() == {"detail": "Too many requests: 60 in 60 seconds are allowed; try again in 30 seconds"}
    assert refused.headers["retry-after"] == "30"
    assert standing(refused) == (60, 0, NOW + 60)
    clock.advance(seconds=29.9)
    assert (await ada.get("/api/v1/users/me")).headers["retry-after"] == "1"
    clock.advance(seconds=0.1)
    assert standing(await ada.get("/api/v1/users/me")) == (60, 0, NOW + 90)  # the one of the beginning has left


async def test_301st_request_of_a_paid_plan_is_refused(
    ada: httpx.AsyncClient, runtime: Runtime, trader: Caller, clock: ManualClock
) -> None:
    await subscribe(runtime.operation(trader), "Pro")
    await admitted(290, runtime, trader, "api_v1", Traffic.ORDINARY)
    assert standing(await times(10, ada, "GET", "/api/v1/users/me")) == (300, 0, NOW + 60)
    refused = await ada.get("/api/v1/users/me")
    assert (refused.status_code, refused.headers["retry-after"], standing(refused)) == (429, "60", (300, 0, NOW + 60))


async def test_free_plan_is_not_premium(ada: httpx.AsyncClient, runtime: Runtime, trader: Caller) -> None:
    await subscribe(runtime.operation(trader), "Free")
    assert standing(await ada.get("/api/v1/users/me")) == (60, 59, NOW + 60)


async def test_plan_is_noticed_within_five_seconds(ada: httpx.AsyncClient, runtime: Runtime, trader: Caller, clock: ManualClock) -> None:
    assert standing(await ada.get("/api/v1/users/me"))[0] == 60
    subscription = await subscribe(runtime.operation(trader), "Pro")
    clock.advance(seconds=5)
    assert standing(await ada.get("/api/v1/users/me")) == (300, 298, NOW + 60)
    await cancel(runtime.operation(trader), subscription)
    clock.advance(seconds=5)
    assert standing(await ada.get("/api/v1/users/me")) == (60, 57, NOW + 60)


async def test_users_do_not_share(ada: httpx.AsyncClient, bob: dict[str, str]) -> None:
    await times(60, ada, "GET", "/api/v1/users/me")
    assert (await ada.get("/api/v1/users/me")).status_code == 429
    assert (await ada.get("/api/v1/users/me", headers=bob)).status_code == 200
    assert (await ada.get("/api/v1/market/price/BTC/USDT", headers={"Authorization": ""})).status_code == 200


async def test_guessed_tokens_are_counted_by_address(client: httpx.AsyncClient) -> None:
    for number in range(60):
        refused = await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer guess-{number}"})
        assert (refused.status_code, standing(refused)) == (401, (60, 59 - number, NOW + 60))
    assert (await client.get("/api/v1/users/me", headers={"Authorization": "Bearer one-more"})).status_code == 429
    assert (await client.get("/v1/auth/me", headers={"Authorization": "Bearer one-more"})).status_code == 401  # counted for itself


async def test_what_is_not_there_is_counted_too(ada: httpx.AsyncClient) -> None:
    assert standing(await ada.get("/api/v1/nothing")) == (60, 59, NOW + 60)
    assert standing(await ada.put("/api/v1/flows")) == (60, 58, NOW + 60)
    await times(58, ada, "GET", "/api/v1/nothing")
    assert (await ada.get("/api/v1/nothing")).status_code == 429


async def test_refused_request_reads_no_body_and_changes_nothing(ada: httpx.AsyncClient) -> None:
    await times(60, ada, "GET", "/api/v1/flows")
    assert (await ada.post("/api/v1/flows", content=b"{" * 2_000_000)).status_code == 429
    assert (await ada.get("/v1/trading/orders")).json() == []


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/health"), ("GET", "/"), ("OPTIONS", "/api/v1/flows"), ("OPTIONS", "/v1/trading/orders")]
)
async def test_some_things_are_free(ada: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await times(80, ada, method, path)
    assert not set(HEADERS) & set(answer.headers)
    assert standing(await ada.get("/api/v1/users/me")) == (60, 59, NOW + 60)


# --- /v1


async def test_51st_request_in_ten_seconds_is_refused(ada: httpx.AsyncClient, clock: ManualClock) -> None:
    assert standing(await ada.get("/v1/auth/me")) == (50, 49, NOW + 10)
    assert standing(await times(49, ada, "GET", "/v1/auth/me")) == (50, 0, NOW + 10)
    clock.advance(seconds=3)
    refused = await ada.get("/v1/auth/me")
    assert (refused.status_code, refused.headers["retry-after"], standing(refused)) == (429, "7", (50, 0, NOW + 10))
    error = refused.json()["error"]
    assert error["code"] == "RATE_LIMIT_EXCEEDED"
    assert error["message"] == "Too many requests: 50 in 10 seconds are allowed; try again in 7 seconds"
    assert error["details"] == {
        "scope": "burst",
        "limit": 50,
        "window_seconds": 10,
        "retry_after": 7,
        "request_id": refused.headers["x-request-id"],
    }
    clock.advance(seconds=7)
    assert (await ada.get("/v1/auth/me")).status_code == 200


async def test_101st_realtime_request_in_a_minute_is_refused(ada: httpx.AsyncClient, clock: ManualClock) -> None:
    for _ in range(2):
        await times(50, ada, "GET", "/v1/trading/positions")
        clock.advance(seconds=10)
    refused = await ada.get("/v1/trading/positions")
    assert (refused.status_code, refused.headers["retry-after"], standing(refused)) == (429, "40", (100, 0, NOW + 60))
    assert refused.json()["error"]["details"]["scope"] == "realtime"
    assert standing(await ada.get("/v1/auth/me"))[:2] == (50, 49)  # all else goes on


async def test_1001st_request_in_an_hour_is_refused_and_cancels_are_not(
    ada: httpx.AsyncClient, runtime: Runtime, trader: Caller, clock: ManualClock
) -> None:
    for _ in range(20):
        await admitted(45, runtime, trader, "v1", Traffic.ORDINARY)
        await times(5, ada, "GET", "/v1/auth/me")
        clock.advance(seconds=10)
    refused = await ada.get("/v1/auth/me")
    assert (refused.status_code, refused.headers["retry-after"], standing(refused)) == (429, "3400", (1_000, 0, NOW + 3_600))
    assert refused.json()["error"]["details"] == {
        "scope": "hour",
        "limit": 1_000,
        "window_seconds": 3_600,
        "retry_after": 3_400,
        "request_id": refused.headers["x-request-id"],
    }
    assert (await ada.post("/v1/trading/orders", json={})).status_code == 429
    for _ in range(3):
        assert (await times(20, ada, "DELETE", "/v1/trading/orders/order_none")).status_code == 404
        clock.advance(seconds=10)
    refused = await ada.delete("/v1/trading/orders/order_none")
    assert (refused.status_code, standing(refused)[0]) == (429, 1_060)


async def test_whether_realtime_counts_to_the_hour_can_be_chosen(
    ada: httpx.AsyncClient, runtime: Runtime, trader: Caller, clock: ManualClock
) -> None:
    runtime.settings = runtime.settings.model_copy(update={"realtime_counts_to_hour": False})
    for _ in range(25):
        await admitted(45, runtime, trader, "v1", Traffic.REALTIME)
        await times(5, ada, "GET", "/v1/trading/positions")
        clock.advance(seconds=40)
    assert (await ada.get("/v1/auth/me")).status_code == 200


async def test_orders_have_a_limit_of_their_own(ada: httpx.AsyncClient, clock: ManualClock) -> None:
    for _ in range(2):
        await times(25, ada, "POST", "/v1/trading/orders", json={})
        await times(25, ada, "PUT", "/v1/trading/orders/order_none", json={"price": 1})
        clock.advance(seconds=10)
    refused = await ada.post("/v1/trading/orders", json={})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "40")
    assert {name: refused.json()["error"]["details"][name] for name in ("scope", "limit", "window_seconds")} == {
        "scope": "orders",
        "limit": 100,
        "window_seconds": 60,
    }
    assert (await ada.delete("/v1/trading/orders/order_none")).status_code == 404
    assert (await ada.get("/v1/trading/positions")).status_code == 200


async def test_signing_in_is_counted_by_address_whoever_asks(ada: httpx.AsyncClient, bob: dict[str, str]) -> None:
    for headers in ({}, bob):
        await times(25, ada, "POST", "/v1/auth/refresh", json={"refresh_token": "x"}, headers=headers)
    assert (await ada.post("/v1/auth/refresh", json={"refresh_token": "x"})).status_code == 429
    assert (await ada.get("/v1/auth/me")).status_code == 200


# --- getting in


async def test_eleventh_log_in_of_a_minute_is_refused_on_both_dialects(client: httpx.AsyncClient, clock: ManualClock) -> None:
    await client.post("/api/v1/auth/register", json=ADA)
    right = {"email": ADA["email"], "password": ADA["password"]}
    for number in range(9):
        wrong = {"email": f"nobody{number}@example.com", "password": "guess12345"}
        assert (await client.post(("/api/v1", "/v1")[number % 2] + "/auth/login", json=wrong)).status_code == 401
    assert (await client.post("/v1/auth/login", json=right)).status_code == 200
    for prefix in ("/api/v1", "/v1"):
        refused = await client.post(f"{prefix}/auth/login", json=right)
        assert (refused.status_code, refused.headers["retry-after"], standing(refused)) == (429, "60", (10, 0, NOW + 60))
    assert refused.json()["error"]["details"]["scope"] == "login"
    clock.advance(seconds=60)
    assert (await client.post("/v1/auth/login", json=right)).status_code == 200


async def test_registrations_of_an_hour_are_limited_and_one_more_makes_no_account(client: httpx.AsyncClient, clock: ManualClock) -> None:
    for number in range(20):
        assert (await client.post("/api/v1/auth/register", json=ADA | {"email": f"a{number}@example.com"})).status_code == 201
    refused = await client.post("/api/v1/auth/register", json=ADA | {"email": "late@example.com"})
    assert (refused.status_code, refused.headers["retry-after"], standing(refused)) == (429, "3600", (20, 0, NOW + 3_600))
    login = await client.post("/api/v1/auth/login", json={"email": "late@example.com", "password": ADA["password"]})
    assert login.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/auth/forgot-password", {"email": "ada@example.com"}),
        ("POST", "/auth/reset-password", {"token": "x", "new_password": "securepassword123"}),
        ("GET", "/auth/verify-email?token=x", None),
    ],
)
async def test_links_are_limited(client: httpx.AsyncClient, method: str, path: str, body: object) -> None:
    await times(30, client, method, f"/api/v1{path}", json=body)
    assert (await client.request(method, f"/api/v1{path}", json=body)).headers["retry-after"] == "3600"


async def test_ended_session_is_counted_by_address(ada: httpx.AsyncClient, runtime: Runtime, clock: ManualClock) -> None:
    assert (await ada.post("/api/v1/auth/logout")).status_code == 200
    refused = await ada.get("/api/v1/users/me")
    assert (refused.status_code, standing(refused)) == (401, (60, 59, NOW + 60))


def test_every_row_names_429_and_its_headers() -> None:
    for dialect, rows in ((API_V1, API_V1_ROWS), (V1, V1_ROWS)):
        for methods in openapi(dialect, rows, "1")["paths"].values():
            for operation in methods.values():
                assert {name.lower() for name in operation["responses"]["429"]["headers"]} == {*HEADERS, "retry-after"}
                for answer in operation["responses"].values():
                    assert set(HEADERS) <= {name.lower() for name in answer["headers"]}
