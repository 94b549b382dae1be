"""What clients see of credentials, which is never a secret, and what they leave here."""

from datetime import datetime

import strawberry

from domain.wallets.rules import Environment
from schema.enums import graphql_enum
from schema.scalars import JSON

graphql_enum(
    Environment,
    name="CredentialEnvironment",
    description="What the credentials open.",
    values={"MAINNET": "An account with real money.", "TESTNET": "An account of the exchange's sandbox."},
)
SECRETS = "An object of texts by the keys of the definition's `authFields`. Kept encrypted, and never shown again."


@strawberry.type(description="The keys of an exchange account, as far as they may be known.")
class Credential:
    id: strawberry.ID = strawberry.field(description="Begins with `cred_`.")
    name: str = strawberry.field(description="What the user calls them.")
    definition_slug: str = strawberry.field(description="For which place they are.")
    environment: Environment = strawberry.field(description="What they open.")
    fields: list[str] = strawberry.field(description="Which secrets there are, by name.")
    masked_key: str | None = strawberry.field(description="The last four characters of the key behind `****`.")
    is_active: bool = strawberry.field(description="Whether anything is asked or sent in their name.")
    is_connected: bool = strawberry.field(description="Whether the place took them when it was asked last.")
    last_verified_at: datetime | None = strawberry.field(description="When it took them last.")
    connection_error: str | None = strawberry.field(description="Why it did not take them last time.")
    created_at: datetime = strawberry.field(description="When they were left here.")
    updated_at: datetime | None = strawberry.field(description="Last change.")


@strawberry.input(description="Keys to be kept.")
class CredentialInput:
    name: str = strawberry.field(description="1 to 100 characters.")
    wallet_slug: str = strawberry.field(description="Slug or id of a wallet definition.")
    credentials: JSON = strawberry.field(description=SECRETS)
    extras: JSON | None = strawberry.field(default=None, description="An object with settings of the connection, kept encrypted too.")
    environment: Environment = strawberry.field(default=Environment.MAINNET, description="What they open.")


@strawberry.input(description="Changes of credentials; what is left out or null stays as it is, secrets are replaced all together.")
class CredentialChangesInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters.")
    credentials: JSON | None = strawberry.field(default=None, description=SECRETS)
    extras: JSON | None = strawberry.field(default=None, description="An object with settings of the connection, kept encrypted too.")
    environment: Environment | None = strawberry.field(default=None, description="What they open; not under a wallet.")
    is_active: bool | None = strawberry.field(default=None, description="Whether anything is asked or sent in their name.")
