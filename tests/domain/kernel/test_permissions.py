from dataclasses import dataclass

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import ANONYMOUS, ROLE_PERMISSIONS, SYSTEM, Caller, Permission, requires


@dataclass
class Work:
    caller: Caller


@requires(Permission.FLOWS_RUN)
async def run(work: Work, flow_id: str) -> str:
    return flow_id


def caller(role: str) -> Caller:
    return Caller(user_id="user_1", role=role, permissions=ROLE_PERMISSIONS[role])


async def test_service_runs_for_whoever_has_the_permission() -> None:
    for allowed in (caller("user"), caller("admin"), SYSTEM, Caller(user_id="user_2", is_superuser=True)):
        assert await run(Work(allowed), "flow_1") == "flow_1"


@pytest.mark.parametrize(("who", "code"), [(ANONYMOUS, ErrorCode.UNAUTHORIZED), (caller("viewer"), ErrorCode.FORBIDDEN)])
async def test_service_refuses_everybody_else(who: Caller, code: ErrorCode) -> None:
    with pytest.raises(DomainError) as refusal:
        await run(Work(who), "flow_1")
    assert refusal.value.code is code


def test_viewer_reads_everything_of_its_own_and_changes_nothing() -> None:
    assert all(permission.value.endswith(":read") for permission in ROLE_PERMISSIONS["viewer"])
    assert Permission.ORDERS_READ in ROLE_PERMISSIONS["viewer"]
    assert Permission.USERS_READ not in ROLE_PERMISSIONS["viewer"]


def test_permissions_stand_in_alphabetical_order() -> None:
    values = [permission.value for permission in Permission]
    assert values == sorted(values)
