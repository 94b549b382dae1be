"""Price alerts."""

import sqlalchemy as sa
from alembic import op

import domain.runtime.columns
from migrations.permissions import add_permission

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('price_alerts',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('user_id', sa.String(length=40), nullable=False),
    sa.Column('symbol', sa.String(length=20), nullable=False),
    sa.Column('condition', sa.Enum('above', 'below', 'change', 'change_percent', name='alertcondition', native_enum=False, length=24), nullable=False),
    sa.Column('target_price', domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
    sa.Column('reference_price', domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
    sa.Column('message', sa.String(length=500), nullable=True),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('created_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
    sa.Column('triggered_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
    sa.Column('triggered_price', domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_price_alerts_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_price_alerts'))
    )
    with op.batch_alter_table('price_alerts', schema=None) as batch_op:
        batch_op.create_index('ix_price_alerts_symbol_active', ['symbol'], unique=False, sqlite_where=sa.text('is_active'), postgresql_where=sa.text('is_active'))
        batch_op.create_index('ix_price_alerts_user_id_created_at_id', ['user_id', 'created_at', 'id'], unique=False)
    add_permission(
        op.get_bind(),
        "perm_01m817x5fne3grbks1m428cxwv",
        "price_alerts:write",
        "Set, switch and delete price alerts of one's own.",
        roles=("user", "trader", "analyst", "risk_manager"),
    )



def downgrade() -> None:
    with op.batch_alter_table('price_alerts', schema=None) as batch_op:
        batch_op.drop_index('ix_price_alerts_user_id_created_at_id')
        batch_op.drop_index('ix_price_alerts_symbol_active', sqlite_where=sa.text('is_active'), postgresql_where=sa.text('is_active'))

    op.drop_table('price_alerts')
