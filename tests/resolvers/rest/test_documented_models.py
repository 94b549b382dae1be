"""The samples of the two public documents, held against what is really sent."""

from typing import Any

import httpx
import pytest

from domain.flows.running import run_execution
from domain.runtime.runtime import Runtime
from tests.domain.flows.runs import EAGER
from tests.resolvers.rest.json_shapes import differences, faults, violations

FLOW = {
    "id": "flow_123",
    "name": "BTC Swing Trade",
    "symbol": "BTC/USDT",
    "mode": "swarm",
    "status": "active",
    "trigger": "manual",
    "agents": ["market_analyst", "risk_manager"],
    "config": {
        "order_size_usd": 100,
        "swarm_runs": 3,
        "swarm_min_agreement": 60,
        "auto_loop_enabled": True,
        "auto_loop_delay_seconds": 30,
    },
    "total_executions": 10,
    "successful_executions": 8,
    "total_pnl_usd": 150.25,
    "win_rate": 62.5,
    "created_at": "2026-01-15T10:00:00Z",
    "updated_at": "2026-01-28T15:30:00Z",
}
EXECUTION = {
    "id": "exec_123",
    "flow_id": "flow_456",
    "flow_name": "BTC Swing Trade",
    "status": "completed",
    "started_at": "2026-01-28T15:30:00Z",
    "completed_at": "2026-01-28T15:30:45Z",
    "duration": 45000,
    "steps": [
        {
            "name": "data_fetch",
            "status": "completed",
            "started_at": "2026-01-28T15:30:00Z",
            "completed_at": "2026-01-28T15:30:01Z",
            "data": {},
        }
    ],
    "result": {"action": "buy", "confidence": 0.75, "reasoning": "Strong bullish signals..."},
}
POSITION = {
    "id": "pos_123",
    "user_id": "user_456",
    "symbol": "BTC/USDT",
    "side": "long",
    "status": "open",
    "entry": {"quantity": 0.01, "price": 88500, "value_usd": 885, "timestamp": "2026-01-28T15:30:45Z"},
    "current": {"price": 89500, "value": 895, "unrealized_pnl": 10, "unrealized_pnl_percent": 1.13},
    "risk_management": {"stop_loss": 86000, "take_profit": 95000},
}
ORDER = {
    "id": "order_123",
    "user_id": "user_456",
    "symbol": "BTC/USDT",
    "side": "buy",
    "order_type": "limit",
    "status": "filled",
    "requested_amount": 0.01,
    "filled_amount": 0.01,
    "limit_price": None,  # a number for a limit order; this one was sent to the market
    "average_fill_price": 88495,
    "total_fees": 0.85,
    "created_at": "2026-01-28T15:30:00Z",
}
USER = {
    "id": "string",
    "email": "string",
    "name": "string",
    "role": "string",
    "created_at": "2026-01-28T15:30:00Z",
    "last_login": None,  # never before this session
}
TRADE = {
    "id": "string",
    "user_id": "string",
    "symbol": "string",
    "quantity": 1,
    "price": 1,
    "side": "buy",
    "status": "filled",
    "created_at": "2026-01-28T15:30:00Z",
}
ME = {"id": "user_id", "email": "user@example.com", "first_name": "John", "last_name": "Doe"}
RULE = {
    "name": "Max Position Size",
    "rule_type": "max_position_size",
    "condition": {"max_usd": 1000},
    "action": "reject",
    "is_active": True,
}
MODELS = {
    "Flow": ("/api/v1/flows/{flow_id}", FLOW),
    "Execution": ("/api/v1/flows/executions/{execution_id}", EXECUTION),
    "Position": ("/api/v1/positions/{position_id}", POSITION),
    "Order": ("/api/v1/orders/{order_id}", ORDER),
    "User of /api/v1": ("/api/v1/users/me", ME),
    "Risk rule": ("/api/v1/risk-rules/{rule_id}", RULE | {"id": "rule_123"}),
    "User": ("/v1/auth/me", USER),
    "Trade": ("/v1/trading/orders/{order_id}", TRADE),
}
LISTS = {
    "Flow": ("/api/v1/flows", FLOW),
    "Execution": ("/api/v1/flows/executions/all", EXECUTION),
    "Execution of a flow": ("/api/v1/flows/{flow_id}/executions", EXECUTION),
    "Position": ("/api/v1/positions", POSITION),
    "Order": ("/api/v1/orders", ORDER),
    "Risk rule": ("/api/v1/risk-rules", RULE),
}


@pytest.fixture
async def ids(ada: httpx.AsyncClient, runtime: Runtime) -> dict[str, str]:
    """The ids of one flow that has run and traded, and of all that came of it."""
    sample = {
        "name": "BTC Swing Trade",
        "symbol": "BTC/USDT",
        "mode": "swarm",
        "trigger": "manual",
        "agents": ["market_analyst", "risk_manager"],
    }
    flow = (await ada.post("/api/v1/flows", json=sample | {"config": EAGER})).json()
    await ada.patch(f"/api/v1/flows/{flow['id']}", json={"status": "active"})
    execution_id = (await ada.post(f"/api/v1/flows/{flow['id']}/trigger")).json()["id"]
    await run_execution(runtime.operation(), execution_id)
    [order] = (await ada.get("/api/v1/orders")).json()["items"]
    rule = (await ada.post("/api/v1/risk-rules", json=RULE)).json()
    conversation = (await ada.get(f"/api/v1/conversations/{execution_id}")).json()
    return {
        "flow_id": flow["id"],
        "execution_id": execution_id,
        "order_id": order["id"],
        "position_id": order["position_id"],
        "rule_id": rule["id"],
        "conversation_id": conversation["id"],
    }


