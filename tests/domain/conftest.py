"""Ada, Bob and an administrator, for the domains that need nobody else."""

import pytest

from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.builders import operation_of_new_user


@pytest.fixture
async def ada(runtime: Runtime) -> Operation:
    return await operation_of_new_user(runtime)


@pytest.fixture
async def bob(runtime: Runtime) -> Operation:
    return await operation_of_new_user(runtime)


@pytest.fixture
async def admin(runtime: Runtime) -> Operation:
    return await operation_of_new_user(runtime, role="admin")
