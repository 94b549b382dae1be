import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from domain.accounts import administration, api_keys, assigning, links, open_sessions, service
from domain.accounts.api_keys import CreatedApiKey, NewApiKey
from domain.accounts.identity import caller_of
from domain.accounts.key_tokens import digest_of
from domain.accounts.models import ApiKey, User
from domain.accounts.parts import AccountParts
from domain.accounts.profile import ProfileChanges
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Caller, Permission
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.accounts import ADA, mails, nobody, provide_accounts
from tests.audit_log import entries
from tests.builders import make_superuser, make_user
from tests.databases import both_databases
from tests.refusals import code_of


@pytest.fixture
async def ada(runtime: Runtime) -> Operation:
    provide_accounts(runtime)
    return runtime.operation(await make_user(runtime), door="test")


async def make_key(owner: Operation, *permissions: str, days: float = 30, idempotency: str | None = None) -> CreatedApiKey:
    operation = owner if idempotency is None else owner.runtime.operation(owner.caller, door="test", idempotency_key=idempotency)
    async with operation.unit_of_work() as work:
        body = NewApiKey(" Robot ", list(permissions) or ["orders:read"], work.now + timedelta(days=days))
        return await api_keys.create_api_key(work, body)


async def by_key(runtime: Runtime, made: CreatedApiKey) -> Caller:
    assert made.secret is not None
    return await caller_of(nobody(runtime), made.secret)


async def stored(runtime: Runtime) -> int:
    async with runtime.operation().reading() as work:
        return await work.session.scalar(select(func.count()).select_from(ApiKey)) or 0


@both_databases
async def test_key_asks_in_its_owners_name_with_what_it_was_given(runtime: Runtime, ada: Operation) -> None:
    made = await make_key(ada, "orders:read", "market_data.read")
    key = made.api_key
    assert made.secret is not None
    assert (key.name, key.permissions, key.user_id) == ("Robot", ["market:read", "orders:read"], ada.caller.id)
    assert made.secret.startswith(f"{key.prefix}_") and len(made.secret) == 73
    assert key.digest == digest_of(made.secret[30:]) and made.secret[30:] not in key.digest
    caller = await by_key(runtime, made)
    assert caller == Caller(
        user_id=ada.caller.id,
        email=ada.caller.email,
        role="user",
        permissions=frozenset({"market:read", "orders:read"}),
        api_key_id=key.id,
    )


@both_databases
async def test_key_narrows_with_its_owner_at_once(runtime: Runtime, ada: Operation) -> None:
    made = await make_key(ada, "orders:read", "orders:write")
    async with runtime.operation().unit_of_work() as work:
        await assigning.assign_role(work, ada.caller.id, "viewer")
    assert (await by_key(runtime, made)).permissions == {"orders:read"}
    async with runtime.operation().unit_of_work() as work:
        await assigning.set_permissions(work, ada.caller.id, ["iot.read"])
    caller = await by_key(runtime, made)
    assert caller.permissions == frozenset()
    assert not caller.may(Permission.ORDERS_READ)


async def test_superusers_key_is_no_superuser(runtime: Runtime, ada: Operation) -> None:
    root = runtime.operation(await make_superuser(runtime), door="test")
    caller = await by_key(runtime, await make_key(root, "plans:write"))
    assert not caller.is_superuser
    assert caller.permissions == {"plans:write"}


@pytest.mark.parametrize(
    ("permissions", "days", "code"),
    [
        (["orders:burn"], 1, ErrorCode.UNKNOWN_PERMISSION),
        (["users:read"], 1, ErrorCode.FORBIDDEN),
        (["orders:read", "*"], 1, ErrorCode.FORBIDDEN),
        (["orders:read"], 366.001, ErrorCode.VALIDATION_ERROR),
        (["orders:read"], 1 / 1441, ErrorCode.VALIDATION_ERROR),
        (["orders:read"], -1, ErrorCode.VALIDATION_ERROR),
    ],
)
async def test_refused_key_is_not_made(runtime: Runtime, ada: Operation, permissions: list[str], days: float, code: ErrorCode) -> None:
    assert await code_of(make_key(ada, *permissions, days=days)) is code
    assert await stored(runtime) == 0


