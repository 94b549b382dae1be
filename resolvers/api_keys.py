"""Answers GraphQL's questions about API keys, and makes and revokes them."""

from dataclasses import asdict

import strawberry

from domain.accounts import api_keys, models
from schema.api_keys import ApiKey, ApiKeyInput, CreatedApiKey
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation
from schema.inputs import checked


@strawberry.type
class ApiKeyQueries:
    @field(ApiKey | None, "One of the caller's API keys. Raises NOT_FOUND.", service=api_keys.get_api_key)
    async def api_key(self, info: Info, id: strawberry.ID) -> models.ApiKey:
        async with info.context.reading() as work:
            return await api_keys.get_api_key(work, id)

    api_keys = listing(ApiKey, "The caller's API keys, newest first, those that have ended too.", api_keys.page_of_api_keys)


@strawberry.type
class ApiKeyMutations:
    @mutation(
        CreatedApiKey,
        "Make an API key with some of the caller's permissions; its token is shown this once. With an `idempotencyKey` a repeated call "
        "answers with the key and no secret. Raises UNKNOWN_PERMISSION, FORBIDDEN, API_KEY_LIMIT_REACHED, VALIDATION_ERROR.",
        service=api_keys.create_api_key,
    )
    async def create_api_key(self, info: Info, input: ApiKeyInput, idempotency_key: str | None = None) -> api_keys.CreatedApiKey:
        body = checked(api_keys.NewApiKey, asdict(input))
        async with info.context.unit_of_work(idempotency_key) as work:
            return await api_keys.create_api_key(work, body)

    @mutation(
        ApiKey,
        "End an API key at once: it is refused from now on, and its sockets close. Raises NOT_FOUND.",
        service=api_keys.revoke_api_key,
    )
    async def revoke_api_key(self, info: Info, key_id: strawberry.ID) -> models.ApiKey:
        async with info.context.unit_of_work() as work:
            return await api_keys.revoke_api_key(work, key_id)
