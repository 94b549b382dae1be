"""Tables of wallets: the wallet, its balance per asset, and the append-only ledger behind each balance."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.runtime.database import Base


class EntryCause(StrEnum):
    """Why a balance changed."""

    DEPOSIT = "deposit"
    TRADE = "trade"
    FEE = "fee"


class Wallet(Base):
    """Where a user's money lies. `definition_slug` says at which venue; `demo` is the paper venue.

    `leverage` is how many times the margin its positions may be worth, where the instrument allows as much; 1 is without borrowing.
    """

    __tablename__ = "wallets"
    __table_args__ = (Index("ix_wallets_user_id_created_at", "user_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    definition_slug: Mapped[str] = mapped_column(String(40))
    nickname: Mapped[str] = mapped_column(String(100))
    is_active: Mapped[bool] = mapped_column(default=True)
    leverage: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


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
