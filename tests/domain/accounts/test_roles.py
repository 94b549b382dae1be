import asyncio
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select, text

from domain.accounts import administration, assigning, permissions, roles, service
from domain.accounts.identity import caller_of
from domain.accounts.models import PermissionRow, Role, User
from domain.accounts.permissions import NewPermission, PermissionChanges
from domain.accounts.profile import ProfileChanges
from domain.accounts.roles import NewRole, RoleChanges
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Caller, Permission
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from migrations.permissions import add_permission
from tests.accounts import nobody, provide_accounts, tokens_of
from tests.builders import make_user
from tests.databases import both_databases
from tests.refusals import code_of

OWN = {"profile:read", "profile:write", "api_keys:read", "api_keys:write", "notifications:read", "notifications:write"}
OWN |= {"plans:read", "user_plans:read", "user_plans:write"}
LOOKING = {"flows:read", "executions:read", "orders:read", "positions:read", "wallets:read", "risk_rules:read"}
TRADING = LOOKING | {"flows:write", "flows:run", "executions:delete", "analysts:use", "orders:write", "positions:write", "risk_rules:write"}
WALLETS = {"user_wallets:write", "credentials:write"}
DEFAULTS = {
    "admin": {permission.value for permission in Permission},
    "user": OWN | TRADING | WALLETS | {"market:read", "price_alerts:write", "devices:read", "devices:write", "analytics:read"},
    "viewer": {name for name in OWN if name.endswith(":read")} | LOOKING | {"market:read", "devices:read", "analytics:read"},
    "trader": OWN | TRADING | WALLETS | {"market:read", "price_alerts:write", "analytics:read"},
    "analyst": OWN | LOOKING | {"market:read", "price_alerts:write", "analytics:read", "analytics:write"},
    "risk_manager": OWN | LOOKING | {"market:read", "price_alerts:write", "analytics:read", "analytics:write"},
    "compliance_officer": OWN | LOOKING | {"audit:read", "security_alerts:read", "analytics:read"},
    "device_operator": OWN | {"devices:read", "devices:write"},
}


@pytest.fixture
async def root(runtime: Runtime) -> Operation:
    """A superuser; the only admin there is."""
    provide_accounts(runtime)
    caller = await make_user(runtime, "root@example.com", role="user")
    async with runtime.operation().unit_of_work() as work:
        (await work.session.get_one(User, caller.id)).is_superuser = True
    return await now(runtime, caller)


async def now(runtime: Runtime, someone: Caller) -> Operation:
    """Return an operation of somebody with the rights that a request made at this moment has."""
    return runtime.operation(await caller_of(nobody(runtime), (await tokens_of(runtime, someone)).access_token), door="test")


async def refused(runtime: Runtime, someone: Caller) -> str:
    """Return the sentence with which somebody's profile change is refused now."""
    operation = await now(runtime, someone)
    with pytest.raises(DomainError) as refusal:
        async with operation.unit_of_work() as work:
            await service.update_me(work, ProfileChanges(first_name="Eve"))
    assert refusal.value.code is ErrorCode.FORBIDDEN
    return refusal.value.message


async def role_id(operation: Operation, name: str) -> str:
    async with operation.reading() as work:
        found = await work.session.scalar(select(Role.id).where(Role.name == name, Role.deleted_at.is_(None)))
    assert found is not None
    return found


async def permission_id(operation: Operation, name: str) -> str:
    resource, action = name.split(":")
    async with operation.reading() as work:
        query = select(PermissionRow.id).where(PermissionRow.resource == resource, PermissionRow.action == action)
        found = await work.session.scalar(query.where(PermissionRow.deleted_at.is_(None)))
    assert found is not None
    return found


@both_databases
async def test_every_permission_that_services_ask_for_is_a_row(runtime: Runtime) -> None:
    """When this fails, a migration is missing: see `migrations/permissions.py`."""
    async with runtime.operation().reading() as work:
        rows = (await work.session.scalars(select(PermissionRow))).all()
    assert sorted(row.name for row in rows) == [permission.value for permission in Permission]


