"""Makes a retried request answer with what the first one made, whichever door it comes through."""

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import PrimaryKeyConstraint, String, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.columns import dump_json
from domain.runtime.database import Base

if TYPE_CHECKING:
    from domain.runtime.unit_of_work import UnitOfWork

KEPT = timedelta(hours=24)
MAX_KEY_LENGTH = 128


class IdempotencyKey(Base):
    """A key a user sent, what it was for, and the id of what it made."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (PrimaryKeyConstraint("user_id", "key"),)

    user_id: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(MAX_KEY_LENGTH))
    fingerprint: Mapped[str] = mapped_column(String(64))
    result_id: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(index=True)


def fingerprint_of(verb: str, **arguments: Any) -> str:
    """Return a digest of what is asked: equal for equal requests, whatever door or key order they came with."""
    document = dump_json({"verb": verb, "arguments": {name: arguments[name] for name in sorted(arguments)}})
    return hashlib.sha256(document.encode()).hexdigest()


async def claim(work: "UnitOfWork", fingerprint: str, result_id: str) -> str | None:
    """Bind the request's idempotency key to `result_id` in this transaction.

    Returns None if the work is to be done now (also when the request has no key), or the id that an earlier, equal request
    made. Raises IDEMPOTENCY_CONFLICT if the key was used for something else, BAD_REQUEST if it is too long.
    """
    key = work.operation.idempotency_key
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise DomainError(ErrorCode.BAD_REQUEST, f"An idempotency key has 1 to {MAX_KEY_LENGTH} printable characters")
    user_id = work.caller.id
    session = work.session
    await session.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.user_id == user_id, IdempotencyKey.key == key, IdempotencyKey.created_at < work.now - KEPT
        )
    )
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(IdempotencyKey).values(user_id=user_id, key=key, fingerprint=fingerprint, result_id=result_id, created_at=work.now)
    if (await session.execute(statement.on_conflict_do_nothing().returning(IdempotencyKey.key))).first() is not None:
        return None
    return await answered(work, fingerprint)


async def answered(work: "UnitOfWork", fingerprint: str) -> str | None:
    """Return the id that an earlier, equal request with the request's key made, None if there was none.

    Raises IDEMPOTENCY_CONFLICT if the key was used for something else.
    """
    mine = IdempotencyKey.user_id == work.caller.id, IdempotencyKey.key == work.operation.idempotency_key
    earlier = await work.session.scalar(select(IdempotencyKey).where(*mine, IdempotencyKey.created_at >= work.now - KEPT))
    if earlier is not None and earlier.fingerprint != fingerprint:
        raise DomainError(ErrorCode.IDEMPOTENCY_CONFLICT, "This idempotency key was used for another request")
    if earlier is None:
        return None
    work.forgo_record()
    return earlier.result_id


async def prune_keys(work: "UnitOfWork") -> None:
    """Delete keys older than 24 hours."""
    await work.session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < work.now - KEPT))
