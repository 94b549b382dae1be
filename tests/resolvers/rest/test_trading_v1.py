"""Orders and positions of `/v1`, to the letter of its specification."""

from typing import Any

import httpx
import pytest

CRYPTO = {"symbol": "BTC/USDT", "side": "buy", "quantity": "0.01"}


async def new_order(ada: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await ada.post("/v1/trading/orders", json=CRYPTO | changes)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def refusal_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_other_names_and_cases_mean_the_same(ada: httpx.AsyncClient) -> None:
    order = await new_order(ada, type="market", time_in_force="day", price=5)
    assert (order["order_type"], order["time_in_force"], order["status"]) == ("market", "DAY", "filled")
    assert order["price"] == order["average_price"] != 5
    assert order["updated_at"] >= order["created_at"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "stop_loss"}, "type"),  # a word of /api/v1
        ({"time_in_force": "GTD"}, "time_in_force"),
        ({"side": "Buy"}, "side"),
        ({"stopPrice": -1}, "stopPrice"),
        ({"symbol": "\N{BEER MUG}"}, "symbol"),
        ({"quantity": 0}, "quantity"),
    ],
)
async def test_words_of_the_other_dialect_are_refused(ada: httpx.AsyncClient, change: dict[str, Any], field: str) -> None:
    answer = await ada.post("/v1/trading/orders", json=CRYPTO | change)
    assert refusal_of(answer) == (422, "VALIDATION_ERROR")
    [problem] = answer.json()["error"]["details"]["errors"]
    assert (sorted(problem), problem["field"]) == (["field", "message", "type"], field)
    assert (await ada.get("/v1/trading/orders")).headers["x-total-count"] == "0"


async def test_whole_order_may_be_sent_back_but_nothing_else_in_it_may_differ(ada: httpx.AsyncClient) -> None:
    order = await new_order(ada)
    path = f"/v1/trading/orders/{order['id']}"
    filled = await ada.put(path, json=order | {"foo": 1})
    assert refusal_of(filled) == (409, "INVALID_ORDER_STATE")
    assert filled.json()["error"]["details"]["status"] == "filled"
    others: dict[str, Any] = {
        "id": "order_x",
        "user_id": "user_x",
        "symbol": "ETH/USDT",
        "side": "sell",
        "status": "pending",
        "order_type": "limit",
        "time_in_force": "IOC",
        "filled_quantity": 0,
        "remaining_quantity": 1,
        "average_price": 1,
        "commission": 0,
        "client_order_id": "mine",
        "cancel_reason": "user",
        "currency": "EUR",
        "unit": "MWh",
        "flow_id": "flow_x",
        "execution_id": "exec_x",
        "position_id": "pos_x",
        "group_id": "group_x",
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
        "filled_at": "2020-01-01T00:00:00Z",
    }
    assert others.keys() == order.keys() - {"quantity", "price", "stop_price"}
    for name, value in others.items():
        answer = await ada.put(path, json={"quantity": 1, name: value})
        assert refusal_of(answer) == (422, "IMMUTABLE_FIELD"), name
        assert answer.json()["error"]["details"]["field"] == name
    assert (await ada.get(path)).json() == order
    assert refusal_of(await ada.put(path, json={})) == (422, "VALIDATION_ERROR")
    assert refusal_of(await ada.delete(path)) == (409, "INVALID_ORDER_STATE")


async def test_order_of_somebody_else_is_not_there(ada: httpx.AsyncClient, bob: dict[str, str]) -> None:
    order = await new_order(ada)
    for method, body in (("GET", None), ("PUT", {"quantity": 1, "symbol": "CL"}), ("DELETE", None)):
        answer = await ada.request(method, f"/v1/trading/orders/{order['id']}", json=body, headers=bob)
        assert refusal_of(answer) == (404, "NOT_FOUND")
        assert answer.json()["error"]["details"].items() >= {"resource": "order", "id": order["id"]}.items()


async def test_filter_speaks_of_the_three_states_only(ada: httpx.AsyncClient) -> None:
    await new_order(ada)
    found = {
        word: (await ada.get(f"/v1/trading/orders?status={word}")).headers["x-total-count"] for word in ("pending", "filled", "cancelled")
    }
    assert found == {"pending": "0", "filled": "1", "cancelled": "0"}
    answer = await ada.get("/v1/trading/orders?status=submitted")
    assert refusal_of(answer) == (422, "VALIDATION_ERROR")
    assert "partially" not in answer.text


async def test_positions_are_a_counted_array_sorted_by_symbol(ada: httpx.AsyncClient) -> None:
    await new_order(ada)
    await new_order(ada, symbol="ETH/USDT", side="sell")
    whole = await ada.get("/v1/trading/positions")
    assert ([one["symbol"] for one in whole.json()], whole.headers["x-total-count"]) == (["BTC/USDT", "ETH/USDT"], "2")
    assert [one["quantity"] for one in whole.json()] == [0.01, -0.01]
    page = await ada.get("/v1/trading/positions?limit=1&offset=1")
    assert ([one["symbol"] for one in page.json()], page.headers["x-total-count"]) == (["ETH/USDT"], "2")
    assert refusal_of(await ada.get("/v1/trading/positions?limit=0")) == (422, "VALIDATION_ERROR")
    assert (await ada.get("/v1/trading/positions?symbol=NOPE")).json() == []


@pytest.mark.parametrize("accept", ["", "APPLICATION/JSON", "application/*;q=0.5", "application/problem+json, */*"])
async def test_any_fitting_accept_header_is_answered(ada: httpx.AsyncClient, accept: str) -> None:
    assert (await ada.get("/v1/auth/me", headers={"Accept": accept})).status_code == 200
