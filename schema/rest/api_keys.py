"""API keys as both REST dialects show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from domain.accounts.api_keys import CreatedApiKey


@dataclass(frozen=True, slots=True)
class ApiKeyView:
    """A key without its secret."""

    id: str
    name: str
    prefix: str
    permissions: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class CreatedApiKeyView:
    """A new key; `secret` is its token, shown this once, and null in the answer to a repeated call."""

    id: str
    name: str
    prefix: str
    permissions: list[str]
    created_at: datetime
    expires_at: datetime
    secret: str | None

    @classmethod
    def of(cls, created: CreatedApiKey) -> Self:
        key = created.api_key
        return cls(key.id, key.name, key.prefix, list(key.permissions), key.created_at, key.expires_at, created.secret)
