"""GraphQL operations are paid for before they run, from a bucket of points that fills up again; what is refused asks no database."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import orjson
import pytest
from sqlalchemy import event

from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.plans.allowances import V1, Traffic
from domain.runtime.rate_limits import Bucket, MemoryRateLimiter
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from tests.accounts import tokens_of
from tests.databases import both_databases
from tests.domain.plans.subscribers import subscribe
from tests.graphql_client import GraphQLClient, socket_to

JSON, RESPONSE = "application/json", "application/graphql-response+json"
ASK = "{ rateLimit { limit remaining restorePerSecond } }"
FLOWS_101 = "{ flows(first: 100) { nodes { id } } }"
INNER = "latestExecution { flow { " * 4 + "latestExecution { id }" + " } }" * 4
DEAR_901 = f"{{ flows(first: 100) {{ nodes {{ {INNER} }} }} }}"
NEVER_1101 = DEAR_901.replace("{ id }", "{ flow { latestExecution { id } } }")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_limits": True, "graphql_max_depth": 20})


@pytest.fixture
async def runtime(runtime: Runtime) -> Runtime:
    runtime.rate_limiter = MemoryRateLimiter()
    return runtime


@contextmanager
def statements(runtime: Runtime) -> Iterator[list[str]]:
    """Collect what the database is asked."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            asked.append(statement)

    engines = {runtime.database._reader.sync_engine, runtime.database._writer.sync_engine}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


async def cost(client: GraphQLClient, query: str) -> dict[str, int]:
    answer = await client.ask(query)
    assert "errors" not in answer
    found: dict[str, int] = answer["extensions"]["cost"]
    return found


async def test_answer_tells_what_it_cost_and_what_is_left(ada: GraphQLClient) -> None:
    assert await cost(ada, FLOWS_101) == {"requested": 101, "actual": 1, "limit": 1_000, "remaining": 999, "restorePerSecond": 50}
    for _ in range(2):
        await ada.data('mutation { createFlow(input: {name: "F", symbol: "BTC/USDT"}) { id } }')
    assert await cost(ada, FLOWS_101) == {"requested": 101, "actual": 3, "limit": 1_000, "remaining": 976, "restorePerSecond": 50}
    assert await ada.data(ASK) == {"rateLimit": {"limit": 1_000, "remaining": 976, "restorePerSecond": 50}}


async def test_points_come_back_with_time(ada: GraphQLClient, clock: ManualClock) -> None:
    for _ in range(50):
        await ada.ask("mutation { a: logOut(allSessions: 7) }")  # refused by validation: costs nothing
    for number in range(10):
        await ada.data(f'mutation {{ createFlow(input: {{name: "F{number}", symbol: "BTC/USDT"}}) {{ id }} }}')
    assert (await cost(ada, "{ __typename }"))["remaining"] == 900
    clock.advance(seconds=1)
    assert (await cost(ada, "{ __typename }"))["remaining"] == 950
    clock.advance(seconds=60)
    assert (await cost(ada, "{ __typename }"))["remaining"] == 1_000


