import pytest

from domain.composition import provide_notifications
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.accounts import provide_accounts
from tests.builders import operation_of_new_user
from tests.domain.notifications.receiver import allow_loopback


@pytest.fixture
async def told(runtime: Runtime) -> Runtime:
    """The runtime, with reactions in place and webhooks that may call this machine."""
    provide_accounts(runtime)
    provide_notifications(runtime)
    allow_loopback(runtime)
    return runtime


@pytest.fixture
async def ada(told: Runtime) -> Operation:
    return await operation_of_new_user(told)


@pytest.fixture
async def bob(told: Runtime) -> Operation:
    return await operation_of_new_user(told)
