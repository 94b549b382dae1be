"""Risk rules, verdicts and the trading switch, as a GraphQL client uses them."""

from typing import Any

import pytest

from domain.kernel.permissions import Caller
from domain.risk.conditions import CONDITIONS
from domain.risk.rules import RuleType
from domain.runtime.runtime import Runtime
from tests.accounts import bearer, tokens_of
from tests.builders import make_superuser
from tests.databases import both_databases
from tests.domain.risk.test_conditions import GOOD
from tests.graphql_client import GraphQLClient, socket_to

CREATE = "mutation ($input: RiskRuleInput!) { createRiskRule(input: $input) { id ruleType condition } }"
ORDER = "mutation ($input: OrderInput!) { createOrder(input: $input) { id } }"
BUY = {"symbol": "BTC/USDT", "side": "BUY", "quantity": "0.01"}
MOVE = """mutation ($input: TradingSwitchInput!) {
    setTradingSwitch(input: $input) { effectiveState own { state reason origin changedAt } everybody { state } } }"""
MOVE_ALL = "mutation ($input: TradingSwitchInput!) { setGlobalTradingSwitch(input: $input) { state reason origin } }"
CHANGES = "{ tradingSwitchChanges { totalCount nodes { isGlobal fromState state reason origin ruleId } } }"


@pytest.mark.parametrize("kind", RuleType)
async def test_every_type_of_rule_is_made_and_read_back(ada: GraphQLClient, kind: RuleType) -> None:
    made = (await ada.data(CREATE, input={"name": "Rule", "ruleType": kind.name, "condition": GOOD[kind]}))["createRiskRule"]
    assert made["ruleType"] == kind.name
    assert set(made["condition"]) == set(CONDITIONS[kind])
    assert await ada.refusal(CREATE, input={"name": "Rule", "ruleType": kind.name, "condition": {}}) == "VALIDATION_ERROR"


@both_databases
async def test_verdicts_are_found_by_order_rule_and_outcome(ada: GraphQLClient, bob: GraphQLClient) -> None:
    rule = await ada.data(CREATE, input={"name": "Two", "ruleType": "MAX_ORDERS_PER_DAY", "condition": {"max_count": 2}})
    rule_id = rule["createRiskRule"]["id"]
    orders = [(await ada.data(ORDER, input=BUY))["createOrder"]["id"] for _ in range(2)]
    assert await ada.refusal(ORDER, input=BUY) == "RISK_LIMIT_EXCEEDED"

    async def found(who: GraphQLClient, **wanted: Any) -> list[tuple[str | None, bool]]:
        query = """query ($orderId: ID, $ruleId: ID, $passed: Boolean) {
            riskVerdicts(orderId: $orderId, ruleId: $ruleId, passed: $passed) { totalCount nodes { orderId passed } } }"""
        page = (await who.data(query, **wanted))["riskVerdicts"]
        assert page["totalCount"] == len(page["nodes"])
        return [(node["orderId"], node["passed"]) for node in page["nodes"]]

    assert await found(ada, ruleId=rule_id) == [(None, False), (orders[1], True), (orders[0], True)]
    assert await found(ada, orderId=orders[0]) == [(orders[0], True)]
    assert await found(ada, passed=False) == [(None, False)]
    assert await found(ada, ruleId="rule_x") == []
    assert await found(bob, ruleId=rule_id) == await found(bob, orderId=orders[0]) == []
    (node,) = (await ada.data("{ riskVerdicts(passed: false) { nodes { message numbers } } }"))["riskVerdicts"]["nodes"]
    assert node["message"] == "3 orders since midnight UTC would exceed the limit of 2."
    assert {key: node["numbers"][key] for key in ("measured", "limit", "before")} == {"measured": 3, "limit": 2, "before": 2}


async def test_a_trade_is_tried_without_being_made(ada: GraphQLClient) -> None:
    await ada.data(CREATE, input={"name": "Small", "ruleType": "MAX_POSITION_SIZE", "condition": {"max_usd": "400"}})
    query = """query ($quantity: Decimal!) { validateTrade(symbol: "btcusdt", side: BUY, quantity: $quantity, price: "50000") {
        approved violations warnings ruleId ruleIds summary } }"""
    answer = (await ada.data(query, quantity="0.01"))["validateTrade"]
    assert (answer["approved"], answer["violations"]) == (
        False,
        ["Position of 500 USDT in BTC/USDT would exceed the limit of 400 USDT."],
    )
    assert answer["ruleIds"] == [answer["ruleId"]]
    await ada.data(MOVE, input={"state": "HALTED", "reason": "Enough"})
    answer = (await ada.data(query, quantity="0.001"))["validateTrade"]
    assert (answer["approved"], answer["violations"], answer["summary"]["trading_switch"]) == (
        False,
        ["Trading is halted: Enough"],
        "HALTED",
    )
    assert (await ada.data("{ orders { totalCount } }"))["orders"] == {"totalCount": 0}


