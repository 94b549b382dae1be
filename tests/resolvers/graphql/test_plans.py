"""Plans and subscriptions, as a GraphQL client uses them."""

import httpx
import pytest

from domain.kernel.clock import ManualClock
from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_user
from tests.databases import both_databases
from tests.graphql_client import GraphQLClient

FIELDS = "id status billingCycle startDate endDate trialEndDate autoRenew cancelledAt paymentMethod { type last4 brand } plan { id name }"
SUBSCRIBE = (
    f"mutation ($input: PlanSubscriptionInput!, $key: String) {{ createSubscription(input: $input, idempotencyKey: $key) {{ {FIELDS} }} }}"
)
RENEW = f"mutation ($id: ID!, $key: String) {{ renewSubscription(subscriptionId: $id, idempotencyKey: $key) {{ {FIELDS} }} }}"
CANCEL = f"mutation ($id: ID!) {{ cancelSubscription(subscriptionId: $id) {{ {FIELDS} }} }}"
UPDATE = f"""mutation ($id: ID!, $input: PlanSubscriptionChangesInput!) {{
    updateSubscription(subscriptionId: $id, input: $input) {{ {FIELDS} }} }}"""
CURRENT = f"{{ currentSubscription {{ {FIELDS} }} }}"
CREATE_PLAN = """mutation ($input: PlanInput!) { createPlan(input: $input) {
    id name price trialDays features { title } limits { resource value } } }"""
TEAM = {
    "name": "Team",
    "description": "For teams.",
    "price": "49.995",
    "trialDays": 7,
    "features": [{"resource": "chat", "title": "Chat", "description": "Talk."}],
    "limits": [{"resource": "trades_per_day", "title": "Trades", "description": "A day.", "value": 1}],
}
ORDER = 'mutation { createOrder(input: {symbol: "BTC/USDT", side: BUY, quantity: "0.01"}) { id } }'


@pytest.fixture
async def admin(client: httpx.AsyncClient, runtime: Runtime) -> GraphQLClient:
    return GraphQLClient(client, await bearer(runtime, await make_user(runtime, role="admin")))


async def plan_id(client: GraphQLClient, name: str = "Pro") -> str:
    nodes = (await client.data("{ plans { nodes { id name } } }"))["plans"]["nodes"]
    return str(next(node["id"] for node in nodes if node["name"] == name))


@both_databases
async def test_plans_on_offer(ada: GraphQLClient) -> None:
    page = await ada.data("{ plans { totalCount nodes { name price trialDays limits { resource value } features { title } } } }")
    assert page["plans"]["totalCount"] == 3
    assert [(plan["name"], plan["price"]) for plan in page["plans"]["nodes"]] == [("Enterprise", "99"), ("Pro", "29"), ("Free", "0")]
    free = page["plans"]["nodes"][2]
    assert {limit["resource"]: limit["value"] for limit in free["limits"]} == {"trades_per_day": 10, "agents": 1, "position_size": 1000}
    one = await ada.data("query ($id: ID!) { plan(id: $id) { name } }", id=await plan_id(ada))
    assert one == {"plan": {"name": "Pro"}}


@both_databases
async def test_subscription_from_its_beginning_to_its_end(ada: GraphQLClient, clock: ManualClock) -> None:
    assert await ada.refusal(CURRENT) == "NOT_FOUND"
    input = {"planId": await plan_id(ada), "paymentMethod": {"type": "card", "last4": "4242", "brand": "visa"}}
    made = (await ada.data(SUBSCRIBE, input=input, key="k"))["createSubscription"]
    assert (made["status"], made["billingCycle"], made["endDate"]) == ("ACTIVE", "MONTHLY", "2026-04-01T09:30:00.000Z")
    assert (made["plan"]["name"], made["paymentMethod"]) == ("Pro", {"type": "card", "last4": "4242", "brand": "visa"})
    assert (await ada.data(SUBSCRIBE, input=input, key="k"))["createSubscription"]["id"] == made["id"]
    assert await ada.refusal(SUBSCRIBE, input=input) == "SUBSCRIPTION_ACTIVE"
    assert (await ada.data(CURRENT))["currentSubscription"] == made
    for _ in range(2):
        renewed = (await ada.data(RENEW, id=made["id"], key="r"))["renewSubscription"]
        assert renewed["endDate"] == "2026-05-01T09:30:00.000Z"
    assert (await ada.data(UPDATE, id=made["id"], input={"autoRenew": False}))["updateSubscription"]["autoRenew"] is False
    cancelled = (await ada.data(CANCEL, id=made["id"]))["cancelSubscription"]
    assert (cancelled["status"], cancelled["cancelledAt"]) == ("CANCELLED", "2026-03-02T09:30:00.000Z")
    error = await ada.error(CANCEL, id=made["id"])
    assert (error["message"], error["extensions"]["code"]) == ("Subscription is already cancelled", "INVALID_SUBSCRIPTION_STATE")
    listed = await ada.data("{ all: subscriptions { totalCount nodes { id } } live: subscriptions(status: ACTIVE) { totalCount } }")
    assert listed == {"all": {"totalCount": 1, "nodes": [{"id": made["id"]}]}, "live": {"totalCount": 0}}
    assert (await ada.data("query ($id: ID!) { subscription(id: $id) { status } }", id=made["id"])) == {
        "subscription": {"status": "CANCELLED"}
    }


