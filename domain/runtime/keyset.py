"""Pages of a list by keyset: newest first, one statement a page, and no OFFSET however deep a client reads."""

import base64
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from domain.kernel.errors import DomainError, ErrorCode

DEFAULT_SIZE = 20
MAX_SIZE = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WRITTEN = re.compile(r"(\d{1,17})\.(\w{1,40})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object stands in a list that is sorted by creation."""

    created_at: datetime
    id: str

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{(self.created_at - _EPOCH) // _MICROSECOND}.{self.id}".encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, written: str) -> Self:
        """Return the place that `str` wrote; raises CURSOR_INVALID."""
        try:
            text = base64.b64decode(written + "=" * (-len(written) % 4), altchars=b"-_", validate=True).decode("ascii")
            found = _WRITTEN.fullmatch(text)
            place = cls(_EPOCH + int(found[1]) * _MICROSECOND, found[2]) if found else None
        except (ValueError, OverflowError):
            place = None
        if place is None or str(place) != written:
            raise DomainError(ErrorCode.CURSOR_INVALID, "The cursor was not issued by this server", cursor=written[:40])
        return place


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list is wanted: `size` objects after a place, or the last `size` before one."""

    size: int = DEFAULT_SIZE
    place: Place | None = None
    backward: bool = False
    want_total: bool = False

    @classmethod
    def of(
        cls,
        *,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        want_total: bool = False,
    ) -> Self:
        """Return the request that Relay's four arguments make.

        Raises VALIDATION_ERROR for a size outside 1 to 100 or arguments of both directions, CURSOR_INVALID for a foreign cursor.
        """
        backward = last is not None or before is not None
        if backward and (first is not None or after is not None):
            raise DomainError(ErrorCode.VALIDATION_ERROR, "Use `first` and `after`, or `last` and `before`, not both", field="last")
        size, field, written = (last, "last", before) if backward else (first, "first", after)
        size = DEFAULT_SIZE if size is None else size
        if not 1 <= size <= MAX_SIZE:
            raise DomainError(ErrorCode.VALIDATION_ERROR, f"`{field}` must be from 1 to {MAX_SIZE}", field=field, limit=MAX_SIZE)
        return cls(size, None if written is None else Place.parse(written), backward, want_total)


@dataclass(frozen=True, slots=True)
class KeysetPage[T]:
    """Part of a list, newest first; `total` counts the whole list, and is None unless it was asked for."""

    items: Sequence[T]
    has_next: bool
    has_previous: bool
    total: int | None = None


async def keyset_page[T](session: AsyncSession, query: Select[Any], entity: type[T], page: PageRequest) -> KeysetPage[T]:
    """Return one page of a select of `entity`, which has `created_at` and `id` and must be neither sorted nor limited yet.

    One statement, the total included; only an empty page behind the end of a list needs another for its total.
    """
    created_at: InstrumentedAttribute[datetime] = entity.created_at  # type: ignore[attr-defined]
    id: InstrumentedAttribute[str] = entity.id  # type: ignore[attr-defined]
    key = tuple_(created_at, id)
    statement = query.add_columns(_count(query)) if page.want_total else query
    if page.place is not None:
        place = tuple_(literal(page.place.created_at, created_at.type), literal(page.place.id, id.type))
        statement = statement.where(key > place if page.backward else key < place)
    order = (created_at.asc(), id.asc()) if page.backward else (created_at.desc(), id.desc())
    rows = (await session.execute(statement.order_by(*order).limit(page.size + 1))).all()
    items = [row[0] for row in rows[: page.size]]
    more = len(rows) > page.size
    total: int | None = None
    if page.want_total:
        total = rows[0][1] if rows else 0 if page.place is None else await session.scalar(select(_count(query)))
    if page.backward:
        return KeysetPage(items[::-1], has_next=page.place is not None, has_previous=more, total=total)
    return KeysetPage(items, has_next=more, has_previous=page.place is not None, total=total)


def equal(query: Select[Any], *terms: tuple[InstrumentedAttribute[Any], object]) -> Select[Any]:
    """Return the query narrowed to rows whose columns equal the values; a value of None does not narrow it."""
    return query.where(*(column == value for column, value in terms if value is not None))


async def grouped(session: AsyncSession, query: Select[Any], by: str, keys: Collection[str]) -> dict[str, list[Any]]:
    """Return the query's rows by their attribute `by`, in the query's order; a key without rows has an empty list."""
    found: dict[str, list[Any]] = {key: [] for key in keys}
    for row in await session.scalars(query):
        found[getattr(row, by)].append(row)
    return found


def _count(query: Select[Any]) -> Any:
    return select(func.count()).select_from(query.order_by(None).subquery()).scalar_subquery()
