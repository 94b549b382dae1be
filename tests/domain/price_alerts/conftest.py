import pytest

from domain.kernel.clock import ManualClock
from domain.market.market import Market
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.builders import operation_of_new_user
from tests.market_script import ScriptedSource


@pytest.fixture
def source(runtime: Runtime, clock: ManualClock) -> ScriptedSource:
    """A market at 50,000 that does as it is told, and never remembers a price."""
    source = ScriptedSource(clock)
    runtime.provide(Market, Market(source, wall=iter(range(10**9)).__next__))
    return source


@pytest.fixture
async def ada(runtime: Runtime, source: ScriptedSource) -> Operation:
    return await operation_of_new_user(runtime)


@pytest.fixture
async def bob(runtime: Runtime, source: ScriptedSource) -> Operation:
    return await operation_of_new_user(runtime)