@pytest.mark.parametrize("role", DEFAULTS)
async def test_role_begins_with_what_the_documents_give_it(runtime: Runtime, role: str) -> None:
    assert (await make_user(runtime, role=role)).permissions == DEFAULTS[role]


def test_viewer_reads_and_nothing_else() -> None:
    assert {name.partition(":")[2] for name in DEFAULTS["viewer"]} == {"read"}


@both_databases
async def test_change_of_a_role_is_felt_on_the_next_request(runtime: Runtime, root: Operation) -> None:
    ada = await make_user(runtime, role="trader")
    tokens = await tokens_of(runtime, ada)
    before = await caller_of(nobody(runtime), tokens.access_token)
    async with runtime.bus.subscribe(f"session:{before.session_id}") as bell:
        async with root.unit_of_work() as work:
            changes = RoleChanges(name=" dealer ", permissions=["orders:read", await permission_id(root, "flows:read")])
            record = await roles.update_role(work, await role_id(root, "trader"), changes)
        assert await bell.wait(1)
    assert (record.role.name, len(record.permission_ids), record.role.updated_at) == ("dealer", 2, runtime.clock.now())
    after = await caller_of(nobody(runtime), tokens.access_token)
    assert after.role == "dealer"
    assert after.permissions == {"orders:read", "flows:read"}
    async with root.unit_of_work() as work:
        record = await roles.update_role(work, record.role.id, RoleChanges(permissions=[]))
    assert list(record.permission_ids) == []
    assert await refused(runtime, ada) == "Insufficient permissions"


@both_databases
async def test_members_of_a_deleted_role_may_do_nothing(runtime: Runtime, root: Operation) -> None:
    ada = await make_user(runtime, role="trader")
    trader = await role_id(root, "trader")
    async with root.unit_of_work() as work:
        await roles.delete_role(work, trader)
    assert await refused(runtime, ada) == "User role not found"
    async with root.unit_of_work() as work:
        again = await roles.create_role(work, NewRole("trader", "Another one.", ["profile:write"]))
    assert await refused(runtime, ada) == "User role not found"
    async with root.unit_of_work() as work:
        await assigning.assign_role(work, ada.id, again.role.id)
    assert (await now(runtime, ada)).caller.permissions == {"profile:write"}
    async with root.unit_of_work() as work:
        (await work.session.get_one(User, ada.id)).role_id = None
    assert await refused(runtime, ada) == "User has no role assigned"
    assert await code_of(_deleted(root, trader)) is ErrorCode.NOT_FOUND


@both_databases
async def test_deleted_permission_counts_no_longer(runtime: Runtime, root: Operation) -> None:
    ada = await make_user(runtime)
    orders = await permission_id(root, "orders:write")
    async with root.unit_of_work() as work:
        await permissions.delete_permission(work, orders)
    assert (await now(runtime, ada)).caller.permissions == DEFAULTS["user"] - {"orders:write"}
    async with root.reading() as work:
        record = await roles.get_role(work, await role_id(root, "user"))
        assert orders not in record.permission_ids
        assert len(record.permission_ids) == len(DEFAULTS["user"]) - 1
    async with root.unit_of_work() as work:
        again = await permissions.create_permission(work, NewPermission("Orders", "WRITE", "As before."))
    assert (again.name, again.id != orders) == ("orders:write", True)
    assert not (await now(runtime, ada)).caller.may(Permission.ORDERS_WRITE)


