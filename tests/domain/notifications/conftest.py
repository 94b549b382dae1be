import pytest

from domain.composition import provide_notifications
from domain.notifications import sender
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.accounts import provide_accounts
from tests.builders import operation_of_new_user
from tests.domain.notifications.receiver import allow_loopback


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test about anything but time waits as long as a busy machine needs."""
    monkeypatch.setattr(sender, "CONNECT_SECONDS", 60.0)
    monkeypatch.setattr(sender, "TOTAL_SECONDS", 60.0)


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
