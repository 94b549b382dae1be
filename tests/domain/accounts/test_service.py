import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from domain.accounts import links, service
from domain.accounts.identity import caller_of
from domain.accounts.mail import Mail
from domain.accounts.models import MailedToken, RefreshToken, Session, User
from domain.accounts.parts import AccountParts
from domain.accounts.passwords import HashCost, Passwords
from domain.accounts.profile import PhoneNumber, ProfileChanges
from domain.accounts.sessions import Tokens
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import Permission
from domain.runtime.outbox import OutboxJob
from domain.runtime.runtime import Runtime
from domain.runtime.unit_of_work import UnitOfWork
from tests.accounts import ADA, mails, nobody, provide_accounts
from tests.databases import both_databases


@pytest.fixture(autouse=True)
def parts(runtime: Runtime) -> AccountParts:
    return provide_accounts(runtime)


@pytest.fixture
async def ada(runtime: Runtime) -> User:
    return await service.register(nobody(runtime), **ADA)


async def log_in(runtime: Runtime, password: str = ADA["password"]) -> Tokens:
    return await service.log_in(nobody(runtime), ADA["email"], password)


async def code_of_call(runtime: Runtime, token: str) -> ErrorCode | None:
    try:
        await caller_of(nobody(runtime), token)
    except DomainError as refusal:
        return refusal.code
    return None


async def count(runtime: Runtime, table: type) -> int:
    async with runtime.operation().reading() as work:
        return await work.session.scalar(select(func.count()).select_from(table)) or 0


async def jobs(runtime: Runtime) -> list[tuple[str, dict[str, str]]]:
    async with runtime.operation().reading() as work:
        rows = await work.session.scalars(select(OutboxJob).order_by(OutboxJob.id))
        return [(row.name, row.arguments) for row in rows]


