"""The REST doors as a client sees them: the real application on a real runtime."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from domain.composition import provide_trading
from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Caller
from domain.market.market import Market
from domain.runtime.runtime import Runtime
from resolvers.http import http_middleware
from resolvers.rest.routes import outside_refusal, rest_routes
from tests.accounts import bearer, provide_accounts
from tests.builders import make_trader
from tests.market_script import ScriptedSource


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of nobody; `tests.accounts.bearer` makes the header that says who asks."""
    provide_accounts(runtime)
    app = Starlette(
        routes=rest_routes(lambda: runtime),
        middleware=http_middleware(runtime.settings),
        exception_handlers={HTTPException: outside_refusal},
    )
    app.router.redirect_slashes = False
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tradewind") as client:
        yield client


@pytest.fixture
def source(runtime: Runtime, clock: ManualClock) -> ScriptedSource:
    """A market that does as it is told, and the desk that trades on it."""
    source = ScriptedSource(clock)
    runtime.provide(Market, Market(source, wall=lambda: float("inf")))
    provide_trading(runtime)
    return source


@pytest.fixture
async def trader(runtime: Runtime, source: ScriptedSource) -> Caller:
    return await make_trader(runtime)


@pytest.fixture
async def ada(client: httpx.AsyncClient, runtime: Runtime, trader: Caller) -> httpx.AsyncClient:
    """The client, in the name of a user with a paper wallet."""
    client.headers.update(await bearer(runtime, trader))
    return client


@pytest.fixture
async def bob(runtime: Runtime, source: ScriptedSource) -> dict[str, str]:
    """The header of somebody else."""
    return await bearer(runtime, await make_trader(runtime))
