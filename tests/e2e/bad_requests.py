"""The requests that must be refused at every door, each with the code of its refusal."""

import json
from dataclasses import dataclass
from typing import Any

from domain.kernel.errors import ErrorCode
from tests.e2e.standstill import SYMBOL

E = ErrorCode
BIG = b'{"name": "' + b"x" * 2_000_000 + b'"}'
DEEP = b"[" * 5_000 + b"]" * 5_000
HUGE = "1" + "0" * 30


@dataclass(frozen=True)
class Bad:
    """A request that must be refused; `body` is JSON text or bytes as they are."""

    why: str
    method: str
    path: str
    code: ErrorCode
    body: Any = None
    status: int | None = None  # where a row of the route table has one of its own

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.why}"


def _numbers(field: str) -> list[tuple[str, bytes | Any, ErrorCode]]:
    # Values of a number field as they stand in the JSON text.
    wrong = {
        "negative": "-1",
        "zero": "0",
        "1e30": "1e30",
        "10^30": HUGE,
        "1e400": "1e400",
        "too fine": "1e-19",
        "true": "true",
        "text": '"two"',
        "text NaN": '"NaN"',
        "text infinity": '"Infinity"',
        "null": "null",
        "list": "[2]",
        "object": "{}",
    }
    found: list[tuple[str, bytes | Any, ErrorCode]] = [
        (f"{field} {name}", text.encode(), E.VALIDATION_ERROR) for name, text in wrong.items()
    ]
    return [*found, (f"{field} NaN", b"NaN", E.INVALID_JSON), (f"{field} infinity", b"-Infinity", E.INVALID_JSON)]


def _orders(method: str, path: str) -> list[Bad]:
    def body(quantity: bytes = b"1", symbol: str = SYMBOL, side: str = "buy", **more: str) -> bytes:
        rest = {"symbol": symbol, "side": side, "order_type": "market", **more}
        return json.dumps(rest).encode()[:-1] + b', "quantity": ' + quantity + b"}"

    cases = [Bad(why, method, path, code, body(number)) for why, number, code in _numbers("quantity")]
    return [
        *cases,
        Bad("unknown symbol", method, path, E.UNKNOWN_SYMBOL, body(symbol="NOSUCH")),
        Bad("unknown side", method, path, E.VALIDATION_ERROR, body(side="hold")),
        Bad("unknown type", method, path, E.VALIDATION_ERROR, body(order_type="guess")),
        Bad("half a lot", method, path, E.QUANTITY_TOO_SMALL, body(b"0.05")),
        Bad("a lot and a half", method, path, E.VALIDATION_ERROR, body(b"0.15")),
        Bad("more than there is", method, path, E.INSUFFICIENT_FUNDS, body(b"900000")),
        Bad("no symbol", method, path, E.VALIDATION_ERROR, {"side": "buy", "quantity": 1}),
    ]


def _bodies(method: str, path: str) -> list[Bad]:
    return [
        Bad("empty body", method, path, E.VALIDATION_ERROR),
        Bad("broken JSON", method, path, E.INVALID_JSON, b'{"name": '),
        Bad("a list", method, path, E.VALIDATION_ERROR, []),
        Bad("a number", method, path, E.VALIDATION_ERROR, 7),
        Bad("not UTF-8", method, path, E.INVALID_JSON, b'{"name": "\xff"}'),
        Bad("deep", method, path, E.VALIDATION_ERROR, DEEP),
        Bad("2 MB", method, path, E.PAYLOAD_TOO_LARGE, BIG),
    ]


