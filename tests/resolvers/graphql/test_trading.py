"""Orders, positions, wallets and risk rules, as a GraphQL client uses them."""

from decimal import Decimal
from typing import Any

from tests.databases import both_databases
from tests.graphql_client import GraphQLClient
from tests.market_script import ScriptedSource

ORDER = """mutation ($input: OrderInput!, $key: String) { createOrder(input: $input, idempotencyKey: $key) {
    id status symbol side quantity filledQuantity remainingQuantity averageFillPrice totalFees feeCurrency clientOrderId
    fills { price quantity fee } position { id side quantity status stopLoss takeProfit fills { quantity } orders { id } }
    riskVerdicts { passed } } }"""
CLOSE = """mutation ($id: ID!) { closePosition(positionId: $id) {
    message realizedPnl position { status exitReason quantity orders { side status } } order { purpose status } } }"""
BUY = {"symbol": "btcusdt", "side": "BUY", "quantity": "0.01"}
BOOKS = "{ wallets { nodes { balances { asset amount entries } } } }"


async def balances(client: GraphQLClient) -> dict[str, Decimal]:
    wallets = (await client.data(BOOKS))["wallets"]["nodes"]
    assert len(wallets) == 1
    return {balance["asset"]: Decimal(balance["amount"]) for balance in wallets[0]["balances"]}


async def test_order_is_filled_and_explained(ada: GraphQLClient) -> None:
    order = (await ada.data(ORDER, input=BUY | {"stopLoss": "49000", "takeProfit": 55000}))["createOrder"]
    assert (order["status"], order["symbol"], order["side"]) == ("FILLED", "BTC/USDT", "BUY")
    assert (order["quantity"], order["filledQuantity"], order["remainingQuantity"]) == ("0.01", "0.01", "0")
    assert sum(Decimal(fill["quantity"]) for fill in order["fills"]) == Decimal("0.01")
    assert sum(Decimal(fill["fee"]) for fill in order["fills"]) == Decimal(order["totalFees"]) > 0
    position = order["position"]
    assert (position["side"], position["quantity"], position["status"]) == ("LONG", "0.01", "OPEN")
    assert (position["stopLoss"], position["takeProfit"]) == ("49000", "55000")
    assert position["orders"] == [{"id": order["id"]}]
    assert await ada.data("query ($id: ID!) { order(id: $id) { clientOrderId } }", id=order["id"]) == {
        "order": {"clientOrderId": order["clientOrderId"]}
    }


@both_databases
async def test_money_that_left_is_money_that_the_fills_took(ada: GraphQLClient) -> None:
    before = await balances(ada)
    order = (await ada.data(ORDER, input=BUY))["createOrder"]
    after = await balances(ada)
    spent = sum(Decimal(fill["price"]) * Decimal(fill["quantity"]) + Decimal(fill["fee"]) for fill in order["fills"])
    assert before["USDT"] - after["USDT"] == spent
    wallet = (await ada.data("{ wallets { nodes { id balances { asset amount entries } } } }"))["wallets"]["nodes"][0]
    for balance in wallet["balances"]:
        ledger = """query ($id: ID!, $asset: String) {
            ledger(walletId: $id, asset: $asset, first: 100) { totalCount nodes { amount balanceAfter cause orderId } } }"""
        entries = (await ada.data(ledger, id=wallet["id"], asset=balance["asset"]))["ledger"]
        assert entries["totalCount"] == balance["entries"]
        assert sum(Decimal(entry["amount"]) for entry in entries["nodes"]) == Decimal(balance["amount"])


async def test_retried_order_is_one_order(ada: GraphQLClient) -> None:
    first = (await ada.data(ORDER, input=BUY, key="k1"))["createOrder"]
    assert (await ada.data(ORDER, input=BUY, key="k1"))["createOrder"]["id"] == first["id"]
    assert await ada.refusal(ORDER, input=BUY | {"quantity": "0.02"}, key="k1") == "IDEMPOTENCY_CONFLICT"
    named = (await ada.data(ORDER, input=BUY | {"clientOrderId": "mine-1"}))["createOrder"]
    assert (await ada.data(ORDER, input=BUY | {"clientOrderId": "mine-1"}))["createOrder"]["id"] == named["id"]
    assert await ada.refusal(ORDER, input=BUY | {"clientOrderId": "mine-1", "side": "SELL"}) == "IDEMPOTENCY_CONFLICT"
    assert (await ada.data("{ orders { totalCount } }"))["orders"] == {"totalCount": 2}


