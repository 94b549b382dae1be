"""A flow from its making to its end, as a GraphQL client lives through it."""

from typing import Any

import pytest
from sqlalchemy import event

from domain.flows.running import run_execution
from domain.runtime.runtime import Runtime
from tests.databases import both_databases
from tests.graphql_client import GraphQLClient

CREATE = (
    "mutation ($input: FlowInput!, $key: String) { createFlow(input: $input, idempotencyKey: $key) { id name symbol mode status config } }"
)
TRIGGER = """mutation ($id: ID!, $input: TriggerFlowInput, $key: String) {
    triggerFlow(flowId: $id, input: $input, idempotencyKey: $key) { id status } }"""
# Lets any vote through, so that a test about GraphQL is not a test about the market.
EAGER = {"pre_trade_min_confidence": 0, "swarm_min_agreement": 0, "swarm_runs": 5, "order_size_usd": 100}
SWING = {"name": "BTC Swing Trade", "symbol": "btc-usdt", "mode": "SWARM", "config": EAGER}


async def new_flow(client: GraphQLClient, **changes: Any) -> str:
    return str((await client.data(CREATE, input=SWING | changes))["createFlow"]["id"])


async def run(client: GraphQLClient, runtime: Runtime, flow_id: str) -> str:
    """Trigger a flow and do the worker's part."""
    execution_id = str((await client.data(TRIGGER, id=flow_id))["triggerFlow"]["id"])
    await run_execution(runtime.operation(), execution_id)
    return execution_id


async def test_flow_is_made_as_a_draft(ada: GraphQLClient) -> None:
    flow = (await ada.data(CREATE, input=SWING))["createFlow"]
    assert flow["id"].startswith("flow_")
    assert (flow["symbol"], flow["mode"], flow["status"]) == ("BTC/USDT", "SWARM", "DRAFT")
    assert flow["config"]["order_size_usd"] == 100


async def test_same_key_makes_one_flow_and_another_body_is_a_conflict(ada: GraphQLClient, bob: GraphQLClient) -> None:
    first = (await ada.data(CREATE, input=SWING, key="k1"))["createFlow"]
    assert (await ada.data(CREATE, input=SWING, key="k1"))["createFlow"] == first
    assert await ada.refusal(CREATE, input=SWING | {"name": "Other"}, key="k1") == "IDEMPOTENCY_CONFLICT"
    assert (await bob.data(CREATE, input=SWING, key="k1"))["createFlow"]["id"] != first["id"]
    assert (await ada.data("{ flows { totalCount } }"))["flows"]["totalCount"] == 1


@both_databases
async def test_run_is_explained_from_the_fill_back_to_the_market(ada: GraphQLClient, runtime: Runtime) -> None:
    execution_id = await run(ada, runtime, await new_flow(ada))
    run_of = """query ($id: ID!) { execution(id: $id) {
        status currentStep durationMilliseconds provider
        flow { name totalExecutions latestExecution { id } }
        result { action confidence orderId positionId refusal { code } }
        steps { position name status }
        votes { member status action confidence weight reasoning cost }
        decisions { agentRole action }
        conversation { status swarmVote messages { agentRole messageType } }
        snapshot { fingerprint document }
        orders { id status fills { price quantity order { execution { id } } } transitions { seq status } position { id side } }
        error { code }
    } }"""
    found = (await ada.data(run_of, id=execution_id))["execution"]
    assert (found["status"], found["currentStep"], found["provider"]) == ("COMPLETED", 3, "rule_based")
    assert found["flow"] == {"name": "BTC Swing Trade", "totalExecutions": 1, "latestExecution": {"id": execution_id}}
    assert [(step["position"], step["name"], step["status"]) for step in found["steps"]] == [
        (0, "data_fetch", "COMPLETED"),
        (1, "market_analysis", "COMPLETED"),
        (2, "risk_validation", "COMPLETED"),
        (3, "decision", "COMPLETED"),
    ]
    assert [vote["member"] for vote in found["votes"]] == [1, 2, 3, 4, 5]
    assert all(vote["reasoning"] for vote in found["votes"])
    assert [message["messageType"] for message in found["conversation"]["messages"]] == ["vote"] * 5
    assert found["conversation"]["swarmVote"]["total_agents"] == 5
    assert len(found["snapshot"]["fingerprint"]) == 64
    assert found["error"] is None
    assert [order["id"] for order in found["orders"]] == [found["result"]["orderId"]]
    order = found["orders"][0]
    assert order["status"] == "FILLED"
    assert order["fills"][0]["order"] == {"execution": {"id": execution_id}}
    assert order["position"]["id"] == found["result"]["positionId"]
    assert [transition["seq"] for transition in order["transitions"]] == list(range(1, len(order["transitions"]) + 1))