async def test_viewer_makes_no_key_and_ends_what_is_there(runtime: Runtime, ada: Operation) -> None:
    made = await make_key(ada)
    async with runtime.operation().unit_of_work() as work:
        user = await assigning.assign_role(work, ada.caller.id, "viewer")
    viewer = runtime.operation(Caller(user_id=user.id, permissions=frozenset({"api_keys:read"})), door="test")
    assert await code_of(make_key(viewer)) is ErrorCode.FORBIDDEN
    async with viewer.unit_of_work() as work:
        assert (await api_keys.revoke_api_key(work, made.api_key.id)).revoked_at == runtime.clock.now()
    assert await code_of(by_key(runtime, made)) is ErrorCode.TOKEN_REVOKED


@both_databases
async def test_end_of_a_key(runtime: Runtime, ada: Operation, clock: ManualClock) -> None:
    made, other = await make_key(ada, days=2), await make_key(ada, days=2)
    async with runtime.bus.subscribe(f"session:{other.api_key.id}") as bell:
        async with ada.unit_of_work() as work:
            await api_keys.revoke_api_key(work, other.api_key.id)
        assert await bell.wait(1)
    assert await code_of(by_key(runtime, other)) is ErrorCode.TOKEN_REVOKED
    first = other.api_key.id
    clock.advance(days=2)
    assert await code_of(by_key(runtime, made)) is ErrorCode.TOKEN_EXPIRED
    async with ada.unit_of_work() as work:
        again = await api_keys.revoke_api_key(work, first)
    assert again.revoked_at == clock.now() - timedelta(days=2)


async def test_tokens_that_are_not_ours_are_refused_alike(runtime: Runtime, ada: Operation) -> None:
    made = await make_key(ada)
    assert made.secret is not None
    wrong = made.secret[:-1] + ("A" if made.secret[-1] != "A" else "B")
    stranger = made.secret.replace(made.secret[3:29], "0" * 26)
    for token in (wrong, stranger, "tw_", "tw_x_y", made.secret + "x", made.secret.upper(), made.api_key.id):
        with pytest.raises(DomainError) as refusal:
            await caller_of(nobody(runtime), token)
        assert (refusal.value.code, refusal.value.message) == (ErrorCode.UNAUTHORIZED, "Could not validate credentials"), token


@both_databases
async def test_keys_of_a_closed_account_are_dead(runtime: Runtime, ada: Operation) -> None:
    made = await make_key(ada)
    async with runtime.operation().unit_of_work() as work:
        await administration.set_user_active(work, ada.caller.id, active=False)
    assert await code_of(by_key(runtime, made)) is ErrorCode.ACCOUNT_INACTIVE
    async with runtime.bus.subscribe(f"session:{made.api_key.id}") as bell:
        async with runtime.operation().unit_of_work() as work:
            await administration.delete_user(work, ada.caller.id)
        assert await bell.wait(1)
    with pytest.raises(DomainError, match="User not found"):
        await by_key(runtime, made)


async def test_key_does_nothing_that_guards_the_account(runtime: Runtime, ada: Operation) -> None:
    everything = sorted(ada.caller.permissions)
    made = await make_key(ada, *everything)
    robot = runtime.operation(await by_key(runtime, made), door="test")
    assert sorted(robot.caller.permissions) == everything
    async with robot.reading() as work:
        assert (await api_keys.list_api_keys(work)).total == 1
        assert (await service.get_me(work)).id == ada.caller.id

    async def within(verb: object, *arguments: object) -> None:
        async with robot.unit_of_work() as work:
            await verb(work, *arguments)  # type: ignore[operator]

    calls = [
        make_key(robot, "orders:read"),
        within(api_keys.revoke_api_key, made.api_key.id),
        service.change_password(robot, "x", "nanosecond wire"),
        within(service.update_me, ProfileChanges(first_name="Eve")),
        within(service.delete_me),
        within(service.log_out, True),
        within(service.log_out),
        within(open_sessions.list_sessions),
        within(open_sessions.revoke_session, "session_x"),
        within(open_sessions.revoke_other_sessions),
    ]
    for call in calls:
        assert await code_of(call) is ErrorCode.SESSION_REQUIRED
    assert await stored(runtime) == 1
    async with runtime.operation().reading() as work:
        user = await work.session.get_one(User, ada.caller.id)
        assert (user.first_name, user.deleted_at) == ("Ada", None)


