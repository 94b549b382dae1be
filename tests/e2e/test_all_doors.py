"""One story told through every door, in both shapes: each door shows what the others did, with the same numbers."""

import asyncio
import time
from decimal import Decimal
from typing import Any

from tests.e2e.doors import LOG_IN, PASSWORD, Doors, exactly
from tests.e2e.followers import CONVERSATION_UPDATES, ConversationFollower, Follower, GraphQLFollower, SocketIOFollower, following
from tests.e2e.standstill import SYMBOL, eager_flow

ORDER = """
query Order($id: ID!) { order(id: $id) { id clientOrderId symbol side status quantity filledQuantity averageFillPrice totalFees
  feeCurrency flowId executionId positionId fills { price quantity fee } } }
"""
POSITION = """
query Position($id: ID!) { position(id: $id) { id symbol side status quantity entryPrice entryQuantity entryValue entryFees currentPrice
  value unrealizedPnl unrealizedPnlPercent realizedPnl realizedPnlPercent stopLoss takeProfit exitPrice exitReason } }
"""
EXECUTION = """
query Execution($id: ID!) { execution(id: $id) { id status durationMilliseconds result { action confidence reasoning orderId positionId }
  steps { name status } votes { member role action confidence weight reasoning } decisions { id agentRole action confidence reasoning }
  conversation { id messages { id agentName content vote } swarmVote outcome } orders { id } } }
"""
TRIGGER = """
mutation Trigger($flow: ID!, $key: String!) { triggerFlow(flowId: $flow, idempotencyKey: $key) { id status } }
"""
PLACE = """
mutation Place($input: OrderInput!, $key: String) { createOrder(input: $input, idempotencyKey: $key) { id status } }
"""
CLOSE = "mutation Close($id: ID!) { closePosition(positionId: $id) { realizedPnl realizedPnlPercent orderId } }"
BOOKS = """
{ wallets(first: 5) { nodes { id balances { asset amount entries } } }
  orders(first: 50) { nodes { side fills { quantity price fee feeCurrency } } } }
"""
LEDGER = """
query Ledger($wallet: ID!, $asset: String!) {
  ledger(walletId: $wallet, asset: $asset, first: 50) { nodes { seq amount balanceAfter cause } } }
"""
CLOSED_WITHIN_SECONDS = 5


async def test_story_of_one_account_reads_the_same_at_every_door(url: str) -> None:
    async with Doors(url, "ada@example.com") as ada:
        await _one_account(ada)
        flow_id = await _one_flow(ada)
        execution_id = await _one_run_seen_by_all(ada, flow_id)
        order_id, position_id = await _same_run(ada, execution_id)
        await _same_order(ada, order_id, Decimal(2))
        await _same_position(ada, position_id)
        by_hand = await _orders_from_every_door(ada)
        await _closed_at_one_door_closed_at_all(ada, position_id, by_hand)
        await _books_add_up(ada)
        await _logged_out_at_one_door_out_at_all(ada, execution_id)


async def _one_account(ada: Doors) -> None:
    await ada.register()
    await ada.log_in()
    over_graphql = await ada.graphql(LOG_IN, email=ada.email, password=PASSWORD)
    assert over_graphql["logIn"]["accessToken"] != ada.token
    me = (await ada.graphql("{ me { id email name } }"))["me"]
    assert me == {"id": (await ada.api_v1("GET", "/users/me"))["id"], "email": "ada@example.com", "name": "Ada Lovelace"}
    assert me["id"] == (await ada.v1("GET", "/auth/me"))["id"]


async def _one_flow(ada: Doors) -> str:
    flow = await ada.api_v1("POST", "/flows", eager_flow("Morning power"))
    read = (await ada.graphql("query Flow($id: ID!) { flow(id: $id) { name symbol mode status config } }", id=flow["id"]))["flow"]
    assert read["name"] == "Morning power"
    assert (read["symbol"], read["mode"], read["status"]) == (flow["symbol"], flow["mode"].upper(), flow["status"].upper())
    assert read["config"].items() <= flow["config"].items()
    return str(flow["id"])


