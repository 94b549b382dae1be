import contextlib
from typing import Any

import pytest

from domain.accounts import service as accounts
from domain.accounts.links import mail_verification_link
from domain.accounts.rights import caller_from, rights_of
from domain.audit.recording import Audited, audited, entry_of, note_refusal
from domain.audit.vocabulary import ActorKind, AuditResult, Severity
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.events import Event
from domain.kernel.permissions import Permission, requires
from domain.plans.catalogue import NewPlan, PlanChanges, create_plan, delete_plan, update_plan
from domain.risk.models import RiskRule
from domain.risk.service import create_rule, delete_rule, update_rule
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.runtime.unit_of_work import UnitOfWork
from tests.accounts import ADA, mails, nobody, provide_accounts
from tests.audit_log import entries, only_entry
from tests.builders import operation_of_new_user
from tests.databases import both_databases

CAP: dict[str, Any] = {"name": "Cap", "rule_type": "max_position_size", "condition": {"max_usd": 100}}


@pytest.fixture
async def ada(runtime: Runtime) -> Operation:
    return await operation_of_new_user(runtime, request_id="req_1", ip="192.0.2.7", user_agent="curl")


async def new_rule(ada: Operation) -> str:
    async with ada.unit_of_work() as work:
        return (await create_rule(work, **CAP)).id


@both_databases
async def test_entry_says_who_did_what_where_and_what_it_made(runtime: Runtime, ada: Operation) -> None:
    rule_id = await new_rule(ada)
    entry = await only_entry(runtime)
    assert (entry.actor_kind, entry.actor_id, entry.actor_email, entry.actor_role) == (
        ActorKind.USER,
        ada.caller.id,
        ada.caller.email,
        "user",
    )
    assert (entry.door, entry.request_id, entry.ip, entry.user_agent) == ("test", "req_1", "192.0.2.7", "curl")
    assert (entry.action, entry.event_type, entry.object_type, entry.object_id) == (
        "risk_rule.create",
        "risk_rule_create",
        "risk_rule",
        rule_id,
    )
    assert (entry.result, entry.code, entry.severity) == (AuditResult.SUCCESS, None, Severity.INFO)
    assert entry.before is None
    assert entry.after == {
        "id": rule_id,
        "user_id": ada.caller.id,
        "name": "Cap",
        "description": None,
        "rule_type": "max_position_size",
        "condition": {"max_usd": "100"},
        "action": "reject",
        "is_active": True,
        "created_at": "2026-03-02T09:30:00.000000Z",
        "updated_at": None,
    }
    assert (entry.position, entry.hash) == (None, None)


@both_databases
async def test_change_is_told_by_the_columns_that_differ_and_deletion_by_all(runtime: Runtime, ada: Operation) -> None:
    rule_id = await new_rule(ada)
    async with ada.unit_of_work() as work:
        await update_rule(work, rule_id, name="Tighter", is_active=True)
    async with ada.unit_of_work() as work:
        await delete_rule(work, rule_id)
    _, changed, deleted = await entries(runtime)
    assert changed.before == {"name": "Cap", "updated_at": None}
    assert changed.after == {"name": "Tighter", "updated_at": "2026-03-02T09:30:00.000000Z"}
    assert (deleted.object_id, deleted.after) == (rule_id, None)
    assert deleted.before is not None and deleted.before["name"] == "Tighter"


async def test_refused_change_leaves_neither_a_row_nor_an_entry(runtime: Runtime, ada: Operation) -> None:
    with pytest.raises(DomainError):
        async with ada.unit_of_work() as work:
            await create_rule(work, **{**CAP, "name": " "})
    with pytest.raises(RuntimeError):
        async with ada.unit_of_work() as work:
            await create_rule(work, **CAP)
            raise RuntimeError("the door broke")
    async with ada.reading() as work:
        assert await work.session.get(RiskRule, "x") is None
    assert await entries(runtime) == []


@both_databases
async def test_repeated_request_with_the_same_key_leaves_one_entry(runtime: Runtime) -> None:
    admin = await operation_of_new_user(runtime, role="admin", idempotency_key="once")
    ids = set()
    for _ in range(3):
        async with admin.unit_of_work() as work:
            ids.add((await create_plan(work, NewPlan("Mine", "A plan.", 5))).id)  # type: ignore[arg-type]
    assert len(ids) == 1
    assert (await only_entry(runtime)).object_id == ids.pop()