@pytest.mark.parametrize("name", MODELS)
async def test_model_has_every_documented_key_with_its_type(ada: httpx.AsyncClient, ids: dict[str, str], name: str) -> None:
    path, sample = MODELS[name]
    answer = await ada.get(path.format(**ids))
    assert answer.status_code == 200
    assert not list(differences(sample, answer.json()))


@pytest.mark.parametrize("name", LISTS)
async def test_list_has_the_one_envelope_around_the_same_models(ada: httpx.AsyncClient, ids: dict[str, str], name: str) -> None:
    path, sample = LISTS[name]
    answer = (await ada.get(path.format(**ids))).json()
    assert {key: answer[key] for key in answer if key != "items"} == {"total": 1, "limit": 10, "offset": 0, "has_more": False}
    assert not list(differences([sample], answer["items"]))


async def test_settings_that_were_never_set_are_shown_as_they_work(ada: httpx.AsyncClient) -> None:
    flow = (await ada.post("/api/v1/flows", json={"name": "Bare", "symbol": "BTC/USDT"})).json()
    assert flow["config"] == {
        "order_size_usd": 100,
        "swarm_runs": 3,
        "swarm_min_agreement": 50,
        "auto_loop_enabled": True,
        "auto_loop_delay_seconds": 30,
        "auto_loop_cycle_count": 0,
    }
    agents = {"agents": ["market_analyst", "risk_manager", "monitor", "executor"]}  # a swarm has a member for each
    assert (await ada.patch(f"/api/v1/flows/{flow['id']}", json=agents)).json()["config"]["swarm_runs"] == 4
    settings = {"order_size_usd": "12.50", "auto_loop_enabled": "no", "mine": [1]}
    shown = (await ada.patch(f"/api/v1/flows/{flow['id']}", json={"config": settings})).json()["config"]
    assert (shown["order_size_usd"], shown["auto_loop_enabled"], shown["mine"]) == (12.5, False, [1])
    again = await ada.patch(f"/api/v1/flows/{flow['id']}", json={"config": shown})
    assert again.json()["config"] == shown


@pytest.mark.parametrize("path", ["/api/openapi.json", "/v1/openapi.json"])
async def test_api_document_is_valid(client: httpx.AsyncClient, path: str) -> None:
    assert not list(faults((await client.get(path)).json()))


READS = [
    "/api/v1/users/me",
    "/api/v1/flows",
    "/api/v1/flows/{flow_id}",
    "/api/v1/flows/{flow_id}/executions",
    "/api/v1/flows/executions/all",
    "/api/v1/flows/executions/{execution_id}",
    "/api/v1/flows/agent-decisions/all",
    "/api/v1/market/ohlc/{symbol}",
    "/api/v1/market/ticker/{symbol}",
    "/api/v1/market/price/{symbol}",
    "/api/v1/market/indicators/{symbol}",
    "/api/v1/orders",
    "/api/v1/orders/{order_id}",
    "/api/v1/positions",
    "/api/v1/positions/{position_id}",
    "/api/v1/risk-rules",
    "/api/v1/risk-rules/{rule_id}",
    "/api/v1/conversations/{execution_id}",
    "/api/v1/conversations/{conversation_id}/voting",
    "/v1/auth/me",
    "/v1/trading/positions",
    "/v1/trading/orders",
    "/v1/trading/orders/{order_id}",
]


@pytest.mark.parametrize("path", READS)
async def test_answer_is_what_the_api_document_describes(ada: httpx.AsyncClient, ids: dict[str, str], path: str) -> None:
    document = await _document(ada, path)
    answer = await ada.get(path.format(symbol="BTC/USDT", **ids))
    assert answer.status_code == 200
    assert not list(violations(_schema_of(document, "get", path, 200), answer.json(), document))


async def test_answers_to_changes_are_what_the_api_document_describes(ada: httpx.AsyncClient, ids: dict[str, str]) -> None:
    order = {"symbol": "BRENT", "side": "buy", "quantity": 1}
    changes: list[tuple[str, str, dict[str, Any] | None]] = [
        ("post", "/api/v1/flows/{flow_id}/start", None),
        ("post", "/api/v1/flows/{flow_id}/stop", None),
        ("post", "/api/v1/orders", order | {"order_type": "market"}),
        ("patch", "/api/v1/positions/{position_id}", {"take_profit": 90000}),
        ("post", "/api/v1/positions/{position_id}/monitor", None),
        ("post", "/api/v1/positions/{position_id}/close", None),
        ("post", "/v1/trading/orders", order),
        ("put", "/v1/trading/orders/{order_id}", {"quantity": 2}),
        ("delete", "/v1/trading/orders/{order_id}", None),
        ("delete", "/api/v1/users/me", None),
        ("get", "/v1/auth/me", None),
    ]
    for method, path, body in changes:
        document = await _document(ada, path)
        answer = await ada.request(method, path.format(**ids), json=body)
        assert not list(violations(_schema_of(document, method, path, answer.status_code), answer.json(), document)), answer.text
    assert answer.status_code == 401


async def _document(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    document: dict[str, Any] = (await client.get("/v1/openapi.json" if path.startswith("/v1/") else "/api/openapi.json")).json()
    return document


def _schema_of(document: dict[str, Any], method: str, path: str, status: int) -> dict[str, Any]:
    answers = document["paths"][path][method]["responses"]
    schema: dict[str, Any] = answers[str(status)]["content"]["application/json"]["schema"]
    return schema
