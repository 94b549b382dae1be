"""Security alerts, of people and of the system."""

import sqlalchemy as sa
from alembic import op

import domain.runtime.columns

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('security_alerts',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('user_id', sa.String(length=40), nullable=True),
    sa.Column('created_by', sa.String(length=40), nullable=True),
    sa.Column('alert_type', sa.String(length=64), nullable=False),
    sa.Column('message', sa.String(length=1000), nullable=False),
    sa.Column('severity', sa.Enum('low', 'medium', 'high', 'critical', name='alertseverity', native_enum=False, length=24), nullable=False),
    sa.Column('status', sa.Enum('active', 'acknowledged', 'resolved', name='alertstatus', native_enum=False, length=24), nullable=False),
    sa.Column('details', domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
    sa.Column('cause', sa.String(length=200), nullable=True),
    sa.Column('occurrences', sa.Integer(), nullable=False),
    sa.Column('created_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
    sa.Column('acknowledged_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
    sa.Column('acknowledged_by', sa.String(length=40), nullable=True),
    sa.Column('resolved_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
    sa.Column('resolved_by', sa.String(length=40), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_security_alerts'))
    )
    with op.batch_alter_table('security_alerts', schema=None) as batch_op:
        batch_op.create_index('ix_security_alerts_created_at_id', ['created_at', 'id'], unique=False)
        batch_op.create_index('ix_security_alerts_user_id_created_at_id', ['user_id', 'created_at', 'id'], unique=False)
        batch_op.create_index('uq_security_alerts_cause_active', ['cause'], unique=True, sqlite_where=sa.text("status = 'active'"), postgresql_where=sa.text("status = 'active'"))



def downgrade() -> None:
    with op.batch_alter_table('security_alerts', schema=None) as batch_op:
        batch_op.drop_index('uq_security_alerts_cause_active', sqlite_where=sa.text("status = 'active'"), postgresql_where=sa.text("status = 'active'"))
        batch_op.drop_index('ix_security_alerts_user_id_created_at_id')
        batch_op.drop_index('ix_security_alerts_created_at_id')

    op.drop_table('security_alerts')