@pytest.mark.parametrize(("accept", "status"), [(RESPONSE, 429), (JSON, 200), ("text/event-stream", 429)])
async def test_operation_that_cannot_be_paid_now_is_refused(
    ada: GraphQLClient, runtime: Runtime, trader: Caller, accept: str, status: int
) -> None:
    await spend(runtime, trader, 200)
    answer = await ada.http.post("/graphql", json={"query": DEAR_901}, headers=ada.headers | {"Accept": accept})
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "3")
    (error,) = answer.json()["errors"]
    assert error["message"] == "The operation costs up to 901 points, and 800 are left; try again in 3 seconds"
    assert error["extensions"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert error["extensions"]["details"] == {
        "scope": "graphql",
        "cost": 901,
        "limit": 1_000,
        "remaining": 800,
        "restore_per_second": 50,
        "retry_after": 3,
    }


@pytest.mark.parametrize(("accept", "status"), [(RESPONSE, 400), (JSON, 200)])
async def test_operation_that_can_never_be_paid_is_too_complex(ada: GraphQLClient, accept: str, status: int) -> None:
    answer = await ada.http.post("/graphql", json={"query": NEVER_1101}, headers=ada.headers | {"Accept": accept})
    (error,) = answer.json()["errors"]
    assert answer.status_code == status
    assert "retry-after" not in answer.headers
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert error["extensions"]["details"] == {"cost": 1_101, "limit": 1_000}
    assert error["message"] == "The operation costs up to 1101 points; more than 1000 can never be spent at once"
    assert (await ada.data(ASK))["rateLimit"]["remaining"] == 1_000


@both_databases
async def test_refused_operation_asks_the_database_for_nothing_but_who_it_is(ada: GraphQLClient, runtime: Runtime, trader: Caller) -> None:
    await spend(runtime, trader, 200)
    with statements(runtime) as asked:
        await ada.data(ASK)
    only_who_it_is = list(asked)
    assert all("FROM users" in one or "FROM subscriptions" in one or "JOIN" in one for one in only_who_it_is)
    for query, code in ((DEAR_901, "RATE_LIMIT_EXCEEDED"), (NEVER_1101, "QUERY_TOO_COMPLEX")):
        with statements(runtime) as asked:
            assert await ada.refusal(query) == code
        assert len(asked) == 1  # the token's session; the plan is remembered
        assert asked[0] in only_who_it_is
    with statements(runtime) as asked:
        await ada.data(FLOWS_101)
    assert len(asked) > 1  # the counter counts


async def test_paid_plan_has_more(ada: GraphQLClient, runtime: Runtime, trader: Caller) -> None:
    await subscribe(runtime.operation(trader), "Pro")
    assert await cost(ada, NEVER_1101) == {"requested": 1_101, "actual": 1, "limit": 5_000, "remaining": 4_999, "restorePerSecond": 250}


async def test_settings_decide_how_much(ada: GraphQLClient, runtime: Runtime) -> None:
    runtime.settings = runtime.settings.model_copy(update={"graphql_points": 100, "graphql_points_per_second": 7})
    assert await ada.data(ASK) == {"rateLimit": {"limit": 100, "remaining": 100, "restorePerSecond": 7}}
    assert await ada.refusal(FLOWS_101) == "QUERY_TOO_COMPLEX"


async def test_nobody_shares_with_others(
    ada: GraphQLClient, bob: GraphQLClient, nobody: GraphQLClient, runtime: Runtime, trader: Caller
) -> None:
    await spend(runtime, trader, 1_000)
    assert await ada.refusal("{ me { id } }") == "RATE_LIMIT_EXCEEDED"
    assert (await cost(bob, "{ me { id } }"))["remaining"] == 999
    assert (await cost(nobody, "{ instruments { symbol } }"))["remaining"] == 999
    assert await ada.data(ASK) == {"rateLimit": {"limit": 1_000, "remaining": 0, "restorePerSecond": 50}}


async def test_aliases_and_fragments_are_paid_as_often_as_they_are_used(ada: GraphQLClient) -> None:
    aliases = "{ " + " ".join(f"a{number}: flows(first: 50) {{ ...F }}" for number in range(20)) + " }"
    query = aliases + " fragment F on FlowConnection { nodes { id } }"
    error = await ada.error(query)
    assert error["extensions"]["details"] == {"cost": 20 * 51, "limit": 1_000}


async def test_operation_whose_variables_are_refused_costs_nothing(ada: GraphQLClient) -> None:
    assert await ada.refusal("query ($n: Int!) { flows(first: $n) { nodes { id } } }", n="many") == "VALIDATION_ERROR"
    assert (await ada.data(ASK))["rateLimit"]["remaining"] == 1_000


async def test_failed_operation_tells_its_cost_too(ada: GraphQLClient) -> None:
    answer = await ada.ask('{ flow(id: "flow_none") { latestExecution { id } } }')
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert answer["extensions"]["cost"] == {"requested": 2, "actual": 1, "limit": 1_000, "remaining": 999, "restorePerSecond": 50}


async def test_failure_that_takes_the_answer_away_gives_nothing_back(ada: GraphQLClient) -> None:
    answer = await ada.ask('{ flows(first: 100) { nodes { id } } spoilt: flows(first: 10, after: "nonsense") { nodes { id } } }')
    assert answer["data"] is None
    assert answer["extensions"]["cost"] == {"requested": 112, "actual": 112, "limit": 1_000, "remaining": 888, "restorePerSecond": 50}


async def test_event_stream_tells_the_cost_of_an_answer(ada: GraphQLClient) -> None:
    answer = await ada.http.post("/graphql", json={"query": "{ me { id } }"}, headers=ada.headers | {"Accept": "text/event-stream"})
    data = next(line for line in answer.text.splitlines() if line.startswith("data: {"))
    assert orjson.loads(data[6:])["extensions"]["cost"]["remaining"] == 999


async def test_event_streams_are_counted_as_sockets_are(ada: GraphQLClient, runtime: Runtime, trader: Caller) -> None:
    for _ in range(50):
        await runtime.rate_limiter.admit(trader.id, V1[Traffic.CONNECTS], runtime.clock.now())
    query = 'subscription { priceTicks(symbols: ["BTC/USDT"]) { symbol } }'
    answer = await ada.http.post("/graphql", json={"query": query}, headers=ada.headers | {"Accept": "text/event-stream"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    assert answer.json()["errors"][0]["extensions"]["details"]["scope"] == "burst"
    assert (await ada.data(ASK))["rateLimit"]["remaining"] == 1_000


async def test_socket_tells_the_cost_and_refuses_by_operation(port: int, runtime: Runtime, trader: Caller) -> None:
    async with socket_to(port) as socket:
        await socket.start((await tokens_of(runtime, trader)).access_token)
        await socket.subscribe("{ me { id } }")
        payload = (await socket.receive())["payload"]
        assert payload["extensions"]["cost"] == {"requested": 1, "actual": 1, "limit": 1_000, "remaining": 999, "restorePerSecond": 50}
        assert (await socket.receive())["type"] == "complete"
        await spend(runtime, trader, 998)
        await socket.subscribe(FLOWS_101, id="2")
        refused = await socket.receive()
        assert (refused["type"], refused["id"]) == ("error", "2")
        assert refused["payload"][0]["extensions"]["details"]["retry_after"] == 2
        await socket.subscribe('subscription { priceTicks(symbols: ["BTC/USDT"]) { symbol } }', id="3")
        assert await socket.next(id="3") == {"priceTicks": {"symbol": "BTC/USDT"}}  # paid with the last point, and only once
        await socket.subscribe('subscription { priceTicks(symbols: ["BTC/USDT"]) { symbol } }', id="4")
        assert (await socket.receive())["payload"][0]["extensions"]["code"] == "RATE_LIMIT_EXCEEDED"


async def test_guessed_tokens_use_up_the_points_of_their_address(nobody: GraphQLClient, ada: GraphQLClient) -> None:
    for number in range(50):
        answer = await nobody.as_({"Authorization": f"Bearer guess{number}"}).error("{ me { id } }")
        assert answer["extensions"]["code"] == "UNAUTHORIZED"
    response: httpx.Response = await nobody.http.post(
        "/graphql", json={"query": "{ me { id } }"}, headers={"Authorization": "Bearer one-more", "Accept": RESPONSE}
    )
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    assert (await cost(ada, "{ me { id } }"))["remaining"] == 999


async def test_log_in_is_limited_by_address_here_too(nobody: GraphQLClient, clock: ManualClock) -> None:
    for number in range(10):
        query = f'mutation {{ logIn(email: "a{number}@example.com", password: "guess") {{ accessToken }} }}'
        assert await nobody.refusal(query) == "INVALID_CREDENTIALS"
    error = await nobody.error('mutation { logIn(email: "b@example.com", password: "guess") { accessToken } }')
    assert error["extensions"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert error["extensions"]["details"] == {"scope": "login", "limit": 10, "window_seconds": 60, "retry_after": 60}
    clock.advance(seconds=60)
    assert await nobody.refusal('mutation { logIn(email: "b@example.com", password: "guess") { accessToken } }') == "INVALID_CREDENTIALS"


async def spend(runtime: Runtime, caller: Caller, points: int) -> None:
    """Draw points as operations would that cost so much."""
    drawn = await runtime.rate_limiter.draw(caller.id, Bucket("graphql", 1_000, 50), points, runtime.clock.now())
    assert drawn is not None and drawn.wait_seconds == 0
