"""What clients see of API keys."""

from datetime import datetime

import strawberry


@strawberry.type(description="A key with which a program asks in its owner's name, with some of its rights, until it ends.")
class ApiKey:
    id: strawberry.ID = strawberry.field(description="Begins with `key_`.")
    name: str = strawberry.field(description="What its owner calls it.")
    prefix: str = strawberry.field(description="How its token begins, to recognise it by.")
    permissions: list[str] = strawberry.field(description="The most it may do; nothing that its owner may not do now.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="When it ends.")
    last_used_at: datetime | None = strawberry.field(description="Its last use, to the minute.")
    revoked_at: datetime | None = strawberry.field(description="When its owner ended it.")


@strawberry.type(description="A new API key with its token, which is shown this once.")
class CreatedApiKey:
    api_key: ApiKey = strawberry.field(description="The key.")
    secret: str | None = strawberry.field(
        description="Goes into `Authorization: Bearer …` on every door. Null when a repeated call finds the key already made."
    )


@strawberry.input(description="A new API key.")
class ApiKeyInput:
    name: str = strawberry.field(description="1 to 100 characters, not only blanks.")
    permissions: list[str] = strawberry.field(description="1 to 200 names such as `orders:read`, or words such as `trading.read`.")
    expires_at: datetime = strawberry.field(description="From a minute to 366 days ahead.")