@both_databases
async def test_names_are_taken_once(runtime: Runtime, root: Operation) -> None:
    async with root.unit_of_work() as work:
        custom = await permissions.create_permission(work, NewPermission("wiki", "edit", "Edits the wiki."))
        await roles.create_role(work, NewRole("editor", "Edits.", ["wiki:edit"]))
    assert await code_of(_made(root, NewRole(" editor ", "Edits too."))) is ErrorCode.ROLE_NAME_TAKEN
    assert await code_of(_made(root, NewRole("x", "y", ["wiki:edit", "wiki:burn"]))) is ErrorCode.UNKNOWN_PERMISSION
    assert await code_of(_permission(root, NewPermission("WIKI", "Edit", "Again."))) is ErrorCode.PERMISSION_EXISTS
    editor = await make_user(runtime, role="editor")
    assert editor.permissions == {"wiki:edit"}
    async with root.unit_of_work() as work:
        row = await permissions.update_permission(work, custom.id, PermissionChanges("In other words."))
        assert (row.name, row.description) == ("wiki:edit", "In other words.")
    async with root.reading() as work:
        page = await permissions.list_permissions(work, limit=100)
        assert (page.total, page.items[-1].name) == (len(Permission) + 1, "wiki:edit")
        assert (await roles.list_roles(work)).total == len(DEFAULTS) + 1


@pytest.mark.parametrize("name", ["admin", "user"])
async def test_roles_that_the_server_counts_on_stay(runtime: Runtime, root: Operation, name: str) -> None:
    id = await role_id(root, name)
    assert await code_of(_deleted(root, id)) is ErrorCode.ROLE_PROTECTED
    assert await code_of(_changed(root, id, RoleChanges(name="other"))) is ErrorCode.ROLE_PROTECTED
    async with root.unit_of_work() as work:
        record = await roles.update_role(work, id, RoleChanges(name=name, description="Still there."))
    assert (record.role.name, record.role.description) == (name, "Still there.")


async def test_superusers_alone_reach_roles_and_permissions(runtime: Runtime, root: Operation) -> None:
    admin = runtime.operation(await make_user(runtime, role="admin"), door="test")
    for call in (_made(admin, NewRole("x", "y")), _permission(admin, NewPermission("x", "y", "z")), _deleted(admin, "role_1")):
        with pytest.raises(DomainError, match="Superuser access required"):
            await call
    async with root.reading() as work:
        assert await work.session.scalar(select(func.count()).select_from(Role)) == len(DEFAULTS)


class TestGiving:
    async def test_nobody_gives_what_they_do_not_hold(self, runtime: Runtime, root: Operation) -> None:
        async with root.unit_of_work() as work:
            await roles.create_role(work, NewRole("steward", "Gives roles.", ["rights:write", "users:write", *DEFAULTS["viewer"]]))
        steward = runtime.operation(await make_user(runtime, role="steward"), door="test")
        ada = await make_user(runtime)
        async with steward.unit_of_work() as work:
            assert (await assigning.assign_role(work, ada.id, "viewer")).role == "viewer"
        with pytest.raises(DomainError, match="Nobody gives what they do not hold themselves: analysts:use"):
            await _assigned(steward, ada.id, "user")
        assert await code_of(_assigned(steward, steward.caller.id, "admin")) is ErrorCode.FORBIDDEN
        assert await code_of(_assigned(steward, root.caller.id, "viewer")) is ErrorCode.FORBIDDEN
        assert await code_of(_assigned(steward, ada.id, "emperor")) is ErrorCode.VALIDATION_ERROR
        assert await code_of(_assigned(steward, "user_x", "viewer")) is ErrorCode.NOT_FOUND
        eve = service.register(steward, "eve@example.com", "nanosecond wire", "Eve", role="trader")
        assert await code_of(eve) is ErrorCode.FORBIDDEN
        assert (await now(runtime, ada)).caller.role == "viewer"
        assert await code_of(_assigned(runtime.operation(ada, door="test"), ada.id, "viewer")) is ErrorCode.FORBIDDEN

    async def test_account_that_is_off_gets_nowhere_until_it_is_on(self, runtime: Runtime, root: Operation) -> None:
        ada = await make_user(runtime)
        tokens = await tokens_of(runtime, ada)
        async with root.unit_of_work() as work:
            assert not (await administration.set_user_active(work, ada.id, active=False)).is_active
        with pytest.raises(DomainError, match="Account is inactive"):
            await caller_of(nobody(runtime), tokens.access_token)
        async with root.unit_of_work() as work:
            await administration.set_user_active(work, ada.id, active=True)
        assert (await caller_of(nobody(runtime), tokens.access_token)).user_id == ada.id


