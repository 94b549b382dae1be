"""The trading switch as people use it: read, moved, and with a history that is never edited."""

from typing import Any

import pytest
from sqlalchemy import select

from domain.composition import provide_notifications
from domain.events.service import read_events
from domain.kernel.errors import DomainError, ErrorCode
from domain.notifications.models import Notification
from domain.risk.models import SwitchOrigin, SwitchState, TradingSwitchChange
from domain.risk.switch import (
    TELL_EVERYBODY,
    Switches,
    SwitchSetting,
    get_global_switch,
    get_trading_switch,
    list_switch_changes,
    set_global_switch,
    set_trading_switch,
)
from domain.risk.telling import tell_of_global_switch
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.audit_log import entries, only_entry
from tests.builders import make_superuser, operation_of_new_user
from tests.databases import both_databases, contents
from tests.domain.notifications.receiver import jobs, rows

ACTIVE, REDUCING, HALTED = SwitchState.ACTIVE, SwitchState.REDUCING, SwitchState.HALTED


@pytest.fixture
async def ada(runtime: Runtime) -> Operation:
    return await operation_of_new_user(runtime)


@pytest.fixture
async def root(runtime: Runtime) -> Operation:
    return runtime.operation(await make_superuser(runtime), door="test")


async def move(user: Operation, state: Any, reason: str | None = None) -> Switches:
    async with user.unit_of_work() as work:
        return await set_trading_switch(work, SwitchSetting(state, reason))


async def halt_all(root: Operation, state: SwitchState = HALTED, reason: str | None = "Maintenance") -> None:
    async with root.unit_of_work() as work:
        await set_global_switch(work, SwitchSetting(state, reason))


async def read(user: Operation) -> Switches:
    async with user.reading() as work:
        return await get_trading_switch(work)


@both_databases
async def test_everybody_may_trade_until_somebody_says_otherwise(ada: Operation) -> None:
    switches = await read(ada)
    assert (switches.effective_state, switches.own.changed_at, switches.everybody.changed_at) == (ACTIVE, None, None)


@both_databases
async def test_own_switch_is_moved_with_its_reason_its_event_and_its_entry(ada: Operation, runtime: Runtime) -> None:
    moved = await move(ada, HALTED, " On holiday ")
    assert (moved.own.state, moved.own.reason, moved.own.origin, moved.own.changed_at) == (
        HALTED,
        "On holiday",
        SwitchOrigin.OWNER,
        ada.clock.now(),
    )
    assert await read(ada) == moved
    entry = await only_entry(runtime)
    assert (entry.action, entry.actor_id, entry.object_id) == ("trading_switch.set", ada.caller.id, ada.caller.id)
    assert entry.after is not None and entry.after["state"] == "HALTED"
    (event,) = (await read_events(ada, types="trading_switch", wait_seconds=30)).events
    assert (event.payload["state"], event.payload["from_state"], event.payload["is_global"]) == ("HALTED", "ACTIVE", False)
    assert await rows(ada, Notification) == []


async def test_moving_it_to_where_it_stands_changes_nothing(ada: Operation, runtime: Runtime) -> None:
    await move(ada, REDUCING, "First")
    before = await contents(runtime)
    assert (await move(ada, REDUCING, "Second")).own.reason == "First"
    assert await contents(runtime) == before
    assert len(await entries(runtime)) == 1


@both_databases
async def test_history_tells_who_when_and_why_newest_first(ada: Operation, root: Operation) -> None:
    await move(ada, HALTED, "On holiday")
    await move(ada, ACTIVE)
    await halt_all(root)
    async with ada.reading() as work:
        page = await list_switch_changes(work, limit=2)
        rest = await list_switch_changes(work, limit=2, offset=2)
    assert page.total == 3
    assert [(c.from_state, c.state, c.reason, c.origin, c.is_global) for c in [*page.items, *rest.items]] == [
        (ACTIVE, HALTED, "Maintenance", SwitchOrigin.ADMINISTRATOR, True),
        (HALTED, ACTIVE, None, SwitchOrigin.OWNER, False),
        (ACTIVE, HALTED, "On holiday", SwitchOrigin.OWNER, False),
    ]
    assert page.items[0].changed_by == root.caller.id


