"""Plans and subscriptions of `/api/v1`, word for word."""

from typing import Any

import httpx
import pytest

from domain.kernel.clock import ManualClock
from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_user
from tests.databases import both_databases

Headers = dict[str, str]
TEAM: dict[str, Any] = {
    "name": "Team",
    "description": "For teams.",
    "price": 49.99,
    "features": [{"resource": "chat", "title": "Chat", "description": "Talk to people."}],
    "limits": [{"resource": "trades_per_day", "title": "Trades", "description": "Orders a day.", "value": 50}],
}
VISA = {"type": "card", "last4": "4242", "brand": "visa"}


@pytest.fixture
async def ada(client: httpx.AsyncClient, runtime: Runtime) -> Headers:
    return await bearer(runtime, await make_user(runtime))


@pytest.fixture
async def bob(client: httpx.AsyncClient, runtime: Runtime) -> Headers:
    return await bearer(runtime, await make_user(runtime))


@pytest.fixture
async def admin(client: httpx.AsyncClient, runtime: Runtime) -> Headers:
    return await bearer(runtime, await make_user(runtime, role="admin"))


async def plan_id(client: httpx.AsyncClient, who: Headers, name: str = "Pro") -> str:
    items = (await client.get("/api/v1/plans", headers=who)).json()["items"]
    return str(next(plan["id"] for plan in items if plan["name"] == name))


async def subscribe(client: httpx.AsyncClient, who: Headers, **more: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/user-plans", json={"plan_id": await plan_id(client, who)} | more, headers=who)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def detail(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]


@both_databases
async def test_plans_are_listed_in_the_one_envelope(client: httpx.AsyncClient, ada: Headers) -> None:
    page = (await client.get("/api/v1/plans?limit=2", headers=ada)).json()
    assert {key: page[key] for key in ("total", "limit", "offset", "has_more")} == {"total": 3, "limit": 2, "offset": 0, "has_more": True}
    free, pro = page["items"]
    assert sorted(free) == ["created_at", "description", "features", "id", "limits", "name", "price", "trial_days", "updated_at"]
    assert (free["name"], free["price"], pro["name"], pro["price"]) == ("Free", 0, "Pro", 29)
    assert [(limit["resource"], limit["value"]) for limit in free["limits"]] == [
        ("trades_per_day", 10),
        ("agents", 1),
        ("position_size", 1000),
    ]
    assert (await client.get(f"/api/v1/plans/{pro['id']}", headers=ada)).json() == pro


@both_databases
async def test_administrator_keeps_plans(client: httpx.AsyncClient, admin: Headers) -> None:
    answer = await client.post("/api/v1/plans", json=TEAM | {"price": 49.995}, headers=admin)
    plan = answer.json()
    assert answer.status_code == 201
    assert (plan["price"], plan["features"], plan["limits"]) == (50, TEAM["features"], TEAM["limits"])
    assert detail(await client.post("/api/v1/plans", json=TEAM, headers=admin)) == (400, "Plan with this name already exists")
    path = f"/api/v1/plans/{plan['id']}"
    changed = await client.put(path, json={"price": 10}, headers=admin)
    assert (changed.status_code, changed.json()["price"], changed.json()["name"]) == (200, 10, "Team")
    deleted = await client.delete(path, headers=admin)
    assert (deleted.status_code, deleted.json()) == (200, {"message": "Plan deleted successfully", "plan_id": plan["id"]})
    for again in (await client.delete(path, headers=admin), await client.get(path, headers=admin)):
        assert again.status_code == 404


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "x" * 101}),
        ("description", {"description": " "}),
        ("price", {"price": -0.01}),
        ("price", {"price": True}),
        ("limits", {"limits": [{**TEAM["limits"][0], "value": -1}]}),
        ("limits", {"limits": [{**TEAM["limits"][0], "value": 1.5}]}),
        ("limits", {"limits": [{**TEAM["limits"][0], "resource": ""}]}),
        ("limits", {"limits": TEAM["limits"] * 2}),
        ("features", {"features": "all"}),
        ("trial_days", {"trial_days": 366}),
    ],
)
async def test_misshapen_plan_is_refused(client: httpx.AsyncClient, admin: Headers, where: str, wrong: dict[str, Any]) -> None:
    answer = await client.post("/api/v1/plans", json=TEAM | wrong, headers=admin)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", where]
    assert (await client.get("/api/v1/plans", headers=admin)).json()["total"] == 3


async def test_user_may_not_change_plans(client: httpx.AsyncClient, ada: Headers) -> None:
    path = f"/api/v1/plans/{await plan_id(client, ada)}"
    for answer in (
        await client.post("/api/v1/plans", json=TEAM, headers=ada),
        await client.put(path, json={"price": 0}, headers=ada),
        await client.delete(path, headers=ada),
    ):
        assert detail(answer) == (403, "Insufficient permissions. Required: plans:write")
    assert (await client.get(path, headers=ada)).json()["price"] == 29


