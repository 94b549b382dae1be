"""The GraphQL door as a client sees it: the real application on a real runtime, with a market that does as it is told."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from domain.composition import provide_trading
from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.market.market import Market
from domain.runtime.runtime import Runtime
from tests.accounts import bearer, provide_accounts
from tests.builders import make_trader
from tests.graphql_client import GraphQLClient, graphql_app
from tests.market_script import ScriptedSource
from tests.serving import served


@pytest.fixture
def source(clock: ManualClock) -> ScriptedSource:
    return ScriptedSource(clock)


@pytest.fixture
def app(runtime: Runtime, source: ScriptedSource) -> Starlette:
    provide_accounts(runtime)
    runtime.provide(Market, Market(source, wall=lambda: float("inf")))
    provide_trading(runtime)
    return graphql_app(runtime)


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tradewind") as client:
        yield client


@pytest.fixture
def nobody(client: httpx.AsyncClient) -> GraphQLClient:
    return GraphQLClient(client)


@pytest.fixture
async def trader(app: Starlette, runtime: Runtime) -> Caller:
    return await make_trader(runtime)


@pytest.fixture
async def ada(client: httpx.AsyncClient, runtime: Runtime, trader: Caller) -> GraphQLClient:
    """A user with a paper wallet."""
    return GraphQLClient(client, await bearer(runtime, trader))


@pytest.fixture
async def bob(client: httpx.AsyncClient, runtime: Runtime, app: Starlette) -> GraphQLClient:
    """Somebody else."""
    return GraphQLClient(client, await bearer(runtime, await make_trader(runtime)))


@pytest.fixture
async def port(app: Starlette) -> AsyncIterator[int]:
    """The port of a real server."""
    async with served(app) as port:
        yield port
