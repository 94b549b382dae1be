"""What must not be: at every door it is refused with a code of the catalogue in that door's envelope, and nothing has changed."""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import socketio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from domain.kernel.errors import ErrorCode
from tests.e2e.bad_requests import (
    API_V1_CASES,
    BUY_ONE,
    GRAPHQL_ORDERS,
    GRAPHQL_REQUESTS,
    OTHERS_THINGS,
    OTHERS_THINGS_IN_GRAPHQL,
    PLACE,
    TRIGGER,
    V1_CASES,
    Bad,
)
from tests.e2e.conftest import QUICK
from tests.e2e.doors import Doors
from tests.e2e.server_process import SECRET, Client, ServerProcess
from tests.e2e.standstill import STANDSTILL, SYMBOL, eager_flow

E = ErrorCode
# What a request leaves behind even when it is refused, and what the timetable does meanwhile.
BESIDE_THE_POINT = {"sessions", "refresh_tokens", "leases", "login_attempts", "audit_head"}
# Some refusals leave an entry, and sealing goes on meanwhile: of this table, what was done must not change.
TELLING_PART = {"audit_entries": "(SELECT id, action, object_id, after FROM audit_entries WHERE result = 'success')"}


@dataclass
class Scene:
    """A server on which Ada has traded, and Bob has nothing."""

    url: str
    database: Path
    ada: str
    bob: str
    refresh: str
    flow: str
    execution: str
    order: str
    position: str
    rule: str

    def place(self, text: str) -> str:
        """Return a path, body or document with the ids of Ada's things in it."""
        for name in ("flow", "execution", "order", "position", "rule"):
            text = text.replace(f"<{name}>", getattr(self, name))
        return text

    def doors(self, token: str) -> Doors:
        doors = Doors(self.url, "")
        doors.token = token
        return doors

    def everything(self) -> dict[str, str]:
        """Return a digest of the content of each table that says something."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
            return {
                table: _digest(connection.execute(f"SELECT * FROM {TELLING_PART.get(table, table)}"))
                for table in tables
                if table not in BESIDE_THE_POINT
            }


def _digest(rows: Iterable[Any]) -> str:
    return hashlib.sha256(repr(sorted(rows, key=repr)).encode()).hexdigest()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    server = ServerProcess(folder, **QUICK, **STANDSTILL)
    server.start()
    try:
        ada, bob = Client(server.url, "ada@example.com"), Client(server.url, "bob@example.com")
        bob.register()
        ada.register()
        refresh = ada.post("/auth/login", {"email": ada.email, "password": ada.password})["refresh_token"]
        flow = ada.post("/flows", eager_flow("Mine"))["id"]
        rule = ada.post("/risk-rules", {"name": "Cap", "rule_type": "max_position_size", "condition": {"max_usd": 100_000}})["id"]
        execution = ada.post(f"/flows/{flow}/trigger", None, Prefer="wait=30")
        order, position = execution["result"]["order_id"], execution["result"]["position_id"]
        ada.post(f"/positions/{position}/monitor")
        database = folder / "tradewind.db"
        yield Scene(server.url, database, ada.token, bob.token, refresh, flow, execution["id"], order, position, rule)
    finally:
        server.stop()


@pytest.mark.parametrize(("prefix", "cases"), [("/api/v1", API_V1_CASES), ("/v1", V1_CASES)], ids=["api_v1", "v1"])
async def test_rest_refuses_bad_requests_and_changes_nothing(scene: Scene, prefix: str, cases: list[Bad]) -> None:
    before = scene.everything()
    problems = []
    async with scene.doors(scene.ada) as ada:
        for case in cases:
            response = await ada.send(case.method, prefix + scene.place(case.path), case.body)
            problems += [f"{case}: {complaint}" for complaint in _complaints(prefix, response, case.code, case.status)]
    assert "\n".join(problems) == ""
    assert scene.everything() == before


async def test_graphql_refuses_bad_requests_and_changes_nothing(scene: Scene) -> None:
    before = scene.everything()
    problems = []
    async with scene.doors(scene.ada) as ada:
        for code, change in GRAPHQL_ORDERS:
            response = await ada.send("POST", "/graphql", {"query": PLACE, "variables": {"input": {**BUY_ONE, **change}}})
            problems += [f"createOrder {change}: {complaint}" for complaint in _complaints("/graphql", response, code)]
        for code, request in GRAPHQL_REQUESTS:
            response = await ada.send("POST", "/graphql", request)
            problems += [f"{str(request)[:80]}: {complaint}" for complaint in _complaints("/graphql", response, code)]
    assert "\n".join(problems) == ""
    assert scene.everything() == before


async def test_things_of_others_are_not_found_and_stay_as_they_are(scene: Scene) -> None:
    before = scene.everything()
    problems = []
    async with scene.doors(scene.bob) as bob:
        for prefix, requests in OTHERS_THINGS.items():
            for method, path, body in requests:
                response = await bob.send(method, prefix + scene.place(path), body)
                problems += [f"{method} {prefix}{path}: {complaint}" for complaint in _complaints(prefix, response, E.NOT_FOUND)]
        for document in OTHERS_THINGS_IN_GRAPHQL:
            response = await bob.send("POST", "/graphql", {"query": scene.place(document)})
            problems += [f"{document}: {complaint}" for complaint in _complaints("/graphql", response, E.NOT_FOUND)]
        assert (await bob.api_v1("GET", f"/flows/agent-decisions/all?execution_id={scene.execution}")) == []
        assert (await bob.graphql("{ orders { nodes { id } } positions { nodes { id } } }")) == {
            "orders": {"nodes": []},
            "positions": {"nodes": []},
        }
    assert await _closing_of(_conversation(scene, scene.bob)) == 4404
    assert await _first_of_subscription(scene, scene.bob, scene.place('executionUpdates(executionId: "<execution>")')) == "NOT_FOUND"
    assert "\n".join(problems) == ""
    assert scene.everything() == before


async def test_tokens_that_do_not_hold_open_no_door(scene: Scene) -> None:
    before = scene.everything()
    claims = jwt.decode(scene.ada, options={"verify_signature": False})
    past = int((datetime.now(UTC) - timedelta(minutes=1)).timestamp())
    tokens = {
        "none": ("", E.UNAUTHORIZED),
        "nonsense": ("nonsense", E.UNAUTHORIZED),
        "expired": (jwt.encode({**claims, "exp": past}, SECRET), E.TOKEN_EXPIRED),
        "signed by somebody else": (jwt.encode(claims, "x" * 40), E.UNAUTHORIZED),
        "unsigned": (jwt.encode(claims, "", algorithm="none"), E.UNAUTHORIZED),
        "a refresh token": (scene.refresh, E.UNAUTHORIZED),
    }
    problems = []
    for name, (token, code) in tokens.items():
        async with scene.doors(token) as nobody:
            for prefix, method, path, body in (
                ("/api/v1", "GET", "/users/me", None),
                ("/api/v1", "POST", "/orders", {"symbol": SYMBOL, "side": "buy", "quantity": 1}),
                ("/api/v1", "POST", f"/flows/{scene.flow}/trigger", None),
                ("/v1", "POST", "/trading/orders", {"symbol": SYMBOL, "side": "buy", "quantity": 1}),
            ):
                response = await nobody.send(method, prefix + path, body)
                problems += [f"{name}, {method} {prefix}{path}: {complaint}" for complaint in _complaints(prefix, response, code)]
            response = await nobody.send("POST", "/graphql", {"query": PLACE, "variables": {"input": BUY_ONE}})
            problems += [f"{name}, GraphQL: {complaint}" for complaint in _complaints("/graphql", response, code)]
        if await _closing_of(_conversation(scene, token)) != 4401:
            problems.append(f"{name}: the conversation is open")
        if await _closing_of(_graphql_socket(scene, token)) != 4403:
            problems.append(f"{name}: the GraphQL socket is open")
        if await _socketio_lets_in(scene, token):
            problems.append(f"{name}: Socket.IO is open")
    assert "\n".join(problems) == ""
    assert scene.everything() == before


async def test_key_that_comes_again_with_another_request_is_a_conflict(scene: Scene) -> None:
    order = {"symbol": SYMBOL, "side": "buy", "quantity": 1}
    async with scene.doors(scene.ada) as ada:
        placed = await ada.api_v1("POST", "/orders", order, **{"Idempotency-Key": "once"})
        await ada.api_v1("POST", f"/positions/{placed['position_id']}/monitor")
        before = scene.everything()
        other = {**order, "quantity": 2}
        key = {"Idempotency-Key": "once"}
        problems = [
            *_complaints("/api/v1", await ada.send("POST", "/api/v1/orders", other, **key), E.IDEMPOTENCY_CONFLICT),
            *_complaints("/v1", await ada.send("POST", "/v1/trading/orders", other, **key), E.IDEMPOTENCY_CONFLICT),
            *_complaints("/api/v1", await ada.send("POST", "/api/v1/flows", eager_flow("x"), **key), E.IDEMPOTENCY_CONFLICT),
            *_complaints("/api/v1", await ada.send("POST", f"/api/v1/flows/{scene.flow}/trigger", None, **key), E.IDEMPOTENCY_CONFLICT),
        ]
        for query, variables in ((PLACE, {"input": {**BUY_ONE, "quantity": "2"}}), (TRIGGER, {"flow": scene.flow})):
            response = await ada.send("POST", "/graphql", {"query": query, "variables": {**variables, "key": "once"}})
            problems += _complaints("/graphql", response, E.IDEMPOTENCY_CONFLICT)
        assert "\n".join(problems) == ""
        assert scene.everything() == before
        again = await ada.graphql(PLACE, input=BUY_ONE, key="once")
        assert again["createOrder"]["id"] == placed["id"], "the same order through another door is the same order"
        assert scene.everything() == before


async def test_same_request_twice_at_once_is_done_once(scene: Scene) -> None:
    order = {"symbol": SYMBOL, "side": "buy", "quantity": 1}
    async with scene.doors(scene.ada) as ada:
        before = await ada.api_v1("GET", "/orders?limit=1")
        placed = await asyncio.gather(
            *(ada.api_v1("POST", "/orders", order, **{"Idempotency-Key": "at once"}) for _ in range(4)),
            *(ada.v1("POST", "/trading/orders", {**order, "quantity": 2, "client_order_id": "at-once"}) for _ in range(4)),
        )
        assert len({answer["id"] for answer in placed[:4]}) == len({answer["id"] for answer in placed[4:]}) == 1
        assert (await ada.api_v1("GET", "/orders?limit=1"))["total"] == before["total"] + 2

        answers = await asyncio.gather(*(ada.send("POST", f"/api/v1/flows/{scene.flow}/trigger") for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        person = {"email": "twin@example.com", "password": "securepassword123", "first_name": "T", "last_name": "W"}
        answers = await asyncio.gather(*(ada.send("POST", "/api/v1/auth/register", person) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [201, 400, 400]


def _complaints(door: str, response: httpx.Response, code: ErrorCode, status: int | None = None) -> list[str]:
    """Return what is wrong with a refusal: its status, its envelope or its code."""
    try:
        body = response.json()
    except ValueError:
        return [f"{response.status_code} without JSON: {response.text[:200]}"]
    said = f"{response.status_code} {str(body)[:200]}"
    if door == "/graphql":
        errors = body.get("errors")
        right = (
            bool(errors)
            and errors[0]["extensions"]["code"] == code.value
            and errors[0]["message"]
            and not any((body.get("data") or {}).values())
        )
        return [] if right and response.status_code < 500 else [f"{said}, not {code.value}"]
    wanted = status or (code.api_v1 if door == "/api/v1" else code.v1)
    if response.status_code != wanted:
        return [f"{said}, not {wanted} {code.value}"]
    if door == "/v1":
        right = set(body) == {"error"} and body["error"]["code"] == code.value and bool(body["error"]["message"])
    elif code in (E.VALIDATION_ERROR, E.INVALID_JSON, E.WEAK_PASSWORD):
        right = set(body) == {"detail"} and all({"type", "loc", "msg"} <= set(problem) for problem in body["detail"])
    else:
        right = set(body) == {"detail"} and isinstance(body["detail"], str) and body["detail"] != ""
    return [] if right else [f"{said}: not the envelope of {code.value}"]


def _conversation(scene: Scene, token: str) -> connect:
    url = scene.url.replace("http://", "ws://")
    return connect(f"{url}/api/v1/conversations/ws/{scene.execution}?token={token}", proxy=None)


def _graphql_socket(scene: Scene, token: str) -> "_Introduced":
    return _Introduced(scene.url.replace("http://", "ws://") + "/graphql", token)


class _Introduced:
    """A GraphQL socket that has said who it is."""

    def __init__(self, url: str, token: str) -> None:
        self._connect = connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None)
        self._token = token

    async def __aenter__(self) -> Any:
        socket = await self._connect.__aenter__()
        await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {self._token}"}}))
        return socket

    async def __aexit__(self, *error: Any) -> None:
        await self._connect.__aexit__(*error)


async def _closing_of(opening: Any) -> int | None:
    async with opening as socket:
        try:
            await asyncio.wait_for(socket.recv(), 5)
        except ConnectionClosed:
            code: int | None = socket.close_code
            return code
    return None


async def _first_of_subscription(scene: Scene, token: str, field: str) -> str:
    async with _graphql_socket(scene, token) as socket:
        await socket.recv()
        query = f"subscription {{ {field} {{ cursor }} }}"
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
        message = json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert message["type"] == "error", message
        return str(message["payload"][0]["extensions"]["code"])


async def _socketio_lets_in(scene: Scene, token: str) -> bool:
    client = socketio.AsyncClient(reconnection=False)
    try:
        await client.connect(scene.url, auth={"token": token}, transports=["polling"], wait_timeout=5)
    except socketio.exceptions.ConnectionError:
        return False
    await client.disconnect()
    return True