class TestLastAdmin:
    """Whatever would leave nobody who may give rights is refused and changes nothing."""

    @pytest.fixture
    async def admin(self, runtime: Runtime) -> Operation:
        provide_accounts(runtime)
        return runtime.operation(await make_user(runtime, role="admin"), door="test")

    @both_databases
    async def test_the_only_admin_stays_one(self, runtime: Runtime, admin: Operation) -> None:
        system, me = runtime.operation(), admin.caller.id
        rights, admins = await permission_id(system, "rights:write"), await role_id(system, "admin")
        calls = [
            _assigned(admin, me, "user"),
            _switched(admin, me),
            _gone(admin, me),
            _left(admin),
            _changed(system, admins, RoleChanges(permissions=["users:write"])),
            _forbidden(system, rights),
        ]
        for call in calls:
            assert await code_of(call) is ErrorCode.LAST_ADMIN
        still = (await now(runtime, admin.caller)).caller
        assert still.role == "admin"
        assert still.permissions == DEFAULTS["admin"]
        await make_user(runtime, role="admin")
        await _assigned(admin, me, "user")
        assert (await now(runtime, admin.caller)).caller.role == "user"

    async def test_where_nobody_was_admin_everybody_may_leave(self, runtime: Runtime) -> None:
        provide_accounts(runtime)
        await _left(runtime.operation(await make_user(runtime), door="test"))

    @both_databases
    async def test_of_two_who_demote_each_other_one_succeeds(self, runtime: Runtime, admin: Operation) -> None:
        other = runtime.operation(await make_user(runtime, role="admin"), door="test")
        outcomes = await asyncio.gather(
            _assigned(admin, other.caller.id, "user"), _assigned(other, admin.caller.id, "user"), return_exceptions=True
        )
        refusals = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert [refusal.code for refusal in refusals if isinstance(refusal, DomainError)] == [ErrorCode.LAST_ADMIN]
        assert len(refusals) == 1


async def test_later_migration_adds_a_permission_to_a_database_in_use(tmp_path: Path, sqlite_url: str) -> None:
    engine = create_engine(sqlite_url.replace("+aiosqlite", ""))
    with engine.begin() as connection:
        for _ in range(2):
            add_permission(connection, "perm_new", "wiki:edit", "Edits the wiki.", roles=["viewer", "nobody"])
        linked = "SELECT roles.name FROM roles JOIN role_permissions ON role_id = roles.id WHERE permission_id = 'perm_new' ORDER BY 1"
        assert [row[0] for row in connection.execute(text(linked))] == ["admin", "viewer"]
    engine.dispose()


async def _assigned(operation: Operation, user_id: str, role: str) -> None:
    async with operation.unit_of_work() as work:
        await assigning.assign_role(work, user_id, role)


async def _switched(operation: Operation, user_id: str) -> None:
    async with operation.unit_of_work() as work:
        await administration.set_user_active(work, user_id, active=False)


async def _gone(operation: Operation, user_id: str) -> None:
    async with operation.unit_of_work() as work:
        await administration.delete_user(work, user_id)


async def _left(operation: Operation) -> None:
    async with operation.unit_of_work() as work:
        await service.delete_me(work)


async def _made(operation: Operation, body: NewRole) -> None:
    async with operation.unit_of_work() as work:
        await roles.create_role(work, body)


async def _changed(operation: Operation, id: str, body: RoleChanges) -> None:
    async with operation.unit_of_work() as work:
        await roles.update_role(work, id, body)


async def _deleted(operation: Operation, id: str) -> None:
    async with operation.unit_of_work() as work:
        await roles.delete_role(work, id)


async def _permission(operation: Operation, body: NewPermission) -> None:
    async with operation.unit_of_work() as work:
        await permissions.create_permission(work, body)


async def _forbidden(operation: Operation, id: str) -> None:
    async with operation.unit_of_work() as work:
        await permissions.delete_permission(work, id)
