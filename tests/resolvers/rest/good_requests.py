"""For every row of the route tables a request that is answered with success: what proves that the refusals are about what is wrong.

A row without a required body or query needs no line here. `<flow>` stands for the id of Ada's flow, and so on: see
`tests/resolvers/doors/things.py`.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from resolvers.rest.api_v1 import API_V1_ROWS
from resolvers.rest.endpoint import BoundCall
from resolvers.rest.v1 import V1_ROWS
from tests.resolvers.doors.people import PASSWORD, Person
from tests.resolvers.doors.stage import Stage
from tests.resolvers.doors.things import BUILDERS, PUBLIC_URL, SYMBOL, filled

ROWS = [*API_V1_ROWS, *V1_ROWS]
NEWCOMER = {"email": "new@example.com", "password": PASSWORD}
BIRTHDAY = {"day": 10, "month": 12, "year": 1985}
PHONE = {"country_code": "+31", "mobile_number": "612345678"}
CARD = {"type": "card", "last4": "4242", "brand": "visa"}
LIMIT = {"resource": "trades_per_day", "title": "Trades", "description": "Orders a day.", "value": 50}
FEATURE = {"resource": "chat", "title": "Chat", "description": "Talk to people."}
RULE = {"name": "Cap", "rule_type": "max_position_size", "condition": {"max_usd": 100_000}, "action": "reject", "description": "So far"}
PLAN = {"name": "Team", "description": "For teams.", "price": 49.99, "features": [FEATURE], "limits": [LIMIT], "trial_days": 7}
FLOW = {"name": "Swing", "symbol": SYMBOL, "mode": "swarm", "trigger": "manual", "agents": ["market_analyst"], "config": {"swarm_runs": 5}}
PROFILE = {"first_name": "Augusta", "last_name": "King", "birthday": BIRTHDAY, "phone_number": PHONE}
KEY = {"name": "Robot", "permissions": ["orders:read"], "expires_at": "2026-04-01T00:00:00Z"}
ROLE = {"name": "Pilot", "description": "Flies.", "permissions": ["orders:read"]}
DEVICE = {"name": "Meter", "type": "energy_meter", "device_id": "MTR-1", "location": "Cellar", "configuration": {"firmware_version": "1"}}
SECRETS = {"api_key": "a key of nobody else", "api_secret": "a secret of nobody else"}
CREDENTIALS = {"name": "Mine", **SECRETS, "additional_config": {"account": "main"}, "environment": "testnet"}
RISK_LIMITS = {"max_position_size_usd": 1000, "daily_loss_limit": 100, "stop_loss_default_percent": 0.02}
WALLET = {"nickname": "Mine", "risk_limits": RISK_LIMITS}
DEFINITION = {
    "name": "Elsewhere", "description": "For others.", "order": 8, "logo": "https://example.com/logo.svg",
    "auth_fields": [{"key": "api_key", "label": "Key", "type": "string", "placeholder": "abc", "help_text": "Ask them."}],
    "features": {"spot": True, "leverage": {"min": 1, "max": 3}, "supported_assets": ["BTC"]},
    "api_config": {"base_url": "https://api.example.com", "testnet_url": "https://test.example.com", "websocket_url": "wss://example.com"},
    "is_active": True,
}  # fmt: skip

# The body of every row that must have one, and of those that may.
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/v1/auth/register": {**NEWCOMER, "first_name": "New", "last_name": "Comer", "birthday": BIRTHDAY, "phone_number": PHONE},
    "POST /api/v1/auth/login": {"email": "<email>", "password": PASSWORD},
    "POST /api/v1/auth/refresh": {"refresh_token": "<refresh_token>"},
    "POST /api/v1/auth/logout": {"all_sessions": True},
    "POST /api/v1/auth/forgot-password": {"email": "<email>"},
    "POST /api/v1/auth/reset-password": {"token": "<password_link>", "password": "another quiet harbour"},
    "POST /api/v1/auth/resend-verification": {"email": "<email>"},
    "PUT /api/v1/users/{user_id}/role": {"role": "viewer"},
    "PUT /api/v1/users/{user_id}/active": {"active": False},
    "POST /api/v1/api-keys": KEY,
    "POST /v1/security/api-keys": KEY,
    "POST /api/v1/roles": ROLE,
    "PUT /api/v1/roles/{role_id}": ROLE,
    "POST /api/v1/permissions": {"resource": "kites", "action": "launch", "description": "Launch kites."},
    "PUT /api/v1/permissions/{permission_id}": {"description": "Fly them high."},
    "PUT /v1/security/permissions": {"user_id": "<user>", "permissions": ["trading.read"]},
    "POST /api/v1/notifications": {"type": "info", "title": "Hi", "message": "There.", "metadata": {"a": 1}},
    "PUT /api/v1/notifications/preferences": {
        "preferences": [{"kind": "order.filled", "in_app": True, "email": False, "webhook": True}],
    },
    "POST /api/v1/webhooks": {"url": PUBLIC_URL, "description": "Mine"},
    "PATCH /api/v1/webhooks/{webhook_id}": {"url": PUBLIC_URL, "description": "Mine", "is_active": False},
    "PUT /api/v1/users/me": PROFILE,
    "PUT /api/v1/users/{user_id}": PROFILE,
    "POST /api/v1/flows": FLOW,
    "PATCH /api/v1/flows/{flow_id}": {**FLOW, "name": "Tide", "status": "paused"},
    "POST /api/v1/flows/{flow_id}/start": {"model_provider": "rule_based"},
    "POST /api/v1/flows/{flow_id}/trigger": {"model_provider": "rule_based", "order_quantity_override": 0.01},
    "POST /api/v1/orders": {
        "symbol": SYMBOL, "side": "buy", "order_type": "market", "quantity": 0.01, "time_in_force": "GTC",
        "user_wallet_id": "<wallet>", "client_order_id": "mine-1",
    },
    "POST /api/v1/orders/oco": {
        "symbol": SYMBOL, "side": "sell", "quantity": 0.01, "client_order_id": "pair-1",
        "legs": [{"order_type": "take_profit", "stop_price": 900_000}, {"order_type": "trailing_stop", "trail": 500}],
    },
    "POST /v1/trading/orders/oco": {
        "symbol": SYMBOL, "side": "sell", "quantity": 0.01, "client_order_id": "pair-1",
        "legs": [{"order_type": "take_profit", "stop_price": 900_000}, {"order_type": "trailing_stop", "trail": 500}],
    },
    "PATCH /api/v1/orders/{order_id}": {"quantity": 0.02},
    "PATCH /api/v1/positions/{position_id}": {
        "stop_loss": 40_000, "take_profit": 60_000,
        "trailing_stop": {"distance_percent": 3}, "break_even": {"activation_profit_percent": 2},
    },
    "POST /api/v1/risk-rules": RULE,
    "PATCH /api/v1/risk-rules/{rule_id}": {**RULE, "is_active": False},
    "PUT /api/v1/trading-switch": {"state": "REDUCING", "reason": "Enough for today."},
    "PUT /api/v1/trading-switch/global": {"state": "REDUCING", "reason": "Enough for today."},
    "POST /api/v1/wallets/definitions": {**DEFINITION, "slug": "elsewhere", "type": "cex"},
    "PATCH /api/v1/wallets/definitions/{slug}": DEFINITION,
    "POST /api/v1/wallets/credentials": {**CREDENTIALS, "wallet_slug": "binance"},
    "PATCH /api/v1/wallets/credentials/{credentials_id}": {**CREDENTIALS, "is_active": False},
    "POST /api/v1/user-wallets": {**WALLET, "wallet_slug": "binance", "credentials_id": "<credentials>"},
    "PUT /api/v1/user-wallets/{wallet_id}": {**WALLET, "is_active": False},
    "POST /api/v1/user-wallets/{wallet_id}/add-balance": {"asset": "USDT", "amount": 500, "is_cash": True},
    "PUT /api/v1/user-wallets/{wallet_id}/faults": {"script": "place 1 timeout; fill 1 duplicate", "seed": 7},
    "POST /api/v1/plans": PLAN,
    "PUT /api/v1/plans/{plan_id}": PLAN,
    "POST /api/v1/user-plans": {"plan_id": "<plan>", "billing_cycle": "yearly", "auto_renew": True, "payment_method": CARD, "trial": False},
    "PUT /api/v1/user-plans/{subscription_id}": {"auto_renew": False, "payment_method": CARD},
    "POST /v1/auth/login": {"email": "<email>", "password": PASSWORD},
    "POST /v1/auth/register": {**NEWCOMER, "name": "New Comer"},
    "POST /v1/auth/refresh": {"refresh_token": "<refresh_token>"},
    "POST /v1/auth/logout": {"all_sessions": True},
    "PUT /v1/auth/change-password": {"current_password": PASSWORD, "new_password": "another quiet harbour"},
    "POST /v1/trading/orders": {
        "symbol": SYMBOL, "side": "buy", "order_type": "market", "quantity": 0.01, "time_in_force": "GTC", "client_order_id": "mine-2",
    },
    "PUT /v1/trading/orders/{order_id}": {"quantity": 0.02},
    "POST /v1/market/alerts": {"symbol": SYMBOL, "condition": "above", "target_price": 90_000, "message": "To the moon", "is_active": True},
    "PUT /v1/market/alerts/{price_alert_id}": {"is_active": False},
    "POST /v1/iot/devices": DEVICE,
    "PUT /v1/iot/devices/{device_id}": {"name": "Cellar", "location": "Cellar", "description": "Below.", "status": "maintenance"},
    "POST /v1/security/alerts": {
        "alert_type": "stolen_phone", "message": "My phone is gone.", "severity": "high", "details": {"model": "Fairphone"},
    },
    "POST /v1/security/sessions/revoke": {"session_id": "<session>"},
}  # fmt: skip
# Query parameters that must be there.
QUERIES: dict[str, dict[str, str]] = {
    "GET /api/v1/orders/preview": {"symbol": SYMBOL, "side": "buy", "quantity": "0.01", "user_wallet_id": "<wallet>"},
    "GET /api/v1/auth/verify-email": {"token": "<confirming_link>"},
    "GET /api/v1/risk-rules/validate": {
        "symbol": SYMBOL,
        "side": "buy",
        "quantity": "0.01",
        "price": "50000",
        "wallet_id": "<wallet>",
        "rule_id": "<rule>",
    },
}
# Rows that Ada's things stand in the way of.
ASKED_BY_CAROL = {"POST /api/v1/user-plans"}
# Fields and parameters with the id of a thing, where the name does not say which.
ID_NAMES = {"user_wallet_id": "wallet", "actor_id": "user"}
# Open rows that ask for a key of their own where no token came.
KEYED = {"POST /v1/iot/devices/{device_id}/heartbeat"}
# The hardware's own id, and filters of the audit log, which may name what is long gone.
NO_IDS = {"client_order_id", "device_id", "object_id", "request_id"}


@dataclass(frozen=True, slots=True)
class GoodRequest:
    """A request that can be spoilt."""

    row: BoundCall
    path: str
    query: dict[str, str]
    body: dict[str, Any] | None
    person: Person
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return self.row.call.status

    async def send(self, client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
        """Send it; `path`, `params`, `json`, `content` and `headers` replace what it has."""
        request: dict[str, Any] = {"params": self.query, "headers": self.person.headers, **changes}
        if self.body is not None and not {"content", "json"} & set(changes):
            request["json"] = self.body
        if "content" in request:
            request["headers"] = {"Content-Type": "application/json", **request["headers"]}
        return await client.request(self.row.call.method, request.pop("path", self.path), **request)


def name_of(row: BoundCall) -> str:
    return f"{row.call.method} {row.path.replace(':path}', '}')}"


def good_request(row: BoundCall, stage: Stage) -> GoodRequest:
    """Return a request that the row answers with success; fails with what to add for a row that is not known here."""
    name = name_of(row)
    body = BODIES.get(name)
    if body is None and row.body is not None:
        raise AssertionError(f"{name} takes a body: add a good one to BODIES in {__file__}")
    query = QUERIES.get(name, {})
    missing = {entry.wire_name for entry in row.inputs if entry.place == "query" and entry.is_required} - set(query)
    assert not missing, f"{name} needs {sorted(missing)} in its query: add good ones to QUERIES in {__file__}"
    person = stage.carol if name in ASKED_BY_CAROL else stage.ada
    return GoodRequest(row, path_of(row, stage.things), filled(query, stage.things), filled(body, stage.things), person)


def path_of(row: BoundCall, things: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)(:path)?\}", lambda found: things[thing_of(found[1], name_of(row))], row.path)


def thing_of(parameter: str, where: str) -> str:
    """Return the kind of thing that a parameter names."""
    kind = ID_NAMES.get(parameter, parameter.removesuffix("_id"))
    known = {"symbol", *BUILDERS}
    assert kind in known, f"{where} names a {parameter}: add a function that makes one to tests/resolvers/doors/things.py"
    return kind
