"""Groups of orders on both REST doors, and stops of positions that move by themselves on `/api/v1`."""

from typing import Any

import httpx
import pytest

PAIR: dict[str, Any] = {
    "symbol": "BTC/USDT",
    "side": "sell",
    "quantity": 0.01,
    "legs": [{"order_type": "take_profit", "stop_price": 900_000}, {"order_type": "trailing_stop", "trail": 500}],
}
DOORS = [
    ("/api/v1/orders", "POST", "/api/v1/orders/groups/{}/cancel", "held", "cancelled"),
    ("/v1/trading/orders", "DELETE", "/v1/trading/orders/groups/{}", "pending", "cancelled"),
]


def rows_of(page: Any) -> list[dict[str, Any]]:
    return list(page["items"] if isinstance(page, dict) else page)


@pytest.mark.parametrize(("orders", "verb", "cancel", "waits", "ends"), DOORS, ids=["api_v1", "v1"])
async def test_group_is_placed_once_found_and_cancelled_as_a_whole(
    ada: httpx.AsyncClient, orders: str, verb: str, cancel: str, waits: str, ends: str
) -> None:
    answers = [await ada.post(f"{orders}/oco", json=PAIR, headers={"Idempotency-Key": "pair"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    group = answers[0].json()
    assert answers[1].json() == group
    assert [(order["order_type"], order["status"], order["group_id"]) for order in group["orders"]] == [
        ("take_profit", waits, group["group_id"]),
        ("trailing_stop", waits, group["group_id"]),
    ]
    assert (await ada.get(f"{orders}/groups/{group['group_id']}")).json() == group
    live = (await ada.get(orders, params={"status": "open" if waits == "held" else "pending"})).json()
    assert {order["id"] for order in rows_of(live)} == {order["id"] for order in group["orders"]}
    done = await ada.request(verb, cancel.format(group["group_id"]))
    assert (done.status_code, {order["status"] for order in done.json()["orders"]}) == (200, {ends})
    assert (await ada.request(verb, cancel.format(group["group_id"]))).status_code in (400, 409)
    assert (await ada.request(verb, cancel.format("group_of_somebody"))).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"legs": []},
        {"legs": PAIR["legs"][:1]},
        {"legs": PAIR["legs"] * 3},
        {"legs": [{"order_type": "market"}, *PAIR["legs"]]},
        {"legs": [{"order_type": "take_profit"}, *PAIR["legs"]]},
        {"legs": "two"},
        {"legs": [None, 1]},
        {"quantity": "NaN"},
        {"quantity": -1},
        {"side": "hodl"},
        {"time_in_force": "FOK"},
        {"client_order_id": ""},
    ],
)
@pytest.mark.parametrize("orders", [door[0] for door in DOORS])
async def test_group_that_makes_no_sense_is_refused_whole(ada: httpx.AsyncClient, orders: str, change: dict[str, Any]) -> None:
    assert (await ada.post(f"{orders}/oco", json=PAIR | change)).status_code in (400, 422)
    answer = (await ada.get(orders)).json()
    assert rows_of(answer) == []


async def test_position_is_given_a_trailing_stop_and_break_even_and_rid_of_them(ada: httpx.AsyncClient) -> None:
    order = {"symbol": "BTC/USDT", "side": "buy", "quantity": 0.01, "stop_loss": 1_000}
    path = f"/api/v1/positions/{(await ada.post('/api/v1/orders', json=order)).json()['position_id']}"
    trail = {"distance_percent": 3, "activation_price": 900_000}
    answer = await ada.patch(path, json={"trailing_stop": trail, "break_even": {}})
    guard = answer.json()["risk_management"]
    assert (answer.status_code, guard["stop_loss"]) == (200, 1_000)
    assert guard["trailing_stop"] == {"enabled": True, **trail, "activated_at": None, "current_trigger": None}
    assert guard["break_even"] == {"enabled": True, "activation_profit_percent": 1, "activated": False, "activated_at": None}
    assert (await ada.patch(path, json={"stop_loss": 1_100})).json()["risk_management"]["trailing_stop"] is not None
    guard = (await ada.patch(path, json={"trailing_stop": {"enabled": False}, "break_even": {"enabled": False}})).json()["risk_management"]
    assert (guard["trailing_stop"], guard["break_even"], guard["stop_loss"]) == (None, None, 1_100)
    for nonsense in ({"distance_percent": 0}, {"distance_percent": 51}, {"distance_percent": "NaN"}, 2, "2 percent"):
        assert (await ada.patch(path, json={"trailing_stop": nonsense})).status_code == 422
