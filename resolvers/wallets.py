"""Answers GraphQL's questions about wallets and their ledger, and does with them what clients ask."""

from dataclasses import asdict

import strawberry

from domain.trading import wallet_syncing
from domain.wallets import connecting, models, opening, relations, service
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation
from schema.inputs import checked
from schema.wallets import (
    AddBalanceInput,
    AddedBalance,
    BalanceSync,
    ConnectionTest,
    LedgerEntry,
    Wallet,
    WalletChangesInput,
    WalletInput,
    WalletSyncLog,
)

KEY = "With an `idempotencyKey` a repeated call answers with what the first one made; raises IDEMPOTENCY_CONFLICT for another request."


@strawberry.type
class WalletQueries:
    @field(Wallet | None, "One wallet. Raises NOT_FOUND.", service=service.get_wallet)
    async def wallet(self, info: Info, id: strawberry.ID) -> models.Wallet:
        async with info.context.reading() as work:
            return await service.get_wallet(work, id)

    wallets = listing(Wallet, "The caller's wallets, newest first.", relations.page_of_wallets)

    ledger = listing(LedgerEntry, "What changed the balances of a wallet, newest first. Raises NOT_FOUND.", relations.page_of_ledger)

    wallet_sync_logs = listing(
        WalletSyncLog, "Comparisons of a wallet's books with its venue, newest first. Raises NOT_FOUND.", relations.page_of_sync_logs
    )


@strawberry.type
class WalletMutations:
    @mutation(
        Wallet,
        f"Open a wallet. {KEY} Raises NOT_FOUND, WALLET_DEFINITION_INACTIVE, PAPER_WALLET_EXISTS, WALLET_NAME_TAKEN, WALLET_LIMIT_REACHED, "
        "MISSING_AUTH_FIELD, CREDENTIALS_IN_USE, CREDENTIALS_MISMATCH, VALIDATION_ERROR, SESSION_REQUIRED.",
        service=opening.create_wallet,
    )
    async def create_wallet(self, info: Info, input: WalletInput, idempotency_key: str | None = None) -> models.Wallet:
        values = asdict(input)
        body = checked(opening.NewWallet, {"definition": values.pop("wallet_slug"), **values})
        async with info.context.unit_of_work(idempotency_key) as work:
            return await opening.create_wallet(work, body)

    @mutation(
        Wallet,
        "Change a wallet. Raises NOT_FOUND, WALLET_NAME_TAKEN, WALLET_IN_USE, MISSING_AUTH_FIELD, CREDENTIALS_IN_USE, "
        "CREDENTIALS_MISMATCH, VALIDATION_ERROR, SESSION_REQUIRED.",
        service=opening.update_wallet,
    )
    async def update_wallet(self, info: Info, wallet_id: strawberry.ID, input: WalletChangesInput) -> models.Wallet:
        body = checked(opening.WalletChanges, asdict(input))
        async with info.context.unit_of_work() as work:
            return await opening.update_wallet(work, wallet_id, body)

    @mutation(
        strawberry.ID,
        "Close a wallet and return its id. Raises NOT_FOUND, WALLET_PROTECTED, WALLET_IN_USE.",
        service=opening.delete_wallet,
    )
    async def delete_wallet(self, info: Info, wallet_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await opening.delete_wallet(work, wallet_id)
        return wallet_id

    @mutation(
        AddedBalance,
        f"Add play money to a paper wallet. {KEY} Raises NOT_FOUND, NOT_A_PAPER_WALLET, VALIDATION_ERROR.",
        service=opening.add_balance,
    )
    async def add_balance(
        self, info: Info, wallet_id: strawberry.ID, input: AddBalanceInput, idempotency_key: str | None = None
    ) -> opening.AddedBalance:
        async with info.context.unit_of_work(idempotency_key) as work:
            return await opening.add_balance(work, wallet_id, input.asset, input.amount)

    @mutation(
        ConnectionTest,
        "Ask the wallet's venue for the account; that it refuses is an answer too. Raises NOT_FOUND.",
        service=connecting.test_connection,
    )
    async def test_wallet_connection(self, info: Info, wallet_id: strawberry.ID) -> connecting.ConnectionTest:
        return await connecting.test_connection(info.context.operation, wallet_id)

    @mutation(
        BalanceSync,
        "Compare a wallet's books with its venue and book the difference; that it cannot be asked is an answer too. Raises NOT_FOUND.",
        service=wallet_syncing.sync_balance,
    )
    async def sync_wallet_balance(self, info: Info, wallet_id: strawberry.ID) -> wallet_syncing.BalanceSync:
        return await wallet_syncing.sync_balance(info.context.operation, wallet_id)
