"""For every root field of the schema arguments that are answered without an error: what proves that refusals are about what is wrong.

Ids need no line here: `flowId` is the id of Ada's flow, and so on (see `tests/resolvers/doors/things.py`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from domain.kernel.permissions import Permission
from resolvers.graphql import SCHEMA
from tests.resolvers.doors.people import PASSWORD
from tests.resolvers.doors.things import BUILDERS, PUBLIC_URL, SYMBOL, Things, filled
from tests.resolvers.doors.wrong_values import EMOJI, HUGE_NUMBERS

BIRTHDAY = "1985-12-10"
PHONE = {"countryCode": "+31", "mobileNumber": "612345678"}
FEATURE = {"resource": "chat", "title": "Chat", "description": "Talk to people."}
LIMIT = {"resource": "trades_per_day", "title": "Trades", "description": "Orders a day.", "value": 50}
PLAN = {"name": "Team", "description": "For teams.", "price": "49.99", "features": [FEATURE], "limits": [LIMIT], "trialDays": 7}
FLOW = {"name": "Swing", "symbol": SYMBOL, "mode": "SWARM", "trigger": "MANUAL", "agents": ["market_analyst"], "config": {"swarm_runs": 5}}
PROFILE = {"firstName": "Augusta", "lastName": "King", "birthday": BIRTHDAY, "phoneNumber": PHONE}
RULE = {"name": "Cap", "ruleType": "MAX_POSITION_SIZE", "condition": {"max_usd": "100000"}, "action": "REJECT", "description": "So far"}
PAYMENT = {"autoRenew": False, "paymentMethod": {"type": "card", "brand": "visa"}}
ROLE = {"name": "Pilot", "description": "Flies.", "permissions": ["orders:read"]}
DEVICE = {"name": "Meter", "location": "Cellar", "description": "Below.", "configuration": {"firmware_version": "1"}}
SECRETS = {"api_key": "a key of nobody else", "api_secret": "a secret of nobody else"}
RISK_LIMITS = {"maxPositionSizeUsd": "1000", "dailyLossLimit": "100", "stopLossDefaultPercent": "0.02"}
DEFINITION = {
    "name": "Elsewhere", "description": "For others.", "order": 8, "logo": "https://example.com/logo.svg",
    "authFields": [{"key": "api_key", "label": "Key", "type": "STRING", "placeholder": "abc", "helpText": "Ask them."}],
    "features": {"spot": True, "leverage": {"min": 1, "max": 3}, "supportedAssets": ["BTC"]},
    "apiConfig": {"baseUrl": "https://api.example.com", "testnetUrl": "https://test.example.com", "websocketUrl": "wss://example.com"},
    "isActive": True,
}  # fmt: skip

# Everything but ids that a field must be given, and inputs with all their fields.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "register": {"input": {"email": "new@example.com", "password": PASSWORD, **PROFILE}},
    "logIn": {"email": "<email>", "password": PASSWORD},
    "refreshTokens": {"refreshToken": "<refresh_token>"},
    "verifyEmail": {"token": "<confirming_link>"},
    "forgotPassword": {"email": "<email>"},
    "resetPassword": {"token": "<password_link>", "newPassword": "another quiet harbour"},
    "changePassword": {"currentPassword": PASSWORD, "newPassword": "another quiet harbour"},
    "updateMe": {"input": PROFILE},
    "updateUser": {"input": PROFILE},
    "createFlow": {"input": FLOW},
    "updateFlow": {"input": {**FLOW, "name": "Tide", "status": "PAUSED"}},
    "startFlow": {"input": {"modelProvider": "rule_based"}},
    "triggerFlow": {"input": {"modelProvider": "rule_based", "orderQuantityOverride": "0.01"}},
    "createOrder": {"input": {"symbol": SYMBOL, "side": "BUY", "quantity": "0.01", "clientOrderId": "mine", "walletId": "<wallet>"}},
    "createOcoOrder": {
        "input": {
            "symbol": SYMBOL,
            "side": "SELL",
            "quantity": "0.01",
            "clientOrderId": "pair",
            "legs": [{"orderType": "TAKE_PROFIT", "stopPrice": "900000"}, {"orderType": "TRAILING_STOP", "trail": "500"}],
        },
    },
    "previewOrder": {"input": {"symbol": SYMBOL, "side": "BUY", "quantity": "0.01", "walletId": "<wallet>"}},
    "setLeverage": {"leverage": 2},
    "orderByClientId": {"clientOrderId": "<client_order>"},
    "amendOrder": {"input": {"quantity": "0.02"}},
    "updatePosition": {
        "stopLoss": "40000",
        "takeProfit": "60000",
        "trailingStop": {"distancePercent": "3"},
        "breakEven": {"activationProfitPercent": "2"},
    },
    "createRiskRule": {"input": RULE},
    "updateRiskRule": {"input": {**RULE, "isActive": False}},
    "setTradingSwitch": {"input": {"state": "REDUCING", "reason": "Enough for today."}},
    "setGlobalTradingSwitch": {"input": {"state": "REDUCING", "reason": "The market is mad."}},
    "validateTrade": {"symbol": SYMBOL, "side": "BUY", "quantity": "0.01", "price": "50000", "walletId": "<wallet>", "ruleId": "<rule>"},
    "walletDefinition": {"slug": "<slug>"},
    "createWalletDefinition": {"input": {**DEFINITION, "slug": "elsewhere", "type": "CEX"}},
    "updateWalletDefinition": {"slug": "<slug>", "input": DEFINITION},
    "deleteWalletDefinition": {"slug": "<slug>"},
    "createCredential": {
        "input": {"name": "Mine", "walletSlug": "binance", "credentials": SECRETS, "extras": {"account": "main"}, "environment": "TESTNET"},
    },
    "updateCredential": {"input": {"name": "Mine", "credentials": SECRETS, "environment": "TESTNET", "isActive": False}},
    "createWallet": {"input": {"nickname": "Mine", "walletSlug": "binance", "credentialsId": "<credentials>", "riskLimits": RISK_LIMITS}},
    "updateWallet": {"input": {"nickname": "Mine", "isActive": False, "riskLimits": RISK_LIMITS}},
    "addBalance": {"input": {"asset": "USDT", "amount": "500"}},
    "setPaperFaults": {"input": {"script": "place 1 timeout; fill 1 duplicate", "seed": 7}},
    "createPlan": {"input": PLAN},
    "updatePlan": {"input": PLAN},
    "createSubscription": {"input": {"planId": "<plan>", "billingCycle": "YEARLY", **PAYMENT}},
    "updateSubscription": {"input": PAYMENT},
    "resendVerification": {"email": "<email>"},
    "assignRole": {"role": "viewer"},
    "setUserActive": {"active": False},
    "createApiKey": {"input": {"name": "Robot", "permissions": ["orders:read"], "expiresAt": "2026-04-01T00:00:00Z"}},
    "createRole": {"input": ROLE},
    "updateRole": {"input": ROLE},
    "createPermission": {"input": {"resource": "kites", "action": "launch", "description": "Launch kites."}},
    "updatePermission": {"input": {"description": "Fly them high."}},
    "createNotification": {"input": {"type": "INFO", "title": "Hi", "message": "There.", "metadata": {"a": 1}}},
    "updateNotificationPreferences": {"input": {"preferences": [{"kind": "ORDER_FILLED", "inApp": True, "email": False, "webhook": True}]}},
    "createWebhook": {"input": {"url": PUBLIC_URL, "description": "Mine"}},
    "updateWebhook": {"input": {"url": PUBLIC_URL, "description": "Mine", "isActive": False}},
    "createSecurityAlert": {
        "input": {"alertType": "stolen_phone", "message": "Gone.", "severity": "HIGH", "details": {"model": "Fairphone"}}
    },
    "createPriceAlert": {"input": {"symbol": SYMBOL, "condition": "ABOVE", "targetPrice": "90000", "message": "Oh", "isActive": True}},
    "switchPriceAlert": {"isActive": False},
    "registerDevice": {"input": {**DEVICE, "type": "ENERGY_METER", "deviceId": "MTR-1"}},
    "updateDevice": {"input": {**DEVICE, "status": "MAINTENANCE"}},
    "deviceUpdates": {"deviceId": "<device>"},
    "instrument": {"symbol": SYMBOL},
    "candles": {"symbol": SYMBOL},
    "ticker": {"symbol": SYMBOL},
    "tickers": {"symbols": [SYMBOL]},
    "price": {"symbol": SYMBOL},
    "indicators": {"symbol": SYMBOL},
    "priceTicks": {"symbols": [SYMBOL]},
    # A stream begins with how the named thing stands.
    "executionUpdates": {"executionId": "<execution>"},
    "orderUpdates": {"orderId": "<order>"},
    "positionUpdates": {"positionId": "<position>"},
}
ASKED_BY_CAROL = {"createSubscription"}
# Open without a token; the schema's own descriptions must say the same.
PUBLIC = {
    "Query.candles",
    "Query.errorCatalogue",
    "Query.indicators",
    "Query.instrument",
    "Query.instruments",
    "Query.price",
    "Query.rateLimit",
    "Query.ticker",
    "Query.tickers",
    "Mutation.forgotPassword",
    "Mutation.logIn",
    "Mutation.refreshTokens",
    "Mutation.register",
    "Mutation.resendVerification",
    "Mutation.resetPassword",
    "Mutation.verifyEmail",
}
# What the argument `id` of a field means, where its name does not say it.
ID_OF = {"riskRule": "rule", "securityAlert": "alert", "apiKey": "key", "credential": "credentials"}


@dataclass(frozen=True, slots=True)
class RootField:
    """A field of Query, Mutation or Subscription."""

    root: str
    name: str
    field: GraphQLField

    def __str__(self) -> str:
        return f"{self.root}.{self.name}"

    @property
    def permission(self) -> Permission | None:
        found = re.search(r"Requires the permission `([^`]+)`", self.field.description or "")
        return Permission(found[1]) if found else None

    def document(self, variables: Iterable[str]) -> str:
        """Return the operation that asks for this field alone, with these arguments and those that it needs as variables."""
        args = [(name, it) for name, it in self.field.args.items() if name in variables or is_required_argument(it)]
        declared = ", ".join(f"${name}: {it.type}" for name, it in args)
        given = ", ".join(f"{name}: ${name}" for name, _ in args)
        inside = "" if is_leaf_type(get_named_type(self.field.type)) else " { __typename }"
        parts = (f"({declared})" if args else "", f"({given})" if args else "")
        return f"{self.root.lower()} Ask{parts[0]} {{ {self.name}{parts[1]}{inside} }}"

    @property
    def ids(self) -> dict[str, str]:
        """The arguments that name a thing, each with its kind; optional ones too."""
        kinds = {}
        for name in self.field.args:
            if name == "id":
                kinds[name] = ID_OF.get(self.name) or _snake_case(self.name)
            elif name.endswith("Id"):
                kinds[name] = _snake_case(name.removesuffix("Id"))
        for kind in kinds.values():
            assert kind in BUILDERS, f"{self} names a {kind}: add a function that makes one to tests/resolvers/doors/things.py"
        return kinds

    def good(self, things: Things) -> dict[str, Any]:
        """Return variables that are answered without an error."""
        needed = {name: things[kind] for name, kind in self.ids.items() if is_required_argument(self.field.args[name])}
        variables = {**needed, **filled(ARGUMENTS.get(self.name, {}), things)}
        missing = [name for name, it in self.field.args.items() if is_required_argument(it) and name not in variables]
        assert not missing, f"{self} needs {missing}: add good ones to ARGUMENTS in {__file__}"
        return variables


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def root_fields() -> list[RootField]:
    kinds = [SCHEMA._schema.type_map[root] for root in ("Query", "Mutation", "Subscription")]
    objects = [kind for kind in kinds if isinstance(kind, GraphQLObjectType)]
    return [RootField(kind.name, name, field) for kind in objects for name, field in kind.fields.items()]


def wrong_arguments(field: RootField, good: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return (why, variables): the good variables with one thing wrong in them."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name, argument in field.field.args.items():
        for why, value in _wrong(argument.type, good.get(name), name):
            found.append((why, {**good, name: value}))
        if is_required_argument(argument):
            found.append((f"without {name}", {key: value for key, value in good.items() if key != name}))
    return found


def _wrong(kind: GraphQLInputType, good: Any, at: str) -> list[tuple[str, Any]]:
    found: list[Any] = []
    inner: list[tuple[str, Any]] = []
    if isinstance(kind, GraphQLNonNull):
        found.append(None)
        kind = kind.of_type
    if isinstance(kind, GraphQLList):
        item = good[0] if good else None
        inner = [(why, [value]) for why, value in _wrong(kind.of_type, item, f"{at}.0")]
        found += [7, True] if str(kind.of_type).startswith(("String", "ID")) else [7, "x", True]
    elif isinstance(kind, GraphQLInputObjectType):
        found += ["x", 7, True, [7], {**(good or {}), "unheard": 1}]
        for name, part in kind.fields.items():
            for why, value in _wrong(part.type, (good or {}).get(name), f"{at}.{name}"):
                inner.append((why, {**(good or {}), name: value}))
    elif isinstance(kind, GraphQLEnumType):
        found += ["", EMOJI, "no such word", 7, True, ["x"], {}]
    else:
        found += _WRONG_SCALARS[kind.name]
    return [(f"{at} = {str(value)[:40]!r}", value) for value in found] + inner


_TEXT: list[Any] = [1.5, True, ["x"], {}, "a\0b"]
_WRONG_SCALARS: dict[str, list[Any]] = {
    "ID": _TEXT,
    "String": [7, *_TEXT],
    "Cursor": ["", EMOJI, "zz-zz", 7, *_TEXT],
    "Int": ["two", 1.5, True, 2**63, ["x"], {}, EMOJI],
    "Boolean": ["maybe", 7, 1.5, ["x"], {}],
    "Decimal": ["two", "", EMOJI, "NaN", 1.5, True, [], {}, "1_000", *HUGE_NUMBERS],
    "JSON": [7, "x", [7], True],
    "Date": ["yesterday", "2026-02-30", 7, True, {}, EMOJI],
    "DateTime": ["yesterday", "2026-02-30T00:00:00Z", 7, True, {}, EMOJI],
}
