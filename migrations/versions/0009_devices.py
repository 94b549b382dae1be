"""Devices."""

import sqlalchemy as sa
from alembic import op

import domain.runtime.columns

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('devices',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('user_id', sa.String(length=40), nullable=False),
    sa.Column('device_id', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('type', sa.Enum('energy_meter', 'solar_panel', 'inverter', 'wind_turbine', 'battery', 'sensor', 'controller', 'ev_charger', 'weather_station', 'transformer', name='devicetype', native_enum=False, length=24), nullable=False),
    sa.Column('location', sa.String(length=200), nullable=False),
    sa.Column('description', sa.String(length=500), nullable=True),
    sa.Column('configuration', domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
    sa.Column('status', sa.Enum('online', 'offline', 'maintenance', name='devicestatus', native_enum=False, length=24), nullable=False),
    sa.Column('last_seen', domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
    sa.Column('silent_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
    sa.Column('key_digest', sa.String(length=64), nullable=False),
    sa.Column('created_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
    sa.Column('updated_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
    sa.Column('deleted_at', domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_devices_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_devices'))
    )
    with op.batch_alter_table('devices', schema=None) as batch_op:
        batch_op.create_index('ix_devices_status_silent_at', ['status', 'silent_at'], unique=False)
        batch_op.create_index('ix_devices_user_id_created_at_id', ['user_id', 'created_at', 'id'], unique=False)
        batch_op.create_index('uq_devices_user_id_device_id_live', ['user_id', 'device_id'], unique=True, sqlite_where=sa.text('deleted_at IS NULL'), postgresql_where=sa.text('deleted_at IS NULL'))



def downgrade() -> None:
    with op.batch_alter_table('devices', schema=None) as batch_op:
        batch_op.drop_index('uq_devices_user_id_device_id_live', sqlite_where=sa.text('deleted_at IS NULL'), postgresql_where=sa.text('deleted_at IS NULL'))
        batch_op.drop_index('ix_devices_user_id_created_at_id')
        batch_op.drop_index('ix_devices_status_silent_at')

    op.drop_table('devices')
