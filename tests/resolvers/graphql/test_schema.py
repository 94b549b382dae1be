"""What the schema promises, as a whole."""

from pathlib import Path

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, is_required_argument

from domain.kernel.permissions import Permission
from resolvers.graphql import SCHEMA, print_schema
from tests.graphql_client import GraphQLClient
from tests.resolvers.graphql.good_arguments import PUBLIC, root_fields

COMMITTED = Path(__file__).parents[3] / "schema" / "schema.graphql"
TYPES = {name: kind for name, kind in SCHEMA._schema.type_map.items() if not name.startswith("__")}
ROOTS = ("Query", "Mutation", "Subscription")


def test_committed_schema_is_the_one_that_is_served() -> None:
    assert COMMITTED.read_text() == print_schema(), "run `python server.py schema > schema/schema.graphql`"


def test_everything_is_described() -> None:
    silent = [name for name, kind in TYPES.items() if name not in ROOTS and not kind.description]
    for name, kind in TYPES.items():
        if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType):
            silent += [f"{name}.{field}" for field, definition in kind.fields.items() if not definition.description]
        if isinstance(kind, GraphQLObjectType):
            for field, definition in kind.fields.items():
                silent += [f"{name}.{field}({argument})" for argument, it in definition.args.items() if not it.description]
        if isinstance(kind, GraphQLEnumType):
            silent += [f"{name}.{value}" for value, definition in kind.values.items() if not definition.description]
    assert silent == []


def test_every_root_field_says_who_may_ask() -> None:
    permissions = {f"Requires the permission `{permission.value}`." for permission in Permission}
    permissions |= {"Requires a superuser.", "Requires a log-in; an API key is not enough."}
    undecided = []
    for root in ROOTS:
        kind = TYPES[root]
        assert isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items():
            description = field.description or ""
            if "Open without a token." not in description and not any(description.endswith(end) for end in permissions):
                undecided.append(f"{root}.{name}")
    own_acts = ["Query.auditEntry", "Query.auditEntries"]  # everybody reads those; the permission is for those of others
    assert undecided == [*own_acts, "Subscription.priceTicks"]  # which needs a session, as every socket does, and no permission


async def test_root_fields_that_need_a_permission_need_a_session(nobody: GraphQLClient) -> None:
    """Ask every such field without arguments or with made-up ones: a stranger learns nothing but that a token is needed."""
    asked = 0
    for root in ("Query", "Mutation"):
        kind = TYPES[root]
        assert isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items():
            if "Requires " not in (field.description or ""):
                continue
            arguments = ", ".join(f"{key}: {MADE_UP[key, str(it.type)]}" for key, it in field.args.items() if is_required_argument(it))
            leaf = "" if str(field.type).strip("!") in {"ID", "Boolean", "Int"} else " { __typename }"
            query = f"{root.lower()} {{ {name}{f'({arguments})' if arguments else ''}{leaf} }}"
            assert await nobody.refusal(query) == "UNAUTHORIZED", query
            asked += 1
    assert asked >= 30


MADE_UP = {
    **{
        (name, "ID!"): '"x"'
        for name in (
            "id",
            "flowId",
            "executionId",
            "orderId",
            "groupId",
            "positionId",
            "walletId",
            "ruleId",
            "sessionId",
            "userId",
            "planId",
            "subscriptionId",
            "roleId",
            "keyId",
            "permissionId",
            "notificationId",
            "webhookId",
            "credentialsId",
        )
    },
    **{(name, "String!"): '"x"' for name in ("currentPassword", "newPassword", "role", "slug")},
    ("active", "Boolean!"): "true",
    ("leverage", "Int!"): "2",
    ("input", "ApiKeyInput!"): '{name: "X", permissions: ["orders:read"], expiresAt: "2026-05-01T00:00:00Z"}',
    ("input", "RoleInput!"): '{name: "X", description: "X"}',
    ("input", "RoleChangesInput!"): "{}",
    ("input", "PermissionInput!"): '{resource: "x", action: "x", description: "X"}',
    ("input", "PermissionChangesInput!"): "{}",
    ("input", "ProfileInput!"): "{}",
    ("input", "FlowInput!"): '{name: "X", symbol: "BTC/USDT"}',
    ("input", "FlowChangesInput!"): "{}",
    ("input", "OrderInput!"): '{symbol: "BTC/USDT", side: BUY, quantity: 1}',
    ("input", "OrderChangesInput!"): "{}",
    ("input", "PaperFaultsInput!"): '{script: "place 1 timeout"}',
    ("input", "OcoOrderInput!"): '{symbol: "BTC/USDT", side: BUY, quantity: 1, legs: []}',
    ("clientOrderId", "String!"): '"x"',
    ("input", "RiskRuleInput!"): '{name: "X", ruleType: MAX_POSITION_SIZE, condition: {max_usd: "1"}}',
    ("input", "RiskRuleChangesInput!"): "{}",
    ("input", "TradingSwitchInput!"): "{state: ACTIVE}",
    ("symbol", "String!"): '"X"',
    ("side", "Side!"): "BUY",
    ("quantity", "Decimal!"): "1",
    ("price", "Decimal!"): "1",
    ("input", "SecurityAlertInput!"): '{alertType: "x", message: "x"}',
    ("alertId", "ID!"): '"alert_x"',
    ("priceAlertId", "ID!"): '"palert_x"',
    ("input", "PriceAlertInput!"): '{symbol: "X", condition: ABOVE, targetPrice: 1}',
    ("isActive", "Boolean!"): "true",
    ("input", "DeviceInput!"): '{name: "X", type: SENSOR}',
    ("input", "DeviceChangesInput!"): "{}",
    ("deviceId", "ID!"): '"device_x"',
    ("input", "NotificationInput!"): '{type: INFO, title: "X", message: "X"}',
    ("input", "NotificationPreferencesInput!"): "{preferences: []}",
    ("input", "WebhookInput!"): '{url: "https://example.com"}',
    ("input", "WebhookChangesInput!"): "{}",
    ("input", "WalletDefinitionInput!"): '{name: "X", slug: "xx", type: CEX, description: "X", features: {}, apiConfig: {}, order: 1}',
    ("input", "WalletDefinitionChangesInput!"): "{}",
    ("input", "CredentialInput!"): '{name: "X", walletSlug: "binance", credentials: {}}',
    ("input", "CredentialChangesInput!"): "{}",
    ("input", "WalletInput!"): '{walletSlug: "simulation", nickname: "X"}',
    ("input", "WalletChangesInput!"): "{}",
    ("input", "AddBalanceInput!"): '{asset: "USDT", amount: 1}',
    ("input", "PlanInput!"): '{name: "X", description: "X", price: 1}',
    ("input", "PlanChangesInput!"): "{}",
    ("input", "PlanSubscriptionInput!"): '{planId: "x"}',
    ("input", "PlanSubscriptionChangesInput!"): "{}",
}


def test_open_fields_are_the_ones_listed_here() -> None:
    assert {str(field) for field in root_fields() if "Open without a token." in (field.field.description or "")} == PUBLIC
