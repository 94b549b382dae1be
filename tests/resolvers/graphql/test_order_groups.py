"""Groups of orders, and stops of positions that move by themselves, as a GraphQL client uses them."""

from typing import Any

import pytest

from tests.graphql_client import GraphQLClient

CREATE = """mutation ($input: OcoOrderInput!, $key: String) { createOcoOrder(input: $input, idempotencyKey: $key) {
    id orders { id groupId orderType status stopPrice quantity } } }"""
CANCEL = "mutation ($id: ID!) { cancelOrderGroup(groupId: $id) { orders { status cancelReason } } }"
GUARD = """mutation ($id: ID!, $trail: TrailingStopInput, $even: BreakEvenInput) {
    updatePosition(positionId: $id, trailingStop: $trail, breakEven: $even) { trailPercent breakEvenPercent stopLoss } }"""
STOP, TARGET = {"orderType": "STOP", "stopPrice": "1000"}, {"orderType": "TAKE_PROFIT", "stopPrice": "900000"}
PAIR: dict[str, Any] = {"symbol": "btcusdt", "side": "SELL", "quantity": "0.01", "legs": [STOP, TARGET]}


async def test_group_is_placed_read_and_cancelled(ada: GraphQLClient) -> None:
    group = (await ada.data(CREATE, input=PAIR | {"clientOrderId": "pair"}))["createOcoOrder"]
    assert [(order["orderType"], order["status"], order["groupId"]) for order in group["orders"]] == [
        ("STOP", "HELD", group["id"]),
        ("TAKE_PROFIT", "HELD", group["id"]),
    ]
    assert (await ada.data(CREATE, input=PAIR | {"clientOrderId": "pair"}))["createOcoOrder"] == group
    assert await ada.refusal(CREATE, input=PAIR | {"clientOrderId": "pair", "quantity": "0.02"}) == "IDEMPOTENCY_CONFLICT"
    found = await ada.data(
        "query ($id: ID!) { orderGroup(groupId: $id) { orders { id } } orders(groupId: $id, isLive: true) { totalCount } }", id=group["id"]
    )
    assert found == {"orderGroup": {"orders": [{"id": order["id"]} for order in group["orders"]]}, "orders": {"totalCount": 2}}
    done = (await ada.data(CANCEL, id=group["id"]))["cancelOrderGroup"]
    assert done["orders"] == [{"status": "CANCELLED", "cancelReason": "USER"}] * 2
    assert await ada.refusal(CANCEL, id=group["id"]) == "INVALID_ORDER_STATE"
    assert await ada.refusal(CANCEL, id="👻") == "NOT_FOUND"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"legs": [STOP]}, "VALIDATION_ERROR"),
        ({"legs": [STOP, {"orderType": "MARKET"}]}, "VALIDATION_ERROR"),
        ({"legs": [STOP, {"orderType": "STOP"}]}, "VALIDATION_ERROR"),
        ({"legs": [STOP, {"orderType": "STOP", "stopPrice": "NaN"}]}, "VALIDATION_ERROR"),
        ({"legs": None}, "VALIDATION_ERROR"),
        ({"quantity": "1e30"}, "VALIDATION_ERROR"),
        ({"quantity": "1000"}, "INSUFFICIENT_FUNDS"),
        ({"symbol": "NOPE"}, "UNKNOWN_SYMBOL"),
        ({"walletId": "wallet_of_somebody"}, "NOT_FOUND"),
    ],
)
async def test_group_that_makes_no_sense_is_refused_whole(ada: GraphQLClient, change: dict[str, Any], code: str) -> None:
    assert await ada.refusal(CREATE, input=PAIR | change) == code
    assert (await ada.data("{ orders { totalCount } }"))["orders"] == {"totalCount": 0}


async def test_position_is_given_what_moves_its_stop_and_rid_of_it(ada: GraphQLClient) -> None:
    order = 'mutation { createOrder(input: {symbol: "BTC/USDT", side: BUY, quantity: "0.01"}) { positionId } }'
    position_id = (await ada.data(order))["createOrder"]["positionId"]
    trail, even = {"distancePercent": "3", "activationPrice": "900000"}, {"activationProfitPercent": "2"}
    given = (await ada.data(GUARD, id=position_id, trail=trail, even=even))["updatePosition"]
    assert given == {"trailPercent": "3", "breakEvenPercent": "2", "stopLoss": None}
    assert await ada.refusal(GUARD, id=position_id, trail={"distancePercent": "51"}, even=even) == "VALIDATION_ERROR"
    assert await ada.refusal(GUARD, id=position_id, trail={"distancePercent": "NaN"}, even=even) == "VALIDATION_ERROR"
    gone = (await ada.data(GUARD, id=position_id, trail=None, even=None))["updatePosition"]
    assert gone == {"trailPercent": None, "breakEvenPercent": None, "stopLoss": None}
