"""Answers GraphQL's questions about credentials, and does with them what clients ask."""

from dataclasses import asdict

import strawberry

from domain.wallets import connecting, models
from domain.wallets import credentials as service
from schema.connections import listing
from schema.context import Info
from schema.credentials import Credential, CredentialChangesInput, CredentialInput
from schema.fields import field, mutation
from schema.inputs import checked


@strawberry.type
class CredentialQueries:
    credentials = listing(Credential, "The caller's credentials, newest first, without a secret.", service.page_of_credentials)

    @field(Credential | None, "What is known of credentials. Raises NOT_FOUND.", service=service.get_credential)
    async def credential(self, info: Info, id: strawberry.ID) -> models.Credential:
        async with info.context.reading() as work:
            return await service.get_credential(work, id)


@strawberry.type
class CredentialMutations:
    @mutation(
        Credential,
        "Keep the keys of an exchange account, encrypted; nobody can read them back. With an `idempotencyKey` a repeated call answers with "
        "what the first one made. Raises NOT_FOUND, WALLET_DEFINITION_INACTIVE, MISSING_AUTH_FIELD, VALIDATION_ERROR, "
        "WALLET_LIMIT_REACHED, IDEMPOTENCY_CONFLICT.",
        service=service.create_credential,
    )
    async def create_credential(self, info: Info, input: CredentialInput, idempotency_key: str | None = None) -> models.Credential:
        values = asdict(input)
        body = checked(service.NewCredential, {"wallet": values.pop("wallet_slug"), **values})
        async with info.context.unit_of_work(idempotency_key) as work:
            return await service.create_credential(work, body)

    @mutation(
        Credential,
        "Rename, replace or switch credentials. Raises NOT_FOUND, MISSING_AUTH_FIELD, VALIDATION_ERROR, CREDENTIALS_IN_USE, WALLET_IN_USE.",
        service=service.update_credential,
    )
    async def update_credential(self, info: Info, credentials_id: strawberry.ID, input: CredentialChangesInput) -> models.Credential:
        body = checked(service.CredentialChanges, asdict(input))
        async with info.context.unit_of_work() as work:
            return await service.update_credential(work, credentials_id, body)

    @mutation(
        strawberry.ID,
        "Forget credentials for good and return their id. Raises NOT_FOUND, CREDENTIALS_IN_USE.",
        service=service.delete_credential,
    )
    async def delete_credential(self, info: Info, credentials_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await service.delete_credential(work, credentials_id)
        return credentials_id

    @mutation(
        Credential,
        "Ask the venue for the account that credentials open; they then tell what came of it. Raises NOT_FOUND.",
        service=connecting.test_credential,
    )
    async def test_credential(self, info: Info, credentials_id: strawberry.ID) -> models.Credential:
        return await connecting.test_credential(info.context.operation, credentials_id)
