"""Answers GraphQL's questions about wallets and their ledger."""

import strawberry

from domain.wallets import models, relations, service
from schema.connections import Connection, PageOfNodes, connection, page_request
from schema.context import Info
from schema.fields import field
from schema.scalars import Cursor
from schema.wallets import LedgerEntry, Wallet


@strawberry.type
class WalletQueries:
    @field(Wallet | None, "One wallet. Raises NOT_FOUND.", service=service.get_wallet)
    async def wallet(self, info: Info, id: strawberry.ID) -> models.Wallet:
        async with info.context.reading() as work:
            return await service.get_wallet(work, id)

    @field(Connection[Wallet], "The caller's wallets, newest first.", service=relations.page_of_wallets)
    async def wallets(
        self,
        info: Info,
        first: int | None = None,
        after: Cursor | None = None,
        last: int | None = None,
        before: Cursor | None = None,
    ) -> PageOfNodes:
        page = page_request(info, first, after, last, before)
        async with info.context.reading() as work:
            return connection(await relations.page_of_wallets(work, page))

    @field(
        Connection[LedgerEntry],
        "What changed the balances of a wallet, newest first. Raises NOT_FOUND.",
        service=relations.page_of_ledger,
    )
    async def ledger(
        self,
        info: Info,
        wallet_id: strawberry.ID,
        asset: str | None = None,
        first: int | None = None,
        after: Cursor | None = None,
        last: int | None = None,
        before: Cursor | None = None,
    ) -> PageOfNodes:
        page = page_request(info, first, after, last, before)
        async with info.context.reading() as work:
            return connection(await relations.page_of_ledger(work, page, wallet_id, asset))