async def test_subscription_of_another_user_is_not_found(ada: GraphQLClient, bob: GraphQLClient) -> None:
    made = (await ada.data(SUBSCRIBE, input={"planId": await plan_id(ada)}))["createSubscription"]
    for query in (CANCEL, RENEW, "query ($id: ID!) { subscription(id: $id) { id } }"):
        assert await bob.refusal(query, id=made["id"]) == "NOT_FOUND"
    assert (await bob.data("{ subscriptions { totalCount } }"))["subscriptions"] == {"totalCount": 0}
    assert (await ada.data(CURRENT))["currentSubscription"] == made


@both_databases
async def test_administrator_keeps_plans_and_their_limits_bite(admin: GraphQLClient, ada: GraphQLClient) -> None:
    plan = (await admin.data(CREATE_PLAN, input=TEAM))["createPlan"]
    assert (plan["price"], plan["trialDays"], plan["limits"]) == ("50", 7, [{"resource": "trades_per_day", "value": 1}])
    assert await admin.refusal(CREATE_PLAN, input=TEAM) == "PLAN_NAME_TAKEN"
    assert await ada.refusal(CREATE_PLAN, input=TEAM | {"name": "Mine"}) == "FORBIDDEN"
    trial = (await ada.data(SUBSCRIBE, input={"planId": plan["id"], "trial": True}))["createSubscription"]
    assert (trial["status"], trial["trialEndDate"]) == ("TRIAL", "2026-03-09T09:30:00.000Z")
    await ada.data(ORDER)
    error = await ada.error(ORDER)
    assert error["extensions"]["code"] == "PLAN_LIMIT_REACHED"
    assert error["extensions"]["details"] == {"resource": "trades_per_day", "limit": 1, "measured": "2", "plan": "Team"}
    update = "mutation ($id: ID!, $input: PlanChangesInput!) { updatePlan(planId: $id, input: $input) { price limits { value } } }"
    changed = await admin.data(update, id=plan["id"], input={"price": 5, "limits": [TEAM["limits"][0] | {"value": 2}]})  # type: ignore[index]
    assert changed["updatePlan"] == {"price": "5", "limits": [{"value": 2}]}
    await ada.data(ORDER)
    delete = "mutation ($id: ID!) { deletePlan(planId: $id) }"
    assert await admin.data(delete, id=plan["id"]) == {"deletePlan": plan["id"]}
    assert await admin.refusal(delete, id=plan["id"]) == "NOT_FOUND"
    assert (await ada.data(CURRENT))["currentSubscription"]["plan"] == {"id": plan["id"], "name": "Team"}


async def test_misshapen_input_is_refused_and_names_its_field(admin: GraphQLClient, ada: GraphQLClient) -> None:
    error = await admin.error(CREATE_PLAN, input=TEAM | {"trialDays": 400})
    assert (error["extensions"]["code"], error["extensions"]["details"]["errors"][0]["field"]) == ("VALIDATION_ERROR", "trialDays")
    wrong = {"planId": await plan_id(ada), "paymentMethod": {"type": "card", "last4": "42"}}
    assert await ada.refusal(SUBSCRIBE, input=wrong) == "VALIDATION_ERROR"
    assert await ada.refusal(CURRENT) == "NOT_FOUND"
