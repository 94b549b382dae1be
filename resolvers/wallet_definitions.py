"""Answers GraphQL's questions about the places where wallets can be opened, and does with them what administrators ask."""

from dataclasses import asdict

import strawberry

from domain.wallets import definitions, models
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation
from schema.inputs import checked
from schema.wallet_definitions import WalletDefinition, WalletDefinitionChangesInput, WalletDefinitionInput


@strawberry.type
class WalletDefinitionQueries:
    wallet_definitions = listing(
        WalletDefinition, "The places where wallets can be opened, newest first.", definitions.page_of_wallet_definitions
    )

    @field(WalletDefinition | None, "One place where wallets can be opened. Raises NOT_FOUND.", service=definitions.get_wallet_definition)
    async def wallet_definition(self, info: Info, slug: str) -> models.WalletDefinition:
        async with info.context.reading() as work:
            return await definitions.get_wallet_definition(work, slug)


@strawberry.type
class WalletDefinitionMutations:
    @mutation(
        WalletDefinition,
        "Let people open wallets at another place. With an `idempotencyKey` a repeated call answers with what the first one made. "
        "Raises WALLET_DEFINITION_EXISTS, VALIDATION_ERROR, IDEMPOTENCY_CONFLICT.",
        service=definitions.create_wallet_definition,
    )
    async def create_wallet_definition(
        self, info: Info, input: WalletDefinitionInput, idempotency_key: str | None = None
    ) -> models.WalletDefinition:
        body = checked(definitions.NewWalletDefinition, asdict(input))
        async with info.context.unit_of_work(idempotency_key) as work:
            return await definitions.create_wallet_definition(work, body)

    @mutation(
        WalletDefinition,
        "Change a definition; one that is switched off takes no new wallets. Raises NOT_FOUND, WALLET_PROTECTED, VALIDATION_ERROR.",
        service=definitions.update_wallet_definition,
    )
    async def update_wallet_definition(self, info: Info, slug: str, input: WalletDefinitionChangesInput) -> models.WalletDefinition:
        body = checked(definitions.WalletDefinitionChanges, asdict(input))
        async with info.context.unit_of_work() as work:
            return await definitions.update_wallet_definition(work, slug, body)

    @mutation(
        strawberry.ID,
        "Take a definition off the list and return its id; the wallets that there are go on. Raises NOT_FOUND, WALLET_PROTECTED.",
        service=definitions.delete_wallet_definition,
    )
    async def delete_wallet_definition(self, info: Info, slug: str) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            return strawberry.ID((await definitions.delete_wallet_definition(work, slug)).id)