async def test_entry_of_a_transaction_that_could_not_be_committed_is_written_with_the_next(runtime: Runtime, ada: Operation) -> None:
    async def refuse(_work: UnitOfWork, _event: Event) -> None:
        raise RuntimeError("no")

    @audited("thing.try")
    async def try_twice(operation: Operation) -> None:
        with contextlib.suppress(RuntimeError):
            async with operation.unit_of_work() as work:
                work.emit(Event("thing.tried", operation.caller.id, "thing_1", {}))
        async with operation.unit_of_work():
            pass  # nothing to change after all

    runtime.react("thing.tried", refuse)
    await try_twice(ada)
    assert (await only_entry(runtime)).action == "thing.try"


async def test_two_services_in_one_transaction_leave_an_entry_each(runtime: Runtime, ada: Operation) -> None:
    async with ada.unit_of_work() as work:
        first = await create_rule(work, **CAP)
        second = await create_rule(work, **{**CAP, "name": "Other"})
    assert [(entry.object_id, (entry.after or {})["name"]) for entry in await entries(runtime)] == [
        (first.id, "Cap"),
        (second.id, "Other"),
    ]


@audited("rule.twice", id="result.id")
@requires(Permission.RISK_RULES_WRITE)
async def _twice(operation: Operation) -> RiskRule:
    async with operation.unit_of_work() as work:
        rule = await create_rule(work, **CAP)
        entry_of(work).about(rule.id, "risk_rule")
    async with operation.unit_of_work() as work:
        return await update_rule(work, rule.id, name="Again")


@audited("rule.nothing")
async def _nothing(operation: Operation) -> None:
    async with operation.reading():
        pass


async def test_only_the_outermost_of_nested_services_counts_and_the_first_transaction_has_it(runtime: Runtime, ada: Operation) -> None:
    rule = await _twice(ada)
    entry = await only_entry(runtime)
    assert (entry.action, entry.object_type, entry.object_id) == ("rule.twice", "risk_rule", rule.id)
    assert entry.after is not None and entry.after["name"] == "Cap"


async def test_service_that_changes_nothing_still_leaves_its_entry(runtime: Runtime, ada: Operation) -> None:
    await _nothing(ada)
    entry = await only_entry(runtime)
    assert (entry.action, entry.before, entry.after, entry.details) == ("rule.nothing", None, None, {})


async def test_marker_names_the_action_and_the_permission_stays_visible() -> None:
    assert create_rule.audited == Audited("risk_rule.create", "result.id")  # type: ignore[attr-defined]
    assert create_rule.permission is Permission.RISK_RULES_WRITE  # type: ignore[attr-defined]
    with pytest.raises(ValueError):
        audited("rule.wrong", id="no_such_argument")(_nothing)


async def test_refusal_for_want_of_a_permission_is_noted_with_what_was_tried(runtime: Runtime) -> None:
    ada = await operation_of_new_user(runtime)
    for call in (lambda work: delete_plan(work, "plan_1"), lambda work: update_plan(work, "plan_1", PlanChanges())):
        with pytest.raises(DomainError) as refused:
            async with ada.unit_of_work() as work:
                await call(work)
        await note_refusal(ada, refused.value)
    await note_refusal(ada, DomainError(ErrorCode.NOT_FOUND, "x"))
    first, second = await entries(runtime)
    assert [first.action, second.action] == ["plan.delete", "plan.update"]
    assert (first.object_id, first.result, first.code, first.severity) == (
        "plan_1",
        AuditResult.FAILURE,
        "FORBIDDEN",
        Severity.WARNING,
    )
    assert first.details["required_permission"] == "plans:write"
    assert (first.before, first.after) == (None, None)


@pytest.fixture
def people(runtime: Runtime) -> Runtime:
    provide_accounts(runtime)
    return runtime


async def test_who_registers_and_logs_in_is_the_actor_and_no_secret_is_told(people: Runtime) -> None:
    user = await accounts.register(nobody(people), **ADA)
    tokens = await accounts.log_in(nobody(people), ADA["email"], ADA["password"])
    registered, logged_in = await entries(people)
    assert (registered.event_type, registered.actor_id, registered.object_id) == ("user_registered", user.id, user.id)
    assert registered.after is not None and registered.after["password_hash"] == "[redacted]"
    assert (logged_in.event_type, logged_in.actor_id, logged_in.object_type) == ("login", user.id, "session")
    assert logged_in.details["touched"]["users"] == [user.id]
    everything = " ".join(repr((entry.before, entry.after, entry.details)) for entry in (registered, logged_in))
    for secret in (ADA["password"], user.password_hash, tokens.access_token, tokens.refresh_token):
        assert secret not in everything


