"""Wallet definitions, credentials, what wallets say about their venue, and their sync logs."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from domain.runtime.columns import JSONDocument, UTCDateTime
from migrations.permissions import add_permission

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

LIVE, LIVE_PAPER = "deleted_at IS NULL", "deleted_at IS NULL AND definition_slug = 'demo'"
TRADERS = ("user", "trader")


def _field(key: str, label: str) -> dict[str, object]:
    return {
        "key": key,
        "label": label,
        "type": "string" if key == "api_key" else "password",
        "required": True,
        "encrypted": True,
        "placeholder": None,
        "help_text": None,
    }


KEY, SECRET, PASSPHRASE = _field("api_key", "API key"), _field("api_secret", "API secret"), _field("passphrase", "Passphrase")
NO_ADDRESS = (None, None, None)
# Addresses are those that the exchange library uses; a definition that names another one leads there.
DEFINITIONS = (
    ("wdef_01m81gjnt1enqs29rcq8t8xfee", "demo", "Demo", "demo", "The paper wallet of every account: real prices, play money.", [], NO_ADDRESS, 600),
    ("wdef_01m81gjnt1eq7tj5afp7kzyvk6", "simulation", "Simulation", "demo", "Further paper wallets, each with its own play money.", [], NO_ADDRESS, 600),
    ("wdef_01m81gjnt1erj985zvxx2xyf6a", "binance", "Binance", "cex", "Binance spot.", [KEY, SECRET],
     ("https://api.binance.com", "https://testnet.binance.vision", "wss://stream.binance.com:9443"), 1200),
    ("wdef_01m81gjnt1eswvkhqf3gv1r1a9", "kraken", "Kraken", "cex", "Kraken spot.", [KEY, SECRET],
     ("https://api.kraken.com", None, "wss://ws.kraken.com"), 60),
    ("wdef_01m81gjnt1ev5az5t7402r1shc", "coinbase", "Coinbase", "cex", "Coinbase Advanced spot.", [KEY, SECRET],
     ("https://api.coinbase.com", None, "wss://advanced-trade-ws.coinbase.com"), 600),
    ("wdef_01m81gjnt1ewd9ezfb9e5kf5pq", "bybit", "Bybit", "cex", "Bybit spot.", [KEY, SECRET],
     ("https://api.bybit.com", "https://api-testnet.bybit.com", "wss://stream.bybit.com"), 600),
    ("wdef_01m81gjnt1ftr8hnmbnd9edzdc", "okx", "OKX", "cex", "OKX spot.", [KEY, SECRET, PASSPHRASE],
     ("https://www.okx.com", "https://www.okx.com", "wss://ws.okx.com:8443"), 600),
)  # fmt: skip


def upgrade() -> None:
    definitions = op.create_table('wallet_definitions',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('slug', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('type', sa.Enum('cex', 'dex', 'perpetuals', 'demo', name='wallettype', native_enum=False, length=24), nullable=False),
    sa.Column('description', sa.String(length=500), nullable=False),
    sa.Column('logo', sa.String(length=500), nullable=True),
    sa.Column('auth_fields', JSONDocument(none_as_null=True), nullable=False),
    sa.Column('features', JSONDocument(none_as_null=True), nullable=False),
    sa.Column('api_config', JSONDocument(none_as_null=True), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('order', sa.Integer(), nullable=False),
    sa.Column('created_at', UTCDateTime(timezone=True), nullable=False),
    sa.Column('updated_at', UTCDateTime(timezone=True), nullable=True),
    sa.Column('deleted_at', UTCDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wallet_definitions')),
    sa.UniqueConstraint('slug', name=op.f('uq_wallet_definitions_slug'))
    )
    op.create_index('ix_wallet_definitions_created_at_id', 'wallet_definitions', ['created_at', 'id'])
    op.create_table('credentials',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('user_id', sa.String(length=40), nullable=False),
    sa.Column('definition_slug', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('environment', sa.Enum('mainnet', 'testnet', name='environment', native_enum=False, length=24), nullable=False),
    sa.Column('secrets', sa.Text(), nullable=False),
    sa.Column('fields', JSONDocument(none_as_null=True), nullable=False),
    sa.Column('hint', sa.String(length=8), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('is_active', sa.Boolean(), nullable=False),
    sa.Column('is_connected', sa.Boolean(), nullable=False),
    sa.Column('last_verified_at', UTCDateTime(timezone=True), nullable=True),
    sa.Column('connection_error', sa.String(length=500), nullable=True),
    sa.Column('created_at', UTCDateTime(timezone=True), nullable=False),
    sa.Column('updated_at', UTCDateTime(timezone=True), nullable=True),
    sa.Column('deleted_at', UTCDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_credentials_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credentials'))
    )
    op.create_index('ix_credentials_user_id_created_at_id', 'credentials', ['user_id', 'created_at', 'id'])
    status = sa.Enum('connected', 'disconnected', 'error', 'testing', name='connectionstatus', native_enum=False, length=24)
    # Until now every wallet was the paper wallet of its owner.
    for column in (
        sa.Column('venue_slug', sa.String(length=60), nullable=False, server_default='demo'),
        sa.Column('credentials_id', sa.String(length=40), nullable=True),
        sa.Column('connection_status', status, nullable=False, server_default='connected'),
        sa.Column('last_connection_test', UTCDateTime(timezone=True), nullable=True),
        sa.Column('last_connection_error', sa.String(length=500), nullable=True),
        sa.Column('balance_last_synced', UTCDateTime(timezone=True), nullable=True),
        sa.Column('risk_limits', JSONDocument(none_as_null=True), nullable=False, server_default='{}'),
        sa.Column('updated_at', UTCDateTime(timezone=True), nullable=True),
    ):
        op.add_column('wallets', column)
    for name, columns, where in (
        ('uq_wallets_user_id_nickname_live', ['user_id', 'nickname'], LIVE),
        ('uq_wallets_user_id_paper_live', ['user_id'], LIVE_PAPER),
        ('uq_wallets_credentials_id_live', ['credentials_id'], LIVE),
    ):
        op.create_index(name, 'wallets', columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_table('wallet_sync_logs',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('user_id', sa.String(length=40), nullable=False),
    sa.Column('wallet_id', sa.String(length=40), nullable=False),
    sa.Column('status', sa.Enum('success', 'failed', 'partial', name='syncstatus', native_enum=False, length=24), nullable=False),
    sa.Column('balance_snapshot', JSONDocument(none_as_null=True), nullable=False),
    sa.Column('balance_changes', JSONDocument(none_as_null=True), nullable=False),
    sa.Column('sync_duration_ms', sa.Integer(), nullable=False),
    sa.Column('error_message', sa.String(length=500), nullable=True),
    sa.Column('error_code', sa.String(length=40), nullable=True),
    sa.Column('retry_count', sa.Integer(), nullable=False),
    sa.Column('triggered_by', sa.String(length=20), nullable=False),
    sa.Column('created_at', UTCDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_wallet_sync_logs_user_id')),
    sa.ForeignKeyConstraint(['wallet_id'], ['wallets.id'], name=op.f('fk_wallet_sync_logs_wallet_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wallet_sync_logs'))
    )
    op.create_index('ix_wallet_sync_logs_wallet_id_created_at_id', 'wallet_sync_logs', ['wallet_id', 'created_at', 'id'])
    op.create_index('ix_wallet_sync_logs_created_at', 'wallet_sync_logs', ['created_at'])
    op.bulk_insert(definitions, [_row(number, *values) for number, values in enumerate(DEFINITIONS)])
    for id, name, description in (
        ("perm_01m81gjnsxfypre9kezgx5e5q7", "credentials:write", "Leave, replace and delete the own exchange credentials."),
        ("perm_01m81gjnt1ejprpzrb2gnnc9bf", "user_wallets:write", "Open, change, test and close the own wallets."),
    ):
        add_permission(op.get_bind(), id, name, description, roles=TRADERS)


def _row(
    number: int, id: str, slug: str, name: str, kind: str, about: str, fields: list[object], addresses: tuple[object, ...], rate: int
) -> dict[str, object]:
    features = {"spot": True, "futures": False, "perpetuals": False, "leverage": {"min": 1, "max": 1}, "supported_assets": []}
    return {
        "id": id,
        "slug": slug,
        "name": name,
        "type": kind,
        "description": about,
        "logo": None,
        "auth_fields": fields,
        "features": features,
        "api_config": {**dict(zip(("base_url", "testnet_url", "websocket_url"), addresses, strict=True)), "rate_limit": rate},
        "is_active": True,
        "order": number,
        "created_at": datetime.now(UTC),
    }


def downgrade() -> None:
    op.drop_table('wallet_sync_logs')
    for name in ('uq_wallets_credentials_id_live', 'uq_wallets_user_id_paper_live', 'uq_wallets_user_id_nickname_live'):
        op.drop_index(name, table_name='wallets')
    for column in (
        'updated_at', 'risk_limits', 'balance_last_synced', 'last_connection_error', 'last_connection_test', 'connection_status',
        'credentials_id', 'venue_slug',
    ):
        op.drop_column('wallets', column)
    op.drop_table('credentials')
    op.drop_table('wallet_definitions')
