"""Leaves one entry for each act: who, through which door, what was done to which object, and what it was before and after."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Concatenate

import structlog

from domain.audit.chain import KeyRing, mac_of
from domain.audit.changes import Changes, clean_text, document_of
from domain.audit.models import AuditEntry
from domain.audit.vocabulary import READ, ActorKind, AuditResult, Severity, event_type_of
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller
from domain.runtime.event_log import current_transaction
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

log = structlog.get_logger()
Sides = Mapping[str, Any] | None
TABLE: Any = AuditEntry.__table__


@dataclass(frozen=True, slots=True)
class Audited:
    """The marker of an audited service: its action, and where the object's id is found."""

    action: str
    id: str | None


class Watchers:
    """Who looks at each entry as it is written, in the same transaction; the composition fills `all`."""

    def __init__(self) -> None:
        self.all: list[Callable[[UnitOfWork, Mapping[str, Any]], Awaitable[None]]] = []


class Record:
    """The entry of one act while it is being done; services may say more about it than can be seen from outside."""

    def __init__(self, action: str, operation: Operation, object_id: str | None = None) -> None:
        self.action, self.operation, self.object_id = action, operation, object_id
        self.object_type = action.partition(".")[0]
        self.actor: Caller = operation.caller
        self._actor_kind: ActorKind | None = None
        self.result = AuditResult.SUCCESS
        self.severity = Severity.INFO
        self.code: ErrorCode | None = None
        self.details: dict[str, Any] = {}
        self.is_written = self.is_forgone = False
        self._by_hand: tuple[Sides, Sides] | None = None
        self._is_pending = False

    def about(self, object_id: str | None, object_type: str | None = None) -> None:
        """Name the object, where the arguments do not."""
        self.object_id, self.object_type = object_id, object_type or self.object_type

    def act_as(self, actor: Caller) -> None:
        """Name the actor, where it is not the caller: whoever logs in is nobody when the request begins."""
        self.actor = actor

    def act_as_device(self, device_id: str) -> None:
        """Name a device as the actor: it came with a key of its own, and nobody has logged in."""
        self.actor, self._actor_kind = Caller(user_id=device_id), ActorKind.DEVICE

    def act_for(self, user_id: str) -> None:
        """Name the user for whom the system acts."""
        if self.actor.is_system and self.actor.user_id is None:
            self.actor = replace(self.actor, user_id=user_id)

    def add(self, **details: object) -> None:
        """Add to the details; secrets do not belong there."""
        self.details |= details

    def change(self, before: Sides, after: Sides) -> None:
        """State what changed, where it did not go through the session's objects."""
        self._by_hand = before, after

    def fail(self, code: ErrorCode, severity: Severity = Severity.WARNING, **details: object) -> None:
        """Make it the entry of a refusal that has left something behind, such as the count of a wrong password."""
        self.result, self.code, self.severity = AuditResult.FAILURE, code, severity
        self.add(**details)

    # --- what the plumbing asks of a recorder

    def watch(self, work: UnitOfWork) -> None:
        if not (self.is_written or self.is_forgone):
            Changes.of(work.session)

    async def write(self, work: UnitOfWork) -> None:
        if self.is_written or self.is_forgone:
            return
        self._is_pending = False  # what an earlier transaction wrote and did not commit is gone
        await work.session.flush()
        changes = Changes.of(work.session)
        # A transaction under an operation may only have looked; one that a service was given is the act itself.
        if work.recorder is self and changes.is_empty and not work.has_news:
            return
        await self._insert(work, changes)
        self._is_pending = True

    def committed(self) -> None:
        self.is_written = self.is_written or self._is_pending

    def forgo(self) -> None:
        self.is_forgone = True

    async def write_alone(self, operation: Operation) -> None:
        """Write the entry in a transaction of its own, unless it is there already or there is nothing to tell."""
        if self.is_written or self.is_forgone:
            return
        async with operation.unrecorded().unit_of_work() as work:
            await self._insert(work, Changes())
        self.is_written = True

    async def _insert(self, work: UnitOfWork, changes: Changes) -> None:
        # One plain statement: the change has been flushed, and nobody needs the entry as an object.
        said = self._content(work, changes)
        key = KeyRing.of(self.operation.runtime.settings).current
        said["key_id"] = key.id
        id = new_id("audit")
        proven = said | {"id": id, "mac": mac_of(key, SimpleNamespace(id=id, **said))}
        await work.session.execute(TABLE.insert().values(transaction_id=current_transaction(work.session), **proven))
        for watch in self.operation.runtime.lasting(Watchers).all:
            await watch(work, said)

    def _content(self, work: UnitOfWork, changes: Changes) -> dict[str, Any]:
        operation, actor = self.operation, self.actor
        row = changes.named(self.object_id)
        before, after = self._by_hand or (row.sides() if row else (None, None))
        touched = changes.touched(but=row)
        return {
            "occurred_at": work.now,
            "actor_kind": self._actor_kind or _kind_of(actor),
            "actor_id": actor.user_id,
            "actor_email": actor.email,
            "actor_role": actor.role,
            "session_id": actor.session_id or actor.api_key_id,
            "door": operation.door[:40],
            "action": self.action,
            "event_type": event_type_of(self.action, self.result),
            "object_type": self.object_type,
            "object_id": None if self.object_id is None else clean_text(self.object_id, 120),
            "result": self.result,
            "code": None if self.code is None else self.code.value,
            "severity": self.severity,
            "before": None if before is None else document_of(before),
            "after": None if after is None else document_of(after),
            "details": document_of(self.details | ({"touched": touched} if touched else {})),
            "request_id": operation.request_id,
            "ip": operation.ip,
            "user_agent": None if operation.user_agent is None else clean_text(operation.user_agent, 255),
        }


