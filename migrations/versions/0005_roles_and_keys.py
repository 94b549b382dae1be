"""Roles and permissions as rows, with those that every installation begins with, and API keys."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

import domain.runtime.columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PERMISSIONS = (
    ("perm_01m814vmawfmes42ra9h5zsc6q", "analysts:use", "Ask analysts that cost money."),
    ("perm_01m814vmawfrjbss3kkkttw545", "analytics:read", "Read figures, reports and dashboards."),
    ("perm_01m814vmawfssst77sgp6jcksz", "analytics:write", "Change dashboards."),
    ("perm_01m814vmawftnr2g2me4207t1h", "api_keys:read", "List the own API keys."),
    ("perm_01m814vmawfvfbqrgte39v1yqf", "api_keys:write", "Make API keys for oneself."),
    ("perm_01m814vmawfw8ac1y81j01gee8", "audit:read", "Read everybody's audit entries."),
    ("perm_01m814vmawfx0bhrnqy3y9at5t", "devices:read", "Read the own devices and what they measure."),
    ("perm_01m814vmawfxprh4b5v8ng1xkj", "devices:write", "Register and change the own devices."),
    ("perm_01m814vmawfydv5hcb28r6a44e", "executions:delete", "Delete the own runs."),
    ("perm_01m814vmaxe2g8dywwgphzj974", "executions:read", "Read the own runs and what was said in them."),
    ("perm_01m814vmaxe3fazfb7xbsgd1yj", "flows:read", "Read the own flows."),
    ("perm_01m814vmaxe7jrgz5ak58zm82d", "flows:run", "Trigger, start and stop the own flows."),
    ("perm_01m814vmaxe8btfj52kj8awgry", "flows:write", "Make, change and delete the own flows."),
    ("perm_01m814vmaxe93bz5x7vnmrr25x", "market:read", "Read prices, candles and indicators."),
    ("perm_01m814vmaxe9s8fm4tecmjas9p", "notifications:read", "Read the own notifications."),
    ("perm_01m814vmaxeafs5hxewk0f9t35", "notifications:write", "Mark and delete the own notifications."),
    ("perm_01m814vmaxeb7bvnc9ws0mzhxa", "orders:read", "Read the own orders."),
    ("perm_01m814vmaxebyb6v3994r4t3e6", "orders:write", "Place, change and cancel the own orders."),
    ("perm_01m814vmaxecnszwv9gbz45yyw", "plans:read", "Read the plans on offer."),
    ("perm_01m814vmaxedc9napmdeh68vh5", "plans:write", "Make, change and delete plans."),
    ("perm_01m814vmaxee3vfqmdrthc22q5", "positions:read", "Read the own positions."),
    ("perm_01m814vmaxeev8x8hgf3xpjr7b", "positions:write", "Guard and close the own positions."),
    ("perm_01m814vmaxefjb54k7y41pm3r4", "profile:read", "Read the own account."),
    ("perm_01m814vmaxeg8rrj8ks12sfs7p", "profile:write", "Change and delete the own account."),
    ("perm_01m814vmaxegzvm9f8r8cs4jn7", "rights:write", "Give roles and permissions to others."),
    ("perm_01m814vmaxehpv5t0y226jxrp3", "risk_rules:read", "Read the own risk rules."),
    ("perm_01m814vmaxejd859p2e3551vn5", "risk_rules:write", "Make, change and delete the own risk rules."),
    ("perm_01m814vmaxek4sjsxdax57bh8w", "security_alerts:read", "Read everybody's security alerts."),
    ("perm_01m814vmaxekvrekpfq4wca41d", "security_alerts:write", "Acknowledge everybody's security alerts."),
    ("perm_01m814vmaxemj8g20ege7xg0xa", "user_plans:read", "Read the own subscriptions."),
    ("perm_01m814vmaxen9tjn01gv8g6ngc", "user_plans:write", "Begin, change and cancel the own subscriptions."),
    ("perm_01m814vmaxenzv90b71gg50hzp", "users:delete", "Delete accounts of others."),
    ("perm_01m814vmaxepntf4z19s73h55f", "users:read", "Read accounts of others."),
    ("perm_01m814vmaxeqbv85d70wsv02f9", "users:write", "Change accounts of others, and switch them off and on."),
    ("perm_01m814vmaxer2v2vn5hwjvtmp3", "wallets:read", "Read the own wallets."),
    ("perm_01m814vmaxers961csyhqr18qy", "wallets:write", "Define the wallets that everybody may use."),
)
READ_ONESELF = {"profile:read", "api_keys:read", "notifications:read", "plans:read", "user_plans:read"}
ONESELF = READ_ONESELF | {"profile:write", "api_keys:write", "notifications:write", "user_plans:write"}
READ_TRADING = {"flows:read", "executions:read", "orders:read", "positions:read", "wallets:read", "risk_rules:read"}
TRADING = READ_TRADING | {
    "analysts:use",
    "executions:delete",
    "flows:run",
    "flows:write",
    "orders:write",
    "positions:write",
    "risk_rules:write",
}
DEVICES = {"devices:read", "devices:write"}
ANALYTICS = {"analytics:read", "analytics:write"}
ROLES = (
    ("role_01m814vmaxesrrt9rteva6j26m", "admin", "May do everything.", {name for _, name, _ in PERMISSIONS}),
    ("role_01m814vmaxetks0ewx6y2v11fa", "user", "Everybody who registers: trades, reads analytics, has devices.",
     ONESELF | TRADING | DEVICES | {"market:read", "analytics:read"}),
    ("role_01m814vmaxevct9cr0s27e2tnj", "viewer", "Reads everything of its own and changes nothing.",
     READ_ONESELF | READ_TRADING | {"devices:read", "market:read", "analytics:read"}),
    ("role_01m814vmaxew4sjfgqzzwmdeek", "trader", "Trades and reads analytics.", ONESELF | TRADING | {"market:read", "analytics:read"}),
    ("role_01m814vmaxewvr66dc4d706waq", "analyst", "Builds analytics and reads what is traded.",
     ONESELF | READ_TRADING | ANALYTICS | {"market:read"}),
    ("role_01m814vmaxexhb3e2j62q61h26", "risk_manager", "Reads what is traded and builds analytics of it.",
     ONESELF | READ_TRADING | ANALYTICS | {"market:read"}),
    ("role_01m814vmaxey7vj34g561tg11g", "compliance_officer", "Reads what is traded, everybody's audit entries and security alerts.",
     ONESELF | READ_TRADING | {"analytics:read", "audit:read", "security_alerts:read"}),
    ("role_01m814vmaxeyytdvkxytm9vy5j", "device_operator", "Runs devices.", ONESELF | DEVICES),
)  # fmt: skip


def upgrade() -> None:
    for table, columns in (
        ("roles", [sa.Column("name", sa.String(length=100), nullable=False)]),
        ("permissions", [sa.Column(name, sa.String(length=50), nullable=False) for name in ("resource", "action")]),
    ):
        op.create_table(
            table,
            sa.Column("id", sa.String(length=40), nullable=False),
            *columns,
            sa.Column("description", sa.String(length=500), nullable=False),
            sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
            sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
            sa.Column("deleted_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
            sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        )
        op.create_index(f"ix_{table}_created_at_id", table, ["created_at", "id"])
        op.create_index(
            f"uq_{table}_{'_'.join(column.name for column in columns)}_live",
            table,
            [column.name for column in columns],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
    op.create_table(
        "role_permissions",
        sa.Column("role_id", sa.String(length=40), nullable=False),
        sa.Column("permission_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_role_permissions_role_id")),
        sa.ForeignKeyConstraint(["permission_id"], ["permissions.id"], name=op.f("fk_role_permissions_permission_id")),
        sa.PrimaryKeyConstraint("role_id", "permission_id", name=op.f("pk_role_permissions")),
    )
    op.create_index(op.f("ix_role_permissions_permission_id"), "role_permissions", ["permission_id"])
    _seed()

    op.execute("ALTER TABLE users ADD COLUMN role_id VARCHAR(40)")
    op.execute("UPDATE users SET role_id = (SELECT id FROM roles WHERE roles.name = users.role)")
    op.execute("ALTER TABLE users DROP COLUMN role")
    op.add_column("users", sa.Column("permission_words", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True))
    op.create_index(op.f("ix_users_role_id"), "users", ["role_id"])

    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("permissions", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_index("ix_api_keys_user_id_created_at_id", "api_keys", ["user_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("api_keys")
    op.execute("ALTER TABLE users ADD COLUMN role VARCHAR(40) NOT NULL DEFAULT 'user'")
    op.execute("UPDATE users SET role = COALESCE((SELECT SUBSTR(name, 1, 40) FROM roles WHERE roles.id = users.role_id), '')")
    op.drop_index(op.f("ix_users_role_id"), "users")
    op.execute("ALTER TABLE users DROP COLUMN role_id")
    op.execute("ALTER TABLE users DROP COLUMN permission_words")
    op.drop_table("role_permissions")
    op.drop_table("permissions")
    op.drop_table("roles")


def _seed() -> None:
    made = datetime(2026, 1, 1, tzinfo=UTC)
    id_of = {name: id for id, name, _ in PERMISSIONS}
    permissions = [
        {"id": id, "resource": name.partition(":")[0], "action": name.partition(":")[2], "description": description, "created_at": made}
        for id, name, description in PERMISSIONS
    ]
    roles = [{"id": id, "name": name, "description": description, "created_at": made} for id, name, description, _ in ROLES]
    links = [{"role_id": id, "permission_id": id_of[name]} for id, _, _, names in ROLES for name in sorted(names)]
    op.bulk_insert(_table("permissions", "id", "resource", "action", "description", "created_at"), permissions)
    op.bulk_insert(_table("roles", "id", "name", "description", "created_at"), roles)
    op.bulk_insert(_table("role_permissions", "role_id", "permission_id"), links)


def _table(name: str, *columns: str) -> sa.TableClause:
    moment = domain.runtime.columns.UTCDateTime()
    return sa.table(name, *(sa.column(column, moment if column == "created_at" else sa.String()) for column in columns))
