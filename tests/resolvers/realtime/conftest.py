"""The server under test and the two people who use it."""

from collections.abc import AsyncIterator

import pytest

from domain.runtime.runtime import Runtime
from tests.resolvers.realtime.live import Person, person, serving


@pytest.fixture
async def address(runtime: Runtime) -> AsyncIterator[str]:
    async with serving(runtime) as address:
        yield address


@pytest.fixture
async def ada(runtime: Runtime) -> Person:
    return await person(runtime)


@pytest.fixture
async def bob(runtime: Runtime) -> Person:
    return await person(runtime)