@both_databases
async def test_position_is_protected_and_closed(ada: GraphQLClient) -> None:
    position_id = (await ada.data(ORDER, input=BUY))["createOrder"]["position"]["id"]
    update = """mutation ($id: ID!, $stop: Decimal, $target: Decimal) {
        updatePosition(positionId: $id, stopLoss: $stop, takeProfit: $target) { stopLoss takeProfit } }"""
    both = await ada.data(update, id=position_id, stop="48000", target="60000")
    assert both["updatePosition"] == {"stopLoss": "48000", "takeProfit": "60000"}
    assert (await ada.data(update, id=position_id, stop=None))["updatePosition"] == {"stopLoss": None, "takeProfit": "60000"}
    assert await ada.refusal(update, id=position_id, stop="70000") == "STOP_ON_WRONG_SIDE"
    closed = (await ada.data(CLOSE, id=position_id))["closePosition"]
    assert closed["position"]["status"] == "CLOSED"
    assert closed["position"]["exitReason"] == "MANUAL_CLOSE"
    assert closed["order"] == {"purpose": "MANUAL_CLOSE", "status": "FILLED"}
    assert [order["side"] for order in closed["position"]["orders"]] == ["BUY", "SELL"]
    assert await ada.refusal(CLOSE, id=position_id) == "INVALID_POSITION_STATE"
    listed = await ada.data(
        '{ open: positions(status: OPEN) { totalCount } closed: positions(status: CLOSED, symbol: "BTCUSDT") { nodes { id } } }'
    )
    assert listed == {"open": {"totalCount": 0}, "closed": {"nodes": [{"id": position_id}]}}


@both_databases
async def test_risk_rule_refuses_an_order_and_says_why(ada: GraphQLClient) -> None:
    create = "mutation ($input: RiskRuleInput!) { createRiskRule(input: $input) { id ruleType action isActive condition } }"
    rule = (await ada.data(create, input={"name": "Small", "ruleType": "MAX_POSITION_SIZE", "condition": {"max_usd": "600"}}))[
        "createRiskRule"
    ]
    assert (rule["ruleType"], rule["action"], rule["isActive"], rule["condition"]["max_usd"]) == (
        "MAX_POSITION_SIZE",
        "REJECT",
        True,
        "600",
    )
    order = (await ada.data(ORDER, input=BUY))["createOrder"]
    assert order["riskVerdicts"] == [{"passed": True}]
    error = await ada.error(ORDER, input=BUY)
    assert error["extensions"]["code"] == "RISK_LIMIT_EXCEEDED"
    assert error["extensions"]["details"]["rules"][0]["rule_id"] == rule["id"]
    assert (await ada.data("{ orders { totalCount } }"))["orders"] == {"totalCount": 1}
    change = "mutation ($id: ID!, $input: RiskRuleChangesInput!) { updateRiskRule(ruleId: $id, input: $input) { name isActive } }"
    assert (await ada.data(change, id=rule["id"], input={"isActive": False}))["updateRiskRule"] == {"name": "Small", "isActive": False}
    await ada.data(ORDER, input=BUY)
    assert (await ada.data("{ riskRules(isActive: true) { totalCount } }"))["riskRules"] == {"totalCount": 0}
    assert await ada.data("mutation ($id: ID!) { deleteRiskRule(ruleId: $id) }", id=rule["id"]) == {"deleteRiskRule": rule["id"]}
    assert await ada.refusal("query ($id: ID!) { riskRule(id: $id) { id } }", id=rule["id"]) == "NOT_FOUND"


