"""What clients see of the points that they can spend on GraphQL."""

import strawberry


@strawberry.type(description="The points that the caller, or the address of a caller without a token, can spend on GraphQL operations.")
class RateLimit:
    limit: int = strawberry.field(description="How many can be spent at once.")
    remaining: int = strawberry.field(description="How many are left, after this operation was paid for in full.")
    restore_per_second: int = strawberry.field(description="How many come back each second.")
