"""Flows, orders, positions, rules and market data of `/api/v1`, to the letter of its document."""

from typing import Any

import httpx
import pytest

from tests.market_script import ScriptedSource

ORDER = {"symbol": "BTC/USDT", "side": "buy", "order_type": "market", "quantity": 0.01, "time_in_force": "GTC"}


async def new_flow(ada: httpx.AsyncClient, **changes: Any) -> str:
    return str((await ada.post("/api/v1/flows", json={"name": "Swing", "symbol": "BTC/USDT"} | changes)).json()["id"])


async def open_position(ada: httpx.AsyncClient) -> str:
    return str((await ada.post("/api/v1/orders", json=ORDER)).json()["position_id"])


def problem_of(answer: httpx.Response) -> tuple[int, list[Any]]:
    [problem] = answer.json()["detail"]
    return answer.status_code, problem["loc"]


@pytest.mark.parametrize("body", [None, "{}", "null", '{"unknown": [1]}', '{"model_provider": null}'])
@pytest.mark.parametrize("verb", ["start", "stop", "trigger"])
async def test_flow_is_started_stopped_and_triggered_with_any_or_no_body(ada: httpx.AsyncClient, verb: str, body: str | None) -> None:
    answer = await ada.post(f"/api/v1/flows/{await new_flow(ada)}/{verb}", content=body)
    assert answer.status_code == 200
    assert answer.json()["status"] == {"start": "active", "stop": "paused", "trigger": "pending"}[verb]


@pytest.mark.parametrize("body", [None, "{}", "null", '{"reason": "enough", "metadata": {}}'])
async def test_position_is_closed_with_any_or_no_body_once(ada: httpx.AsyncClient, body: str | None) -> None:
    position_id = await open_position(ada)
    answer = await ada.post(f"/api/v1/positions/{position_id}/close", content=body)
    closed = answer.json()
    assert (answer.status_code, closed["success"], closed["message"]) == (200, True, "Position closed successfully")
    assert closed["position_id"] == position_id
    assert all(isinstance(closed[key], int | float) for key in ("realized_pnl", "realized_pnl_percent"))
    again = await ada.post(f"/api/v1/positions/{position_id}/close", content=body)
    assert (again.status_code, again.json()) == (400, {"detail": "Position cannot be closed. Current status: closed"})
    assert (await ada.post(f"/api/v1/positions/{position_id}/monitor")).json()["message"] == "Position is not open"


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        (None, None),
        ("wait=0", "wait=0"),
        ("respond-async, WAIT=0", "wait=0"),
        ("wait=soon", None),
        ("wait=-1", None),
        ("wait=\N{ARABIC-INDIC DIGIT ONE}".encode(), None),
    ],
)
async def test_waiting_is_a_preference_and_never_an_error(ada: httpx.AsyncClient, prefer: str | None, applied: str | None) -> None:
    answer = await ada.post(f"/api/v1/flows/{await new_flow(ada)}/trigger", headers={"Prefer": prefer} if prefer else {})
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert answer.headers.get("preference-applied") == applied


async def test_same_key_makes_one_run_and_another_request_under_it_is_refused(ada: httpx.AsyncClient) -> None:
    path, key = f"/api/v1/flows/{await new_flow(ada)}/trigger", {"Idempotency-Key": "once"}
    first = await ada.post(path, headers=key)
    assert (await ada.post(path, headers=key)).json()["id"] == first.json()["id"]
    assert (await ada.post(path, headers=key, json={"order_quantity_override": 1})).status_code == 409
    busy = await ada.post(path)
    assert (busy.status_code, busy.json()) == (409, {"detail": "A run of this flow is under way"})
    for wrong in ("", "x" * 129):
        assert (await ada.post(path, headers={"Idempotency-Key": wrong})).status_code == 400


async def test_whole_objects_can_be_sent_back_and_nulls_change_nothing(ada: httpx.AsyncClient) -> None:
    flow = (await ada.get(f"/api/v1/flows/{await new_flow(ada, mode='swarm')}")).json()
    sent_back = (await ada.patch(f"/api/v1/flows/{flow['id']}", json=flow)).json()
    assert sent_back == flow | {"updated_at": sent_back["updated_at"]}
    nulls = (await ada.patch(f"/api/v1/flows/{flow['id']}", json=dict.fromkeys(flow))).json()
    assert nulls == flow | {"updated_at": nulls["updated_at"]}
    me = (await ada.get("/api/v1/users/me")).json()
    assert (await ada.put("/api/v1/users/me", json=me)).json() == me


