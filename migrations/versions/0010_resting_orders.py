"""Resting orders: their terms, the changes under way, and why they ended."""

import sqlalchemy as sa
from alembic import op

from domain.runtime.columns import ExactDecimal, UTCDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

REASONS = ("user", "system", "ioc", "fok", "expired", "no_liquidity", "self_match", "post_only", "reduce_only", "insufficient_funds")
NUMBERS = ("trail", "amend_quantity", "amend_price", "amend_stop_price")
MOMENTS = ("expires_at", "unresolved_at")


def upgrade() -> None:
    with op.batch_alter_table("orders") as batch_op:
        for name in NUMBERS:
            batch_op.add_column(sa.Column(name, ExactDecimal(precision=38, scale=18), nullable=True))
        for name in MOMENTS:
            batch_op.add_column(sa.Column(name, UTCDateTime(timezone=True), nullable=True))
        for name in ("trail_is_percent", "post_only"):
            batch_op.add_column(sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
        reason = sa.Enum(*REASONS, name="cancelreason", native_enum=False, length=24)
        batch_op.add_column(sa.Column("cancel_reason", reason, nullable=True))
        # A retry of an order that was placed before this version is taken for another one.
        batch_op.add_column(sa.Column("request_digest", sa.String(length=64), nullable=False, server_default=""))
    with op.batch_alter_table("fills") as batch_op:
        batch_op.add_column(sa.Column("is_maker", sa.Boolean(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("fills") as batch_op:
        batch_op.drop_column("is_maker")
    with op.batch_alter_table("orders") as batch_op:
        for name in ("request_digest", "cancel_reason", "post_only", "trail_is_percent", *MOMENTS, *NUMBERS):
            batch_op.drop_column(name)
