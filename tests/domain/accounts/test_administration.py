import pytest

from domain.accounts import administration
from domain.accounts.identity import caller_of
from domain.accounts.models import User
from domain.accounts.profile import ProfileChanges
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Caller
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.accounts import nobody, provide_accounts, tokens_of
from tests.builders import make_user
from tests.databases import both_databases


@pytest.fixture
async def admin(runtime: Runtime) -> Operation:
    provide_accounts(runtime)
    return runtime.operation(await make_user(runtime, role="admin"), door="test")


@pytest.fixture
async def root(runtime: Runtime) -> Caller:
    caller = await make_user(runtime, role="admin")
    async with runtime.operation().unit_of_work() as work:
        (await work.session.get_one(User, caller.id)).is_superuser = True
    return caller


@both_databases
async def test_deleted_user_is_out_at_once_and_not_listed(runtime: Runtime, admin: Operation) -> None:
    ada = await make_user(runtime)
    tokens = await tokens_of(runtime, ada)
    session_id = (await caller_of(nobody(runtime), tokens.access_token)).session_id
    async with runtime.bus.subscribe(f"session:{session_id}") as bell:
        async with admin.unit_of_work() as work:
            await administration.delete_user(work, ada.id)
        assert await bell.wait(1)
    with pytest.raises(DomainError, match="User not found"):
        await caller_of(nobody(runtime), tokens.access_token)
    async with admin.reading() as work:
        page = await administration.list_users(work)
        assert ([user.id for user in page.items], page.total) == ([admin.caller.id], 1)
    for verb in (administration.get_user, administration.delete_user):
        with pytest.raises(DomainError) as refusal:
            async with admin.unit_of_work() as work:
                await verb(work, ada.id)
        assert refusal.value.code is ErrorCode.NOT_FOUND


async def test_profile_of_another_is_changed_and_nothing_else(runtime: Runtime, admin: Operation) -> None:
    ada = await make_user(runtime)
    async with admin.unit_of_work() as work:
        changed = await administration.update_user(work, ada.id, ProfileChanges(first_name=" Augusta "))
    assert (changed.first_name, changed.last_name, changed.role, changed.email) == ("Augusta", "Lovelace", "user", ada.email)
    assert changed.updated_at == runtime.clock.now()


async def test_admin_does_not_reach_superusers(runtime: Runtime, admin: Operation, root: Caller) -> None:
    with pytest.raises(DomainError) as refusal:
        async with admin.unit_of_work() as work:
            await administration.delete_user(work, root.id)
    assert refusal.value.code is ErrorCode.FORBIDDEN
    with pytest.raises(DomainError):
        async with admin.unit_of_work() as work:
            await administration.update_user(work, root.id, ProfileChanges(first_name="Eve"))
    async with admin.reading() as work:
        assert (await administration.get_user(work, root.id)).first_name == "Ada"
