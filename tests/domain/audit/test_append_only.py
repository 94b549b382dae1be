"""Nothing in the code changes or deletes an entry, but for the sealing, which fills in what was empty."""

import re
from pathlib import Path

from domain.audit.models import AuditEntry
from domain.audit.sealing import seal
from domain.risk.service import create_rule, delete_rule, update_rule
from domain.runtime.runtime import Runtime
from tests.audit_log import entries, seal_all
from tests.builders import operation_of_new_user
from workers.maintenance import prune_event_log, prune_idempotency_keys

ROOT = Path(__file__).parents[3]
SEALED = {"position", "hash", "sealed_with"}


def _said(entry: AuditEntry) -> dict[str, object]:
    return {column.name: getattr(entry, column.name) for column in AuditEntry.__table__.columns}


def test_entries_are_updated_by_the_sealing_alone_and_deleted_nowhere() -> None:
    touching = re.compile(r"(update|delete|merge)\(\s*(AuditEntry|TABLE|entry\b)|[\"' ]audit_entries[\"' ]")
    found = {
        str(path.relative_to(ROOT))
        for folder in ("domain", "resolvers", "schema", "workers")
        for path in (ROOT / folder).rglob("*.py")
        if touching.search(path.read_text())
    }
    assert found == {"domain/audit/sealing.py", "domain/audit/models.py", "domain/audit/changes.py"}


async def test_later_acts_sealing_and_housekeeping_leave_entries_as_they_are(runtime: Runtime) -> None:
    ada = await operation_of_new_user(runtime)
    async with ada.unit_of_work() as work:
        rule = await create_rule(work, "Cap", "max_position_size", {"max_usd": 100})
    (first,) = await entries(runtime)
    written = _said(first)
    await seal_all(runtime)
    (sealed,) = await entries(runtime)
    assert {name for name, value in _said(sealed).items() if value != written[name]} == SEALED
    async with ada.unit_of_work() as work:
        await update_rule(work, rule.id, name="Tighter")
    async with ada.unit_of_work() as work:
        await delete_rule(work, rule.id)
    runtime.clock.advance(days=3_000)  # type: ignore[attr-defined]
    for housekeeping in (prune_event_log, prune_idempotency_keys, seal):
        await housekeeping(runtime.operation())
    assert _said((await entries(runtime))[0]) == _said(sealed)
    assert len(await entries(runtime)) == 3
