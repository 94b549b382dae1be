"""The desk on which trading tests work; after each test all books must agree."""

from collections.abc import AsyncIterator

import pytest

from domain.kernel.clock import ManualClock
from domain.runtime.runtime import Runtime
from tests.domain.trading.desk import Desk, assert_books_agree, open_desk


@pytest.fixture
async def desk(runtime: Runtime, clock: ManualClock) -> AsyncIterator[Desk]:
    yield await open_desk(runtime, clock)
    await assert_books_agree(runtime)
