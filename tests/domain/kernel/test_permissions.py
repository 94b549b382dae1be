from dataclasses import dataclass

import pytest

from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import ANONYMOUS, SYSTEM, Caller, Permission, requires, requires_session, requires_superuser


@dataclass
class Work:
    caller: Caller


@requires(Permission.FLOWS_RUN)
async def run(work: Work, flow_id: str) -> str:
    return flow_id


@requires(Permission.API_KEYS_WRITE, session=True)
async def make_key(work: Work) -> str:
    return "made"


@requires_session
async def log_out(work: Work) -> str:
    return "out"


@requires_superuser
async def make_role(work: Work) -> str:
    return "made"


RUNNER = Caller(user_id="user_1", role="user", permissions=frozenset({"flows:run", "custom:thing"}))
ROOT = Caller(user_id="user_2", is_superuser=True)
KEY = Caller(user_id="user_1", permissions=frozenset(Permission), api_key_id="key_1")


async def test_service_runs_for_whoever_has_the_permission() -> None:
    for allowed in (RUNNER, SYSTEM, ROOT, KEY):
        assert await run(Work(allowed), "flow_1") == "flow_1"


READER = Caller(user_id="user_1", role="viewer", permissions=frozenset({"flows:read"}))
HOMELESS = Caller(user_id="user_1", no_rights="User role not found")


@pytest.mark.parametrize(
    ("who", "code", "sentence"),
    [
        (ANONYMOUS, ErrorCode.UNAUTHORIZED, "Not authenticated"),
        (READER, ErrorCode.FORBIDDEN, "Insufficient permissions. Required: flows:run"),
        (HOMELESS, ErrorCode.FORBIDDEN, "User role not found"),
    ],
)
async def test_service_refuses_everybody_else(who: Caller, code: ErrorCode, sentence: str) -> None:
    with pytest.raises(DomainError) as refusal:
        await run(Work(who), "flow_1")
    assert (refusal.value.code, refusal.value.message) == (code, sentence)


async def test_what_guards_the_account_needs_a_log_in_and_no_right() -> None:
    for allowed in (READER, HOMELESS, ROOT, SYSTEM):
        assert await log_out(Work(allowed)) == "out"
    for service in (log_out, make_key):
        for who, code in ((KEY, ErrorCode.SESSION_REQUIRED), (ANONYMOUS, ErrorCode.UNAUTHORIZED)):
            with pytest.raises(DomainError) as refusal:
                await service(Work(who))
            assert refusal.value.code is code
    with pytest.raises(DomainError, match="Required: api_keys:write"):
        await make_key(Work(READER))


async def test_superusers_alone_do_what_is_theirs() -> None:
    for allowed in (ROOT, SYSTEM):
        assert await make_role(Work(allowed)) == "made"
    for who, sentence in ((ANONYMOUS, "Not authenticated"), (RUNNER, "Superuser access required"), (KEY, "Superuser access required")):
        with pytest.raises(DomainError, match=sentence):
            await make_role(Work(who))


def test_permissions_stand_in_alphabetical_order() -> None:
    values = [permission.value for permission in Permission]
    assert values == sorted(values)
