"""The audit log as clients read it, and what reading and refusals leave in it."""

from typing import Any

import httpx
import pytest

from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.audit_log import entries, seal_all
from tests.builders import make_trader

Headers = dict[str, str]
FLOW = {"name": "Swing", "symbol": "BTC/USDT"}
LOG_KEYS = {
    "id",
    "user_id",
    "event_type",
    "event_description",
    "ip_address",
    "user_agent",
    "timestamp",
    "severity",
    "action",
    "resource",
    "result",
    "details",
}


@pytest.fixture
async def admin(runtime: Runtime, ada: Operation) -> Headers:
    return await bearer(runtime, ada.caller)


@pytest.fixture
async def bob(runtime: Runtime, ada: Operation) -> Caller:
    return await make_trader(runtime)


@pytest.fixture
async def as_bob(runtime: Runtime, bob: Caller) -> Headers:
    return await bearer(runtime, bob)


async def graphql(client: httpx.AsyncClient, who: Headers, query: str, **variables: Any) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.post("/graphql", json={"query": query, "variables": variables}, headers=who)).json()
    return answer


async def test_v1_shows_the_log_as_the_contract_says(client: httpx.AsyncClient, admin: Headers, bob: Caller, as_bob: Headers) -> None:
    order = {"symbol": "BTC/USDT", "side": "buy", "quantity": 0.01, "order_type": "market"}
    placed = await client.post("/v1/trading/orders", json=order, headers=as_bob)
    answer = await client.get("/v1/security/logs", params={"event_type": "trade_order"}, headers=admin)
    assert answer.status_code == 200
    assert set(answer.json()) == {"logs", "total"} and answer.json()["total"] == 1
    (log,) = answer.json()["logs"]
    assert set(log) == LOG_KEYS
    assert (log["user_id"], log["event_type"], log["action"], log["result"], log["severity"]) == (
        bob.id,
        "trade_order",
        "create",
        "success",
        "info",
    )
    assert log["resource"] == f"order:{placed.json()['id']}"
    assert log["ip_address"] == "192.0.2.7" and log["user_agent"] == "tests" and log["timestamp"] == "2026-03-02T09:30:00.000Z"
    assert log["details"]["new_values"]["symbol"] == "BTC/USDT" and log["details"]["old_values"] is None


async def test_dates_are_inclusive_and_pages_count_all(
    client: httpx.AsyncClient, clock: ManualClock, runtime: Runtime, ada: Operation, bob: Caller
) -> None:
    for _ in range(3):
        await client.post("/api/v1/flows", json=FLOW, headers=await bearer(runtime, bob))
        clock.advance(hours=7)  # 09:30, 16:30, 23:30
    admin = await bearer(runtime, ada.caller)
    mine = {"user_id": bob.id}

    async def total(**query: str) -> int:
        answer = await client.get("/v1/security/logs", params={**mine, **query}, headers=admin)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["total"])

    assert await total(start_date="2026-03-02", end_date="2026-03-02") == 3
    assert await total(start_date="2026-03-02T16:30:00Z") == 2
    assert await total(end_date="2026-03-02T16:30:00Z") == 2
    assert await total(end_date="2026-03-01") == 0
    assert await total(severity="critical") == 0
    page = await client.get("/v1/security/logs", params={**mine, "limit": 1, "offset": 1}, headers=admin)
    assert (len(page.json()["logs"]), page.json()["total"], page.json()["logs"][0]["timestamp"]) == (1, 3, "2026-03-02T16:30:00.000Z")
    for wrong in ({"start_date": "yesterday"}, {"end_date": "2026-02-30"}, {"limit": "1001"}, {"limit": "0"}, {"severity": "bad"}):
        assert (await client.get("/v1/security/logs", params=wrong, headers=admin)).status_code == 422, wrong