class TestRegister:
    async def test_account_is_plain_unverified_and_gets_a_mail(self, runtime: Runtime, ada: User) -> None:
        assert (ada.role, ada.is_superuser, ada.is_active, ada.email_verified_at) == ("user", False, True, None)
        assert ADA["password"] not in ada.password_hash
        assert await jobs(runtime) == [("accounts.mail_verification_link", {"user_id": ada.id})]

    @both_databases
    async def test_of_two_at_once_with_one_address_one_wins(self, runtime: Runtime) -> None:
        tries = [service.register(nobody(runtime), **ADA | {"email": email}) for email in ("ada@example.com", "ADA@example.com")]
        results = await asyncio.gather(*tries, return_exceptions=True)
        refusals = [result for result in results if isinstance(result, DomainError)]
        assert [refusal.code for refusal in refusals] == [ErrorCode.EMAIL_TAKEN]
        assert await count(runtime, User) == 1
        assert len(await jobs(runtime)) == 1

    async def test_hooks_run_in_the_same_transaction(self, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(work: UnitOfWork, user: User) -> None:
            assert await work.session.get(User, user.id) is user
            raise DomainError(ErrorCode.SERVICE_UNAVAILABLE, "no wallet today")

        monkeypatch.setattr(service, "ON_REGISTERED", [fail])
        with pytest.raises(DomainError, match="no wallet today"):
            await service.register(nobody(runtime), **ADA)
        assert await count(runtime, User) == 0

    async def test_nobody_gives_himself_a_role(self, runtime: Runtime, ada: User) -> None:
        caller = await caller_of(nobody(runtime), (await log_in(runtime)).access_token)
        for operation in (nobody(runtime), nobody(runtime).on_behalf_of(caller)):
            with pytest.raises(DomainError) as refusal:
                await service.register(operation, **ADA | {"email": "eve@example.com"}, role="admin")
            assert refusal.value.code is ErrorCode.FORBIDDEN
        assert await count(runtime, User) == 1

    async def test_who_may_write_users_gives_known_roles(self, runtime: Runtime) -> None:
        made = await service.register(runtime.operation(), **ADA, role="viewer")
        assert made.role == "viewer"
        with pytest.raises(DomainError) as refusal:
            await service.register(runtime.operation(), **ADA | {"email": "b@example.com"}, role="emperor")
        assert refusal.value.code is ErrorCode.VALIDATION_ERROR


class TestLogIn:
    async def test_token_makes_the_user_a_caller_with_its_role(self, runtime: Runtime, ada: User) -> None:
        tokens = await log_in(runtime)
        assert (tokens.token_type, tokens.expires_in, tokens.user.last_login_at) == ("bearer", 1800, runtime.clock.now())
        caller = await caller_of(nobody(runtime), tokens.access_token)
        assert (caller.user_id, caller.email, caller.role, caller.is_superuser) == (ada.id, "ada@example.com", "user", False)
        assert caller.may(Permission.ORDERS_WRITE) and not caller.may(Permission.USERS_READ)
        assert tokens.permissions == sorted(caller.permissions)

    async def test_unknown_address_and_wrong_password_are_refused_alike(self, runtime: Runtime, ada: User) -> None:
        refusals = []
        for email, password in (("eve@example.com", "securepassword123"), ("ada@example.com", "wrong password"), ("\0", "\ud800")):
            with pytest.raises(DomainError) as refusal:
                await service.log_in(nobody(runtime), email, password)
            refusals.append((refusal.value.code, refusal.value.message, refusal.value.details))
        assert refusals == [(ErrorCode.INVALID_CREDENTIALS, "Incorrect email or password", {})] * 3
        assert await count(runtime, Session) == 0

    async def test_inactive_account_is_told_so_only_with_its_password(self, runtime: Runtime, ada: User) -> None:
        tokens = await log_in(runtime)
        async with runtime.operation().unit_of_work() as work:
            (await work.session.get_one(User, ada.id)).is_active = False
        with pytest.raises(DomainError) as refusal:
            await log_in(runtime)
        assert refusal.value.code is ErrorCode.ACCOUNT_INACTIVE
        with pytest.raises(DomainError) as refusal:
            await log_in(runtime, "wrong password")
        assert refusal.value.code is ErrorCode.INVALID_CREDENTIALS
        assert await code_of_call(runtime, tokens.access_token) is ErrorCode.ACCOUNT_INACTIVE

    async def test_address_must_be_confirmed_where_mail_reaches_people(self, runtime: Runtime, ada: User) -> None:
        class PostOffice:
            delivers = True

            async def send(self, mail: Mail) -> None: ...

        runtime.provide(AccountParts, AccountParts(runtime.use(AccountParts).passwords, PostOffice()))
        with pytest.raises(DomainError) as refusal:
            await log_in(runtime)
        assert refusal.value.code is ErrorCode.EMAIL_UNVERIFIED

    async def test_hash_of_another_cost_is_renewed(self, runtime: Runtime, ada: User, parts: AccountParts) -> None:
        runtime.provide(AccountParts, AccountParts(Passwords(HashCost(memory_kib=16, passes=1)), parts.mailer))
        tokens = await log_in(runtime)
        assert tokens.user.password_hash.startswith("$argon2id$v=19$m=16,t=1,p=1$")
        await log_in(runtime)


class TestRefresh:
    @both_databases
    async def test_rotation_keeps_the_session_and_kills_the_old_token(self, runtime: Runtime, ada: User, clock: ManualClock) -> None:
        first = await log_in(runtime)
        clock.advance(minutes=31)
        assert await code_of_call(runtime, first.access_token) is ErrorCode.TOKEN_EXPIRED
        second = await service.refresh(nobody(runtime), first.refresh_token)
        assert await code_of_call(runtime, second.access_token) is None
        assert await count(runtime, Session) == 1
        assert second.refresh_token != first.refresh_token

    @both_databases
    async def test_reuse_ends_the_whole_session(self, runtime: Runtime, ada: User) -> None:
        first, elsewhere = await log_in(runtime), await log_in(runtime)
        second = await service.refresh(nobody(runtime), first.refresh_token)
        with pytest.raises(DomainError) as refusal:
            await service.refresh(nobody(runtime), first.refresh_token)
        assert refusal.value.code is ErrorCode.INVALID_REFRESH_TOKEN
        for token in (first, second):
            assert await code_of_call(runtime, token.access_token) is ErrorCode.TOKEN_REVOKED
        with pytest.raises(DomainError):
            await service.refresh(nobody(runtime), second.refresh_token)
        assert await code_of_call(runtime, elsewhere.access_token) is None

    @both_databases
    async def test_of_concurrent_refreshes_exactly_one_wins(self, runtime: Runtime, ada: User) -> None:
        tokens = await log_in(runtime)
        tries = [service.refresh(nobody(runtime), tokens.refresh_token) for _ in range(6)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(result, Tokens) for result in results) == 1
        refusals = [result for result in results if isinstance(result, DomainError)]
        assert [refusal.code for refusal in refusals] == [ErrorCode.INVALID_REFRESH_TOKEN] * 5
        assert await count(runtime, RefreshToken) == 2

    async def test_expired_foreign_and_access_tokens_are_refused(self, runtime: Runtime, ada: User, clock: ManualClock) -> None:
        tokens = await log_in(runtime)
        for token in (tokens.access_token, "junk", ""):
            with pytest.raises(DomainError) as refusal:
                await service.refresh(nobody(runtime), token)
            assert refusal.value.code is ErrorCode.INVALID_REFRESH_TOKEN
        assert await code_of_call(runtime, tokens.refresh_token) is ErrorCode.UNAUTHORIZED
        clock.advance(days=7)
        with pytest.raises(DomainError):
            await service.refresh(nobody(runtime), tokens.refresh_token)

    async def test_session_lives_on_while_it_is_refreshed(self, runtime: Runtime, ada: User, clock: ManualClock) -> None:
        tokens = await log_in(runtime)
        for _ in range(3):
            clock.advance(days=6)
            tokens = await service.refresh(nobody(runtime), tokens.refresh_token)
        assert await code_of_call(runtime, tokens.access_token) is None


class TestLogOut:
    @both_databases
    async def test_one_session_ends_and_its_sockets_are_woken(self, runtime: Runtime, ada: User) -> None:
        here, elsewhere = await log_in(runtime), await log_in(runtime)
        caller = await caller_of(nobody(runtime), here.access_token)
        async with runtime.bus.subscribe(f"session:{caller.session_id}") as bell:
            async with nobody(runtime).on_behalf_of(caller).unit_of_work() as work:
                await service.log_out(work)
            assert await bell.wait(1)
        assert await code_of_call(runtime, here.access_token) is ErrorCode.TOKEN_REVOKED
        with pytest.raises(DomainError):
            await service.refresh(nobody(runtime), here.refresh_token)
        assert await code_of_call(runtime, elsewhere.access_token) is None

    async def test_all_sessions_end(self, runtime: Runtime, ada: User) -> None:
        here, elsewhere = await log_in(runtime), await log_in(runtime)
        caller = await caller_of(nobody(runtime), here.access_token)
        async with nobody(runtime).on_behalf_of(caller).unit_of_work() as work:
            await service.log_out(work, all_sessions=True)
        assert await code_of_call(runtime, here.access_token) is ErrorCode.TOKEN_REVOKED
        assert await code_of_call(runtime, elsewhere.access_token) is ErrorCode.TOKEN_REVOKED


class TestChangePassword:
    async def change(self, runtime: Runtime, tokens: Tokens, current: str, new: str) -> User:
        caller = await caller_of(nobody(runtime), tokens.access_token)
        return await service.change_password(nobody(runtime).on_behalf_of(caller), current, new)

    @both_databases
    async def test_others_end_this_session_stays_and_links_are_void(self, runtime: Runtime, ada: User) -> None:
        here, elsewhere = await log_in(runtime), await log_in(runtime)
        await links.mail_reset_link(runtime.operation(), ADA["email"])
        await self.change(runtime, here, ADA["password"], "analytical engine")
        assert await code_of_call(runtime, here.access_token) is None
        assert await code_of_call(runtime, elsewhere.access_token) is ErrorCode.TOKEN_REVOKED
        with pytest.raises(DomainError):
            await log_in(runtime)
        await log_in(runtime, "analytical engine")
        with pytest.raises(DomainError) as refusal:
            await service.reset_password(nobody(runtime), mails(runtime)[0][1], "difference engine")
        assert refusal.value.code is ErrorCode.LINK_INVALID

    async def test_refused_change_leaves_everything(self, runtime: Runtime, ada: User) -> None:
        here, elsewhere = await log_in(runtime), await log_in(runtime)
        for current, new, code, field in (
            ("wrong password", "analytical engine", ErrorCode.WRONG_PASSWORD, "current_password"),
            (ADA["password"], "password", ErrorCode.WEAK_PASSWORD, "new_password"),
            (ADA["password"], "ada@example.com", ErrorCode.WEAK_PASSWORD, "new_password"),
        ):
            with pytest.raises(DomainError) as refusal:
                await self.change(runtime, here, current, new)
            assert (refusal.value.code, refusal.value.details["field"]) == (code, field)
        assert await code_of_call(runtime, elsewhere.access_token) is None
        await log_in(runtime)

    async def test_stolen_token_gives_no_more_guesses_than_the_log_in(self, runtime: Runtime, ada: User, clock: ManualClock) -> None:
        here = await log_in(runtime)
        for _ in range(5):
            with pytest.raises(DomainError):
                await self.change(runtime, here, "wrong password", "analytical engine")
        for attempt in (self.change(runtime, here, ADA["password"], "analytical engine"), log_in(runtime)):
            with pytest.raises(DomainError) as refusal:
                await attempt
            assert refusal.value.code is ErrorCode.TOO_MANY_ATTEMPTS
        clock.advance(minutes=15)
        await self.change(runtime, here, ADA["password"], "analytical engine")

    @both_databases
    async def test_of_two_changes_at_once_one_wins(self, runtime: Runtime, ada: User) -> None:
        here = await log_in(runtime)
        changes = [self.change(runtime, here, ADA["password"], f"analytical engine {number}") for number in range(3)]
        results = await asyncio.gather(*changes, return_exceptions=True)
        winners = [number for number, result in enumerate(results) if isinstance(result, User)]
        assert len(winners) == 1
        await log_in(runtime, f"analytical engine {winners[0]}")


class TestProfile:
    @pytest.fixture
    async def work(self, runtime: Runtime, ada: User) -> AsyncIterator[UnitOfWork]:
        caller = await caller_of(nobody(runtime), (await log_in(runtime)).access_token)
        async with nobody(runtime).on_behalf_of(caller).unit_of_work() as work:
            yield work

    async def test_change_leaves_what_is_not_named(self, work: UnitOfWork) -> None:
        changed = await service.update_me(work, ProfileChanges(first_name=" Augusta ", phone_number=PhoneNumber("+44", "7700900123")))
        assert (changed.first_name, changed.last_name, changed.birthday) == ("Augusta", "Lovelace", None)
        assert changed.phone_number == {"country_code": "+44", "mobile_number": "7700900123"}
        assert (await service.get_me(work)).updated_at == work.now

    @both_databases
    async def test_deleted_account_is_gone_at_once_and_its_address_free(self, runtime: Runtime, ada: User) -> None:
        tokens = await log_in(runtime)
        caller = await caller_of(nobody(runtime), tokens.access_token)
        async with nobody(runtime).on_behalf_of(caller).unit_of_work() as work:
            await service.delete_me(work)
        with pytest.raises(DomainError, match="User not found"):
            await caller_of(nobody(runtime), tokens.access_token)
        with pytest.raises(DomainError) as refusal:
            await log_in(runtime)
        assert refusal.value.code is ErrorCode.INVALID_CREDENTIALS
        again = await service.register(nobody(runtime), **ADA)
        assert again.id != ada.id

    async def test_nobody_has_no_profile(self, runtime: Runtime) -> None:
        async with nobody(runtime).reading() as work:
            with pytest.raises(DomainError) as refusal:
                await service.get_me(work)
        assert refusal.value.code is ErrorCode.UNAUTHORIZED


class TestLinks:
    async def test_link_confirms_the_address_and_may_be_followed_again(self, runtime: Runtime, ada: User) -> None:
        await links.mail_verification_link(runtime.operation(), ada.id)
        [(receiver, token)] = mails(runtime)
        assert receiver == "ada@example.com"
        for _ in range(2):
            assert (await service.verify_email(nobody(runtime), token)).email_verified_at == runtime.clock.now()
        await links.mail_verification_link(runtime.operation(), ada.id)
        assert len(mails(runtime)) == 1

    async def test_old_link_is_refused_as_such(self, runtime: Runtime, ada: User, clock: ManualClock) -> None:
        await links.mail_verification_link(runtime.operation(), ada.id)
        clock.advance(hours=24)
        with pytest.raises(DomainError) as refusal:
            await service.verify_email(nobody(runtime), mails(runtime)[0][1])
        assert refusal.value.code is ErrorCode.LINK_EXPIRED

    async def test_forgotten_password_is_the_same_job_for_everybody(self, runtime: Runtime, ada: User) -> None:
        await service.forgot_password(nobody(runtime), "Ada@Example.com")
        await service.forgot_password(nobody(runtime), "eve@example.com")
        assert (await jobs(runtime))[1:] == [
            ("accounts.mail_reset_link", {"email": "ada@example.com"}),
            ("accounts.mail_reset_link", {"email": "eve@example.com"}),
        ]
        for _, arguments in (await jobs(runtime))[1:]:
            await links.mail_reset_link(runtime.operation(), **arguments)
        assert [receiver for receiver, _ in mails(runtime)] == ["ada@example.com"]

    async def test_second_link_is_the_same_job_for_everybody(self, runtime: Runtime, ada: User) -> None:
        await service.resend_verification(nobody(runtime), "Ada@Example.com")
        await service.resend_verification(nobody(runtime), "eve@example.com")
        assert (await jobs(runtime))[1:] == [
            ("accounts.mail_verification_again", {"email": "ada@example.com"}),
            ("accounts.mail_verification_again", {"email": "eve@example.com"}),
        ]
        for _, arguments in (await jobs(runtime))[1:]:
            await links.mail_verification_again(runtime.operation(), **arguments)
        [(receiver, token)] = mails(runtime)
        assert receiver == "ada@example.com"
        await service.verify_email(nobody(runtime), token)
        await links.mail_verification_again(runtime.operation(), "ada@example.com")
        assert len(mails(runtime)) == 1

    async def test_new_password_ends_sessions_and_works_once(self, runtime: Runtime, ada: User) -> None:
        before = await log_in(runtime)
        for _ in range(2):
            await links.mail_reset_link(runtime.operation(), "ada@example.com")
        (_, first), (_, second) = mails(runtime)
        await service.reset_password(nobody(runtime), first, "analytical engine")
        assert await code_of_call(runtime, before.access_token) is ErrorCode.TOKEN_REVOKED
        with pytest.raises(DomainError):
            await log_in(runtime)
        await log_in(runtime, "analytical engine")
        for used in (first, second, "junk", "\ud800"):
            with pytest.raises(DomainError) as refusal:
                await service.reset_password(nobody(runtime), used, "difference engine")
            assert refusal.value.code is ErrorCode.LINK_INVALID

    @both_databases
    async def test_of_concurrent_resets_exactly_one_wins(self, runtime: Runtime, ada: User) -> None:
        await links.mail_reset_link(runtime.operation(), "ada@example.com")
        token = mails(runtime)[0][1]
        tries = [service.reset_password(nobody(runtime), token, f"analytical engine {number}") for number in range(4)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        winners = [number for number, result in enumerate(results) if isinstance(result, User)]
        assert len(winners) == 1
        await log_in(runtime, f"analytical engine {winners[0]}")

    @both_databases
    async def test_of_several_links_used_at_once_exactly_one_sets_the_password(self, runtime: Runtime, ada: User) -> None:
        for _ in range(6):
            await links.mail_reset_link(runtime.operation(), "ada@example.com")
        tries = [service.reset_password(nobody(runtime), token, "analytical engine") for _, token in mails(runtime)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(result, User) for result in results) == 1
        refusals = [result for result in results if not isinstance(result, User)]
        assert [isinstance(refusal, DomainError) and refusal.code for refusal in refusals] == [ErrorCode.LINK_INVALID] * 5

    async def test_weak_password_leaves_link_and_password_as_they_are(self, runtime: Runtime, ada: User) -> None:
        await links.mail_reset_link(runtime.operation(), "ada@example.com")
        token = mails(runtime)[0][1]
        with pytest.raises(DomainError) as refusal:
            await service.reset_password(nobody(runtime), token, "password")
        assert refusal.value.code is ErrorCode.WEAK_PASSWORD
        await log_in(runtime)
        await service.reset_password(nobody(runtime), token, "analytical engine")

    async def test_confirmation_link_sets_no_password_and_only_a_digest_is_kept(self, runtime: Runtime, ada: User) -> None:
        await links.mail_verification_link(runtime.operation(), ada.id)
        token = mails(runtime)[0][1]
        with pytest.raises(DomainError) as refusal:
            await service.reset_password(nobody(runtime), token, "analytical engine")
        assert refusal.value.code is ErrorCode.LINK_INVALID
        async with runtime.operation().reading() as work:
            assert (await work.session.scalars(select(MailedToken.digest))).all() != [token]

    async def test_mail_is_readable_by_its_owner_only(self, runtime: Runtime, ada: User) -> None:
        await links.mail_verification_link(runtime.operation(), ada.id)
        [path] = (runtime.settings.var_dir / "outbox").iterdir()
        assert path.stat().st_mode & 0o077 == 0
        assert b"Subject: Confirm your e-mail address" in path.read_bytes()


class TestSuperuser:
    async def test_is_made_once_from_the_settings(self, runtime: Runtime) -> None:
        chosen = {"admin_email": "Root@Example.com", "admin_password": SecretStr("correct horse battery")}
        runtime.settings = runtime.settings.model_copy(update=chosen)
        made = await service.ensure_superuser(runtime.operation())
        assert made is not None and (made.email, made.role, made.is_superuser) == ("root@example.com", "admin", True)
        assert await service.ensure_superuser(runtime.operation()) is None
        tokens = await service.log_in(nobody(runtime), "root@example.com", "correct horse battery")
        caller = await caller_of(nobody(runtime), tokens.access_token)
        assert all(caller.may(permission) for permission in Permission)

    async def test_is_not_made_without_settings(self, runtime: Runtime) -> None:
        assert await service.ensure_superuser(runtime.operation()) is None
        assert await count(runtime, User) == 0


async def test_session_past_its_end_is_over_whatever_the_token_says(runtime: Runtime, ada: User, clock: ManualClock) -> None:
    tokens = await log_in(runtime)
    async with runtime.operation().unit_of_work() as work:
        session = (await work.session.scalars(select(Session))).one()
        session.expires_at = work.now + timedelta(minutes=1)
    clock.advance(minutes=2)
    assert await code_of_call(runtime, tokens.access_token) is ErrorCode.TOKEN_REVOKED