@both_databases
async def test_failed_log_ins_say_why_in_the_log_only(people: Runtime) -> None:
    user = await accounts.register(nobody(people), **ADA)
    answers = []
    for email, password in [("x@example.com", "wrong"), *[(ADA["email"], "wrong")] * 5, (ADA["email"], ADA["password"])]:
        with pytest.raises(DomainError) as refused:
            await accounts.log_in(nobody(people), email, password)
        answers.append(refused.value)
    failures = (await entries(people))[1:]
    assert [entry.details["reason"] for entry in failures] == ["user_not_found", *["invalid_password"] * 5, "account_locked"]
    assert [entry.details["email"] for entry in failures] == ["x@example.com", *[ADA["email"]] * 6]
    assert {(entry.event_type, entry.result, entry.actor_id) for entry in failures} == {("login_failed", AuditResult.FAILURE, None)}
    assert [entry.object_id for entry in failures] == [None, *[user.id] * 6]
    assert not any("reason" in answer.details for answer in answers)
    assert answers[0].message == answers[1].message


async def test_refresh_token_used_twice_is_critical(people: Runtime) -> None:
    user = await accounts.register(nobody(people), **ADA)
    tokens = await accounts.log_in(nobody(people), ADA["email"], ADA["password"])
    await accounts.refresh(nobody(people), tokens.refresh_token)
    with pytest.raises(DomainError):
        await accounts.refresh(nobody(people), tokens.refresh_token)
    fine, stolen = await entries(people, "session.refresh")
    assert (fine.result, fine.severity, fine.actor_id) == (AuditResult.SUCCESS, Severity.INFO, user.id)
    assert (stolen.result, stolen.severity, stolen.code) == (AuditResult.FAILURE, Severity.CRITICAL, "INVALID_REFRESH_TOKEN")
    assert (stolen.object_id, stolen.details["reason"]) == (fine.object_id, "used_before")
    assert stolen.after is not None and stolen.after["revoke_reason"] == "refresh_reuse"


async def test_confirming_an_address_again_leaves_an_entry_of_no_change(people: Runtime) -> None:
    user = await accounts.register(nobody(people), **ADA)
    await mail_verification_link(people.operation(), user.id)
    ((_, token),) = mails(people)
    await accounts.verify_email(nobody(people), token)
    await accounts.verify_email(nobody(people), token)
    first, again = await entries(people, "user.verify_email")
    assert first.after == {"email_verified_at": "2026-03-02T09:30:00.000000Z"}
    assert (again.object_id, again.actor_id, again.before, again.after) == (user.id, user.id, None, None)


async def test_wrong_current_password_is_a_failure_and_counts_once(people: Runtime) -> None:
    user = await accounts.register(nobody(people), **ADA)
    async with people.operation().reading() as work:
        operation = people.operation(caller_from(user, await rights_of(work, user.id)), door="test")
    with pytest.raises(DomainError):
        await accounts.change_password(operation, "wrong", "a much better password 1")
    entry = (await entries(people))[-1]
    assert (entry.event_type, entry.result, entry.code, entry.object_id) == (
        "password_change",
        AuditResult.FAILURE,
        "WRONG_PASSWORD",
        user.id,
    )


async def test_long_and_many_values_are_shortened_and_marked(runtime: Runtime, ada: Operation) -> None:
    @audited("thing.shout")
    async def shout(work: UnitOfWork) -> None:
        entry_of(work).change(None, {"text": "x" * 5_000, "list": list(range(80)), **{f"c{n}": ["y" * 990] * 2 for n in range(12)}})
        entry_of(work).add(api_key="abc", nested={"password": "p", "number": 0.1, "accessToken": "t", "apiKey": "k", "Authorization": "B"})

    async with ada.unit_of_work() as work:
        await shout(work)
    entry = await only_entry(runtime)
    assert entry.after is not None
    assert entry.after["text"].endswith("… (5000 characters)") and len(entry.after["text"]) < 1_001
    assert entry.after["list"][-1] == "… (80 items)"
    assert entry.after["c0"].startswith("[left out: ")
    hidden = dict.fromkeys(("password", "accessToken", "apiKey", "Authorization"), "[redacted]")
    assert entry.details == {"api_key": "[redacted]", "nested": hidden | {"number": "0.1"}}
