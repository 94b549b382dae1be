"""The audit log, and the head of its chain."""

import sqlalchemy as sa
from alembic import op

import domain.runtime.columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("occurred_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(24), nullable=False),
        sa.Column("actor_id", sa.String(40), nullable=True),
        sa.Column("actor_email", sa.String(254), nullable=True),
        sa.Column("actor_role", sa.String(40), nullable=True),
        sa.Column("session_id", sa.String(40), nullable=True),
        sa.Column("door", sa.String(40), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("event_type", sa.String(64), nullable=False),
        sa.Column("object_type", sa.String(40), nullable=False),
        sa.Column("object_id", sa.String(128), nullable=True),
        sa.Column("result", sa.String(24), nullable=False),
        sa.Column("code", sa.String(64), nullable=True),
        sa.Column("severity", sa.String(24), nullable=False),
        sa.Column("before", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True),
        sa.Column("after", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True),
        sa.Column("details", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("ip", sa.String(64), nullable=True),
        sa.Column("user_agent", sa.String(255), nullable=True),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("hash", sa.String(64), nullable=True),
        sa.Column("sealed_with", sa.String(16), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entries")),
        sa.UniqueConstraint("id", name=op.f("uq_audit_entries_id")),
        sa.UniqueConstraint("position", name=op.f("uq_audit_entries_position")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_entries_ip_occurred_at", "audit_entries", ["ip", "occurred_at"])
    op.create_index("ix_audit_entries_occurred_at_id", "audit_entries", ["occurred_at", "id"])
    op.create_index("ix_audit_entries_actor_id_occurred_at_id", "audit_entries", ["actor_id", "occurred_at", "id"])
    op.create_index("ix_audit_entries_object_id_occurred_at_id", "audit_entries", ["object_id", "occurred_at", "id"])
    op.create_index(
        "ix_audit_entries_unsealed",
        "audit_entries",
        ["transaction_id", "seq"],
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    )
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.bulk_insert(head, [{"id": 1, "position": 0, "hash": "0" * 64, "updated_at": None}])


def downgrade() -> None:
    op.drop_table("audit_head")
    op.drop_table("audit_entries")
