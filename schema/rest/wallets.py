"""Wallets and their definitions as `/api/v1` shows them, and the bodies of both of its generations."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AliasChoices, Field

from domain.trading.wallet_syncing import BalanceSync
from domain.trading.wallets import WalletRecord
from domain.wallets.credentials import Named, Secrets
from domain.wallets.models import SyncLog, WalletDefinition
from domain.wallets.opening import AddedBalance, Asset, CredentialId, NewWallet, Nickname, WalletChanges
from domain.wallets.rules import ApiConfig, AuthField, Environment, Features, Leverage, RiskLimits, WalletType


@dataclass(frozen=True, slots=True)
class WalletDefinitionView:
    """A place where wallets can be opened."""

    id: str
    name: str
    slug: str
    type: str
    description: str
    logo: str | None
    auth_fields: list[AuthField]
    features: Features
    api_config: ApiConfig
    is_active: bool
    is_demo: bool
    order: int
    created_at: datetime
    updated_at: datetime | None

    @classmethod
    def of(cls, definition: WalletDefinition) -> Self:
        features = dict(definition.features)
        return cls(
            id=definition.id,
            name=definition.name,
            slug=definition.slug,
            type=definition.type.value,
            description=definition.description,
            logo=definition.logo,
            auth_fields=[AuthField(**one) for one in definition.auth_fields],
            features=Features(**{**features, "leverage": Leverage(**features["leverage"])}),
            api_config=ApiConfig(**definition.api_config),
            is_active=definition.is_active,
            is_demo=definition.type is WalletType.DEMO,
            order=definition.order,
            created_at=definition.created_at,
            updated_at=definition.updated_at,
        )


@dataclass(frozen=True, slots=True)
class DeletedWalletDefinitionView:
    """The answer to a definition that was taken off the list."""

    message: str
    definition_id: str
    slug: str

    @classmethod
    def of(cls, definition: WalletDefinition) -> Self:
        return cls("Wallet definition deleted successfully", definition.id, definition.slug)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletBody:
    """`wallet_provider_id` is another name of `wallet_slug` (an id will do), `custom_name` of `nickname`.

    Instead of `credentials_id` secrets may come along in `credentials`, by the keys of the definition's `auth_fields`.
    """

    wallet_slug: Annotated[Named, Field(validation_alias=AliasChoices("wallet_slug", "wallet_provider_id"))]
    nickname: Annotated[Nickname, Field(validation_alias=AliasChoices("nickname", "custom_name"))]
    credentials_id: CredentialId | None = None
    credentials: Secrets | None = None
    environment: Environment = Environment.MAINNET
    risk_limits: RiskLimits | None = None

    def arguments(self) -> dict[str, Any]:
        new = NewWallet(
            definition=self.wallet_slug,
            nickname=self.nickname,
            credentials_id=self.credentials_id,
            credentials=self.credentials,
            environment=self.environment,
            risk_limits=self.risk_limits,
        )
        return {"body": new}


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletChangesBody:
    """What is left out or null stays as it is; `custom_name` is another name of `nickname`."""

    nickname: Annotated[Nickname | None, Field(validation_alias=AliasChoices("nickname", "custom_name"))] = None
    credentials_id: CredentialId | None = None
    credentials: Secrets | None = None
    is_active: bool | None = None
    risk_limits: RiskLimits | None = None

    def arguments(self) -> dict[str, Any]:
        changes = WalletChanges(
            nickname=self.nickname,
            credentials_id=self.credentials_id,
            credentials=self.credentials,
            is_active=self.is_active,
            risk_limits=self.risk_limits,
        )
        return {"body": changes}


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBalanceBody:
    """Play money; `is_cash` is read and means nothing, since an asset is an asset."""

    asset: Asset
    amount: Annotated[Decimal, Field(gt=0)]
    is_cash: bool | None = None

    def arguments(self) -> dict[str, Any]:
        return {"asset": self.asset, "amount": self.amount}


@dataclass(frozen=True, slots=True)
class RiskLimitsView:
    """The limits of one wallet; null is no limit. `stop_loss_default_percent` is a fraction: 0.02 is 2 %."""

    max_position_size_usd: Decimal | None
    daily_loss_limit: Decimal | None
    stop_loss_default_percent: Decimal | None

    @classmethod
    def of(cls, limits: RiskLimits) -> Self:
        return cls(limits.max_position_size_usd, limits.daily_loss_limit, limits.stop_loss_default_percent)


@dataclass(frozen=True, slots=True)
class UserWalletView:
    """A wallet of the caller, under the names of both generations of this API.

    `total_pnl` counts dollars and their stable coins; `pnl_by_currency` has all. `total_trades` counts orders that were filled, also in
    part.
    """

    id: str
    user_id: str
    wallet_slug: str
    wallet_provider_id: str
    wallet_provider_name: str
    credentials_id: str | None
    nickname: str
    custom_name: str
    environment: str
    is_active: bool
    connection_status: str
    last_connection_test: datetime | None
    last_connection_error: str | None
    balance: dict[str, Decimal]
    balance_last_synced: datetime | None
    risk_limits: RiskLimitsView
    total_trades: int
    total_pnl: Decimal
    pnl_by_currency: dict[str, Decimal]
    last_trade_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, record: WalletRecord) -> Self:
        wallet, trades = record.wallet, record.trades
        return cls(
            id=wallet.id,
            user_id=wallet.user_id,
            wallet_slug=wallet.definition_slug,
            wallet_provider_id=record.definition_id,
            wallet_provider_name=record.definition_name,
            credentials_id=wallet.credentials_id,
            nickname=wallet.nickname,
            custom_name=wallet.nickname,
            environment=(Environment.TESTNET if wallet.is_sandbox else Environment.MAINNET).value,
            is_active=wallet.is_active,
            connection_status=wallet.connection_status.value,
            last_connection_test=wallet.last_connection_test,
            last_connection_error=wallet.last_connection_error,
            balance={balance.asset: balance.amount for balance in record.balances},
            balance_last_synced=wallet.balance_last_synced,
            risk_limits=RiskLimitsView.of(wallet.limits),
            total_trades=trades.total_trades,
            total_pnl=trades.total_pnl,
            pnl_by_currency=dict(trades.pnl_by_currency),
            last_trade_at=trades.last_trade_at,
            created_at=wallet.created_at,
            updated_at=wallet.updated_at or wallet.created_at,
        )


@dataclass(frozen=True, slots=True)
class BalanceSyncView:
    """What a comparison with the venue came to; `balances` are our books after it, `changes` what was booked."""

    success: bool
    status: str
    balances: dict[str, Decimal]
    changes: dict[str, Decimal]
    sync_duration_ms: int
    synced_at: datetime
    error: str | None

    @classmethod
    def of(cls, sync: BalanceSync) -> Self:
        return cls(sync.success, sync.status.value, sync.balances, sync.changes, sync.sync_duration_ms, sync.synced_at, sync.error)


@dataclass(frozen=True, slots=True)
class SyncLogView:
    """One comparison of a wallet's books with its venue."""

    id: str
    user_wallet_id: str
    status: str
    balance_snapshot: dict[str, Decimal]
    balance_changes: dict[str, Decimal]
    sync_duration_ms: int
    error_message: str | None
    error_code: str | None
    retry_count: int
    synced_at: datetime
    triggered_by: str

    @classmethod
    def of(cls, log: SyncLog) -> Self:
        return cls(
            id=log.id,
            user_wallet_id=log.wallet_id,
            status=log.status.value,
            balance_snapshot=_amounts(log.balance_snapshot),
            balance_changes=_amounts(log.balance_changes),
            sync_duration_ms=log.sync_duration_ms,
            error_message=log.error_message,
            error_code=log.error_code,
            retry_count=log.retry_count,
            synced_at=log.created_at,
            triggered_by=log.triggered_by,
        )


@dataclass(frozen=True, slots=True)
class AddedBalanceView:
    """Play money that was added."""

    success: bool
    asset: str
    amount_added: Decimal
    new_balance: Decimal
    previous_balance: Decimal

    @classmethod
    def of(cls, added: AddedBalance) -> Self:
        return cls(True, added.asset, added.amount, added.new_balance, added.previous_balance)


def _amounts(document: dict[str, Any]) -> dict[str, Decimal]:
    return {asset: Decimal(amount) for asset, amount in document.items()}