def audited[W: (UnitOfWork, Operation), **P, R](
    action: str, *, id: str | None = None, failures: Mapping[ErrorCode, str] | None = None
) -> Callable[[Callable[Concatenate[W, P], Awaitable[R]]], Callable[Concatenate[W, P], Coroutine[Any, Any, R]]]:
    """Have a service leave one entry when it succeeds, in the transaction that makes the change; write it above `@requires`.

    `action` is `noun.verb`; the noun is the object's type. `id` says where the object's id is: the name of an argument,
    `result.id` or `caller.user_id`; a service that takes an `Operation` commits before it returns and so names what it makes with
    `entry_of(work).about(id)`. `failures` are refusals that leave an entry too, with the reason that goes into its details.

    Of services that call each other only the outermost leaves an entry, and one that answers with what an earlier, equal request
    made leaves none. A service that takes an `Operation` has it written with its first change, or alone if it changed nothing.
    """

    def decorate(service: Callable[Concatenate[W, P], Awaitable[R]]) -> Callable[Concatenate[W, P], Coroutine[Any, Any, R]]:
        find_id = _finder_of(service, id)

        @functools.wraps(service)
        async def recorded(source: W, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if source.recorder is not None:
                return await service(source, *args, **kwargs)
            operation = source if isinstance(source, Operation) else source.operation
            record = Record(action, operation, find_id(operation, args, kwargs))
            try:
                if isinstance(source, Operation):
                    result = await _follow(source, record, service, args, kwargs, failures or {}, id)
                else:
                    result = await _within(source, record, service, args, kwargs, id)
            except DomainError as refusal:
                refusal.attempt = record
                raise
            return result  # type: ignore[no-any-return]

        recorded.audited = Audited(action, id)  # type: ignore[attr-defined]
        return recorded

    return decorate


def carried_out_by(*services: Callable[..., Any]) -> Callable[[Any], Any]:
    """Mark a door's function as audited because all it does, it has one of these services do."""
    found: list[Audited] = [service.audited for service in services]  # type: ignore[attr-defined]

    def mark(adapter: Any) -> Any:
        adapter.audited = found[0]
        return adapter

    return mark


def entry_of(source: UnitOfWork | Operation) -> Record:
    """Return the entry that is being made, to say more in it; where no audited service runs, what is said is lost."""
    operation = source if isinstance(source, Operation) else source.operation
    return source.recorder if isinstance(source.recorder, Record) else Record(READ, operation)


async def note_refusal(operation: Operation, error: Exception) -> None:
    """Leave an entry of a request that was refused for want of a permission, with the permission; others leave none.

    A door calls this where it turns refusals into answers, once the refused transaction is rolled back.
    """
    if not isinstance(error, DomainError) or error.code is not ErrorCode.FORBIDDEN:
        return
    attempt = error.attempt if isinstance(error.attempt, Record) else None
    if attempt is not None and attempt.is_written:
        return
    record = Record(READ, operation) if attempt is None else Record(attempt.action, operation, attempt.object_id)
    record.add(**({} if attempt is None else attempt.details))
    record.fail(ErrorCode.FORBIDDEN, reason=error.message, required_permission=error.details.get("required_permission"))
    try:
        await record.write_alone(operation)
    except Exception:
        # the answer is a refusal all the same, and nothing has been done
        log.exception("audit.refusal_not_recorded", request_id=operation.request_id)


async def _within(work: UnitOfWork, record: Record, service: Callable[..., Awaitable[Any]], args: Any, kwargs: Any, id: str | None) -> Any:
    work.recorder = record
    record.watch(work)
    try:
        result = await service(work, *args, **kwargs)
    finally:
        work.recorder = None
    _take_result(record, id, result)
    work.keep(record)
    return result


async def _follow(
    operation: Operation,
    record: Record,
    service: Callable[..., Awaitable[Any]],
    args: Any,
    kwargs: Any,
    failures: Mapping[ErrorCode, str],
    id: str | None,
) -> Any:
    try:
        result = await service(replace(operation, recorder=record), *args, **kwargs)
    except DomainError as refusal:
        if refusal.code in failures and not record.is_written:
            record.fail(refusal.code, reason=failures[refusal.code])
            await record.write_alone(operation)
        raise
    _take_result(record, id, result)
    await record.write_alone(operation)
    return result


def _finder_of(service: Callable[..., Any], id: str | None) -> Callable[[Operation, Any, Any], str | None]:
    if id is None or id.startswith("result."):
        return lambda *_: None
    if id.startswith("caller."):
        attribute = id.removeprefix("caller.")
        return lambda operation, *_: getattr(operation.caller, attribute)
    place = list(inspect.signature(service).parameters).index(id) - 1  # raises ValueError for a name that is not there

    def find(_operation: Operation, args: Any, kwargs: Any) -> str | None:
        value = args[place] if place < len(args) else kwargs.get(id)
        return None if value is None else str(value)

    return find


def _take_result(record: Record, id: str | None, result: Any) -> None:
    if record.object_id is None and id is not None and id.startswith("result."):
        found = functools.reduce(getattr, id.removeprefix("result.").split("."), result)
        record.object_id = None if found is None else str(found)


def _kind_of(actor: Caller) -> ActorKind:
    if actor.is_system:
        return ActorKind.SYSTEM
    if actor.api_key_id is not None:
        return ActorKind.API_KEY
    return ActorKind.ANONYMOUS if actor.user_id is None else ActorKind.USER
