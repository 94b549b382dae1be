"""Indexes for the filters of the audit log that had none."""

from alembic import op

revision = "0014"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entries_event_type_occurred_at_id", ["event_type", "occurred_at", "id"], unique=False)
        batch_op.create_index("ix_audit_entries_request_id", ["request_id"], unique=False)
        batch_op.create_index("ix_audit_entries_severity_occurred_at_id", ["severity", "occurred_at", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entries_severity_occurred_at_id")
        batch_op.drop_index("ix_audit_entries_request_id")
        batch_op.drop_index("ix_audit_entries_event_type_occurred_at_id")