@pytest.mark.parametrize(
    ("config", "loc"),
    [
        ({"order_size_usd": -1}, ["body", "config", "order_size_usd"]),
        ({"swarm_runs": 0}, ["body", "config", "swarm_runs"]),
        ({"swarm_min_agreement": 60.5}, ["body", "config", "swarm_min_agreement"]),
        ({"mine": 12345678901234567890123}, ["body", "config", "mine"]),  # would come back as 12345678901234568000000
        ({"mine": 0.1234567890123456789}, None),  # Python itself sends what a double can hold
        ({"mine": "x" * 20_000}, ["body", "config"]),
        ([], ["body", "config"]),
    ],
)
async def test_bad_settings_are_named(ada: httpx.AsyncClient, config: Any, loc: list[str] | None) -> None:
    answer = await ada.post("/api/v1/flows", json={"name": "Swing", "symbol": "BTC/USDT", "config": config})
    if loc is None:
        assert answer.status_code == 201
        return
    assert problem_of(answer) == (422, loc)
    assert (await ada.get("/api/v1/flows")).json()["total"] == 0


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/positions?status=opening", "status"),
        ("/orders?status=FILLED", "status"),
        ("/flows?status=disabled", "status"),
        ("/flows/agent-decisions/all?limit=201", "limit"),
        ("/market/ohlc/BTC/USDT?limit=0", "limit"),
        ("/market/ohlc/BTC/USDT?limit=1001", "limit"),
        ("/market/indicators/BTC/USDT?limit=49", "limit"),
        ("/market/indicators/BTC/USDT?limit=501", "limit"),
        ("/risk-rules/validate?symbol=BTC/USDT&side=buy&quantity=-1&price=90000", "quantity"),
        ("/risk-rules/validate?symbol=BTC/USDT&side=buy&quantity=1&price=0", "price"),
        ("/risk-rules/validate?symbol=BTC/USDT&side=buy&quantity=1_000&price=1", "quantity"),
        ("/risk-rules/validate?symbol=BTC/USDT&side=buy&quantity=%D9%A1&price=1", "quantity"),
        ("/risk-rules/validate?symbol=BTC/USDT&side=buy&quantity=1e30&price=1", "quantity"),
        ("/risk-rules/validate?symbol=BTC/USDT&side=buy&quantity=NaN&price=1", "quantity"),
        ("/orders?limit=1_0", "limit"),
        ("/orders?limit=%201", "limit"),
        ("/orders?offset=99999999999999999999", "offset"),
    ],
)
async def test_bad_query_is_refused_as_a_query(ada: httpx.AsyncClient, path: str, name: str) -> None:
    assert problem_of(await ada.get(f"/api/v1{path}")) == (422, ["query", name])


@pytest.mark.parametrize("route", ["ohlc", "ticker", "price", "indicators"])
@pytest.mark.parametrize("spelling", ["BTC/USDT", "BTCUSDT", "btc-usdt"])
async def test_market_answers_under_the_spelling_it_was_asked_for(
    client: httpx.AsyncClient, source: ScriptedSource, route: str, spelling: str
) -> None:
    for path in (spelling, spelling.replace("/", "%2F")):
        answer = await client.get(f"/api/v1/market/{route}/{path}")
        assert (answer.status_code, answer.json()["symbol"]) == (200, spelling)
    unknown = await client.get(f"/api/v1/market/{route}/NO/SUCH")
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Unknown symbol: NO/SUCH"})


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"order_type": "stop_limit"}, ["body", "order_type"]),  # a word of /v1
        ({"order_type": "MARKET"}, ["body", "order_type"]),
        ({"time_in_force": "DAY"}, ["body", "time_in_force"]),
        ({"side": "BUY"}, ["body", "side"]),
        ({"quantity": True}, ["body", "quantity"]),
        ({"quantity": "1_000"}, ["body", "quantity"]),
        ({"quantity": 1e30}, ["body", "quantity"]),
        ({"price": 0}, ["body", "price"]),
    ],
)
async def test_order_in_other_words_is_refused_and_nothing_is_traded(
    ada: httpx.AsyncClient, change: dict[str, Any], loc: list[str]
) -> None:
    assert problem_of(await ada.post("/api/v1/orders", json=ORDER | change)) == (422, loc)
    assert (await ada.get("/api/v1/orders")).json()["total"] == 0


async def test_unknown_keys_and_absent_ones_do_not_matter(ada: httpx.AsyncClient) -> None:
    least = {"symbol": "btcusdt", "side": "buy", "quantity": "0.010"}
    answer = await ada.post("/api/v1/orders", json=least | {"flow_id": "x", "metadata": {"a": 1}, "price": None, "time_in_force": "ioc"})
    assert answer.status_code == 201
    assert '"requested_amount":0.01,' in answer.text
    assert (answer.json()["symbol"], answer.json()["time_in_force"], answer.json()["flow_id"]) == ("BTC/USDT", "IOC", None)


@pytest.mark.parametrize("method_path", ["GET /flows/{}", "POST /flows/{}/start", "POST /flows/{}/trigger", "GET /flows/{}/executions"])
async def test_what_belongs_to_somebody_else_is_not_there(ada: httpx.AsyncClient, bob: dict[str, str], method_path: str) -> None:
    method, path = method_path.split()
    flow_id = await new_flow(ada)
    for stranger in (flow_id, "\N{PILE OF POO}", "x" * 3000):
        answer = await ada.request(method, f"/api/v1{path.format(stranger)}", headers=bob)
        assert (answer.status_code, answer.json()) == (404, {"detail": f"Flow not found: {stranger[:80]}"})