@both_databases
async def test_switch_is_moved_bites_and_keeps_its_history(ada: GraphQLClient, bob: GraphQLClient, runtime: Runtime) -> None:
    moved = (await ada.data(MOVE, input={"state": "REDUCING", "reason": "Enough"}))["setTradingSwitch"]
    assert moved == {
        "effectiveState": "REDUCING",
        "own": {"state": "REDUCING", "reason": "Enough", "origin": "OWNER", "changedAt": "2026-03-02T09:30:00.000Z"},
        "everybody": {"state": "ACTIVE"},
    }
    error = await ada.error(ORDER, input=BUY)
    assert error["extensions"]["code"] == "TRADING_HALTED"
    assert error["extensions"]["details"] == {"state": "REDUCING", "scope": "user", "reason": "Enough", "rule_id": None}
    await bob.data(ORDER, input=BUY)
    assert await ada.refusal(MOVE_ALL, input={"state": "HALTED"}) == "FORBIDDEN"
    root = ada.as_(await bearer(runtime, await make_superuser(runtime)))
    assert (await root.data(MOVE_ALL, input={"state": "HALTED"}))["setGlobalTradingSwitch"] == {
        "state": "HALTED",
        "reason": None,
        "origin": "ADMINISTRATOR",
    }
    assert await bob.refusal(ORDER, input=BUY) == "TRADING_HALTED"
    assert (await ada.data("{ tradingSwitch { effectiveState own { state } } }"))["tradingSwitch"] == {
        "effectiveState": "HALTED",
        "own": {"state": "REDUCING"},
    }
    change = {"fromState": "ACTIVE", "ruleId": None}
    everybody = {**change, "isGlobal": True, "state": "HALTED", "reason": None, "origin": "ADMINISTRATOR"}
    own = {**change, "isGlobal": False, "state": "REDUCING", "reason": "Enough", "origin": "OWNER"}
    assert (await ada.data(CHANGES))["tradingSwitchChanges"] == {"totalCount": 2, "nodes": [everybody, own]}
    assert (await bob.data(CHANGES))["tradingSwitchChanges"] == {"totalCount": 1, "nodes": [everybody]}


@pytest.mark.parametrize("reason", ["x" * 501])
async def test_reason_that_is_too_long_is_refused(ada: GraphQLClient, reason: str) -> None:
    assert await ada.refusal(MOVE, input={"state": "HALTED", "reason": reason}) == "VALIDATION_ERROR"
    assert (await ada.data("{ tradingSwitch { effectiveState } }"))["tradingSwitch"] == {"effectiveState": "ACTIVE"}


async def test_switch_is_watched_and_the_stream_resumes(port: int, ada: GraphQLClient, runtime: Runtime, trader: Caller) -> None:
    token = (await tokens_of(runtime, trader)).access_token
    fields = "cursor isGlobal state reason origin"
    async with socket_to(port) as socket:
        await socket.start(token)
        await socket.subscribe(f"subscription {{ tradingSwitchUpdates {{ {fields} }} }}")
        own, everybody = [(await socket.next())["tradingSwitchUpdates"] for _ in range(2)]
        assert [(update["isGlobal"], update["state"], update["origin"]) for update in (own, everybody)] == [
            (False, "ACTIVE", None),
            (True, "ACTIVE", None),
        ]
        await ada.data(MOVE, input={"state": "HALTED", "reason": "Enough"})
        halted = (await socket.next())["tradingSwitchUpdates"]
        assert (halted["isGlobal"], halted["state"], halted["reason"], halted["origin"]) == (False, "HALTED", "Enough", "OWNER")
    await ada.data(MOVE, input={"state": "ACTIVE"})
    async with socket_to(port) as socket:
        await socket.start(token)
        query = f"subscription ($after: Cursor) {{ tradingSwitchUpdates(after: $after) {{ {fields} }} }}"
        await socket.subscribe(query, after=halted["cursor"])
        assert (await socket.next())["tradingSwitchUpdates"]["state"] == "ACTIVE"
