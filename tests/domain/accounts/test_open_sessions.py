import pytest

from domain.accounts import open_sessions, service
from domain.accounts.identity import caller_of
from domain.accounts.models import User
from domain.accounts.sessions import Tokens
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import ANONYMOUS
from domain.runtime.keyset import PageRequest
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.accounts import ADA, nobody, provide_accounts, tokens_of
from tests.builders import make_user
from tests.databases import both_databases


@pytest.fixture(autouse=True)
def parts(runtime: Runtime) -> None:
    provide_accounts(runtime)


@pytest.fixture
async def ada(runtime: Runtime) -> User:
    return await service.register(nobody(runtime), **ADA)


async def log_in(runtime: Runtime, program: str = "curl/8", ip: str = "192.0.2.7") -> Tokens:
    return await service.log_in(runtime.operation(ANONYMOUS, door="test", ip=ip, user_agent=program), ADA["email"], ADA["password"])


async def operation_of(runtime: Runtime, tokens: Tokens) -> Operation:
    return nobody(runtime).on_behalf_of(await caller_of(nobody(runtime), tokens.access_token))


async def is_alive(runtime: Runtime, tokens: Tokens) -> bool:
    try:
        await caller_of(nobody(runtime), tokens.access_token)
    except DomainError as refusal:
        return refusal.code is not ErrorCode.TOKEN_REVOKED
    return True


@both_databases
async def test_list_tells_where_and_when_and_which_is_this_one(runtime: Runtime, ada: User, clock: ManualClock) -> None:
    began = clock.now()
    phone = await log_in(runtime, "TradewindApp/3", "198.51.100.9")
    clock.advance(minutes=10)
    browser = await log_in(runtime, "Firefox")
    clock.advance(minutes=10)
    await service.refresh(nobody(runtime), phone.refresh_token)
    async with (await operation_of(runtime, browser)).reading() as work:
        page = await open_sessions.list_sessions(work)
        first = await open_sessions.page_of_sessions(work, PageRequest(size=1, want_total=True))
    newer, older = page.items
    assert page.total == 2
    assert (newer.user_agent, newer.ip, newer.is_current) == ("Firefox", "192.0.2.7", True)
    assert (older.user_agent, older.ip, older.is_current) == ("TradewindApp/3", "198.51.100.9", False)
    assert (older.created_at, older.last_seen_at) == (began, clock.now())
    assert (list(first.items), first.has_next, first.total) == ([newer], True, 2)


async def test_ended_and_expired_sessions_are_not_listed(runtime: Runtime, ada: User, clock: ManualClock) -> None:
    await log_in(runtime)
    clock.advance(days=7)
    over, here = await log_in(runtime), await log_in(runtime)
    async with (await operation_of(runtime, over)).unit_of_work() as work:
        await service.log_out(work)
    operation = await operation_of(runtime, here)
    async with operation.reading() as work:
        assert [session.id for session in (await open_sessions.list_sessions(work)).items] == [operation.caller.session_id]


@both_databases
async def test_revoked_session_is_over_and_its_sockets_are_woken(runtime: Runtime, ada: User) -> None:
    here, stolen = await log_in(runtime), await log_in(runtime)
    stolen_id = str((await operation_of(runtime, stolen)).caller.session_id)
    async with runtime.bus.subscribe(f"session:{stolen_id}") as bell:
        async with (await operation_of(runtime, here)).unit_of_work() as work:
            await open_sessions.revoke_session(work, stolen_id)
        assert await bell.wait(1)
    assert (await is_alive(runtime, here), await is_alive(runtime, stolen)) == (True, False)
    with pytest.raises(DomainError) as refusal:
        await service.refresh(nobody(runtime), stolen.refresh_token)
    assert refusal.value.code is ErrorCode.INVALID_REFRESH_TOKEN
    with pytest.raises(DomainError) as refusal:
        async with (await operation_of(runtime, here)).unit_of_work() as work:
            await open_sessions.revoke_session(work, stolen_id)
    assert refusal.value.code is ErrorCode.NOT_FOUND


async def test_somebody_elses_session_is_not_found(runtime: Runtime, ada: User) -> None:
    hers = await log_in(runtime)
    session_id = str((await operation_of(runtime, hers)).caller.session_id)
    eve = runtime.operation(await make_user(runtime), door="test")
    with pytest.raises(DomainError) as refusal:
        async with eve.unit_of_work() as work:
            await open_sessions.revoke_session(work, session_id)
    assert refusal.value.code is ErrorCode.NOT_FOUND
    assert await is_alive(runtime, hers)
    async with eve.reading() as work:
        assert (await open_sessions.list_sessions(work)).items == []


@both_databases
async def test_all_others_end_and_this_one_stays(runtime: Runtime, ada: User) -> None:
    here, *others = [await log_in(runtime) for _ in range(4)]
    async with (await operation_of(runtime, here)).unit_of_work() as work:
        assert await open_sessions.revoke_other_sessions(work) == 3
    assert [await is_alive(runtime, tokens) for tokens in (here, *others)] == [True, False, False, False]


async def test_viewer_sees_and_ends_what_it_does_not_recognise(runtime: Runtime) -> None:
    viewer = await make_user(runtime, role="viewer")
    here, _ = await tokens_of(runtime, viewer), await tokens_of(runtime, viewer)
    operation = await operation_of(runtime, here)
    async with operation.reading() as work:
        assert (await open_sessions.list_sessions(work)).total == 2
    async with operation.unit_of_work() as work:
        assert await open_sessions.revoke_other_sessions(work) == 1