async def test_everybody_reads_what_they_did_and_nobody_more(
    client: httpx.AsyncClient, runtime: Runtime, ada: Operation, bob: Caller, as_bob: Headers
) -> None:
    await client.post("/api/v1/flows", json=FLOW, headers=as_bob)
    own = await client.get("/v1/security/logs", params={"user_id": bob.id}, headers=as_bob)
    assert [log["event_type"] for log in own.json()["logs"]] == ["flow_create"]
    for params in ({}, {"user_id": ada.caller.id}):
        assert (await client.get("/v1/security/logs", params=params, headers=as_bob)).status_code == 403
        assert (await client.get("/api/v1/audit", headers=as_bob)).status_code == 403
    refused = await graphql(client, as_bob, "{ auditEntries { nodes { id } } }")
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    mine = await graphql(client, as_bob, "query($me: ID!) { auditEntries(filter: {actorId: $me}) { nodes { actorId } } }", me=bob.id)
    assert {node["actorId"] for node in mine["data"]["auditEntries"]["nodes"]} == {bob.id}
    of_ada = (await entries(runtime, "user.register"))[0].id
    hidden = await graphql(client, as_bob, "query($id: ID!) { auditEntry(id: $id) { id } }", id=of_ada)
    assert hidden["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    reads = [entry for entry in await entries(runtime) if entry.event_type == "data_access"]
    assert [(entry.result.value, entry.code, entry.door) for entry in reads] == [
        ("success", None, "v1"),
        ("failure", "FORBIDDEN", "v1"),
        ("failure", "FORBIDDEN", "api_v1"),
        ("failure", "FORBIDDEN", "v1"),
        ("failure", "FORBIDDEN", "api_v1"),
        ("failure", "FORBIDDEN", "graphql"),
        ("success", None, "graphql"),
    ]
    assert reads[0].details["filter"] == {"actor_id": bob.id}
    assert reads[1].details["required_permission"] == "audit:read" and reads[3].details["filter"] == {"actor_id": ada.caller.id}
    assert {entry.actor_id for entry in reads} == {bob.id}


async def test_graphql_filters_and_pages_newest_first(client: httpx.AsyncClient, admin: Headers, bob: Caller, as_bob: Headers) -> None:
    made = [(await client.post("/api/v1/flows", json=FLOW, headers=as_bob)).json()["id"] for _ in range(3)]
    query = """query($filter: AuditFilter, $after: Cursor) { auditEntries(filter: $filter, first: 2, after: $after) {
      totalCount nodes { objectId action actorKind result severity before after details door } pageInfo { hasNextPage endCursor } } }"""
    filter = {"actorId": bob.id, "action": "flow.create", "objectType": "flow", "door": "api_v1", "result": "SUCCESS", "severity": "INFO"}
    page = (await graphql(client, admin, query, filter=filter))["data"]["auditEntries"]
    assert [node["objectId"] for node in page["nodes"]] == [made[2], made[1]]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    assert page["nodes"][0]["after"]["name"] == "Swing" and page["nodes"][0]["before"] is None
    rest = (await graphql(client, admin, query, filter=filter, after=page["pageInfo"]["endCursor"]))["data"]["auditEntries"]
    assert [node["objectId"] for node in rest["nodes"]] == [made[0]]
    for narrow, count in (
        ({"objectId": made[0]}, 1),
        ({"eventType": "flow_create"}, 3),
        ({"from": "2026-03-02T09:30:00Z", "to": "2026-03-02T09:30:00Z", "actorId": bob.id}, 3),
        ({"to": "2026-03-02T09:29:59Z"}, 0),
        ({"requestId": "req_none"}, 0),
    ):
        found = await graphql(client, admin, query, filter=narrow)
        assert found["data"]["auditEntries"]["totalCount"] == count, narrow


async def test_api_v1_lists_entries_in_the_house_envelope(client: httpx.AsyncClient, admin: Headers, as_bob: Headers) -> None:
    flow = (await client.post("/api/v1/flows", json=FLOW, headers=as_bob)).json()["id"]
    answer = (await client.get("/api/v1/audit", params={"object_id": flow}, headers=admin)).json()
    assert (answer["total"], answer["has_more"], answer["items"][0]["action"]) == (1, False, "flow.create")
    assert answer["items"][0]["after"]["name"] == "Swing"


async def test_chain_is_verified_over_graphql(client: httpx.AsyncClient, runtime: Runtime, admin: Headers, as_bob: Headers) -> None:
    await client.post("/api/v1/flows", json=FLOW, headers=as_bob)
    await seal_all(runtime)
    query = "{ verifyAudit { isIntact checked headPosition headHash brokenPosition reason message } }"
    report = (await graphql(client, admin, query))["data"]["verifyAudit"]
    assert (report["isIntact"], report["checked"], report["headPosition"], report["reason"]) == (True, 2, 2, None)
    refused = await graphql(client, as_bob, query)
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    wrong = await graphql(client, admin, "{ verifyAudit(fromPosition: 3, toPosition: 2) { checked } }")
    assert wrong["errors"][0]["extensions"]["code"] == "VALIDATION_ERROR"


async def test_missing_permission_leaves_one_entry_on_every_door(
    client: httpx.AsyncClient, runtime: Runtime, bob: Caller, as_bob: Headers
) -> None:
    before = len(await entries(runtime))
    assert (await client.post("/api/v1/plans", json={"name": "P", "description": "D", "price": 1}, headers=as_bob)).status_code == 403
    assert (await client.get("/api/v1/users", headers=as_bob)).status_code == 403
    mutation = 'mutation { a: deletePlan(planId: "plan_1") b: deletePlan(planId: "plan_2") }'
    assert len((await graphql(client, as_bob, mutation))["errors"]) == 2
    assert len((await graphql(client, as_bob, "{ users { nodes { id } } }"))["errors"]) == 1
    new = (await entries(runtime))[before:]
    assert [(entry.door, entry.action, entry.object_id, entry.details["required_permission"]) for entry in new] == [
        ("api_v1", "plan.create", None, "plans:write"),
        ("api_v1", "data.read", None, "users:read"),
        ("graphql", "plan.delete", "plan_1", "plans:write"),
        ("graphql", "plan.delete", "plan_2", "plans:write"),
        ("graphql", "data.read", None, "users:read"),
    ]
    assert {(entry.actor_id, entry.code, entry.result.value, entry.severity.value) for entry in new} == {
        (bob.id, "FORBIDDEN", "failure", "warning")
    }


async def test_other_refusals_leave_none(client: httpx.AsyncClient, runtime: Runtime, as_bob: Headers) -> None:
    before = len(await entries(runtime))
    assert (await client.post("/api/v1/flows", json={"name": "x", "symbol": "NOSUCH"}, headers=as_bob)).status_code == 422
    assert (await client.delete("/api/v1/flows/flow_none", headers=as_bob)).status_code == 404
    assert (await client.delete("/api/v1/flows/flow_none")).status_code == 401
    assert "errors" in await graphql(client, as_bob, 'mutation { cancelOrder(orderId: "x") { id } }')
    assert len(await entries(runtime)) == before
