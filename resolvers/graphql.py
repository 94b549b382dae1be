"""The GraphQL door: every noun's fields in one schema, and its routes."""

from collections.abc import Callable

import strawberry
from starlette.routing import BaseRoute, Route, WebSocketRoute
from strawberry.printer import print_schema as printed
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from resolvers.accounts import AccountMutations, AccountQueries
from resolvers.api_keys import ApiKeyMutations, ApiKeyQueries
from resolvers.audit import AuditQueries
from resolvers.credentials import CredentialMutations, CredentialQueries
from resolvers.devices import DeviceMutations, DeviceQueries, DeviceSubscriptions
from resolvers.errors import ErrorQueries
from resolvers.executions import ExecutionMutations, ExecutionQueries, ExecutionSubscriptions
from resolvers.flows import FlowMutations, FlowQueries
from resolvers.graphql_door.engine import Engine
from resolvers.graphql_door.http import GraphQLOverHTTP
from resolvers.graphql_door.socket import GraphQLOverWebSocket
from resolvers.market import MarketQueries, MarketSubscriptions
from resolvers.notifications import NotificationMutations, NotificationQueries, NotificationSubscriptions
from resolvers.orders import OrderMutations, OrderQueries, OrderSubscriptions
from resolvers.paper_faults import PaperFaultMutations, PaperFaultQueries
from resolvers.plans import PlanMutations, PlanQueries
from resolvers.portfolio import PortfolioMutations, PortfolioQueries
from resolvers.positions import PositionMutations, PositionQueries, PositionSubscriptions
from resolvers.price_alerts import PriceAlertMutations, PriceAlertQueries
from resolvers.rate_limits import RateLimitQueries
from resolvers.risk import RiskMutations, RiskQueries, RiskSubscriptions
from resolvers.roles import RoleMutations, RoleQueries
from resolvers.security_alerts import SecurityAlertMutations, SecurityAlertQueries
from resolvers.wallet_definitions import WalletDefinitionMutations, WalletDefinitionQueries
from resolvers.wallets import WalletMutations, WalletQueries
from schema.scalars import SCALARS

PATH = "/graphql"
QUERIES = (
    AccountQueries,
    FlowQueries,
    ExecutionQueries,
    OrderQueries,
    PositionQueries,
    PortfolioQueries,
    WalletQueries,
    WalletDefinitionQueries,
    CredentialQueries,
    PaperFaultQueries,
    RiskQueries,
    PlanQueries,
    SecurityAlertQueries,
    NotificationQueries,
    MarketQueries,
    PriceAlertQueries,
    DeviceQueries,
    RoleQueries,
    ApiKeyQueries,
    AuditQueries,
    ErrorQueries,
    RateLimitQueries,
)
MUTATIONS = (
    AccountMutations,
    FlowMutations,
    ExecutionMutations,
    OrderMutations,
    PositionMutations,
    WalletMutations,
    WalletDefinitionMutations,
    CredentialMutations,
    PortfolioMutations,
    PaperFaultMutations,
    RiskMutations,
    PlanMutations,
    NotificationMutations,
    RoleMutations,
    ApiKeyMutations,
    SecurityAlertMutations,
    PriceAlertMutations,
    DeviceMutations,
)
SUBSCRIPTIONS = (
    ExecutionSubscriptions,
    OrderSubscriptions,
    PositionSubscriptions,
    NotificationSubscriptions,
    MarketSubscriptions,
    DeviceSubscriptions,
    RiskSubscriptions,
)

SCHEMA = strawberry.Schema(
    merge_types("Query", QUERIES),
    merge_types("Mutation", MUTATIONS),
    merge_types("Subscription", SUBSCRIPTIONS),
    config=StrawberryConfig(scalar_map=SCALARS),
)


def graphql_routes(runtime: Callable[[], Runtime], settings: Settings) -> list[BaseRoute]:
    """Return the routes of `/graphql`; two, since a mount would answer at `/graphql/` only."""
    engine = Engine(SCHEMA, settings)
    return [Route(PATH, GraphQLOverHTTP(engine, runtime)), WebSocketRoute(PATH, GraphQLOverWebSocket(engine, runtime))]


def print_schema() -> str:
    """Return the schema in GraphQL's own language, as `schema/schema.graphql` holds it."""
    return printed(SCHEMA).rstrip() + "\n"