async def _one_run_seen_by_all(ada: Doors, flow_id: str) -> str:
    updates, live = GraphQLFollower(ada.url, ada.token), SocketIOFollower(ada.url, ada.token)
    async with following(updates, live):
        execution = (await ada.graphql(TRIGGER, flow=flow_id, key="monday"))["triggerFlow"]
        assert (await ada.graphql(TRIGGER, flow=flow_id, key="monday"))["triggerFlow"]["id"] == execution["id"]
        conversation = ConversationFollower(ada.url, ada.token, execution["id"])
        said = GraphQLFollower(ada.url, ada.token, CONVERSATION_UPDATES, id=execution["id"])
        async with following(conversation, said):
            await asyncio.gather(*(_until_completed(follower) for follower in (updates, live)), conversation.has_seen(6), said.has_seen(6))

    assert [event["progressPercent"] for event in updates.seen] == [0, 10, 30, 60, 90, 100]
    assert [(e["cursor"], e["executionId"], e["status"], e["progressPercent"], e["message"]) for e in updates.seen] == [
        (e["cursor"], e["execution_id"], e["status"], e["progress_percent"], e["message"]) for e in live.seen
    ]
    assert [frame["type"] for frame in conversation.seen] == ["message"] * 5 + ["swarm_vote"]
    spoken = [event for event in said.seen if event["messages"] or event["swarmVote"]]
    assert [event["cursor"] for event in spoken] == conversation.cursors
    assert [event["messages"][0]["id"] for event in spoken[:5]] == [frame["data"]["id"] for frame in conversation.seen[:5]]
    assert spoken[5]["swarmVote"] == conversation.seen[5]["data"]
    return str(execution["id"])


async def _same_run(ada: Doors, execution_id: str) -> tuple[str, str]:
    over_rest = await ada.api_v1("GET", f"/flows/executions/{execution_id}")
    over_graphql = (await ada.graphql(EXECUTION, id=execution_id))["execution"]
    decisions = await ada.api_v1("GET", f"/flows/agent-decisions/all?execution_id={execution_id}")
    assert (over_rest["status"], over_graphql["status"]) == ("completed", "COMPLETED")
    assert over_rest["duration"] == over_graphql["durationMilliseconds"]
    assert [(step["name"], step["status"].upper()) for step in over_rest["steps"]] == [
        (step["name"], step["status"]) for step in over_graphql["steps"]
    ]
    result = over_graphql["result"]
    assert result["action"] == over_rest["result"]["action"] == "buy"
    assert exactly(result["confidence"]) == exactly(over_rest["result"]["confidence"])
    assert (result["orderId"], result["positionId"]) == (over_rest["result"]["order_id"], over_rest["result"]["position_id"])
    assert {(d["id"], d["agentRole"], d["action"], exactly(d["confidence"])) for d in over_graphql["decisions"]} == {
        (d["id"], d["agent_role"], d["action"], exactly(d["confidence"])) for d in decisions
    }
    assert [vote["member"] for vote in over_graphql["votes"]] == [1, 2, 3, 4, 5]
    conversation = over_graphql["conversation"]
    assert [message["content"]["text"] for message in conversation["messages"]] == [vote["reasoning"] for vote in over_graphql["votes"]]
    assert conversation["outcome"]["executed"] is True
    assert over_graphql["orders"] == [{"id": result["orderId"]}]
    return result["orderId"], result["positionId"]


async def _same_order(ada: Doors, order_id: str, quantity: Decimal) -> None:
    g = (await ada.graphql(ORDER, id=order_id))["order"]
    a = await ada.api_v1("GET", f"/orders/{order_id}")
    v = await ada.v1("GET", f"/trading/orders/{order_id}")
    assert g["status"] == "FILLED" and a["status"] == v["status"] == "filled"
    assert g["clientOrderId"] == a["client_order_id"] == v["client_order_id"]
    assert g["symbol"] == a["symbol"] == v["symbol"] == SYMBOL
    assert g["side"].lower() == a["side"] == v["side"]
    assert (g["flowId"], g["executionId"], g["positionId"]) == (a["flow_id"], a["execution_id"], a["position_id"])
    assert (v["flow_id"], v["execution_id"], v["position_id"]) == (a["flow_id"], a["execution_id"], a["position_id"])
    for of_graphql, of_api_v1, of_v1 in (
        ("quantity", "requested_amount", "quantity"),
        ("filledQuantity", "filled_amount", "filled_quantity"),
        ("averageFillPrice", "average_fill_price", "average_price"),
        ("totalFees", "total_fees", "commission"),
    ):
        assert exactly(g[of_graphql]) == exactly(a[of_api_v1]) == exactly(v[of_v1]) is not None, of_graphql
    assert exactly(g["quantity"]) == quantity
    assert [(exactly(f["price"]), exactly(f["quantity"]), exactly(f["fee"])) for f in g["fills"]] == [
        (exactly(f["price"]), exactly(f["amount"]), exactly(f["fee"])) for f in a["fills"]
    ]


