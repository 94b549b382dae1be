"""failed passwords, and when a session was last seen"""

import sqlalchemy as sa
from alembic import op

import domain.runtime.columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "password_failures",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failed_at", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("locked_until", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_password_failures")),
    )
    op.create_index(op.f("ix_password_failures_updated_at"), "password_failures", ["updated_at"])
    op.add_column("sessions", sa.Column("last_seen_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True))
    op.execute("UPDATE sessions SET last_seen_at = created_at")


def downgrade() -> None:
    op.drop_column("sessions", "last_seen_at")
    op.drop_index(op.f("ix_password_failures_updated_at"), "password_failures")
    op.drop_table("password_failures")