async def test_key_gives_no_more_than_it_holds(runtime: Runtime, ada: Operation) -> None:
    admin = runtime.operation(await make_user(runtime, role="admin"), door="test")
    robot = runtime.operation(await by_key(runtime, await make_key(admin, "rights:write", "orders:read")), door="test")
    async with robot.unit_of_work() as work:
        with pytest.raises(DomainError, match="Nobody gives what they do not hold"):
            await assigning.assign_role(work, ada.caller.id, "admin")
    async with robot.unit_of_work() as work:
        with pytest.raises(DomainError, match="Nobody gives what they do not hold"):
            await assigning.set_permissions(work, robot.caller.id, ["*"])


@both_databases
async def test_repeated_call_finds_the_key_and_no_secret(runtime: Runtime, ada: Operation) -> None:
    first = await make_key(ada, idempotency="once")
    again = await make_key(ada, idempotency="once")
    assert (again.api_key.id, again.secret) == (first.api_key.id, None)
    assert await stored(runtime) == 1
    assert await code_of(make_key(ada, "flows:read", idempotency="once")) is ErrorCode.IDEMPOTENCY_CONFLICT


@both_databases
async def test_fifty_live_keys_are_the_most(runtime: Runtime, ada: Operation) -> None:
    made = [await make_key(ada) for _ in range(48)]
    outcomes = await asyncio.gather(*(make_key(ada) for _ in range(4)), return_exceptions=True)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, DomainError)]
    assert [refusal.code for refusal in refusals] == [ErrorCode.API_KEY_LIMIT_REACHED] * 2
    async with ada.unit_of_work() as work:
        await api_keys.revoke_api_key(work, made[0].api_key.id)
    await make_key(ada)
    assert await stored(runtime) == 51


async def test_somebody_elses_key_is_not_found(runtime: Runtime, ada: Operation) -> None:
    made = await make_key(ada)
    bob = runtime.operation(await make_user(runtime), door="test")
    for verb in (api_keys.get_api_key, api_keys.revoke_api_key):
        with pytest.raises(DomainError) as refusal:
            async with bob.unit_of_work() as work:
                await verb(work, made.api_key.id)
        assert refusal.value.code is ErrorCode.NOT_FOUND
    await by_key(runtime, made)


@both_databases
async def test_use_is_noted_once_a_minute(runtime: Runtime, ada: Operation, clock: ManualClock) -> None:
    made = await make_key(ada)
    uses = runtime.use(AccountParts).key_uses

    async def last_use() -> object:
        await by_key(runtime, made)
        await uses.settle()
        async with ada.reading() as work:
            return (await api_keys.get_api_key(work, made.api_key.id)).last_used_at

    first = clock.now()
    assert await last_use() == first
    clock.advance(seconds=59)
    assert await last_use() == first
    clock.advance(seconds=1)
    assert await last_use() == first + timedelta(minutes=1)


async def test_new_password_by_mail_revokes_every_key_and_a_changed_one_none(runtime: Runtime) -> None:
    provide_accounts(runtime)
    user = await service.register(nobody(runtime), **ADA)
    tokens = await service.log_in(nobody(runtime), ADA["email"], ADA["password"])
    ada = runtime.operation(await caller_of(nobody(runtime), tokens.access_token), door="test")
    bob = runtime.operation(await make_user(runtime), door="test")
    keys, of_bob = [await make_key(ada), await make_key(ada)], await make_key(bob)
    await service.change_password(ada, ADA["password"], "nanosecond wire")
    assert {(await by_key(runtime, made)).user_id for made in keys} == {user.id}

    await links.mail_reset_link(runtime.operation(), ADA["email"])
    await service.reset_password(nobody(runtime), mails(runtime)[-1][1], "analytical engine")
    for made in keys:
        assert await code_of(by_key(runtime, made)) is ErrorCode.TOKEN_REVOKED
    assert (await by_key(runtime, of_bob)).user_id == bob.caller.id
    (entry,) = await entries(runtime, "user.reset_password")
    assert entry.details["ended_programs"] == sorted(made.api_key.id for made in keys)