async def test_busy_flow_is_not_triggered_twice(ada: GraphQLClient) -> None:
    flow_id = await new_flow(ada)
    first = (await ada.data(TRIGGER, id=flow_id, key="t1"))["triggerFlow"]
    assert first["status"] == "PENDING"
    assert (await ada.data(TRIGGER, id=flow_id, key="t1"))["triggerFlow"] == first
    assert await ada.refusal(TRIGGER, id=flow_id) == "FLOW_BUSY"
    assert (await ada.data("{ executions { totalCount } }"))["executions"]["totalCount"] == 1


@both_databases
async def test_flow_is_started_stopped_changed_and_deleted(ada: GraphQLClient, runtime: Runtime) -> None:
    flow_id = await new_flow(ada)
    started = await ada.data(
        "mutation ($id: ID!) { startFlow(flowId: $id) { status loopCycles latestExecution { isLoop status } } }", id=flow_id
    )
    assert started["startFlow"] == {"status": "ACTIVE", "loopCycles": 1, "latestExecution": {"isLoop": True, "status": "PENDING"}}
    stopped = await ada.data("mutation ($id: ID!) { stopFlow(flowId: $id) { status nextRunAt } }", id=flow_id)
    assert stopped["stopFlow"] == {"status": "PAUSED", "nextRunAt": None}
    change = "mutation ($id: ID!, $input: FlowChangesInput!) { updateFlow(flowId: $id, input: $input) { name symbol mode } }"
    changed = await ada.data(change, id=flow_id, input={"name": "Ether", "symbol": "ETH/USDT"})
    assert changed["updateFlow"] == {"name": "Ether", "symbol": "ETH/USDT", "mode": "SWARM"}
    delete = "mutation ($id: ID!) { deleteFlow(flowId: $id) }"
    assert await ada.refusal(delete, id=flow_id) == "FLOW_BUSY"
    execution_id = (await ada.data("{ executions { nodes { id } } }"))["executions"]["nodes"][0]["id"]
    assert await ada.refusal("mutation ($id: ID!) { deleteExecution(executionId: $id) }", id=execution_id) == "EXECUTION_RUNNING"
    await run_execution(runtime.operation(), execution_id)
    assert await ada.data(delete, id=flow_id) == {"deleteFlow": flow_id}
    assert await ada.refusal("query ($id: ID!) { flow(id: $id) { id } }", id=flow_id) == "NOT_FOUND"
    assert (await ada.data("{ executions { nodes { flowName flow { id } } } }"))["executions"]["nodes"] == [
        {"flowName": "BTC Swing Trade", "flow": None}
    ]
    assert await ada.data("mutation ($id: ID!) { deleteExecution(executionId: $id) }", id=execution_id) == {"deleteExecution": execution_id}
    assert (await ada.data("mutation { deleteExecutions }")) == {"deleteExecutions": True}


@both_databases
async def test_flows_are_paged_filtered_and_counted(ada: GraphQLClient, bob: GraphQLClient) -> None:
    names = [f"Flow {number}" for number in range(5)]
    for number, name in enumerate(names):
        await new_flow(ada, name=name, symbol="ETH/USDT" if number == 2 else "BTC/USDT")
    await new_flow(bob, name="Bob's")
    page = """query ($first: Int, $after: Cursor, $last: Int, $before: Cursor) {
        flows(first: $first, after: $after, last: $last, before: $before) {
        totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { name } } nodes { name } } }"""
    first = (await ada.data(page, first=2))["flows"]
    assert [node["name"] for node in first["nodes"]] == ["Flow 4", "Flow 3"]
    assert [edge["node"] for edge in first["edges"]] == first["nodes"]
    assert first["totalCount"] == 5
    assert first["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": first["edges"][0]["cursor"],
        "endCursor": first["edges"][1]["cursor"],
    }
    second = (await ada.data(page, first=3, after=first["pageInfo"]["endCursor"]))["flows"]
    assert [node["name"] for node in second["nodes"]] == ["Flow 2", "Flow 1", "Flow 0"]
    assert (second["pageInfo"]["hasNextPage"], second["pageInfo"]["hasPreviousPage"]) == (False, True)
    back = (await ada.data(page, last=1, before=second["pageInfo"]["startCursor"]))["flows"]
    assert [node["name"] for node in back["nodes"]] == ["Flow 3"]
    assert (back["pageInfo"]["hasNextPage"], back["pageInfo"]["hasPreviousPage"]) == (True, True)
    filtered = await ada.data('{ a: flows(symbol: "ethusdt") { nodes { name } } b: flows(status: ACTIVE) { nodes { name } totalCount } }')
    assert filtered == {"a": {"nodes": [{"name": "Flow 2"}]}, "b": {"nodes": [], "totalCount": 0}}


