"""Named leases in the database: among many processes, one at a time does a periodic piece of work."""

from datetime import datetime, timedelta

from sqlalchemy import String, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from domain.runtime.database import Base


class Lease(Base):
    """Who holds a name, and until when."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(128))
    until: Mapped[datetime]


async def acquire(session: AsyncSession, name: str, owner: str, now: datetime, seconds: float) -> bool:
    """Take or renew a lease; says whether `owner` holds it now. The caller commits."""
    until = now + timedelta(seconds=seconds)
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(Lease).values(name=name, owner=owner, until=until)
    made = await session.execute(statement.on_conflict_do_nothing().returning(Lease.name))
    if made.first() is not None:
        return True
    taken = await session.execute(
        update(Lease)
        .where(Lease.name == name, or_(Lease.owner == owner, Lease.until < now))
        .values(owner=owner, until=until)
        .returning(Lease.name)
    )
    return taken.first() is not None
