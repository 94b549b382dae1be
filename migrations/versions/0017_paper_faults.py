"""Fault scripts of the paper venue."""

import sqlalchemy as sa
from alembic import op

from domain.runtime.columns import UTCDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paper_faults",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("placed", sa.Integer(), nullable=False),
        sa.Column("amended", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("set_at", UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_paper_faults")),
    )


def downgrade() -> None:
    op.drop_table("paper_faults")