BAD_ORDERS: list[tuple[dict[str, Any], str]] = [
    ({"symbol": "NOPE"}, "UNKNOWN_SYMBOL"),
    ({"symbol": "x" * 5_000}, "UNKNOWN_SYMBOL"),
    ({"quantity": "-1"}, "VALIDATION_ERROR"),
    ({"quantity": "0"}, "VALIDATION_ERROR"),
    ({"quantity": "NaN"}, "VALIDATION_ERROR"),
    ({"quantity": "Infinity"}, "VALIDATION_ERROR"),
    ({"quantity": "1e308"}, "VALIDATION_ERROR"),
    ({"quantity": "9" * 39}, "VALIDATION_ERROR"),
    ({"quantity": 10**19}, "VALIDATION_ERROR"),
    ({"quantity": 0.01}, "VALIDATION_ERROR"),
    ({"quantity": "0.01; DROP TABLE orders"}, "VALIDATION_ERROR"),
    ({"quantity": None}, "VALIDATION_ERROR"),
    ({"quantity": ["1"]}, "VALIDATION_ERROR"),
    ({"quantity": "0.000000001"}, "QUANTITY_TOO_SMALL"),
    ({"quantity": "0.010000001"}, "VALIDATION_ERROR"),
    ({"quantity": "1000"}, "INSUFFICIENT_FUNDS"),
    ({"side": "HODL"}, "VALIDATION_ERROR"),
    ({"side": 1}, "VALIDATION_ERROR"),
    ({"orderType": "LIMIT", "price": "1"}, "QUANTITY_TOO_SMALL"),
    ({"stopLoss": "60000"}, "STOP_ON_WRONG_SIDE"),
    ({"takeProfit": "1"}, "STOP_ON_WRONG_SIDE"),
    ({"clientOrderId": ""}, "VALIDATION_ERROR"),
    ({"clientOrderId": "x" * 65}, "VALIDATION_ERROR"),
    ({"clientOrderId": "a\u0000"}, "BAD_REQUEST"),
    ({"walletId": "wallet_of_somebody"}, "NOT_FOUND"),
    ({"reduceOnly": True}, "INVALID_POSITION_STATE"),
    ({"unknown": 1}, "VALIDATION_ERROR"),
]


async def test_order_that_cannot_be_placed_changes_nothing(ada: GraphQLClient) -> None:
    before = await balances(ada)
    for change, code in BAD_ORDERS:
        answer = await ada.ask(ORDER, input=BUY | change)
        assert {error["extensions"]["code"] for error in answer["errors"]} == {code}, change
    assert await balances(ada) == before
    assert await ada.data("{ orders { totalCount } positions { totalCount } }") == {
        "orders": {"totalCount": 0},
        "positions": {"totalCount": 0},
    }


async def test_order_without_a_price_is_refused(ada: GraphQLClient, source: ScriptedSource) -> None:
    source.silent = True
    assert await ada.refusal(ORDER, input=BUY) == "MARKET_UNAVAILABLE"
    assert (await ada.data("{ orders { totalCount } }"))["orders"] == {"totalCount": 0}


async def test_somebody_elses_trading_is_not_found(ada: GraphQLClient, bob: GraphQLClient) -> None:
    order = (await ada.data(ORDER, input=BUY))["createOrder"]
    wallet = (await ada.data("{ wallets { nodes { id } } }"))["wallets"]["nodes"][0]["id"]
    for query, id in (
        ("query ($id: ID!) { order(id: $id) { id } }", order["id"]),
        ("query ($id: ID!) { position(id: $id) { id } }", order["position"]["id"]),
        ("query ($id: ID!) { wallet(id: $id) { id } }", wallet),
        ("query ($id: ID!) { ledger(walletId: $id) { nodes { id } } }", wallet),
        (CLOSE, order["position"]["id"]),
        ('mutation ($id: ID!) { updatePosition(positionId: $id, stopLoss: "1") { id } }', order["position"]["id"]),
    ):
        assert await bob.refusal(query, id=id) == "NOT_FOUND"
    assert await bob.refusal(ORDER, input=BUY | {"walletId": wallet}) == "NOT_FOUND"
    assert (await bob.data("{ orders { totalCount } positions { totalCount } }")) == {
        "orders": {"totalCount": 0},
        "positions": {"totalCount": 0},
    }
    assert (await ada.data("{ positions(status: OPEN) { nodes { stopLoss } } }"))["positions"]["nodes"] == [{"stopLoss": None}]


async def test_orders_are_filtered(ada: GraphQLClient) -> None:
    first = (await ada.data(ORDER, input=BUY))["createOrder"]
    await ada.data(ORDER, input=BUY | {"symbol": "ETH/USDT"})
    for filter, count in (
        ("status: FILLED", 2),
        ("status: OPEN", 0),
        ("isLive: true", 0),
        ("isLive: false", 2),
        ('symbol: "eth-usdt"', 1),
        (f'positionId: "{first["position"]["id"]}"', 1),
        ('flowId: "flow_x"', 0),
        ('executionId: "exec_x"', 0),
    ):
        assert (await ada.data(f"{{ orders({filter}) {{ totalCount }} }}"))["orders"] == {"totalCount": count}, filter
