"""Answers GraphQL's questions about wallets and their ledger."""

import strawberry

from domain.wallets import models, relations, service
from schema.connections import listing
from schema.context import Info
from schema.fields import field
from schema.wallets import LedgerEntry, Wallet


@strawberry.type
class WalletQueries:
    @field(Wallet | None, "One wallet. Raises NOT_FOUND.", service=service.get_wallet)
    async def wallet(self, info: Info, id: strawberry.ID) -> models.Wallet:
        async with info.context.reading() as work:
            return await service.get_wallet(work, id)

    wallets = listing(Wallet, "The caller's wallets, newest first.", relations.page_of_wallets)

    ledger = listing(LedgerEntry, "What changed the balances of a wallet, newest first. Raises NOT_FOUND.", relations.page_of_ledger)
