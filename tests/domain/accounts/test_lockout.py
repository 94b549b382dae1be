import asyncio
import time

import pytest
from sqlalchemy import func, select

from domain.accounts import lockout, service
from domain.accounts.models import PasswordFailures, Session, User
from domain.accounts.parts import AccountParts
from domain.accounts.passwords import HashCost, Passwords
from domain.accounts.sessions import Tokens
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import ANONYMOUS
from domain.runtime.event_bus import MemoryEventBus
from domain.runtime.runtime import Runtime
from tests.accounts import ADA, nobody, provide_accounts
from tests.databases import both_databases

HOME, CAFE = "192.0.2.7", "198.51.100.9"
WRONG = (ErrorCode.INVALID_CREDENTIALS, "Incorrect email or password")


@pytest.fixture(autouse=True)
def parts(runtime: Runtime) -> AccountParts:
    return provide_accounts(runtime)


@pytest.fixture
async def ada(runtime: Runtime) -> User:
    return await service.register(nobody(runtime), **ADA)


async def attempt(runtime: Runtime, password: str = "wrong password", email: str = ADA["email"], ip: str = HOME) -> Tokens:
    return await service.log_in(runtime.operation(ANONYMOUS, door="test", ip=ip), email, password)


async def refusal_of(runtime: Runtime, password: str = "wrong password", email: str = ADA["email"], ip: str = HOME) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        await attempt(runtime, password, email, ip)
    return refusal.value


async def fail(runtime: Runtime, times: int, **details: str) -> None:
    for _ in range(times):
        error = await refusal_of(runtime, **details)
        assert (error.code, error.message) == WRONG


async def count(runtime: Runtime, table: type) -> int:
    async with runtime.operation().reading() as work:
        return await work.session.scalar(select(func.count()).select_from(table)) or 0


@both_databases
@pytest.mark.parametrize("email", [ADA["email"], "nobody@example.com"])
async def test_after_five_failures_nothing_is_tried_for_fifteen_minutes(
    runtime: Runtime, ada: User, clock: ManualClock, email: str
) -> None:
    await fail(runtime, 5, email=email)
    clock.advance(seconds=0.5)
    for password in ("wrong password", ADA["password"]):
        error = await refusal_of(runtime, password, email)
        assert (error.code, error.details) == (ErrorCode.TOO_MANY_ATTEMPTS, {"retry_after": 900})
    clock.advance(minutes=14, seconds=59)
    assert (await refusal_of(runtime, ADA["password"], email)).details == {"retry_after": 1}
    assert await count(runtime, Session) == 0
    clock.advance(seconds=0.5)
    await fail(runtime, 1, email=email)  # refused attempts have not counted: there are five again
    assert await count(runtime, PasswordFailures) == 1


async def test_right_password_opens_again_after_the_time(runtime: Runtime, ada: User, clock: ManualClock) -> None:
    await fail(runtime, 5)
    clock.advance(minutes=15)
    assert (await attempt(runtime, ADA["password"])).user.id == ada.id


async def test_address_in_capitals_is_the_same_address(runtime: Runtime, ada: User) -> None:
    await fail(runtime, 3)
    await fail(runtime, 2, email=" ADA@example.com ")
    assert (await refusal_of(runtime)).code is ErrorCode.TOO_MANY_ATTEMPTS


@both_databases
async def test_success_forgets_the_failures(runtime: Runtime, ada: User) -> None:
    await fail(runtime, 4)
    await attempt(runtime, ADA["password"])
    assert await count(runtime, PasswordFailures) == 0
    await fail(runtime, 4)
    await attempt(runtime, ADA["password"])


async def test_window_slides(runtime: Runtime, ada: User, clock: ManualClock) -> None:
    await fail(runtime, 1)
    clock.advance(minutes=14)
    await fail(runtime, 3)
    clock.advance(minutes=2)  # the first is too old to count
    await fail(runtime, 2)
    assert (await refusal_of(runtime)).code is ErrorCode.TOO_MANY_ATTEMPTS


async def test_other_places_and_other_accounts_go_on(runtime: Runtime, ada: User) -> None:
    await service.register(nobody(runtime), **ADA | {"email": "bob@example.com"})
    await fail(runtime, 5)
    await attempt(runtime, ADA["password"], ip=CAFE)
    await attempt(runtime, ADA["password"], email="bob@example.com")
    assert (await refusal_of(runtime, ADA["password"])).code is ErrorCode.TOO_MANY_ATTEMPTS


async def test_addresses_of_one_ipv6_network_are_one_place(runtime: Runtime, ada: User) -> None:
    for host in range(5):
        await fail(runtime, 1, ip=f"2001:db8:0:7::{host:x}")
    assert (await refusal_of(runtime, ip="2001:db8:0:7:ffff::1")).code is ErrorCode.TOO_MANY_ATTEMPTS
    await attempt(runtime, ADA["password"], ip="2001:db8:0:8::1")


@both_databases
async def test_of_many_guesses_at_once_five_are_answered(runtime: Runtime, ada: User) -> None:
    guesses = [attempt(runtime, f"guess number {number}") for number in range(12)]
    results = await asyncio.gather(*guesses, return_exceptions=True)
    codes = [result.code for result in results if isinstance(result, DomainError)]
    assert sorted(code.value for code in codes) == ["INVALID_CREDENTIALS"] * 5 + ["TOO_MANY_ATTEMPTS"] * 7


async def test_log_ins_at_once_with_the_right_password_are_no_failures(runtime: Runtime, ada: User) -> None:
    assert len(await asyncio.gather(*(attempt(runtime, ADA["password"]) for _ in range(8)))) == 8


@both_databases
async def test_processes_count_together(runtime: Runtime, ada: User, clock: ManualClock) -> None:
    other = Runtime(runtime.settings, clock, runtime.database, MemoryEventBus())
    provide_accounts(other)
    await fail(runtime, 3)
    await fail(other, 2)
    for process in (runtime, other):
        assert (await refusal_of(process, ADA["password"])).code is ErrorCode.TOO_MANY_ATTEMPTS


async def test_unknown_address_and_wrong_password_take_as_long(runtime: Runtime, ada: User, parts: AccountParts) -> None:
    runtime.provide(AccountParts, AccountParts(Passwords(HashCost(memory_kib=4096, passes=2)), parts.mailer))
    await attempt(runtime, ADA["password"])  # renews the hash at this cost

    async def seconds(email: str) -> float:
        taken = []
        for number in range(5):
            began = time.process_time()
            await fail(runtime, 1, email=email, ip=f"203.0.113.{number}")
            taken.append(time.process_time() - began)
        return min(taken)

    known, unknown = await seconds(ADA["email"]), await seconds("nobody@example.com")
    assert known / 3 < unknown < known * 3


async def test_old_failures_are_forgotten(runtime: Runtime, ada: User, clock: ManualClock) -> None:
    await fail(runtime, 1)
    clock.advance(minutes=16)
    await fail(runtime, 5, ip=CAFE)
    async with runtime.operation().unit_of_work() as work:
        await lockout.prune(work)
    assert await count(runtime, PasswordFailures) == 1
    assert (await refusal_of(runtime, ip=CAFE)).code is ErrorCode.TOO_MANY_ATTEMPTS