async def _same_position(ada: Doors, position_id: str) -> None:
    await ada.api_v1("POST", f"/positions/{position_id}/monitor")  # from here on it is valued at the market's price
    g = (await ada.graphql(POSITION, id=position_id))["position"]
    a = await ada.api_v1("GET", f"/positions/{position_id}")
    (v,) = [held for held in await ada.v1("GET", "/trading/positions") if held["symbol"] == SYMBOL]
    assert (g["side"].lower(), g["status"].lower()) == (a["side"], a["status"]) == ("long", "open")
    for of_graphql, of_api_v1 in (
        ("entryPrice", a["entry"]["price"]),
        ("entryQuantity", a["entry"]["quantity"]),
        ("entryValue", a["entry"]["value_usd"]),
        ("entryFees", a["entry"]["fees"]),
        ("quantity", a["current"]["quantity"]),
        ("currentPrice", a["current"]["price"]),
        ("value", a["current"]["value"]),
        ("unrealizedPnl", a["current"]["unrealized_pnl"]),
        ("unrealizedPnlPercent", a["current"]["unrealized_pnl_percent"]),
        ("stopLoss", a["risk_management"]["stop_loss"]),
        ("takeProfit", a["risk_management"]["take_profit"]),
    ):
        assert exactly(g[of_graphql]) == exactly(of_api_v1) is not None, of_graphql
    for of_graphql, of_v1 in (
        ("quantity", "quantity"),
        ("entryPrice", "average_price"),
        ("currentPrice", "current_price"),
        ("value", "market_value"),
    ):
        assert exactly(g[of_graphql]) == exactly(v[of_v1]) is not None, of_graphql
    # The contract of /v1 counts profit before fees.
    assert exactly(v["unrealized_pnl"]) == Decimal(g["unrealizedPnl"]) + Decimal(g["entryFees"])


async def _orders_from_every_door(ada: Doors) -> str:
    body = {"symbol": SYMBOL, "side": "buy", "order_type": "market"}
    of_v1 = await ada.v1("POST", "/trading/orders", {**body, "quantity": 3})
    of_api_v1 = await ada.api_v1("POST", "/orders", {**body, "quantity": 4}, **{"Idempotency-Key": "by hand"})
    again = await ada.api_v1("POST", "/orders", {**body, "quantity": 4}, **{"Idempotency-Key": "by hand"})
    assert again["id"] == of_api_v1["id"]
    place = {"symbol": SYMBOL, "side": "BUY", "quantity": "5"}
    of_graphql = (await ada.graphql(PLACE, input=place, key="also by hand"))["createOrder"]
    assert (await ada.graphql(PLACE, input=place, key="also by hand"))["createOrder"]["id"] == of_graphql["id"]
    for order, quantity in ((of_v1, 3), (of_api_v1, 4), (of_graphql, 5)):
        await _same_order(ada, order["id"], Decimal(quantity))

    newest_first = [of_graphql["id"], of_api_v1["id"], of_v1["id"]]
    assert [order["id"] for order in (await ada.api_v1("GET", "/orders"))["items"]][:3] == newest_first
    assert [order["id"] for order in await ada.v1("GET", "/trading/orders")][:3] == newest_first
    assert [order["id"] for order in (await ada.graphql("{ orders(first: 3) { nodes { id } } }"))["orders"]["nodes"]] == newest_first
    position_id = str(of_v1["position_id"])
    position = (await ada.graphql(POSITION, id=position_id))["position"]
    assert exactly(position["quantity"]) == 12, "orders by hand are one position, whatever door they came through"
    return position_id