@both_databases
async def test_subscription_from_its_beginning_to_its_end(client: httpx.AsyncClient, ada: Headers, clock: ManualClock) -> None:
    missing = (404, "No active subscription found")
    assert detail(await client.get("/api/v1/user-plans/current", headers=ada)) == missing
    made = await subscribe(client, ada, billing_cycle="yearly", payment_method=VISA)
    assert {key: made[key] for key in ("status", "start_date", "end_date", "auto_renew", "billing_cycle", "payment_method")} == {
        "status": "active",
        "start_date": "2026-03-02T09:30:00.000Z",
        "end_date": "2027-03-02T09:30:00.000Z",
        "auto_renew": True,
        "billing_cycle": "yearly",
        "payment_method": VISA,
    }
    assert (await client.get("/api/v1/user-plans/current", headers=ada)).json() == made
    second = await client.post("/api/v1/user-plans", json={"plan_id": made["plan_id"]}, headers=ada)
    assert detail(second) == (400, "User already has an active subscription")
    path = f"/api/v1/user-plans/{made['id']}"
    changed = await client.put(path, json={"auto_renew": False}, headers=ada)
    assert (changed.status_code, changed.json()["auto_renew"], changed.json()["payment_method"]) == (200, False, VISA)
    clock.advance(minutes=20)
    cancelled = await client.post(f"{path}/cancel", headers=ada)
    assert cancelled.status_code == 200
    assert (cancelled.json()["status"], cancelled.json()["end_date"]) == ("cancelled", "2026-03-02T09:50:00.000Z")
    assert detail(await client.post(f"{path}/cancel", headers=ada)) == (400, "Subscription is already cancelled")
    assert detail(await client.get("/api/v1/user-plans/current", headers=ada)) == missing
    renewed = await client.post(f"{path}/renew", headers=ada)
    assert (renewed.status_code, renewed.json()["status"], renewed.json()["end_date"]) == (200, "active", "2027-03-02T09:50:00.000Z")
    assert (await client.get(path, headers=ada)).json() == renewed.json()
    assert (await client.get("/api/v1/user-plans", headers=ada)).json() == {
        "items": [renewed.json()],
        "total": 1,
        "limit": 10,
        "offset": 0,
        "has_more": False,
    }


async def test_renewing_an_old_one_beside_a_running_one_is_refused(client: httpx.AsyncClient, ada: Headers) -> None:
    first = await subscribe(client, ada)
    await client.post(f"/api/v1/user-plans/{first['id']}/cancel", headers=ada)
    await subscribe(client, ada)
    refused = await client.post(f"/api/v1/user-plans/{first['id']}/renew", headers=ada)
    assert detail(refused) == (400, "User already has an active subscription")
    active = await client.get("/api/v1/user-plans?status=active", headers=ada)
    assert active.json()["total"] == 1


async def test_retried_renewal_counts_once(client: httpx.AsyncClient, ada: Headers) -> None:
    made = await subscribe(client, ada)
    keyed = ada | {"Idempotency-Key": "renew-1"}
    answers = [await client.post(f"/api/v1/user-plans/{made['id']}/renew", headers=keyed) for _ in range(3)]
    assert [(answer.status_code, answer.json()["end_date"]) for answer in answers] == [(200, "2026-05-01T09:30:00.000Z")] * 3


async def test_subscription_of_another_user_is_not_found(client: httpx.AsyncClient, ada: Headers, bob: Headers) -> None:
    made = await subscribe(client, ada)
    path = f"/api/v1/user-plans/{made['id']}"
    for answer in (
        await client.get(path, headers=bob),
        await client.put(path, json={"auto_renew": False}, headers=bob),
        await client.post(f"{path}/cancel", headers=bob),
        await client.post(f"{path}/renew", headers=bob),
    ):
        assert detail(answer) == (404, f"Subscription not found: {made['id']}")
    assert (await client.get(path, headers=ada)).json() == made


@pytest.mark.parametrize(
    "wrong",
    [
        {"plan_id": None},
        {"billing_cycle": "weekly"},
        {"auto_renew": "perhaps"},
        {"payment_method": {"type": "card", "last4": "123"}},
        {"payment_method": {"last4": "1234"}},
    ],
)
async def test_misshapen_subscription_is_refused(client: httpx.AsyncClient, ada: Headers, wrong: dict[str, Any]) -> None:
    answer = await client.post("/api/v1/user-plans", json={"plan_id": await plan_id(client, ada)} | wrong, headers=ada)
    assert answer.status_code == 422
    assert (await client.get("/api/v1/user-plans", headers=ada)).json()["total"] == 0


async def test_subscribing_to_no_plan_is_not_found(client: httpx.AsyncClient, ada: Headers) -> None:
    assert detail(await client.post("/api/v1/user-plans", json={"plan_id": "plan_x"}, headers=ada)) == (404, "Plan not found: plan_x")


async def test_trial_is_an_additive_wish(client: httpx.AsyncClient, ada: Headers) -> None:
    made = await subscribe(client, ada, trial=True)
    assert (made["status"], made["end_date"], made["trial_end_date"]) == ("trial", *["2026-03-16T09:30:00.000Z"] * 2)
