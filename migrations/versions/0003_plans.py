"""Plans and subscriptions, and the three plans that every installation begins with."""

from datetime import UTC, datetime
from decimal import Decimal

import sqlalchemy as sa
from alembic import op

import domain.runtime.columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


PAPER = {"resource": "paper_trading", "title": "Paper trading", "description": "A paper wallet with play money."}
STANDARD = {"resource": "api_rate", "title": "Standard API rate", "description": "60 requests a minute."}
PREMIUM = {"resource": "api_rate", "title": "Premium API rate", "description": "300 requests a minute."}
# id, name, description, dollars for 30 days, days of trial, features; then the most trades a day, agents and dollars in a position
SEEDS = (
    ("plan_01m8109mqjf1bb5b7ddv472n9t", "Free", "To get to know it.", 0, 0, [PAPER, STANDARD], 10, 1, 1_000),
    ("plan_01m8109mqjf6r828nvvsp0x29m", "Pro", "For people who trade every day.", 29, 14, [PAPER, PREMIUM], 100, 5, 10_000),
    ("plan_01m8109mqjf7z8qm6sw28qqe1s", "Enterprise", "For desks.", 99, 14, [PAPER, PREMIUM], 10_000, 999_999, 1_000_000),
)


def limit(resource: str, title: str, description: str, value: int) -> dict[str, object]:
    return {"resource": resource, "title": title, "description": description, "value": value}


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("price", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("trial_days", sa.Integer(), nullable=False),
        sa.Column("features", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("limits", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
    )
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.create_index("ix_plans_created_at_id", ["created_at", "id"], unique=False)
        batch_op.create_index(
            "uq_plans_name_live",
            ["name"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "subscriptions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("plan_id", sa.String(length=40), nullable=False),
        sa.Column(
            "status",
            sa.Enum("trial", "active", "expired", "cancelled", name="subscriptionstatus", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("billing_cycle", sa.Enum("monthly", "yearly", name="billingcycle", native_enum=False, length=24), nullable=False),
        sa.Column("start_date", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("end_date", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("trial_end_date", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("announced_end_date", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("auto_renew", sa.Boolean(), nullable=False),
        sa.Column("payment_method", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_subscriptions_plan_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_subscriptions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subscriptions_plan_id"), ["plan_id"], unique=False)
        batch_op.create_index("ix_subscriptions_status_end_date", ["status", "end_date"], unique=False)
        batch_op.create_index("ix_subscriptions_user_id_created_at_id", ["user_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "uq_subscriptions_user_id_live",
            ["user_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('active', 'trial')"),
            postgresql_where=sa.text("status IN ('active', 'trial')"),
        )

    plans = sa.table(
        "plans",
        sa.column("id", sa.String()),
        sa.column("name", sa.String()),
        sa.column("description", sa.String()),
        sa.column("price", domain.runtime.columns.ExactDecimal()),
        sa.column("trial_days", sa.Integer()),
        sa.column("features", domain.runtime.columns.JSONDocument()),
        sa.column("limits", domain.runtime.columns.JSONDocument()),
        sa.column("created_at", domain.runtime.columns.UTCDateTime()),
    )
    op.bulk_insert(
        plans,
        [
            {
                "id": id,
                "name": name,
                "description": description,
                "price": Decimal(price),
                "trial_days": trial_days,
                "features": features,
                "limits": [
                    limit("trades_per_day", "Trades a day", "Orders since midnight UTC; exits do not count.", trades),
                    limit("agents", "Agents", "Analysts that vote in one run.", agents),
                    limit("position_size", "Position size", "Value of a position after a trade, in its quote currency.", size),
                ],
                "created_at": datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC),  # they are listed in this order
            }
            for second, (id, name, description, price, trial_days, features, trades, agents, size) in enumerate(SEEDS)
        ],
    )


def downgrade() -> None:
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_subscriptions_user_id_live",
            sqlite_where=sa.text("status IN ('active', 'trial')"),
            postgresql_where=sa.text("status IN ('active', 'trial')"),
        )
        batch_op.drop_index("ix_subscriptions_user_id_created_at_id")
        batch_op.drop_index("ix_subscriptions_status_end_date")
        batch_op.drop_index(batch_op.f("ix_subscriptions_plan_id"))

    op.drop_table("subscriptions")
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_plans_name_live", sqlite_where=sa.text("deleted_at IS NULL"), postgresql_where=sa.text("deleted_at IS NULL")
        )
        batch_op.drop_index("ix_plans_created_at_id")

    op.drop_table("plans")
