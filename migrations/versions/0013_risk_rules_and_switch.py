"""More kinds of risk rules, what equity is compared with, and the trading switch."""

import sqlalchemy as sa
from alembic import op

import domain.runtime.columns
from migrations.permissions import add_permission

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

RULE_TYPES = ('max_position_size', 'max_position_percent', 'max_portfolio_utilization', 'max_open_positions', 'max_daily_loss', 'max_drawdown', 'cooldown_after_loss', 'max_orders_per_day', 'max_order_rate', 'price_band', 'symbol_allow_list')
STATES = ('ACTIVE', 'REDUCING', 'HALTED')
ORIGINS = ('owner', 'administrator', 'rule')


def _rule_type(*values: str, length: int) -> sa.Enum:
    return sa.Enum(*values, name='ruletype', native_enum=False, length=length)


def _state() -> sa.Enum:
    return sa.Enum(*STATES, name='switchstate', native_enum=False, length=24)


def _origin() -> sa.Enum:
    return sa.Enum(*ORIGINS, name='switchorigin', native_enum=False, length=24)


def upgrade() -> None:
    for table in ('risk_rules', 'risk_verdicts'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column('rule_type', existing_type=_rule_type('max_position_size', length=24), type_=_rule_type(*RULE_TYPES, length=40), existing_nullable=False)
    with op.batch_alter_table('risk_verdicts', schema=None) as batch_op:
        batch_op.drop_index('ix_risk_verdicts_user_id_created_at')
        batch_op.create_index('ix_risk_verdicts_user_id_created_at_id', ['user_id', 'created_at', 'id'], unique=False)
    op.create_table('equity_marks',
    sa.Column('wallet_id', sa.String(length=40), nullable=False),
    sa.Column('currency', sa.String(length=20), nullable=False),
    sa.Column('day', domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
    sa.Column('day_start', domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
    sa.Column('peak', domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
    sa.Column('peak_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
    sa.Column('equity', domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
    sa.Column('entries', sa.Integer(), nullable=False),
    sa.Column('measured_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['wallet_id'], ['wallets.id'], name=op.f('fk_equity_marks_wallet_id')),
    sa.PrimaryKeyConstraint('wallet_id', 'currency', name=op.f('pk_equity_marks'))
    )
    switches = op.create_table('trading_switches',
    sa.Column('subject', sa.String(length=40), nullable=False),
    sa.Column('state', _state(), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=True),
    sa.Column('origin', _origin(), nullable=True),
    sa.Column('rule_id', sa.String(length=40), nullable=True),
    sa.Column('changed_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('subject', name=op.f('pk_trading_switches'))
    )
    # The switch over everybody is there from the start, so that it can be locked.
    op.bulk_insert(switches, [{'subject': 'system', 'state': 'ACTIVE'}])
    op.create_table('trading_switch_changes',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('subject', sa.String(length=40), nullable=False),
    sa.Column('from_state', _state(), nullable=False),
    sa.Column('state', _state(), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=True),
    sa.Column('origin', _origin(), nullable=False),
    sa.Column('changed_by', sa.String(length=40), nullable=True),
    sa.Column('rule_id', sa.String(length=40), nullable=True),
    sa.Column('created_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trading_switch_changes'))
    )
    with op.batch_alter_table('trading_switch_changes', schema=None) as batch_op:
        batch_op.create_index('ix_trading_switch_changes_subject_created_at_id', ['subject', 'created_at', 'id'], unique=False)
    add_permission(
        op.get_bind(),
        "perm_01m81g59etea7b0wvzay0r1jfw",
        "trading_switch:write",
        "Halt trading for everybody, and let it go on.",
    )


def downgrade() -> None:
    with op.batch_alter_table('trading_switch_changes', schema=None) as batch_op:
        batch_op.drop_index('ix_trading_switch_changes_subject_created_at_id')

    op.drop_table('trading_switch_changes')
    op.drop_table('trading_switches')
    op.drop_table('equity_marks')
    with op.batch_alter_table('risk_verdicts', schema=None) as batch_op:
        batch_op.drop_index('ix_risk_verdicts_user_id_created_at_id')
        batch_op.create_index('ix_risk_verdicts_user_id_created_at', ['user_id', 'created_at'], unique=False)
    for table in ('risk_rules', 'risk_verdicts'):
        op.execute(sa.text(f"DELETE FROM {table} WHERE rule_type <> 'max_position_size'"))
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column('rule_type', existing_type=_rule_type(*RULE_TYPES, length=40), type_=_rule_type('max_position_size', length=24), existing_nullable=False)
