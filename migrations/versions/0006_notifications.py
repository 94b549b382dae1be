"""Notifications, what people want to be told, webhooks and what was sent to them."""

import sqlalchemy as sa
from alembic import op

import domain.runtime.columns

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KIND = sa.Enum(
    "execution.completed",
    "execution.failed",
    "order.filled",
    "order.rejected",
    "position.stop_hit",
    "position.target_hit",
    "position.liquidated",
    "price_alert.triggered",
    "device.offline",
    "security_alert.raised",
    "subscription.expiring",
    "subscription.expired",
    "webhook.disabled",
    "manual",
    name="notificationkind",
    native_enum=False,
    length=24,
)


def upgrade() -> None:
    op.create_table(
        "notification_mail_rations",
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("kind", KIND, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("mailed_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notification_mail_rations_user_id")),
        sa.PrimaryKeyConstraint("user_id", "kind", "key", name=op.f("pk_notification_mail_rations")),
    )
    with op.batch_alter_table("notification_mail_rations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notification_mail_rations_mailed_at"), ["mailed_at"], unique=False)

    op.create_table(
        "notification_preferences",
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("kind", KIND, nullable=False),
        sa.Column("channel", sa.Enum("in_app", "email", "webhook", name="channel", native_enum=False, length=24), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notification_preferences_user_id")),
        sa.PrimaryKeyConstraint("user_id", "kind", "channel", name=op.f("pk_notification_preferences")),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("kind", KIND, nullable=False),
        sa.Column("subject_id", sa.String(length=40), nullable=True),
        sa.Column(
            "type", sa.Enum("info", "success", "warning", "error", name="notificationtype", native_enum=False, length=24), nullable=False
        ),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("message", sa.String(length=1000), nullable=False),
        sa.Column("metadata", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("read_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("emailed_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notifications_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.create_index("ix_notifications_user_id_created_at_id", ["user_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_notifications_user_id_subject_id", ["user_id", "subject_id"], unique=False)
        batch_op.create_index(
            "ix_notifications_user_id_unread",
            ["user_id"],
            unique=False,
            sqlite_where=sa.text("read_at IS NULL AND deleted_at IS NULL AND is_listed"),
            postgresql_where=sa.text("read_at IS NULL AND deleted_at IS NULL AND is_listed"),
        )

    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("secret", sa.String(length=255), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("disabled_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("disabled_reason", sa.String(length=255), nullable=True),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_webhooks_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    with op.batch_alter_table("webhooks", schema=None) as batch_op:
        batch_op.create_index("ix_webhooks_user_id_created_at_id", ["user_id", "created_at", "id"], unique=False)

    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("webhook_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("notification_id", sa.String(length=40), nullable=True),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("pending", "delivered", "failed", "cancelled", name="deliverystatus", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=255), nullable=True),
        sa.Column("next_attempt_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("claimed_until", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_webhook_deliveries_user_id")),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    with op.batch_alter_table("webhook_deliveries", schema=None) as batch_op:
        batch_op.create_index("ix_webhook_deliveries_created_at", ["created_at"], unique=False)
        batch_op.create_index("ix_webhook_deliveries_status_next_attempt_at", ["status", "next_attempt_at"], unique=False)
        batch_op.create_index("ix_webhook_deliveries_webhook_id_created_at_id", ["webhook_id", "created_at", "id"], unique=False)

    op.create_table(
        "webhook_attempts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("delivery_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=255), nullable=True),
        sa.Column("response", sa.String(length=1024), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["webhook_deliveries.id"], name=op.f("fk_webhook_attempts_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempts")),
        sa.UniqueConstraint("delivery_id", "number", name=op.f("uq_webhook_attempts_delivery_id_number")),
    )


def downgrade() -> None:
    op.drop_table("webhook_attempts")
    with op.batch_alter_table("webhook_deliveries", schema=None) as batch_op:
        batch_op.drop_index("ix_webhook_deliveries_webhook_id_created_at_id")
        batch_op.drop_index("ix_webhook_deliveries_status_next_attempt_at")
        batch_op.drop_index("ix_webhook_deliveries_created_at")

    op.drop_table("webhook_deliveries")
    with op.batch_alter_table("webhooks", schema=None) as batch_op:
        batch_op.drop_index("ix_webhooks_user_id_created_at_id")

    op.drop_table("webhooks")
    with op.batch_alter_table("notifications", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_notifications_user_id_unread",
            sqlite_where=sa.text("read_at IS NULL AND deleted_at IS NULL AND is_listed"),
            postgresql_where=sa.text("read_at IS NULL AND deleted_at IS NULL AND is_listed"),
        )
        batch_op.drop_index("ix_notifications_user_id_subject_id")
        batch_op.drop_index("ix_notifications_user_id_created_at_id")

    op.drop_table("notifications")
    op.drop_table("notification_preferences")
    with op.batch_alter_table("notification_mail_rations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notification_mail_rations_mailed_at"))

    op.drop_table("notification_mail_rations")
