"""One page of a list, counted, for the doors that page by limit and offset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.kernel.errors import DomainError, ErrorCode

DEFAULT_LIMIT = 10
MAX_LIMIT = 1_000
MAX_OFFSET = 2**31 - 1

# What a service writes in its signature; a row of a route table may narrow or widen the limit.
Limit = Annotated[int, Field(ge=1, le=100, description="how many items to send")]
Offset = Annotated[int, Field(ge=0, le=MAX_OFFSET, description="how many items to pass over first")]


@dataclass(frozen=True, slots=True)
class Page[T]:
    """Some items of a list, and how many there are in all."""

    items: Sequence[T]
    total: int


def check_page(limit: int, offset: int, at_most: int = MAX_LIMIT) -> None:
    """Raise VALIDATION_ERROR unless 1 <= limit <= `at_most` and offset >= 0: not every door checks them before."""
    if not 1 <= limit <= at_most:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"limit must lie between 1 and {at_most}", field="limit")
    if not 0 <= offset <= MAX_OFFSET:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "offset must not be negative", field="offset")


async def page_of[T](session: AsyncSession, query: Select[T], limit: int, offset: int) -> Page[T]:
    """Return one page of a sorted query for whole entities, with the total of the whole list. Raises VALIDATION_ERROR."""
    check_page(limit, offset)
    counted: Select[Any] = query.order_by(None)
    total = await session.scalar(select(func.count()).select_from(counted.subquery())) or 0
    items = (await session.scalars(query.limit(limit).offset(offset))).all()
    return Page(items, total)
