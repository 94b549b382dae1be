"""Credentials as `/api/v1` shows them, without a secret, and the bodies of both of its generations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AliasChoices, Field

from domain.kernel.errors import DomainError, ErrorCode
from domain.wallets.credentials import CredentialChanges, Extras, Name, Named, NewCredential, Secret, Secrets
from domain.wallets.models import Credential
from domain.wallets.rules import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialBody:
    """`wallet_id` is another name of `wallet_slug`: both take a slug and an id. Secrets come in `api_key`, `api_secret` and
    `additional_config`, or all in `credentials` by the keys of the definition's `auth_fields`.

    `additional_config` may also say `environment`, or `testnet`: true.
    """

    name: Name
    wallet_slug: Annotated[Named, Field(validation_alias=AliasChoices("wallet_slug", "wallet_id"))]
    api_key: Secret | None = field(default=None, repr=False)
    api_secret: Secret | None = field(default=None, repr=False)
    additional_config: Extras | None = field(default=None, repr=False)
    credentials: Secrets | None = field(default=None, repr=False)
    environment: Environment | None = None

    def arguments(self) -> dict[str, Any]:
        new = NewCredential(
            name=self.name,
            wallet=self.wallet_slug,
            credentials=_secrets(self) or {},
            extras=self.additional_config,
            environment=_environment(self.environment, self.additional_config or {}) or Environment.MAINNET,
        )
        return {"body": new}


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialChangesBody:
    """What is left out or null stays as it is; any secret replaces all that there were."""

    name: Name | None = None
    api_key: Secret | None = field(default=None, repr=False)
    api_secret: Secret | None = field(default=None, repr=False)
    additional_config: Extras | None = field(default=None, repr=False)
    credentials: Secrets | None = field(default=None, repr=False)
    environment: Environment | None = None
    is_active: bool | None = None

    def arguments(self) -> dict[str, Any]:
        changes = CredentialChanges(
            name=self.name,
            credentials=_secrets(self),
            extras=self.additional_config,
            environment=_environment(self.environment, self.additional_config or {}),
            is_active=self.is_active,
        )
        return {"body": changes}


@dataclass(frozen=True, slots=True)
class CredentialView:
    """What is known of credentials: of the secrets only which there are, and the end of the key."""

    id: str
    user_id: str
    name: str
    wallet_slug: str
    environment: str
    fields: list[str]
    api_key_hint: str | None
    is_active: bool
    is_connected: bool
    last_verified_at: datetime | None
    connection_error: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, credential: Credential) -> Self:
        return cls(
            id=credential.id,
            user_id=credential.user_id,
            name=credential.name,
            wallet_slug=credential.definition_slug,
            environment=credential.environment.value,
            fields=list(credential.fields),
            api_key_hint=credential.masked_key,
            is_active=credential.is_active,
            is_connected=credential.is_connected,
            last_verified_at=credential.last_verified_at,
            connection_error=credential.connection_error,
            created_at=credential.created_at,
            updated_at=credential.updated_at or credential.created_at,
        )


@dataclass(frozen=True, slots=True)
class CredentialTestView:
    """What the venue said to these credentials."""

    success: bool
    message: str
    is_connected: bool
    last_verified_at: datetime | None
    connection_error: str | None

    @classmethod
    def of(cls, credential: Credential) -> Self:
        success = credential.is_connected
        message = "Connection successful" if success else "Connection failed"
        return cls(success, message, success, credential.last_verified_at, credential.connection_error)


def _secrets(body: CredentialBody | CredentialChangesBody) -> dict[str, str] | None:
    named = {name: value for name in ("api_key", "api_secret") if (value := getattr(body, name)) is not None}
    return None if not named and body.credentials is None else {**(body.credentials or {}), **named}


def _environment(said: Environment | None, extras: Mapping[str, Any]) -> Environment | None:
    # Clients of the first document can only say it here, and play money must not become real by a word that nobody reads.
    words = [Environment.TESTNET if extras[name] else Environment.MAINNET for name in ("testnet", "sandbox") if name in extras]
    if "environment" in extras:
        if extras["environment"] not in list(Environment):
            raise DomainError(ErrorCode.VALIDATION_ERROR, "environment must be mainnet or testnet", field="additional_config.environment")
        words.append(Environment(extras["environment"]))
    if len({*words, *([said] if said else [])}) > 1:
        raise DomainError(ErrorCode.VALIDATION_ERROR, "The environment is given twice, and differently", field="environment")
    return said or (words[0] if words else None)
