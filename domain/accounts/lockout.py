"""Stops the guessing of passwords: after five failures for an address from one place, nothing is tried for a while."""

import hashlib
import math
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.accounts.models import PasswordFailures
from domain.kernel.clock import to_wire
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.rate_limits import network_of
from domain.runtime.unit_of_work import UnitOfWork

MAX_FAILURES = 5
WINDOW = timedelta(minutes=15)
LOCKED_FOR = timedelta(minutes=15)


async def check(work: UnitOfWork, email: str) -> None:
    """Raise TOO_MANY_ATTEMPTS, with `retry_after` in seconds, while this address is locked for where the caller comes from.

    Whether an account has the address plays no part.
    """
    _refuse_if_locked(work, await work.session.get(PasswordFailures, _key(work, email)))


async def count_failure(work: UnitOfWork, email: str) -> None:
    """Note a wrong password; the fifth within 15 minutes locks for 15 minutes.

    Raises TOO_MANY_ATTEMPTS if others were faster: of many guesses made at once only five are answered.
    """
    key, now = _key(work, email), work.now
    insert = postgresql.insert if work.session.get_bind().dialect.name == "postgresql" else sqlite.insert
    first = insert(PasswordFailures).values(key=key, failed_at=[], locked_until=None, updated_at=now)
    await work.session.execute(first.on_conflict_do_nothing())
    row = await work.session.scalar(_locked_row(key))
    if row is None:
        return  # a success elsewhere has just forgiven everything
    _refuse_if_locked(work, row)
    recent = [moment for moment in row.failed_at if datetime.fromisoformat(moment) > now - WINDOW]
    row.failed_at = [*recent, to_wire(now)]
    row.updated_at = now
    if len(row.failed_at) >= MAX_FAILURES:
        row.failed_at, row.locked_until = [], now + LOCKED_FOR


async def forgive(work: UnitOfWork, email: str) -> None:
    """Forget the failures, since the right password came. Raises TOO_MANY_ATTEMPTS if five others failed meanwhile."""
    row = await work.session.scalar(_locked_row(_key(work, email)))
    if row is not None:
        _refuse_if_locked(work, row)
        await work.session.delete(row)


async def prune(work: UnitOfWork) -> None:
    """Delete what no longer counts."""
    await work.session.execute(delete(PasswordFailures).where(PasswordFailures.updated_at < work.now - max(WINDOW, LOCKED_FOR)))


def _locked_row(key: str) -> Select[PasswordFailures]:
    return select(PasswordFailures).where(PasswordFailures.key == key).with_for_update()


def _refuse_if_locked(work: UnitOfWork, row: PasswordFailures | None) -> None:
    if row is not None and row.locked_until is not None and row.locked_until > work.now:
        seconds = math.ceil((row.locked_until - work.now).total_seconds())
        raise DomainError(ErrorCode.TOO_MANY_ATTEMPTS, "Too many failed attempts; try again later", retry_after=seconds)


def _key(work: UnitOfWork, email: str) -> str:
    # A digest: what people type into the field of the address is not always an address, and may be of any length.
    return hashlib.sha256(f"{network_of(work.operation.ip)}\n{email}".encode("utf-8", "surrogatepass")).hexdigest()
