"""One page of a list, as the REST dialects ask for it: by limit and offset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.kernel.errors import DomainError, ErrorCode

MAX_LIMIT = 100
WIDEST_LIMIT = 1_000  # what a row of a route table may widen a limit to
MAX_OFFSET = 2**31 - 1

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]
Offset = Annotated[int, Field(ge=0, le=MAX_OFFSET)]


@dataclass(frozen=True, slots=True)
class Page[T]:
    """A part of a list; `total` counts the whole list."""

    items: Sequence[T]
    total: int


async def page_of[T](session: AsyncSession, query: Select[T], limit: int, offset: int) -> Page[T]:
    """Return one page of a sorted query for whole entities.

    Raises VALIDATION_ERROR unless limit is from 1 to 1000 and offset not negative: not every door checks them before.
    """
    if not 1 <= limit <= WIDEST_LIMIT:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"limit must be from 1 to {WIDEST_LIMIT}", field="limit")
    if not 0 <= offset <= MAX_OFFSET:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "offset must be 0 or more", field="offset")
    counted: Select[Any] = query.order_by(None)
    total = await session.scalar(select(func.count()).select_from(counted.subquery())) or 0
    items = (await session.scalars(query.limit(limit).offset(offset))).all()
    return Page(items, total)
