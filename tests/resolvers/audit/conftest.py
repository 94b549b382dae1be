"""All doors of the real application, and a user who may do everything."""

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import update
from starlette.applications import Starlette

from domain.accounts import service as accounts
from domain.accounts.models import User
from domain.accounts.rights import caller_from, rights_of, role_named
from domain.composition import provide_trading
from domain.kernel.clock import ManualClock
from domain.market.market import Market
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from resolvers.graphql import graphql_routes
from resolvers.http import http_middleware
from resolvers.rest.routes import rest_routes
from tests.accounts import ADA, nobody, provide_accounts
from tests.market_script import ScriptedSource


@pytest.fixture
async def ada(runtime: Runtime, clock: ManualClock) -> Operation:
    """Ada, with a password, a paper wallet and every permission."""
    provide_accounts(runtime)
    runtime.provide(Market, Market(ScriptedSource(clock), wall=lambda: float("inf")))
    provide_trading(runtime)
    user = await accounts.register(nobody(runtime), **ADA)
    async with runtime.operation().unit_of_work() as work:
        role = await role_named(work, "admin")
        await work.session.execute(update(User).where(User.id == user.id).values(role_id=role.id, is_superuser=True))
        rights = await rights_of(work, user.id)
        user = await work.session.get_one(User, user.id, populate_existing=True)
        caller = caller_from(user, rights)
    return runtime.operation(caller, door="test")


@pytest.fixture
async def client(runtime: Runtime, ada: Operation) -> AsyncIterator[httpx.AsyncClient]:
    routes = [*graphql_routes(lambda: runtime, runtime.settings), *rest_routes(lambda: runtime)]
    app = Starlette(routes=routes, middleware=http_middleware(runtime.settings))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=("192.0.2.7", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://tradewind", headers={"User-Agent": "tests"}) as client:
        yield client
