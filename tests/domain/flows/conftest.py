"""A runtime with a scripted market, the paper venue and a user with money: what a run needs."""

import pytest

from domain.composition import provide_trading
from domain.kernel.clock import ManualClock
from domain.market.market import Market
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.builders import make_trader
from tests.market_script import ScriptedSource


@pytest.fixture
def source(clock: ManualClock) -> ScriptedSource:
    return ScriptedSource(clock)


@pytest.fixture
def trading(runtime: Runtime, source: ScriptedSource) -> Runtime:
    runtime.provide(Market, Market(source, wall=lambda: float("inf")))
    provide_trading(runtime)
    return runtime


@pytest.fixture
async def ada(trading: Runtime) -> Operation:
    return trading.operation(await make_trader(trading), door="test")
