"""Answers how much a caller can still ask."""

import strawberry

from domain.plans.allowances import points_left
from schema.context import Info
from schema.fields import field
from schema.rate_limits import RateLimit


@strawberry.type
class RateLimitQueries:
    @field(
        RateLimit | None,
        "The points that the caller can spend; null on a server without limits. What other operations have cost stands in the "
        "`extensions.cost` of their answers. Open without a token.",
        cost=0,
    )
    async def rate_limit(self, info: Info) -> RateLimit | None:
        left = await points_left(info.context.operation)
        if left is None:
            return None
        bucket = left.bucket
        return RateLimit(limit=bucket.size, remaining=left.remaining, restore_per_second=bucket.restored_per_second)
