"""The chain: gapless however many write at once, and every way of tampering named with its position."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update

from domain.audit import sealing
from domain.audit.models import AuditEntry, AuditHead
from domain.audit.sealing import seal
from domain.audit.verifying import AuditReport, Break, Pin, verify
from domain.kernel.errors import DomainError
from domain.risk.service import create_rule
from domain.runtime.database import Database
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from tests.audit_log import entries, seal_all
from tests.builders import operation_of_new_user
from tests.databases import both_databases

CAP: dict[str, Any] = {"rule_type": "max_position_size", "condition": {"max_usd": 100}}
TABLE: Any = AuditEntry.__table__


async def act(user: Operation, name: str) -> None:
    async with user.unit_of_work() as work:
        await create_rule(work, name=name, **CAP)


@pytest.fixture
async def ada(runtime: Runtime) -> Operation:
    return await operation_of_new_user(runtime)


@pytest.fixture
async def chain(runtime: Runtime, ada: Operation) -> Operation:
    """Nine entries, sealed; returns the system."""
    for number in range(9):
        await act(ada, f"Rule {number}")
    await seal_all(runtime)
    return runtime.operation()


async def execute(runtime: Runtime, *statements: Any) -> None:
    async with runtime.database.writing() as session:
        for statement in statements:
            await session.execute(statement)
        await session.commit()


async def found(system: Operation, **how: Any) -> tuple[int | None, Break | None]:
    report: AuditReport = await verify(system, **how)
    assert report.is_intact == (report.reason is None)
    assert (f"position {report.broken_position}" in report.message) == (report.reason is not None)
    return report.broken_position, report.reason


def at(position: int) -> Any:
    return TABLE.c.position == position


@both_databases
async def test_whole_chain_is_intact_and_names_its_head(runtime: Runtime, chain: Operation) -> None:
    report = await verify(chain)
    last = max(await entries(runtime), key=lambda entry: entry.position or 0)
    assert (report.is_intact, report.checked, report.head_position, report.head_hash) == (True, 9, 9, last.hash)
    assert await found(chain, expect=Pin(9, report.head_hash)) == (None, None)
    assert (await verify(chain, 4, 6)).checked == 3
    assert [entry.action for entry in await entries(runtime)][9:] == ["audit.verify"] * 3


CHANGES: dict[str, Any] = {
    "actor_email": "x@example.com",
    "actor_id": "user_x",
    "actor_kind": "system",
    "actor_role": "admin",
    "action": "risk_rule.update",
    "after": {"name": "x"},
    "before": {"name": "x"},
    "code": "FORBIDDEN",
    "details": {"x": 1},
    "door": "v1",
    "event_type": "login",
    "hash": "0" * 64,
    "id": "audit_x",
    "ip": "192.0.2.1",
    "mac": "0" * 64,
    "object_id": "rule_x",
    "object_type": "flow",
    "occurred_at": None,
    "request_id": "req_x",
    "result": "failure",
    "session_id": "session_x",
    "severity": "critical",
    "user_agent": "x",
}


def test_every_column_that_says_something_is_tampered_with_below() -> None:
    places = {"seq", "transaction_id", "position", "key_id", "sealed_with"}
    assert {column.name for column in TABLE.columns} - places == set(CHANGES)


@both_databases
async def test_edit_of_any_column_is_named(runtime: Runtime, chain: Operation) -> None:
    async with runtime.database.reading() as session:
        row = (await session.execute(select(TABLE).where(at(5)))).one()._asdict()
    for column, value in CHANGES.items():
        changed = runtime.clock.now().replace(year=2020) if column == "occurred_at" else value
        await execute(runtime, update(TABLE).where(at(5)).values({column: changed}))
        assert await found(chain) == (5, Break.EDITED), column
        await execute(runtime, update(TABLE).where(at(5)).values({column: row[column]}))
    for column in ("key_id", "sealed_with"):
        await execute(runtime, update(TABLE).where(at(5)).values({column: "other"}))
        assert await found(chain) == (5, Break.UNKNOWN_KEY)
        await execute(runtime, update(TABLE).where(at(5)).values({column: row[column]}))
    assert await found(chain) == (None, None)


@both_databases
async def test_edit_of_the_first_and_of_the_last_entry_is_named(runtime: Runtime, chain: Operation) -> None:
    await execute(runtime, update(TABLE).where(at(9)).values(id="audit_y"))
    assert await found(chain, end=9) == (9, Break.EDITED)
    await execute(runtime, update(TABLE).where(at(1)).values(actor_email="x@example.com"))
    assert await found(chain) == (1, Break.EDITED)


@both_databases
@pytest.mark.parametrize("position", [1, 5])
async def test_deleted_entry_is_named(runtime: Runtime, chain: Operation, position: int) -> None:
    await execute(runtime, delete(TABLE).where(at(position)))
    assert await found(chain) == (position, Break.DELETED)


@both_databases
async def test_deleted_entry_is_named_though_the_others_have_moved_up(runtime: Runtime, chain: Operation) -> None:
    await execute(
        runtime,
        delete(TABLE).where(at(4)),
        *(update(TABLE).where(at(position)).values(position=position - 1) for position in range(5, 10)),
        update(AuditHead).values(position=8),
    )
    assert await found(chain) == (4, Break.DELETED)


@both_databases
async def test_missing_tail_is_named(runtime: Runtime, chain: Operation) -> None:
    await execute(runtime, delete(TABLE).where(TABLE.c.position >= 8))
    assert await found(chain) == (8, Break.DELETED)


@both_databases
async def test_tail_cut_off_with_its_head_is_found_by_a_head_seen_earlier(runtime: Runtime, chain: Operation) -> None:
    pin = Pin(9, (await verify(chain)).head_hash)
    seventh = next(entry for entry in await entries(runtime) if entry.position == 7)
    await execute(runtime, delete(TABLE).where(TABLE.c.seq > seventh.seq), update(AuditHead).values(position=7, hash=seventh.hash))
    assert await found(chain) == (None, None)  # nothing in the database can tell
    await seal_all(runtime)
    assert await found(chain, expect=pin) == (9, Break.DELETED)
    await seal_all(runtime)  # what was done meanwhile has made the chain as long as it was, but not the same
    assert await found(chain, expect=pin) == (9, Break.EDITED)
    with pytest.raises(DomainError):
        Pin.parse("9")


@both_databases
async def test_missing_or_false_head_is_named(runtime: Runtime, chain: Operation) -> None:
    await execute(runtime, update(AuditHead).values(hash="0" * 64))
    assert await found(chain, end=9) == (9, Break.EDITED)
    await execute(runtime, delete(AuditHead))
    assert await found(chain) == (1, Break.DELETED)


@both_databases
@pytest.mark.parametrize(("left", "right"), [(3, 4), (2, 8)])
@pytest.mark.parametrize("what", ["position", "all", "all but the id", "content"])
async def test_swapped_entries_are_named(runtime: Runtime, chain: Operation, left: int, right: int, what: str) -> None:
    places = {"seq", "transaction_id", "position", "hash", "sealed_with"}
    columns = {
        "position": {"position"},
        "all": {column.name for column in TABLE.columns} - places,
        "all but the id": {column.name for column in TABLE.columns} - places - {"id"},
        "content": {column.name for column in TABLE.columns} - places - {"id", "mac"},
    }[what]
    async with runtime.database.reading() as session:
        rows = {row.position: row for row in (await session.execute(select(TABLE))).all()}
    seqs = {position: rows[position].seq for position in (left, right)}
    unique: dict[str, Any] = {"position": None} if what == "position" else {"id": "audit_meanwhile"} if what == "all" else {}
    first = [update(TABLE).where(TABLE.c.seq == seqs[left]).values(unique)] if unique else []
    values = {position: rows[position]._asdict() for position in (left, right)}
    await execute(
        runtime,
        *first,
        update(TABLE).where(TABLE.c.seq == seqs[right]).values({name: values[left][name] for name in columns}),
        update(TABLE).where(TABLE.c.seq == seqs[left]).values({name: values[right][name] for name in columns}),
    )
    assert await found(chain) == (left, Break.REORDERED)


async def forged(runtime: Runtime, **changes: Any) -> dict[str, Any]:
    async with runtime.database.reading() as session:
        row = (await session.execute(select(TABLE).where(at(2)))).one()._asdict()
    del row["seq"]
    return {**row, "id": "audit_forged", "object_id": "rule_forged", "mac": "1" * 64, "hash": None, "position": None, **changes}


async def object_at(runtime: Runtime, position: int) -> str | None:
    async with runtime.database.reading() as session:
        return await session.scalar(select(TABLE.c.object_id).where(at(position)))


@both_databases
async def test_copy_of_an_entry_is_named(runtime: Runtime, chain: Operation) -> None:
    async with runtime.database.reading() as session:
        mac = await session.scalar(select(TABLE.c.mac).where(at(2)))
    await execute(runtime, TABLE.insert().values(await forged(runtime, object_id=(await object_at(runtime, 2)), mac=mac)))
    assert await seal(runtime.operation()) == 1
    assert await found(chain) == (10, Break.INSERTED)


@both_databases
async def test_inserted_entries_are_named(runtime: Runtime, chain: Operation) -> None:
    row = await forged(runtime, position=20, hash="1" * 64)
    await execute(runtime, TABLE.insert().values(row))
    assert await found(chain) == (20, Break.INSERTED)
    await execute(runtime, delete(TABLE).where(TABLE.c.id == "audit_forged"))
    moved = [update(TABLE).where(at(position)).values(position=position + 1) for position in range(12, 4, -1)]
    await seal_all(runtime)
    await execute(runtime, *moved, TABLE.insert().values(await forged(runtime, position=5, hash="1" * 64)))
    await execute(runtime, update(AuditHead).values(position=AuditHead.position + 1))
    assert await found(chain) == (5, Break.INSERTED)


@both_databases
async def test_entry_that_was_forged_before_it_was_sealed_is_named(runtime: Runtime, chain: Operation) -> None:
    await execute(runtime, TABLE.insert().values(await forged(runtime)))
    await seal_all(runtime)
    assert await found(chain) == (10, Break.INSERTED)


@both_databases
async def test_fifty_at_once_are_sealed_without_a_gap_while_somebody_verifies(runtime: Runtime, ada: Operation) -> None:
    async def keep_verifying() -> list[AuditReport]:
        return [await verify(runtime.operation()) for _ in range(8)]

    verifying = asyncio.create_task(keep_verifying())
    await asyncio.gather(*(act(ada, f"Rule {number}") for number in range(50)))
    reports = await verifying
    assert all(report.is_intact for report in reports)
    assert [report.head_position for report in reports] == sorted(report.head_position for report in reports)
    await seal_all(runtime)
    assert sorted(entry.position or 0 for entry in await entries(runtime)) == list(range(1, 59))
    last = await verify(runtime.operation())
    assert (last.is_intact, last.checked) == (True, 58)


@both_databases
async def test_sealers_side_by_side_and_one_killed_in_between_leave_one_chain(
    runtime: Runtime, ada: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 4)
    for number in range(30):
        await act(ada, f"Rule {number}")
    killed = asyncio.create_task(seal(runtime.operation()))
    await asyncio.sleep(0.02)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    await asyncio.gather(*(seal(runtime.operation()) for _ in range(3)))
    await seal_all(runtime)
    report = await verify(runtime.operation())
    assert (report.is_intact, report.checked) == (True, 30)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_entry_behind_an_open_transaction_waits_for_its_turn(runtime: Runtime, ada: Operation, settings: Settings) -> None:
    other = Database(settings.effective_database_url, pool_size=1)
    async with other.writing() as slow:
        await slow.execute(text("SELECT pg_current_xact_id()"))
        await act(ada, "Later")
        assert await seal(runtime.operation()) == 0
        await slow.rollback()
    await other.close()
    await seal_all(runtime)


async def test_entries_of_an_earlier_secret_hold_if_it_is_named(runtime: Runtime, chain: Operation, settings: Settings) -> None:
    secret = settings.secret_key
    runtime.settings = settings.model_copy(update={"secret_key": type(secret)("another secret, long enough to sign things with")})
    assert await found(chain) == (1, Break.UNKNOWN_KEY)
    runtime.settings = runtime.settings.model_copy(update={"earlier_secret_keys": secret})
    report = await verify(chain)
    assert (report.is_intact, report.checked) == (True, 10)
