"""The leverage of wallets, and which of them are short of margin."""

import sqlalchemy as sa
from alembic import op

from domain.runtime.columns import UTCDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("wallets") as batch_op:
        batch_op.add_column(sa.Column("leverage", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "margin_alarms",
        sa.Column("wallet_id", sa.String(length=40), nullable=False),
        sa.Column("currency", sa.String(length=20), nullable=False),
        sa.Column("level", sa.Enum("warning", "liquidation", name="marginlevel", native_enum=False, length=24), nullable=False),
        sa.Column("since", UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_margin_alarms_wallet_id")),
        sa.PrimaryKeyConstraint("wallet_id", "currency", name=op.f("pk_margin_alarms")),
    )


def downgrade() -> None:
    op.drop_table("margin_alarms")
    with op.batch_alter_table("wallets") as batch_op:
        batch_op.drop_column("leverage")
