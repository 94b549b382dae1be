"""The people of the stage, and every header that must not let anybody in."""

from dataclasses import dataclass, replace
from datetime import timedelta

from domain.accounts import roles
from domain.accounts import service as accounts
from domain.accounts.models import User
from domain.accounts.rights import rights_of
from domain.accounts.sessions import Tokens
from domain.accounts.tokens import Claims, read, sign
from domain.kernel.clock import ManualClock
from domain.kernel.errors import ErrorCode
from domain.kernel.ids import new_id
from domain.kernel.permissions import ANONYMOUS, Caller, Permission
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.accounts import tokens_of
from tests.builders import make_user

PASSWORD = "a quiet harbour at dawn"
OTHER_SECRET = "another secret for tests, long enough to sign with"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account and a session of hers."""

    caller: Caller
    tokens: Tokens
    runtime: Runtime

    @property
    def email(self) -> str:
        return self.tokens.user.email

    @property
    def headers(self) -> dict[str, str]:
        return bearer_header(self.tokens.access_token)

    @property
    def operation(self) -> Operation:
        return self.runtime.operation(self.caller, door="test")


@dataclass(frozen=True, slots=True)
class BadToken:
    """A header with which nobody gets in, and the code of the refusal."""

    why: str
    headers: dict[str, str]
    code: ErrorCode


def bearer_header(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def register(runtime: Runtime, name: str, role: str, *, is_superuser: bool = False) -> Person:
    """Make an account as the system does, with all that comes with one, and log in."""
    email = f"{name.lower()}@example.com"
    made = await accounts.register(runtime.operation(), email, PASSWORD, name, "Lovelace", role=role)
    async with runtime.operation().unit_of_work() as work:
        (await work.session.get_one(User, made.id)).is_superuser = is_superuser
    tokens = await accounts.log_in(runtime.operation(ANONYMOUS, door="test"), email, PASSWORD)
    async with runtime.operation().reading() as work:
        rights = await rights_of(work, made.id)
    caller = Caller(
        user_id=made.id,
        session_id=session_of(runtime, tokens),
        email=made.email,
        role=role,
        is_superuser=is_superuser,
        permissions=rights.permissions,
    )
    return Person(caller, tokens, runtime)


async def bad_tokens(runtime: Runtime, clock: ManualClock) -> list[BadToken]:
    """Return what must not pass at any door; a log-out, a deletion and time itself have ended some of these sessions."""
    someone = await make_user(runtime)
    genuine = Claims(someone.id, new_id("session"), "user", "access", new_id("token"), clock.now(), clock.now() + timedelta(minutes=30))

    now = clock.now()
    clock.set(now - timedelta(hours=1))
    expired = await tokens_of(runtime, someone)
    clock.set(now)

    ended = await tokens_of(runtime, someone)
    leaver = replace(someone, session_id=session_of(runtime, ended))
    async with runtime.operation(leaver).unit_of_work() as work:
        await accounts.log_out(work)

    gone = await make_user(runtime)
    of_gone = await tokens_of(runtime, gone)
    async with runtime.operation(gone).unit_of_work() as work:
        await accounts.delete_me(work)

    asleep = await make_user(runtime)
    of_asleep = await tokens_of(runtime, asleep)
    async with runtime.operation().unit_of_work() as work:
        (await work.session.get_one(User, asleep.id)).is_active = False

    unauthorized = ErrorCode.UNAUTHORIZED
    return [
        BadToken("no token", {}, unauthorized),
        BadToken("another scheme", {"Authorization": "Basic YWRhOmFkYQ=="}, unauthorized),
        BadToken("garbage", bearer_header("not.a.token"), unauthorized),
        BadToken("a token of another secret", bearer_header(sign(genuine, OTHER_SECRET)), unauthorized),
        BadToken("a session that never was", bearer_header(sign(genuine, runtime.settings.secret_key.get_secret_value())), unauthorized),
        BadToken("a refresh token", bearer_header((await tokens_of(runtime, someone)).refresh_token), unauthorized),
        BadToken("of a deleted account", bearer_header(of_gone.access_token), unauthorized),
        BadToken("expired", bearer_header(expired.access_token), ErrorCode.TOKEN_EXPIRED),
        BadToken("logged out", bearer_header(ended.access_token), ErrorCode.TOKEN_REVOKED),
        BadToken("of an account that is switched off", bearer_header(of_asleep.access_token), ErrorCode.ACCOUNT_INACTIVE),
    ]


async def everything_but(runtime: Runtime, permission: Permission) -> dict[str, str]:
    """Return the header of somebody who may do all there is, except this one thing."""
    role = f"not {permission.value}"
    async with runtime.operation().unit_of_work() as work:
        await roles.create_role(work, roles.NewRole(role, "All but one thing.", [one.value for one in Permission if one is not permission]))
    return bearer_header((await tokens_of(runtime, await make_user(runtime, role=role))).access_token)


def session_of(runtime: Runtime, tokens: Tokens) -> str:
    """Return the id of the session that the tokens belong to."""
    return read(tokens.access_token, runtime.settings.secret_key.get_secret_value(), "access", runtime.clock.now()).session_id
