import pytest

from domain.composition import provide_notifications, provide_trading
from domain.kernel.clock import ManualClock
from domain.market.market import Market
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.builders import make_trader, make_user
from tests.market_script import ScriptedSource


@pytest.fixture
async def house(runtime: Runtime, clock: ManualClock) -> Runtime:
    """The runtime with what wallets need: the paper venue, and a key ring."""
    runtime.provide(Market, Market(ScriptedSource(clock)))
    provide_trading(runtime)
    provide_notifications(runtime)
    return runtime


@pytest.fixture
async def ada(house: Runtime) -> Operation:
    return house.operation(await make_trader(house), door="test")


@pytest.fixture
async def bob(house: Runtime) -> Operation:
    return house.operation(await make_trader(house), door="test")


@pytest.fixture
async def admin(house: Runtime) -> Operation:
    return house.operation(await make_user(house, role="admin"), door="test")
