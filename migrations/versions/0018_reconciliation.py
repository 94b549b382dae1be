"""How far wallets were compared with their venues, and what comparisons found there that was made outside."""

import sqlalchemy as sa
from alembic import op

from domain.runtime.columns import JSONDocument

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wallet_reconciliations",
        sa.Column("wallet_id", sa.String(length=40), nullable=False),
        sa.Column("looks", JSONDocument(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_wallet_reconciliations_wallet_id")),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("pk_wallet_reconciliations")),
    )
    with op.batch_alter_table("wallet_sync_logs") as logs:
        logs.add_column(sa.Column("external_orders", JSONDocument(none_as_null=True), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("wallet_sync_logs") as logs:
        logs.drop_column("external_orders")
    op.drop_table("wallet_reconciliations")
