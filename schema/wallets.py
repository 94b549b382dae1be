"""What clients see of wallets: balances, the ledger that explains each of them, and what was traded; and what they may set."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry

from domain.trading import margins
from domain.trading.wallets import trades_of_wallets
from domain.wallets import relations
from domain.wallets.models import EntryCause
from domain.wallets.rules import ConnectionStatus, Environment, SyncStatus
from schema.credentials import SECRETS
from schema.enums import graphql_enum
from schema.fields import field, related
from schema.scalars import JSON
from schema.wallet_definitions import WalletDefinition

graphql_enum(
    EntryCause,
    name="LedgerCause",
    description="Why a balance changed.",
    values={
        "DEPOSIT": "Money came in.",
        "TRADE": "A fill.",
        "FEE": "The fee of a fill.",
        "ADJUSTMENT": "Play money that its owner has added.",
        "SYNC": "What the venue had, and our books did not.",
    },
)
graphql_enum(
    ConnectionStatus,
    name="WalletConnectionStatus",
    description="What the last attempt to reach the venue came to.",
    values={
        "CONNECTED": "The venue took the credentials.",
        "DISCONNECTED": "Nobody has asked yet.",
        "ERROR": "The venue refused, or did not answer.",
        "TESTING": "It is being asked.",
    },
)
graphql_enum(
    SyncStatus,
    name="WalletSyncStatus",
    description="What a comparison with the venue came to.",
    values={
        "SUCCESS": "Our books say what the venue says.",
        "FAILED": "The venue could not be asked; the books are as they were.",
        "PARTIAL": "Something kept the books from being compared in full.",
    },
)


@strawberry.type(description="An amount of an asset.")
class AssetAmount:
    asset: str = strawberry.field(description="For instance `USDT`.")
    amount: Decimal = strawberry.field(description="How much.")


@strawberry.type(description="Limits of one wallet; null is no limit.")
class WalletRiskLimits:
    max_position_size_usd: Decimal | None = strawberry.field(description="In the quote currency.")
    daily_loss_limit: Decimal | None = strawberry.field(description="In the quote currency.")
    stop_loss_default_percent: Decimal | None = strawberry.field(description="A fraction of the entry price: 0.02 is 2 %.")


@strawberry.type(description="What our books say about a wallet's trading.")
class WalletTrades:
    total_trades: int = strawberry.field(description="Orders of which something was filled.")
    total_pnl: Decimal = strawberry.field(description="Realised, in dollars and their stable coins at par; other currencies stand beside.")
    last_trade_at: datetime | None = strawberry.field(description="The last fill.")

    @field(list[AssetAmount], "What was realised, by quote currency.")
    def pnl_by_currency(self) -> list[AssetAmount]:
        # `self` is the domain's own: the schema's type only names its attributes.
        won: Mapping[str, Decimal] = self.pnl_by_currency  # type: ignore[assignment]
        return amounts(won)


def amounts(by_asset: Mapping[str, Any]) -> list[AssetAmount]:
    """Return amounts as the schema lists them, by asset."""
    return [AssetAmount(asset=asset, amount=Decimal(by_asset[asset])) for asset in sorted(by_asset)]


@strawberry.type(description="How much of an asset a wallet holds: the sum of its ledger entries, always.")
class Balance:
    asset: str = strawberry.field(description="For instance `USDT`.")
    amount: Decimal = strawberry.field(description="Negative where it is owed: the asset of a short position.")
    entries: int = strawberry.field(description="How many ledger entries it is the sum of.")
    updated_at: datetime = strawberry.field(description="Last change.")


@strawberry.type(description="What a wallet can spend of one currency; all that is quoted in it counts together.")
class Funds:
    currency: str = strawberry.field(description="For instance `USDT`.")
    balance: Decimal = strawberry.field(description="What the ledger holds; negative when borrowed.")
    equity: Decimal = strawberry.field(description="The balance and what the positions are worth.")
    margin: Decimal = strawberry.field(name="marginUsed", description="Held against the positions, each symbol netted.")
    maintenance: Decimal = strawberry.field(
        name="maintenanceMargin", description="Below this equity the orders are cancelled and positions closed."
    )
    reserved: Decimal = strawberry.field(description="Set aside for live orders.")
    available: Decimal = strawberry.field(description="Equity less margin and what is reserved: what new orders can be paid with.")


@strawberry.type(description="Where a user's money lies.")
class Wallet:
    id: strawberry.ID = strawberry.field(description="Begins with `wallet_`.")
    definition_slug: str = strawberry.field(description="At which venue; `demo` is the paper venue.")
    nickname: str = strawberry.field(description="What the user calls it.")
    credentials_id: strawberry.ID | None = strawberry.field(description="With which keys; null for paper wallets.")
    is_active: bool = strawberry.field(description="Whether it can be traded with.")
    is_sandbox: bool = strawberry.field(description="Whether it is an account of the exchange's sandbox.")
    connection_status: ConnectionStatus = strawberry.field(description="What the last attempt to reach the venue came to.")
    last_connection_test: datetime | None = strawberry.field(description="When somebody tried it last.")
    last_connection_error: str | None = strawberry.field(description="Why that failed.")
    balance_last_synced: datetime | None = strawberry.field(description="When its books were compared with the venue last.")
    limits: WalletRiskLimits = strawberry.field(name="riskLimits", description="Its own limits, beside the risk rules.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    leverage: int = strawberry.field(description="How many times their margin its positions may be worth; 1 is without borrowing.")
    updated_at: datetime | None = strawberry.field(description="Last change by its owner.")
    definition = related(WalletDefinition, relations.wallet_definitions_of, "definition_slug", "What kind of wallet it is.")
    trades = related(WalletTrades, trades_of_wallets, "id", "What was traded with it.")
    balances = related(list[Balance], relations.balances_of_wallets, "id", "What it holds, by asset.")
    funds = related(list[Funds], margins.funds_by_wallet, "id", "What it can spend, by currency, at the prices last seen.")


@strawberry.type(description="One change of one balance; entries are never edited.")
class LedgerEntry:
    id: strawberry.ID = strawberry.field(description="Begins with `entry_`.")
    wallet_id: strawberry.ID = strawberry.field(description="The wallet.")
    asset: str = strawberry.field(description="The asset.")
    seq: int = strawberry.field(description="Counts the entries of the balance from 1, without a gap.")
    amount: Decimal = strawberry.field(description="Positive comes in, negative goes out.")
    balance_after: Decimal = strawberry.field(description="The balance behind this entry.")
    cause: EntryCause = strawberry.field(description="Why.")
    fill_id: strawberry.ID | None = strawberry.field(description="The fill that caused it.")
    order_id: strawberry.ID | None = strawberry.field(description="The order that caused it.")
    created_at: datetime = strawberry.field(description="When it was written.")


@strawberry.type(description="One comparison of a wallet's books with its venue; kept for 30 days.")
class WalletSyncLog:
    id: strawberry.ID = strawberry.field(description="Begins with `sync_`.")
    wallet_id: strawberry.ID = strawberry.field(description="The wallet.")
    status: SyncStatus = strawberry.field(description="What it came to.")
    sync_duration_ms: int = strawberry.field(description="How long it took, in milliseconds.")
    error_message: str | None = strawberry.field(description="What went wrong.")
    error_code: str | None = strawberry.field(description="A word for it.")
    retry_count: int = strawberry.field(description="How often it had to begin again, because the wallet was traded.")
    triggered_by: str = strawberry.field(description="`manual` or `schedule`.")
    created_at: datetime = strawberry.field(description="When it ended.")

    @field(list[AssetAmount], "Our books after it.")
    def balance_snapshot(self) -> list[AssetAmount]:
        row: dict[str, str] = self.balance_snapshot  # type: ignore[assignment]
        return amounts(row)

    @field(list[AssetAmount], "What was booked.")
    def balance_changes(self) -> list[AssetAmount]:
        row: dict[str, str] = self.balance_changes  # type: ignore[assignment]
        return amounts(row)


@strawberry.type(description="What a comparison with the venue came to.")
class BalanceSync:
    success: bool = strawberry.field(description="Whether our books say what the venue says.")
    status: SyncStatus = strawberry.field(description="What it came to.")
    sync_duration_ms: int = strawberry.field(description="How long it took, in milliseconds.")
    synced_at: datetime = strawberry.field(description="When it ended.")
    error: str | None = strawberry.field(description="What went wrong.")

    @field(list[AssetAmount], "Our books after it.")
    def balances(self) -> list[AssetAmount]:
        held: Mapping[str, Decimal] = self.balances  # type: ignore[assignment]
        return amounts(held)

    @field(list[AssetAmount], "What was booked.")
    def changes(self) -> list[AssetAmount]:
        booked: Mapping[str, Decimal] = self.changes  # type: ignore[assignment]
        return amounts(booked)


@strawberry.type(description="What came of asking a venue.")
class ConnectionTest:
    success: bool = strawberry.field(description="Whether it took the credentials.")
    latency_ms: int = strawberry.field(description="How long its last answer took, in milliseconds.")
    server_time: datetime | None = strawberry.field(description="The venue's clock; null where it does not tell.")
    message: str = strawberry.field(description="A sentence.")
    error: str | None = strawberry.field(description="Why it failed.")


@strawberry.type(description="Play money that was added.")
class AddedBalance:
    wallet: Wallet = strawberry.field(description="The wallet.")
    asset: str = strawberry.field(description="The asset.")
    amount: Decimal = strawberry.field(description="How much was added.")
    previous_balance: Decimal = strawberry.field(description="What there was.")
    new_balance: Decimal = strawberry.field(description="What there is.")


@strawberry.input(description="Limits of one wallet; null is no limit.")
class WalletRiskLimitsInput:
    max_position_size_usd: Decimal | None = strawberry.field(default=None, description="Greater than 0, in the quote currency.")
    daily_loss_limit: Decimal | None = strawberry.field(default=None, description="Greater than 0, in the quote currency.")
    stop_loss_default_percent: Decimal | None = strawberry.field(
        default=None, description="A fraction of the entry price between 0 and 1: 0.02 is 2 %."
    )


@strawberry.input(description="A wallet to be opened; paper wallets begin with play money.")
class WalletInput:
    wallet_slug: str = strawberry.field(description="Slug or id of a wallet definition.")
    nickname: str = strawberry.field(description="1 to 100 characters; no other wallet of the caller has it.")
    credentials_id: strawberry.ID | None = strawberry.field(
        default=None, description="Credentials for such a wallet, which no other one uses."
    )
    credentials: JSON | None = strawberry.field(default=None, description=f"Instead of `credentialsId`. {SECRETS}")
    environment: Environment = strawberry.field(default=Environment.MAINNET, description="What `credentials` open.")
    risk_limits: WalletRiskLimitsInput | None = strawberry.field(default=None, description="Its own limits.")


@strawberry.input(description="Changes of a wallet; what is left out or null stays as it is.")
class WalletChangesInput:
    nickname: str | None = strawberry.field(default=None, description="1 to 100 characters; no other wallet of the caller has it.")
    credentials_id: strawberry.ID | None = strawberry.field(default=None, description="Others for the same place and environment.")
    credentials: JSON | None = strawberry.field(default=None, description=f"Replaces the secrets. {SECRETS}")
    is_active: bool | None = strawberry.field(default=None, description="Whether it can be traded with.")
    risk_limits: WalletRiskLimitsInput | None = strawberry.field(default=None, description="Replaces all its limits.")


@strawberry.input(description="Play money.")
class AddBalanceInput:
    asset: str = strawberry.field(description="Something that is traded, or traded in.")
    amount: Decimal = strawberry.field(description="Greater than 0, at most 10^12.")