async def test_number_of_statements_does_not_grow_with_the_page(ada: GraphQLClient, runtime: Runtime) -> None:
    for _ in range(2):
        await run(ada, runtime, await new_flow(ada))
    query = """query ($first: Int) { executions(first: $first) { nodes { flow { name } steps { name } votes { role } decisions { action }
        conversation { messages { content } } riskVerdicts { passed } snapshot { fingerprint }
        orders { fills { price } transitions { status } position { fills { id } orders { id } } wallet { balances { amount } } } } } }"""
    counts = []
    for size in (1, 2):
        statements: list[str] = []

        def count(_connection: object, _cursor: object, statement: str, *_rest: object, into: list[str] = statements) -> None:
            if statement.startswith("SELECT"):
                into.append(statement)

        engine = runtime.database._reader.sync_engine
        event.listen(engine, "before_cursor_execute", count)
        found = (await ada.data(query, first=size))["executions"]["nodes"]
        event.remove(engine, "before_cursor_execute", count)
        assert len(found) == size
        assert all(order["fills"] and order["wallet"]["balances"] for node in found for order in node["orders"])
        counts.append(len(statements))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("query ($id: ID!) { flow(id: $id) { id } }", "NOT_FOUND"),
        ("query ($id: ID!) { executions(flowId: $id) { nodes { id } } }", "NOT_FOUND"),
        ("mutation ($id: ID!) { triggerFlow(flowId: $id) { id } }", "NOT_FOUND"),
        ("mutation ($id: ID!) { startFlow(flowId: $id) { id } }", "NOT_FOUND"),
        ("mutation ($id: ID!) { stopFlow(flowId: $id) { id } }", "NOT_FOUND"),
        ("mutation ($id: ID!) { deleteFlow(flowId: $id) }", "NOT_FOUND"),
        ('mutation ($id: ID!) { updateFlow(flowId: $id, input: {name: "Mine now"}) { id } }', "NOT_FOUND"),
    ],
)
async def test_somebody_elses_flow_is_not_found_and_stays_as_it_was(ada: GraphQLClient, bob: GraphQLClient, query: str, code: str) -> None:
    flow_id = await new_flow(ada)
    theirs, nowhere = await bob.error(query, id=flow_id), await bob.error(query, id="flow_00000000000000000000000000")
    assert theirs["extensions"]["code"] == nowhere["extensions"]["code"] == code
    assert theirs["message"].replace(flow_id, "ID") == nowhere["message"].replace("flow_00000000000000000000000000", "ID")
    kept = await ada.data("query ($id: ID!) { flow(id: $id) { name status latestExecution { id } } }", id=flow_id)
    assert kept["flow"] == {"name": "BTC Swing Trade", "status": "DRAFT", "latestExecution": None}


async def test_somebody_elses_run_is_not_found(ada: GraphQLClient, bob: GraphQLClient, runtime: Runtime) -> None:
    execution_id = await run(ada, runtime, await new_flow(ada))
    for query in ("query ($id: ID!) { execution(id: $id) { id } }", "mutation ($id: ID!) { deleteExecution(executionId: $id) }"):
        assert await bob.refusal(query, id=execution_id) == "NOT_FOUND"
    await bob.data("mutation { deleteExecutions }")
    listed = await bob.data("query ($id: ID) { executions { totalCount } decisions(executionId: $id) { totalCount } }", id=execution_id)
    assert listed == {"executions": {"totalCount": 0}, "decisions": {"totalCount": 0}}
    assert (await ada.data("{ decisions { nodes { agentRole execution { id } } } }"))["decisions"]["nodes"][0]["execution"] == {
        "id": execution_id
    }
    assert (await ada.data("{ executions { totalCount } }")) == {"executions": {"totalCount": 1}}
