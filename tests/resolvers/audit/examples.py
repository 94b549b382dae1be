"""One request for every mutation of the GraphQL schema and every row that is not a GET, good enough to be done.

`<flow>` and its kind stand for the id of such a thing of the caller, made before the request.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Example:
    """The body of a request, or the arguments of a mutation with what is selected; `refused` is the code of one that cannot succeed."""

    body: Any = None
    arguments: str = ""
    selects: str = ""
    refused: str | None = None
    is_open: bool = False  # sent without a token


PASSWORD = "another good password 7"
FLOW = {"name": "Swing", "symbol": "BTC/USDT"}
ORDER = {"symbol": "BTC/USDT", "side": "buy", "quantity": 0.01}
RULE = {"name": "Cap", "rule_type": "max_position_size", "condition": {"max_usd": 100}}
PLAN = {"name": "Mine", "description": "A plan.", "price": 5}
PERSON = {"email": "new@example.com", "password": PASSWORD, "first_name": "New", "last_name": "Person"}
ME = {"email": "ada@example.com", "password": "securepassword123"}
NEVER_RESTS = "INVALID_ORDER_STATE"  # market orders, the only ones of this version, are filled before anybody could amend them

MUTATIONS = {
    "cancelOrder": Example(arguments='orderId: "<order>"', selects="id"),
    "cancelSubscription": Example(arguments='subscriptionId: "<subscription>"', selects="id"),
    "changePassword": Example(arguments=f'currentPassword: "{ME["password"]}", newPassword: "{PASSWORD}"', selects="id"),
    "closePosition": Example(arguments='positionId: "<position>"', selects="__typename"),
    "createFlow": Example(arguments='input: {name: "Swing", symbol: "BTC/USDT"}', selects="id"),
    "createOrder": Example(arguments='input: {symbol: "BTC/USDT", side: BUY, quantity: "0.01"}', selects="id"),
    "createPlan": Example(arguments='input: {name: "Mine", description: "A plan.", price: 5}', selects="id"),
    "createRiskRule": Example(arguments='input: {name: "Cap", ruleType: MAX_POSITION_SIZE, condition: {max_usd: "100"}}', selects="id"),
    "createSubscription": Example(arguments='input: {planId: "<plan>"}', selects="id"),
    "deleteExecution": Example(arguments='executionId: "<execution>"'),
    "deleteExecutions": Example(),
    "deleteFlow": Example(arguments='flowId: "<flow>"'),
    "deleteMe": Example(),
    "deletePlan": Example(arguments='planId: "<plan>"'),
    "deleteRiskRule": Example(arguments='ruleId: "<rule>"'),
    "deleteUser": Example(arguments='userId: "<user>"'),
    "forgotPassword": Example(arguments='email: "ada@example.com"', is_open=True),
    "logIn": Example(arguments=f'email: "{ME["email"]}", password: "{ME["password"]}"', selects="expiresIn", is_open=True),
    "logOut": Example(),
    "refreshTokens": Example(arguments='refreshToken: "<refresh_token>"', selects="expiresIn", is_open=True),
    "register": Example(
        arguments=f'input: {{email: "new@example.com", password: "{PASSWORD}", firstName: "New"}}', selects="id", is_open=True
    ),
    "renewSubscription": Example(arguments='subscriptionId: "<subscription>"', selects="id"),
    "resetPassword": Example(arguments=f'token: "<reset_link>", newPassword: "{PASSWORD}"', is_open=True),
    "revokeOtherSessions": Example(),
    "revokeSession": Example(arguments='sessionId: "<session>"'),
    "startFlow": Example(arguments='flowId: "<flow>"', selects="id"),
    "stopFlow": Example(arguments='flowId: "<flow>"', selects="id"),
    "triggerFlow": Example(arguments='flowId: "<flow>"', selects="id"),
    "updateFlow": Example(arguments='flowId: "<flow>", input: {name: "Other"}', selects="id"),
    "updateMe": Example(arguments='input: {firstName: "Other"}', selects="id"),
    "updatePlan": Example(arguments='planId: "<plan>", input: {name: "Other"}', selects="id"),
    "updatePosition": Example(arguments='positionId: "<position>", stopLoss: "40000"', selects="id"),
    "updateRiskRule": Example(arguments='ruleId: "<rule>", input: {name: "Other"}', selects="id"),
    "updateSubscription": Example(arguments='subscriptionId: "<subscription>", input: {autoRenew: false}', selects="id"),
    "updateUser": Example(arguments='userId: "<user>", input: {firstName: "Other"}', selects="id"),
    "verifyEmail": Example(arguments='token: "<verification_link>"', is_open=True),
}

ROWS = {
    "POST /api/v1/auth/register": Example(PERSON, is_open=True),
    "POST /api/v1/auth/login": Example(ME, is_open=True),
    "POST /api/v1/auth/refresh": Example({"refresh_token": "<refresh_token>"}, is_open=True),
    "POST /api/v1/auth/logout": Example(),
    "POST /api/v1/auth/forgot-password": Example({"email": "ada@example.com"}, is_open=True),
    "POST /api/v1/auth/reset-password": Example({"token": "<reset_link>", "password": PASSWORD}, is_open=True),
    "PUT /api/v1/users/me": Example({"first_name": "Other"}),
    "DELETE /api/v1/users/me": Example(),
    "DELETE /api/v1/users/me/sessions/<session>": Example(),
    "DELETE /api/v1/users/me/sessions": Example(),
    "PUT /api/v1/users/<user>": Example({"first_name": "Other"}),
    "DELETE /api/v1/users/<user>": Example(),
    "POST /api/v1/flows": Example(FLOW),
    "PATCH /api/v1/flows/<flow>": Example({"name": "Other"}),
    "DELETE /api/v1/flows/<flow>": Example(),
    "POST /api/v1/flows/<flow>/start": Example(),
    "POST /api/v1/flows/<flow>/stop": Example(),
    "POST /api/v1/flows/<flow>/trigger": Example(),
    "DELETE /api/v1/flows/executions/<execution>": Example(),
    "DELETE /api/v1/flows/executions": Example(),
    "POST /api/v1/orders": Example(ORDER),
    "PATCH /api/v1/positions/<position>": Example({"stop_loss": 40000}),
    "POST /api/v1/positions/<position>/close": Example(),
    "POST /api/v1/positions/<position>/monitor": Example(),
    "POST /api/v1/risk-rules": Example(RULE),
    "PATCH /api/v1/risk-rules/<rule>": Example({"name": "Other"}),
    "DELETE /api/v1/risk-rules/<rule>": Example(),
    "POST /api/v1/plans": Example(PLAN),
    "PUT /api/v1/plans/<plan>": Example({"name": "Other"}),
    "DELETE /api/v1/plans/<plan>": Example(),
    "POST /api/v1/user-plans": Example({"plan_id": "<plan>", "billing_cycle": "monthly"}),
    "PUT /api/v1/user-plans/<subscription>": Example({"auto_renew": False}),
    "POST /api/v1/user-plans/<subscription>/cancel": Example(),
    "POST /api/v1/user-plans/<subscription>/renew": Example(),
    "POST /v1/auth/login": Example(ME, is_open=True),
    "POST /v1/auth/register": Example({"email": "new@example.com", "password": PASSWORD, "name": "New Person"}, is_open=True),
    "POST /v1/auth/refresh": Example({"refresh_token": "<refresh_token>"}, is_open=True),
    "POST /v1/auth/logout": Example(),
    "PUT /v1/auth/change-password": Example({"current_password": ME["password"], "new_password": PASSWORD}),
    "POST /v1/trading/orders": Example({**ORDER, "order_type": "market"}),
    "PUT /v1/trading/orders/<filled_order>": Example({"quantity": 0.02}, refused=NEVER_RESTS),
    "DELETE /v1/trading/orders/<order>": Example(),
    "POST /v1/security/sessions/revoke": Example({"session_id": "<session>"}),
}