async def _closed_at_one_door_closed_at_all(ada: Doors, of_flow: str, by_hand: str) -> None:
    closed = {
        of_flow: exactly((await ada.graphql(CLOSE, id=of_flow))["closePosition"]["realizedPnl"]),
        by_hand: exactly((await ada.api_v1("POST", f"/positions/{by_hand}/close"))["realized_pnl"]),
    }
    for position_id, realized in closed.items():
        g = (await ada.graphql(POSITION, id=position_id))["position"]
        a = await ada.api_v1("GET", f"/positions/{position_id}")
        assert (g["status"].lower(), g["exitReason"].lower()) == (a["status"], a["exit"]["reason"]) == ("closed", "manual_close")
        assert exactly(g["realizedPnl"]) == exactly(a["exit"]["realized_pnl"]) == realized
        assert exactly(g["exitPrice"]) == exactly(a["exit"]["price"])
        assert realized is not None and realized < 0, "the market stands still: what is lost are fees and slippage"
    assert [held for held in await ada.v1("GET", "/trading/positions") if held["symbol"] == SYMBOL and held["quantity"]] == []


async def _books_add_up(ada: Doors) -> None:
    books = await ada.graphql(BOOKS)
    (wallet,) = books["wallets"]["nodes"]
    balances = {balance["asset"]: exactly(balance["amount"]) for balance in wallet["balances"]}
    expected = {"USDT": Decimal(10_000), "USD": Decimal(1_000_000), "EUR": Decimal(1_000_000), SYMBOL: Decimal(0)}
    for order in books["orders"]["nodes"]:
        sign = 1 if order["side"] == "BUY" else -1
        for fill in order["fills"]:
            quantity, price, fee = (Decimal(fill[name]) for name in ("quantity", "price", "fee"))
            expected[SYMBOL] += sign * quantity
            expected["EUR"] -= sign * quantity * price + fee
    assert balances == expected
    for balance in wallet["balances"]:
        entries = (await ada.graphql(LEDGER, wallet=wallet["id"], asset=balance["asset"]))["ledger"]["nodes"]
        assert [entry["seq"] for entry in entries] == list(range(balance["entries"], 0, -1))
        assert sum(Decimal(entry["amount"]) for entry in entries) == exactly(balance["amount"]) == exactly(entries[0]["balanceAfter"])


async def _logged_out_at_one_door_out_at_all(ada: Doors, execution_id: str) -> None:
    sockets: tuple[Follower, ...] = (
        GraphQLFollower(ada.url, ada.token),
        SocketIOFollower(ada.url, ada.token),
        ConversationFollower(ada.url, ada.token, execution_id),
    )
    listening = [asyncio.create_task(socket.follow_once()) for socket in sockets]
    await asyncio.gather(*(socket.has_seen(6) for socket in sockets))

    await ada.graphql("mutation { logOut }")
    left_at = time.monotonic()

    _, still_open = await asyncio.wait(listening, timeout=CLOSED_WITHIN_SECONDS)
    assert not still_open, [socket for socket, task in zip(sockets, listening, strict=True) if task in still_open]
    await asyncio.gather(*listening, return_exceptions=True)
    assert time.monotonic() - left_at < CLOSED_WITHIN_SECONDS
    assert sockets[0].ended is not None and sockets[0].ended[0] == 4403
    assert sockets[2].ended is not None and sockets[2].ended[0] == 4401
    for path in ("/api/v1/users/me", "/v1/auth/me"):
        assert (await ada.send("GET", path)).status_code == 401
    refused: dict[str, Any] = (await ada.send("POST", "/graphql", {"query": "{ me { id } }"})).json()
    assert refused["errors"][0]["extensions"]["code"] == "TOKEN_REVOKED"


async def _until_completed(follower: Follower) -> None:
    while not follower.seen or follower.seen[-1]["status"] not in {"COMPLETED", "FAILED"}:
        await follower.has_seen(len(follower.seen) + 1, seconds=20)
