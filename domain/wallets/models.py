"""Tables of wallets: definitions, credentials, the wallet, its balance per asset, and the append-only ledger behind each balance."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.runtime.database import Base
from domain.wallets.rules import PAPER_VENUE, SANDBOX, ConnectionStatus, Environment, RiskLimits, SyncStatus, WalletType

LIVE = text("deleted_at IS NULL")
LIVE_PAPER = text("deleted_at IS NULL AND definition_slug = 'demo'")


class EntryCause(StrEnum):
    """Why a balance changed."""

    DEPOSIT = "deposit"
    TRADE = "trade"
    FEE = "fee"
    ADJUSTMENT = "adjustment"  # play money that its owner has added
    SYNC = "sync"  # what the venue had, and our books did not


class WalletDefinition(Base):
    """A place where wallets can be opened. `slug` and `type` never change, and a slug is never given twice.

    `auth_fields`, `features` and `api_config` are documents as `rules` declares them.
    """

    __tablename__ = "wallet_definitions"
    __table_args__ = (UniqueConstraint("slug"), Index("ix_wallet_definitions_created_at_id", "created_at", "id"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    slug: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(100))
    type: Mapped[WalletType]
    description: Mapped[str] = mapped_column(String(500))
    logo: Mapped[str | None] = mapped_column(String(500))
    auth_fields: Mapped[list[Any]]
    features: Mapped[dict[str, Any]]
    api_config: Mapped[dict[str, Any]]
    is_active: Mapped[bool]
    order: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class Credential(Base):
    """The keys of a user's account at a venue. `secrets` is sealed for (user id, id) and is the only place where they are.

    `version` rises with the secrets and with every test: whoever gave the keys up asks once more. `hint` is the end of the key.
    """

    __tablename__ = "credentials"
    __table_args__ = (Index("ix_credentials_user_id_created_at_id", "user_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    definition_slug: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(100))
    environment: Mapped[Environment]
    secrets: Mapped[str] = mapped_column(Text, info={"secret": True})
    fields: Mapped[list[Any]]
    hint: Mapped[str | None] = mapped_column(String(8))
    version: Mapped[int]
    is_active: Mapped[bool]
    is_connected: Mapped[bool]
    last_verified_at: Mapped[datetime | None]
    connection_error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    @property
    def masked_key(self) -> str | None:
        return None if self.hint is None else f"****{self.hint}"


class Wallet(Base):
    """Where a user's money lies. `definition_slug` says which kind it is, `venue_slug` where its orders go.

    `risk_limits` holds decimals by the names in `rules.RiskLimits`; a name that is missing is no limit.
    `leverage` is how many times the margin its positions may be worth, where the instrument allows as much; 1 is without borrowing.
    """

    __tablename__ = "wallets"
    __table_args__ = (
        Index("ix_wallets_user_id_created_at", "user_id", "created_at"),
        Index("uq_wallets_user_id_nickname_live", "user_id", "nickname", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        Index("uq_wallets_user_id_paper_live", "user_id", unique=True, sqlite_where=LIVE_PAPER, postgresql_where=LIVE_PAPER),
        Index("uq_wallets_credentials_id_live", "credentials_id", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    definition_slug: Mapped[str] = mapped_column(String(40))
    nickname: Mapped[str] = mapped_column(String(100))
    venue_slug: Mapped[str] = mapped_column(String(60), default="demo")
    credentials_id: Mapped[str | None] = mapped_column(String(40))
    is_active: Mapped[bool] = mapped_column(default=True)
    connection_status: Mapped[ConnectionStatus] = mapped_column(default=ConnectionStatus.CONNECTED)
    last_connection_test: Mapped[datetime | None]
    last_connection_error: Mapped[str | None] = mapped_column(String(500))
    balance_last_synced: Mapped[datetime | None]
    risk_limits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    leverage: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    @property
    def is_paper(self) -> bool:
        """Whether its money is play money: our ledger is then the only book there is."""
        return self.venue_slug == PAPER_VENUE

    @property
    def is_sandbox(self) -> bool:
        return self.venue_slug.endswith(SANDBOX)

    @property
    def limits(self) -> RiskLimits:
        return RiskLimits.of(self.risk_limits)


class Balance(Base):
    """How much of an asset a wallet holds; negative is owed (a short position's asset). Equal to the sum of its entries, always."""

    __tablename__ = "balances"
    __table_args__ = (PrimaryKeyConstraint("wallet_id", "asset"),)

    wallet_id: Mapped[str] = mapped_column(ForeignKey("wallets.id"))
    asset: Mapped[str] = mapped_column(String(20))
    amount: Mapped[Decimal]
    entries: Mapped[int]
    updated_at: Mapped[datetime]


class LedgerEntry(Base):
    """One change of one balance, never edited. `seq` counts the entries of (wallet, asset) from 1 without a gap."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        UniqueConstraint("wallet_id", "asset", "seq"),
        Index("ix_ledger_entries_user_id_created_at", "user_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    wallet_id: Mapped[str] = mapped_column(ForeignKey("wallets.id"))
    asset: Mapped[str] = mapped_column(String(20))
    seq: Mapped[int]
    amount: Mapped[Decimal]
    balance_after: Mapped[Decimal]
    cause: Mapped[EntryCause]
    fill_id: Mapped[str | None] = mapped_column(String(40), index=True)
    order_id: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]


class Reconciliation(Base):
    """How far a real wallet has been compared with its venue.

    `looks` has for each symbol from when on (`from`) and until when (`until`) its trades are in our books.
    """

    __tablename__ = "wallet_reconciliations"

    wallet_id: Mapped[str] = mapped_column(ForeignKey("wallets.id"), primary_key=True)
    looks: Mapped[dict[str, Any]] = mapped_column(default=dict)


class SyncLog(Base):
    """One comparison of a wallet's books with its venue; kept for 30 days. Amounts are texts of exact decimals.

    `external_orders` are ids of the orders that were booked because of trades made outside.
    """

    __tablename__ = "wallet_sync_logs"
    __table_args__ = (
        Index("ix_wallet_sync_logs_wallet_id_created_at_id", "wallet_id", "created_at", "id"),
        Index("ix_wallet_sync_logs_created_at", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    wallet_id: Mapped[str] = mapped_column(ForeignKey("wallets.id"))
    status: Mapped[SyncStatus]
    balance_snapshot: Mapped[dict[str, Any]]
    balance_changes: Mapped[dict[str, Any]]
    external_orders: Mapped[list[Any]] = mapped_column(default=list)
    sync_duration_ms: Mapped[int]
    error_message: Mapped[str | None] = mapped_column(String(500))
    error_code: Mapped[str | None] = mapped_column(String(40))
    retry_count: Mapped[int]
    triggered_by: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