API_V1_CASES = [
    *_orders("POST", "/orders"),
    Bad("emoji symbol", "POST", "/orders", E.UNKNOWN_SYMBOL, {"symbol": "🚀🚀", "side": "buy", "quantity": 1}),
    *_bodies("POST", "/orders"),
    *_bodies("POST", "/flows"),
    Bad("unknown symbol", "POST", "/flows", E.UNKNOWN_SYMBOL, {"name": "x", "symbol": "🚀"}),
    Bad("blank name", "POST", "/flows", E.VALIDATION_ERROR, {"name": " ", "symbol": SYMBOL}),
    Bad("lone surrogate", "POST", "/flows", E.VALIDATION_ERROR, b'{"name": "\\ud800", "symbol": "NG"}'),
    Bad("NUL", "POST", "/flows", E.VALIDATION_ERROR, b'{"name": "a\\u0000b", "symbol": "NG"}'),
    Bad("unknown mode", "POST", "/flows", E.VALIDATION_ERROR, {"name": "x", "symbol": SYMBOL, "mode": "crowd"}),
    Bad("name is a number", "POST", "/flows", E.VALIDATION_ERROR, {"name": 7, "symbol": SYMBOL}),
    Bad("config is a list", "POST", "/flows", E.VALIDATION_ERROR, {"name": "x", "symbol": SYMBOL, "config": []}),
    *(
        Bad(f"config {name} {value}", "POST", "/flows", E.VALIDATION_ERROR, {"name": "x", "symbol": SYMBOL, "config": {name: value}})
        for name, value in (
            ("order_size_usd", -1),
            ("order_size_usd", 1e30),
            ("order_quantity", 0),
            ("order_quantity", "NaN"),
            ("swarm_runs", 0),
            ("swarm_runs", "many"),
            ("swarm_min_agreement", 101),
            ("pre_trade_min_confidence", 2),
            ("candles", 10**30),
            ("default_stop_loss_percent", -5),
            ("auto_loop_delay_seconds", 10**9),
        )
    ),
    Bad("unknown interval", "POST", "/flows", E.UNKNOWN_INTERVAL, {"name": "x", "symbol": SYMBOL, "config": {"interval": "7m"}}),
    *(
        Bad(why, "POST", "/flows/<flow>/trigger", code, b'{"order_quantity_override": ' + number + b"}")
        for why, number, code in _numbers("override")
        if why != "override null"
    ),
    Bad("unknown provider", "POST", "/flows/<flow>/trigger", E.MODEL_NOT_CONFIGURED, {"model_provider": "oracle"}),
    Bad("provider without a key", "POST", "/flows/<flow>/trigger", E.MODEL_NOT_CONFIGURED, {"model_provider": "groq"}),
    Bad("unknown status", "PATCH", "/flows/<flow>", E.VALIDATION_ERROR, {"status": "asleep"}),
    Bad("stop above the price", "PATCH", "/positions/<position>", E.STOP_ON_WRONG_SIDE, {"stop_loss": 10_000}),
    Bad("stop is text", "PATCH", "/positions/<position>", E.VALIDATION_ERROR, {"stop_loss": "low"}),
    Bad("rule of minus one", "POST", "/risk-rules", E.VALIDATION_ERROR,
        {"name": "x", "rule_type": "max_position_size", "condition": {"max_usd": -1}}),
    Bad("limit of zero", "GET", "/orders?limit=0", E.VALIDATION_ERROR),
    Bad("limit is text", "GET", "/orders?limit=all", E.VALIDATION_ERROR),
    Bad("endless offset", "GET", f"/orders?offset={HUGE}", E.VALIDATION_ERROR),
    Bad("no such flow", "GET", "/flows/flow_nosuch", E.NOT_FOUND),
    Bad("odd id", "GET", "/flows/%F0%9F%9A%80", E.NOT_FOUND),
    Bad("no such symbol", "GET", "/market/price/NOSUCH", E.UNKNOWN_SYMBOL, status=404),
    Bad("no such route", "GET", "/nothing/here", E.ROUTE_NOT_FOUND),
    Bad("no such method", "DELETE", "/orders", E.METHOD_NOT_ALLOWED),
    Bad("address taken", "POST", "/auth/register", E.EMAIL_TAKEN,
        {"email": "ada@example.com", "password": "securepassword123", "first_name": "A", "last_name": "B"}),
    Bad("weak password", "POST", "/auth/register", E.WEAK_PASSWORD,
        {"email": "eve@example.com", "password": "password", "first_name": "A", "last_name": "B"}),
    Bad("not an address", "POST", "/auth/register", E.VALIDATION_ERROR,
        {"email": "eve", "password": "securepassword123", "first_name": "A", "last_name": "B"}),
    Bad("no such refresh token", "POST", "/auth/refresh", E.INVALID_REFRESH_TOKEN, {"refresh_token": "x"}),
]  # fmt: skip
V1_CASES = [
    *_orders("POST", "/trading/orders"),
    *_bodies("POST", "/trading/orders"),
    Bad("emoji symbol", "POST", "/trading/orders", E.VALIDATION_ERROR, {"symbol": "🚀", "side": "buy", "quantity": 1}),
    Bad("lone surrogate", "POST", "/trading/orders", E.VALIDATION_ERROR, b'{"symbol": "\\ud800", "side": "buy", "quantity": 1}'),
    Bad("unknown status", "GET", "/trading/orders?status=asleep", E.VALIDATION_ERROR),
    Bad("no such order", "GET", "/trading/orders/order_nosuch", E.NOT_FOUND),
    Bad("a filled order", "DELETE", "/trading/orders/<order>", E.INVALID_ORDER_STATE),
    Bad("no such route", "GET", "/trading/nothing", E.ROUTE_NOT_FOUND),
    Bad("no such method", "PATCH", "/trading/orders", E.METHOD_NOT_ALLOWED),
    Bad("address taken", "POST", "/auth/register", E.EMAIL_TAKEN,
        {"email": "ada@example.com", "password": "securepassword123", "name": "A B"}),
]  # fmt: skip
OTHERS_THINGS: dict[str, list[tuple[str, str, Any]]] = {
    "/api/v1": [
        ("GET", "/flows/<flow>", None),
        ("PATCH", "/flows/<flow>", {"name": "Bob's"}),
        ("DELETE", "/flows/<flow>", None),
        ("POST", "/flows/<flow>/start", None),
        ("POST", "/flows/<flow>/stop", None),
        ("POST", "/flows/<flow>/trigger", None),
        ("GET", "/flows/<flow>/executions", None),
        ("GET", "/flows/executions/<execution>", None),
        ("DELETE", "/flows/executions/<execution>", None),
        ("GET", "/orders/<order>", None),
        ("GET", "/positions/<position>", None),
        ("PATCH", "/positions/<position>", {"stop_loss": 1}),
        ("POST", "/positions/<position>/close", None),
        ("POST", "/positions/<position>/monitor", None),
        ("GET", "/risk-rules/<rule>", None),
        ("PATCH", "/risk-rules/<rule>", {"is_active": False}),
        ("DELETE", "/risk-rules/<rule>", None),
    ],
    "/v1": [
        ("GET", "/trading/orders/<order>", None),
        ("PUT", "/trading/orders/<order>", {"quantity": 1}),
        ("DELETE", "/trading/orders/<order>", None),
    ],
}
OTHERS_THINGS_IN_GRAPHQL = [
    '{ flow(id: "<flow>") { id } }',
    '{ execution(id: "<execution>") { id } }',
    '{ executions(flowId: "<flow>") { nodes { id } } }',
    '{ order(id: "<order>") { id } }',
    '{ position(id: "<position>") { id } }',
    '{ riskRule(id: "<rule>") { id } }',
    'mutation { updateFlow(flowId: "<flow>", input: {name: "Bob\'s"}) { id } }',
    'mutation { deleteFlow(flowId: "<flow>") }',
    'mutation { startFlow(flowId: "<flow>") { id } }',
    'mutation { stopFlow(flowId: "<flow>") { id } }',
    'mutation { triggerFlow(flowId: "<flow>") { id } }',
    'mutation { deleteExecution(executionId: "<execution>") }',
    'mutation { closePosition(positionId: "<position>") { orderId } }',
    'mutation { updatePosition(positionId: "<position>", stopLoss: "1") { id } }',
    'mutation { deleteRiskRule(ruleId: "<rule>") }',
]
PLACE = "mutation Place($input: OrderInput!, $key: String) { createOrder(input: $input, idempotencyKey: $key) { id } }"
TRIGGER = "mutation Trigger($flow: ID!, $key: String) { triggerFlow(flowId: $flow, idempotencyKey: $key) { id } }"
BUY_ONE = {"symbol": SYMBOL, "side": "BUY", "quantity": "1"}
WRONG_QUANTITIES: list[Any] = ["-1", "0", 0, "1e30", HUGE, int(HUGE), "NaN", "Infinity", "two", 1.5, True, None, [], {}]
GRAPHQL_ORDERS: list[tuple[ErrorCode, dict[str, Any]]] = [
    *((E.VALIDATION_ERROR, {"quantity": value}) for value in WRONG_QUANTITIES),
    (E.QUANTITY_TOO_SMALL, {"quantity": "0.05"}),
    (E.VALIDATION_ERROR, {"quantity": "0.15"}),
    (E.VALIDATION_ERROR, {"side": "HOLD"}),
    (E.VALIDATION_ERROR, {"orderType": "GUESS"}),
    (E.VALIDATION_ERROR, {"stopLoss": "low"}),
    (E.VALIDATION_ERROR, {"unheard": 1}),
    (E.UNKNOWN_SYMBOL, {"symbol": "NOSUCH"}),
    (E.UNKNOWN_SYMBOL, {"symbol": "🚀"}),
    (E.STOP_ON_WRONG_SIDE, {"stopLoss": "10000"}),
    (E.VALIDATION_ERROR, {"orderType": "LIMIT"}),
    (E.INSUFFICIENT_FUNDS, {"quantity": "900000"}),
    (E.NOT_FOUND, {"walletId": "wallet_nosuch"}),
]  # fmt: skip
GRAPHQL_REQUESTS: list[tuple[ErrorCode, Any]] = [
    (E.INVALID_JSON, b'{"query": '),
    (E.PAYLOAD_TOO_LARGE, BIG),
    (E.BAD_REQUEST, []),
    (E.BAD_REQUEST, {}),
    (E.BAD_REQUEST, {"query": 7}),
    (E.BAD_REQUEST, {"query": "{ flows"}),
    (E.VALIDATION_ERROR, {"query": "{ nothing }"}),
    (E.BAD_REQUEST, {"query": "{ me { id } }", "operationName": "Other"}),
    (E.QUERY_TOO_COMPLEX, {"query": "{" + " ".join(f"a{n}: me {{ id }}" for n in range(200)) + "}"}),
    (E.INVALID_JSON, b'{"query": "query Q($id: ID!) { flow(id: $id) { id } }", "variables": {"id": "\\ud800"}}'),
    (E.BAD_REQUEST, b'{"query": "mutation { createFlow(input: {name: \\"\\\\ud800\\", symbol: \\"NG\\"}) { id } }"}'),
    (E.VALIDATION_ERROR, {"query": 'mutation { createFlow(input: {name: " ", symbol: "NG"}) { id } }'}),
    (E.UNKNOWN_SYMBOL, {"query": 'mutation { createFlow(input: {name: "x", symbol: "🚀"}) { id } }'}),
    (E.CURSOR_INVALID, {"query": '{ flows(first: 1, after: "🚀") { nodes { id } } }'}),
]
