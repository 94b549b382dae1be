"""The desk on which trading tests work, and the wire of an exchange; after each test all books must agree."""

from collections.abc import AsyncIterator

import pytest

from domain.kernel.clock import ManualClock
from domain.runtime.runtime import Runtime
from tests.domain.exchanges.conformance import CcxtStand, binance_stand, kraken_stand
from tests.domain.exchanges.wire.guard import stay_on_loopback
from tests.domain.trading.desk import Desk, assert_books_agree, open_desk


@pytest.fixture
async def desk(runtime: Runtime, clock: ManualClock) -> AsyncIterator[Desk]:
    yield await open_desk(runtime, clock)
    await assert_books_agree(runtime)


@pytest.fixture(params=["binance", "kraken"])
async def stand(
    request: pytest.FixtureRequest, desk: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CcxtStand]:
    if not desk.runtime.database.is_sqlite:
        pytest.skip("PostgreSQL: the guard would have to know its address, and nothing here depends on the database")
    refused = stay_on_loopback(monkeypatch)
    stand = binance_stand(clock) if request.param == "binance" else kraken_stand(clock)
    await stand.open()
    stand.price("50000")
    desk.connect(stand.venue)
    yield stand
    await stand.close()
    assert refused == []
