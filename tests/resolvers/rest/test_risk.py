"""Verdicts, trials and the trading switch on `/api/v1`."""

from typing import Any

import httpx
import pytest

from domain.runtime.runtime import Runtime
from tests.accounts import bearer
from tests.builders import make_superuser

ORDER = {"symbol": "BTC/USDT", "side": "buy", "order_type": "market", "quantity": 0.01, "time_in_force": "GTC"}
RULE = {"name": "Small", "rule_type": "max_position_size", "condition": {"max_usd": 400}, "action": "reject", "is_active": True}
TRIAL = "/api/v1/risk-rules/validate?symbol=BTC/USDT&price=50000"


async def make_rule(ada: httpx.AsyncClient, **changes: Any) -> str:
    return str((await ada.post("/api/v1/risk-rules", json={**RULE, **changes})).json()["id"])


@pytest.mark.parametrize(
    "how",
    [
        "side=buy&quantity=0.01",
        "action=buy&size_usd=500",
        "side=buy&quantity=0.01&portfolio_value_usd=1000000&open_positions=9&daily_loss_usd=5&portfolio_utilization_percent=90",
    ],
)
async def test_trial_in_the_words_of_the_document_and_of_the_code(ada: httpx.AsyncClient, how: str) -> None:
    rule_id = await make_rule(ada)
    answer = await ada.get(f"{TRIAL}&{how}")
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "approved": False,
            "violations": ["Position of 500 USDT in BTC/USDT would exceed the limit of 400 USDT."],
            "warnings": [],
            "summary": {
                "symbol": "BTC/USDT",
                "side": "buy",
                "order_size_usd": 500,
                "position_size_usd": 500,
                "position_size_before_usd": 0,
                "position_percent": 5,
                "portfolio_value_usd": 10_000,
                "open_positions": 0,
                "daily_loss_usd": 0,
                "projected_utilization_percent": 5,
                "currency": "USDT",
                "rules_evaluated": 1,
                "trading_switch": "ACTIVE",
            },
            "rule_id": rule_id,
            "rule_ids": [rule_id],
        },
    )


async def test_trial_of_a_rule_that_does_not_exist_is_not_found(ada: httpx.AsyncClient) -> None:
    answer = await ada.get(f"{TRIAL}&side=buy&quantity=0.01&rule_id=rule_x")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Risk rule not found: rule_x"})


async def test_verdicts_are_listed_with_their_numbers(ada: httpx.AsyncClient) -> None:
    rule_id = await make_rule(ada, rule_type="max_orders_per_day", condition={"max_count": 1})
    order = (await ada.post("/api/v1/orders", json=ORDER)).json()
    assert (await ada.post("/api/v1/orders", json=ORDER)).status_code == 400
    listed = (await ada.get(f"/api/v1/risk-rules/verdicts?rule_id={rule_id}&limit=1")).json()
    assert (listed["total"], listed["has_more"]) == (2, True)
    (refused,) = listed["items"]
    assert (refused["passed"], refused["order_id"], refused["rule_type"]) == (False, None, "max_orders_per_day")
    assert refused["numbers"] == {"measured": 2, "limit": 1, "before": 1}
    kept = (await ada.get(f"/api/v1/risk-rules/verdicts?order_id={order['id']}&passed=true")).json()
    assert [item["rule_id"] for item in kept["items"]] == [rule_id]


async def test_switch_is_read_moved_and_bites(ada: httpx.AsyncClient, runtime: Runtime) -> None:
    nobody_moved = {"state": "ACTIVE", "reason": None, "origin": None, "rule_id": None, "changed_at": None}
    assert (await ada.get("/api/v1/trading-switch")).json() == {
        "effective_state": "ACTIVE",
        "own": nobody_moved,
        "everybody": nobody_moved,
    }
    moved = await ada.put("/api/v1/trading-switch", json={"state": "HALTED", "reason": "Enough"})
    assert (moved.status_code, moved.json()["effective_state"], moved.json()["own"]["reason"]) == (200, "HALTED", "Enough")
    refused = await ada.post("/api/v1/orders", json=ORDER)
    assert (refused.status_code, refused.json()) == (400, {"detail": "Trading is halted: Enough"})
    on_v1 = await ada.post("/v1/trading/orders", json=ORDER)
    assert (on_v1.status_code, on_v1.json()["error"]["code"]) == (422, "TRADING_HALTED")
    (change,) = (await ada.get("/api/v1/trading-switch/changes")).json()["items"]
    assert (change["from_state"], change["state"], change["is_global"], change["origin"]) == ("ACTIVE", "HALTED", False, "owner")
    root = await bearer(runtime, await make_superuser(runtime))
    assert (await ada.put("/api/v1/trading-switch/global", json={"state": "REDUCING"})).status_code == 403
    everybody = await ada.put("/api/v1/trading-switch/global", json={"state": "REDUCING"}, headers=root)
    assert (everybody.status_code, everybody.json()["state"]) == (200, "REDUCING")
    assert (await ada.get("/api/v1/trading-switch/global")).json()["origin"] == "administrator"


@pytest.mark.parametrize(
    "body", [{}, {"state": "halted"}, {"state": None}, {"state": "🚀"}, {"state": ["HALTED"]}, {"state": "HALTED", "reason": "x" * 501}]
)
async def test_switch_is_not_moved_by_nonsense(ada: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await ada.put("/api/v1/trading-switch", json=body)).status_code == 422
    assert (await ada.get("/api/v1/trading-switch")).json()["effective_state"] == "ACTIVE"
