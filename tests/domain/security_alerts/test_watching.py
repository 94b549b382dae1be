"""What the system warns of by itself, seen through the acts that lead there."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from domain.accounts import administration, assigning
from domain.accounts import service as accounts
from domain.accounts.guard import administrators
from domain.accounts.models import User
from domain.accounts.rights import caller_from, rights_of
from domain.audit.recording import note_refusal
from domain.composition import provide_security
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.permissions import ANONYMOUS, Permission
from domain.runtime.operation import Operation
from domain.runtime.outbox import OutboxJob
from domain.runtime.runtime import Runtime
from domain.security_alerts import raising
from domain.security_alerts.models import SecurityAlert
from domain.security_alerts.watching import weigh_failed_log_ins
from tests.accounts import ADA, provide_accounts
from tests.builders import make_user
from tests.databases import both_databases

HERE = "203.0.113.7"


@pytest.fixture
def watched(runtime: Runtime) -> Iterator[Runtime]:
    """A runtime that watches its audit log, and tells administrators."""
    provide_accounts(runtime)
    provide_security(runtime)
    before = raising.ADMINISTRATORS[:]
    raising.ADMINISTRATORS[:] = [administrators]
    yield runtime
    raising.ADMINISTRATORS[:] = before


def stranger(runtime: Runtime, ip: str = HERE) -> Operation:
    return runtime.operation(ANONYMOUS, door="test", ip=ip)


async def alerts(runtime: Runtime) -> list[SecurityAlert]:
    async with runtime.operation().reading() as work:
        return list(await work.session.scalars(select(SecurityAlert).order_by(SecurityAlert.created_at, SecurityAlert.id)))


async def fail(runtime: Runtime, email: str, ip: str = HERE) -> None:
    with pytest.raises(DomainError):
        await accounts.log_in(stranger(runtime, ip), email, "wrong password")


async def do_jobs(runtime: Runtime) -> int:
    """Weigh what was left to be weighed, and return how often that was."""
    async with runtime.operation().reading() as work:
        jobs = (await work.session.scalars(select(OutboxJob).where(OutboxJob.name == "security_alerts.weigh_failed_log_ins"))).all()
    for job in jobs:
        await weigh_failed_log_ins(runtime.operation(), **job.arguments)
    return len(jobs)


@both_databases
async def test_guessing_from_one_place_and_for_one_account_is_told(watched: Runtime) -> None:
    user = await accounts.register(stranger(watched), **ADA)
    for _ in range(4):
        await fail(watched, ADA["email"])
    assert await do_jobs(watched) == 4
    assert await alerts(watched) == []
    await fail(watched, ADA["email"])
    await do_jobs(watched)
    place, account = sorted(await alerts(watched), key=lambda alert: alert.alert_type)
    assert (place.alert_type, place.user_id, place.severity, place.details["ip"]) == ("brute_force", None, "high", HERE)
    assert (account.alert_type, account.user_id, account.cause) == ("suspicious_login", user.id, f"suspicious_login:{user.id}")


async def test_failed_log_in_leaves_the_same_job_whether_the_account_exists_or_not(watched: Runtime) -> None:
    await accounts.register(stranger(watched), **ADA)
    await fail(watched, ADA["email"])
    await fail(watched, "nobody@example.com")
    assert await do_jobs(watched) == 2


@pytest.mark.parametrize(
    ("addresses", "place"),
    [
        (["203.0.113.7"] * 5, "203.0.113.7"),
        (["203.0.113.7", "::ffff:203.0.113.7", "::FFFF:203.0.113.7", "::ffff:cb00:7107", "203.0.113.7"], "203.0.113.7"),
        ([f"2001:db8:0:7:{number}::{number}" for number in range(1, 4)] + ["2001:DB8::7:0:0:0:9", "2001:db8:0:7::"], "2001:db8:0:7::/64"),
        ([f"203.0.113.{number}" for number in range(5)], None),
        ([f"2001:db8:0:{number}::1" for number in range(5)], None),
        ([f"::ffff:203.0.113.{number}" for number in range(5)], None),
    ],
    ids=["one address", "IPv4 and mapped", "one network of IPv6", "neighbours", "networks of IPv6", "mapped neighbours"],
)
@both_databases
async def test_guessing_is_counted_by_the_place_that_limits_count_by(watched: Runtime, addresses: list[str], place: str | None) -> None:
    for number, ip in enumerate(addresses):
        await fail(watched, f"nobody{number}@example.com", ip)
    await do_jobs(watched)
    found = [(alert.cause, alert.details["network"], alert.details["ip"] in addresses) for alert in await alerts(watched)]
    assert found == ([] if place is None else [(f"brute_force:{place}", place, True)])


async def test_guesses_that_are_far_apart_are_no_attack(watched: Runtime, clock: ManualClock) -> None:
    for number in range(8):
        await fail(watched, f"nobody{number}@example.com")
        clock.advance(minutes=4)
    await do_jobs(watched)
    assert await alerts(watched) == []


@both_databases
async def test_refresh_token_that_comes_twice_is_critical_for_its_user(watched: Runtime) -> None:
    user = await accounts.register(stranger(watched), **ADA)
    tokens = await accounts.log_in(stranger(watched), ADA["email"], ADA["password"])
    await accounts.refresh(stranger(watched), tokens.refresh_token)
    with pytest.raises(DomainError):
        await accounts.refresh(stranger(watched), tokens.refresh_token)
    (alert,) = await alerts(watched)
    assert (alert.alert_type, alert.severity, alert.user_id) == ("token_reuse", "critical", user.id)


async def test_tenth_forbidden_request_within_an_hour_is_told(watched: Runtime, clock: ManualClock) -> None:
    caller = await make_user(watched)
    operation = watched.operation(caller, door="test", ip=HERE)

    async def ask() -> None:
        with pytest.raises(DomainError) as refusal:
            async with operation.unit_of_work() as work:
                await administration.delete_user(work, caller.id)
        assert refusal.value.code is ErrorCode.FORBIDDEN
        await note_refusal(operation, refusal.value)

    for _ in range(9):
        await ask()
    clock.advance(hours=1)
    for _ in range(9):
        await ask()
    assert await alerts(watched) == []
    await ask()
    (alert,) = await alerts(watched)
    assert (alert.alert_type, alert.severity, alert.user_id) == ("mass_forbidden", "high", caller.id)
    await ask()
    (alert,) = await alerts(watched)
    assert alert.occurrences == 2


async def test_whoever_gets_other_rights_is_told(watched: Runtime) -> None:
    admin, user = await make_user(watched, role="admin"), await make_user(watched)
    async with watched.operation(admin, door="test").unit_of_work() as work:
        await assigning.assign_role(work, user.id, "viewer")
    (alert,) = await alerts(watched)
    assert (alert.alert_type, alert.severity, alert.user_id) == ("permission_change", "medium", user.id)
    assert (alert.message, alert.details["action"]) == (
        "The permissions of this account have been changed by an administrator",
        "user.assign_role",
    )
    told = f"{alert.message} {alert.details}"
    assert admin.id not in told and (admin.email or "no e-mail") not in told


async def test_nobody_is_told_of_rights_that_stay_as_they_are(watched: Runtime) -> None:
    admin, user = await make_user(watched, role="admin"), await make_user(watched)
    operation = watched.operation(admin, door="test")
    for _ in range(2):
        async with operation.unit_of_work() as work:
            await assigning.assign_role(work, user.id, "viewer")
    assert [alert.details["action"] for alert in await alerts(watched)] == ["user.assign_role"]
    for _ in range(2):
        async with operation.unit_of_work() as work:
            await assigning.set_permissions(work, user.id, ["trading.read"])
    assert [alert.details["action"] for alert in await alerts(watched)] == ["user.assign_role", "user.set_permissions"]


async def test_administrators_are_all_who_may_give_rights(watched: Runtime) -> None:
    admin, user, chosen = await make_user(watched, role="admin"), await make_user(watched), await make_user(watched)
    async with watched.operation().unit_of_work() as work:
        (await work.session.get_one(User, chosen.id)).permission_words = ["security.admin"]
    async with watched.operation().reading() as work:
        assert await administrators(work) == sorted([admin.id, chosen.id])
        assert caller_from(await work.session.get_one(User, user.id), await rights_of(work, user.id)).may(Permission.RIGHTS_WRITE) is False
