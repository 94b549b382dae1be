"""Orders that the server holds, groups of orders, stops of positions that follow the market, and what was told of positions last."""

import sqlalchemy as sa
from alembic import op

from domain.runtime.columns import ExactDecimal, UTCDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NUMBERS = ("trail_percent", "trail_activation_price", "break_even_percent", "told_percent")
MOMENTS = ("trailing_since", "break_even_at", "told_at")


def upgrade() -> None:
    with op.batch_alter_table("orders") as batch_op:
        batch_op.add_column(sa.Column("group_id", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("triggered_at", UTCDateTime(timezone=True), nullable=True))
        batch_op.create_index("ix_orders_group_id", ["group_id"])
    with op.batch_alter_table("positions") as batch_op:
        for name in NUMBERS:
            batch_op.add_column(sa.Column(name, ExactDecimal(precision=38, scale=18), nullable=True))
        for name in MOMENTS:
            batch_op.add_column(sa.Column(name, UTCDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("positions") as batch_op:
        for name in (*MOMENTS, *NUMBERS):
            batch_op.drop_column(name)
    with op.batch_alter_table("orders") as batch_op:
        batch_op.drop_index("ix_orders_group_id")
        for name in ("triggered_at", "group_id"):
            batch_op.drop_column(name)
