"""The REST doors as a client sees them: the real application on a real runtime."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from domain.runtime.runtime import Runtime
from resolvers.http import http_middleware
from resolvers.rest.routes import rest_routes
from tests.accounts import provide_accounts


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of nobody; `tests.accounts.bearer` makes the header that says who asks."""
    provide_accounts(runtime)
    app = Starlette(routes=rest_routes(lambda: runtime), middleware=http_middleware(runtime.settings))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tradewind") as client:
        yield client
