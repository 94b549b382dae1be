"""How far wallets were compared with their venues, and what comparisons found there that was made outside."""

import sqlalchemy as sa
from alembic import op

from domain.runtime.columns import JSONDocument, UTCDateTime

revision = "0019"
down_revision = "0014"
branch_labels = None
depends_on = None

KIND = sa.Enum("balances", "reconcile", name="synckind", native_enum=False, length=24)


def upgrade() -> None:
    op.create_table(
        "wallet_reconciliations",
        sa.Column("wallet_id", sa.String(length=40), nullable=False),
        sa.Column("looks", JSONDocument(none_as_null=True), nullable=False),
        sa.Column("foreign_orders", JSONDocument(none_as_null=True), nullable=False),
        sa.Column("reconciled_at", UTCDateTime(timezone=True), nullable=True),
        sa.Column("not_before", UTCDateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_wallet_reconciliations_wallet_id")),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("pk_wallet_reconciliations")),
    )
    with op.batch_alter_table("wallet_sync_logs") as logs:
        logs.add_column(sa.Column("kind", KIND, nullable=False, server_default="balances"))
        logs.add_column(sa.Column("external_orders", JSONDocument(none_as_null=True), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("wallet_sync_logs") as logs:
        logs.drop_column("external_orders")
        logs.drop_column("kind")
    op.drop_table("wallet_reconciliations")