async def test_somebody_elses_switch_and_history_are_not_seen(ada: Operation, runtime: Runtime) -> None:
    await move(ada, HALTED, "Secret")
    bob = await operation_of_new_user(runtime)
    assert (await read(bob)).effective_state is ACTIVE
    async with bob.reading() as work:
        assert (await list_switch_changes(work)).total == 0
    assert list((await read_events(bob)).events) == []


@both_databases
async def test_the_switch_over_everybody_is_for_administrators(ada: Operation, root: Operation, runtime: Runtime) -> None:
    with pytest.raises(DomainError) as refusal:
        await halt_all(ada)
    assert (refusal.value.code, refusal.value.details["required_permission"]) == (ErrorCode.FORBIDDEN, "trading_switch:write")
    assert (await read(ada)).effective_state is ACTIVE
    await halt_all(root)
    assert (await read(ada)).effective_state is HALTED
    await move(ada, REDUCING)
    assert ((await read(ada)).own.state, (await read(ada)).effective_state) == (REDUCING, HALTED)
    async with ada.reading() as work:
        assert (await get_global_switch(work)).reason == "Maintenance"
    (entry,) = await entries(runtime, "trading_switch.set_global")
    assert (entry.actor_id, entry.object_id) == (root.caller.id, "system")


async def test_who_may_only_look_cannot_move_it(runtime: Runtime) -> None:
    viewer = await operation_of_new_user(runtime, role="viewer")
    assert (await read(viewer)).effective_state is ACTIVE
    with pytest.raises(DomainError) as refusal:
        await move(viewer, HALTED)
    assert refusal.value.code is ErrorCode.FORBIDDEN
    with pytest.raises(DomainError) as refusal:
        await read(await operation_of_new_user(runtime, role="device_operator"))
    assert refusal.value.code is ErrorCode.FORBIDDEN


@pytest.mark.parametrize(("reason", "kept"), [("", None), ("   ", None), ("a\0b", "ab"), ("🚀" * 500, "🚀" * 500), (None, None)])
async def test_reason_is_kept_as_it_can_be_stored(ada: Operation, reason: str | None, kept: str | None) -> None:
    assert (await move(ada, HALTED, reason)).own.reason == kept


async def test_reason_that_is_too_long_is_refused(ada: Operation) -> None:
    with pytest.raises(DomainError) as refusal:
        await move(ada, HALTED, "x" * 501)
    assert (refusal.value.code, refusal.value.details["field"]) == (ErrorCode.VALIDATION_ERROR, "reason")
    assert (await read(ada)).effective_state is ACTIVE


@both_databases
async def test_everybody_is_told_once_of_a_global_halt_however_often_the_job_runs(
    ada: Operation, root: Operation, runtime: Runtime
) -> None:
    provide_notifications(runtime)
    bob = await operation_of_new_user(runtime)
    await halt_all(root)
    (job,) = await jobs(runtime, TELL_EVERYBODY)
    async with ada.reading() as work:
        change = (await work.session.scalars(select(TradingSwitchChange))).one()
    assert job.arguments == {"change_id": change.id, "after": ""}
    for _ in range(2):
        after, turns = "", 0
        while turns < 5:
            earlier = len(await jobs(runtime, TELL_EVERYBODY))
            await tell_of_global_switch(runtime.operation(), change.id, after, at_once=2)
            queued = await jobs(runtime, TELL_EVERYBODY)
            turns += 1
            if len(queued) == earlier:
                break
            after = max(queued, key=lambda row: row.id).arguments["after"]
        assert turns == 2
    for user in (ada, bob, root):
        (event,) = (await read_events(user, types="trading_switch", wait_seconds=30)).events
        assert (event.payload["is_global"], event.payload["reason"], event.subject_id) == (True, "Maintenance", change.id)
        assert [row.title for row in await rows(user, Notification)] == ["Trading is halted for everybody"]
