"""Gives stored secrets another key while servers read and write them: row by row, and again as often as one likes."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute

from domain.runtime.database import Base
from domain.runtime.encryption import VERSION, KeyRing, UnreadableSecret
from domain.runtime.operation import Operation

BATCH = 50


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column whose texts are sealed for (user id, id) of their row; an empty text is no secret."""

    model: type[Base]
    column: InstrumentedAttribute[str]


@dataclass(slots=True)
class Rotated:
    """What was done in one table; rows that no key opens were left as they are."""

    table: str
    key: str
    rotated: int = 0
    unreadable: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        return f"{self.table}: {self.rotated} encrypted anew, all with the key {self.key} but {len(self.unreadable)}"


async def rotate(operation: Operation, place: Sealed) -> Rotated:
    """Seal what is not sealed with the ring's first key, in transactions of at most 50 rows.

    A row that changes meanwhile is left to whoever changes it, who seals with the first key or is found the next time.
    """
    ring = operation.use(KeyRing)
    assert ring.newest is not None
    table: Any = place.model.__table__
    id, user_id, column = table.c.id, table.c.user_id, table.c[place.column.key]
    done = Rotated(str(table.name), ring.newest)
    behind = ""
    while True:
        old = select(id, user_id, column).where(column != "", ~column.startswith(f"{VERSION}.{ring.newest}.", autoescape=True))
        async with operation.reading() as work:
            rows = (await work.session.execute(old.where(id > behind).order_by(id).limit(BATCH))).all()
        if not rows:
            return done
        behind = rows[-1][0]
        async with operation.unit_of_work() as work:
            for row_id, owner, sealed in rows:
                try:
                    text = ring.open(sealed, owner, row_id)
                except UnreadableSecret:
                    done.unreadable.append(row_id)
                    continue
                change = update(table).where(id == row_id, column == sealed).values({column: ring.seal(text, owner, row_id)})
                done.rotated += len((await work.session.execute(change.returning(id))).all())
