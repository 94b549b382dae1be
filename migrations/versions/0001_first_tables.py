"""first tables"""

import sqlalchemy as sa
from alembic import op

import domain.runtime.columns

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_log_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pruned_transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("pruned_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_log_state")),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=40), nullable=False),
        sa.Column("execution_id", sa.String(length=40), nullable=True),
        sa.Column("payload", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("occurred_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_events_occurred_at"), ["occurred_at"], unique=False)
        batch_op.create_index("ix_events_user_id_transaction_id_seq", ["user_id", "transaction_id", "seq"], unique=False)

    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("result_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_keys_created_at"), ["created_at"], unique=False)

    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("until", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("arguments", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("run_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("dispatched_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failed_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_run_at", ["run_at"], unique=False)

    op.create_table(
        "paper_orders",
        sa.Column("client_order_id", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("venue_order_id", sa.String(length=40), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "submitted",
                "open",
                "partially_filled",
                "filled",
                "cancelling",
                "cancelled",
                "rejected",
                "expired",
                "failed",
                name="orderstatus",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("report", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_order_id", "account", name=op.f("pk_paper_orders")),
        sa.UniqueConstraint("venue_order_id", name=op.f("uq_paper_orders_venue_order_id")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("phone_number", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("is_superuser", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("email_verified_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("last_login_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.create_index(
            "uq_users_email_live",
            ["email"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "conversations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("execution_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("flow_id", sa.String(length=40), nullable=False),
        sa.Column("context", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("swarm_vote", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True),
        sa.Column("outcome", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_conversations_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("execution_id", name=op.f("uq_conversations_execution_id")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("execution_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("agent_role", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("confidence", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=False),
        sa.Column("data", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_decisions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("execution_id", "agent_role", name=op.f("uq_decisions_execution_id_agent_role")),
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.create_index("ix_decisions_user_id_created_at", ["user_id", "created_at"], unique=False)

    op.create_table(
        "flows",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("symbol", sa.String(length=20), nullable=False),
        sa.Column("mode", sa.Enum("solo", "swarm", name="flowmode", native_enum=False, length=24), nullable=False),
        sa.Column("status", sa.Enum("draft", "active", "paused", name="flowstatus", native_enum=False, length=24), nullable=False),
        sa.Column("trigger", sa.Enum("manual", "schedule", "signal", name="flowtrigger", native_enum=False, length=24), nullable=False),
        sa.Column("agents", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("schedule", sa.String(length=100), nullable=True),
        sa.Column("config", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("total_executions", sa.Integer(), nullable=False),
        sa.Column("successful_executions", sa.Integer(), nullable=False),
        sa.Column("winning_trades", sa.Integer(), nullable=False),
        sa.Column("total_pnl_usd", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("loop_provider", sa.String(length=40), nullable=True),
        sa.Column("loop_model", sa.String(length=80), nullable=True),
        sa.Column("loop_cycles", sa.Integer(), nullable=False),
        sa.Column("next_run_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("last_run_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_flows_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flows")),
    )
    with op.batch_alter_table("flows", schema=None) as batch_op:
        batch_op.create_index("ix_flows_next_run_at", ["next_run_at"], unique=False)
        batch_op.create_index("ix_flows_user_id_created_at_id", ["user_id", "created_at", "id"], unique=False)

    op.create_table(
        "mailed_tokens",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("used_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_mailed_tokens_user_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_mailed_tokens")),
    )
    with op.batch_alter_table("mailed_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mailed_tokens_user_id"), ["user_id"], unique=False)

    op.create_table(
        "risk_rules",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("rule_type", sa.Enum("max_position_size", name="ruletype", native_enum=False, length=24), nullable=False),
        sa.Column("condition", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("action", sa.Enum("reject", "warn", name="ruleaction", native_enum=False, length=24), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_risk_rules_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_rules")),
    )
    with op.batch_alter_table("risk_rules", schema=None) as batch_op:
        batch_op.create_index("ix_risk_rules_user_id_created_at", ["user_id", "created_at"], unique=False)

    op.create_table(
        "risk_verdicts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("execution_id", sa.String(length=40), nullable=True),
        sa.Column("order_id", sa.String(length=40), nullable=True),
        sa.Column("rule_id", sa.String(length=40), nullable=False),
        sa.Column("rule_name", sa.String(length=100), nullable=False),
        sa.Column("rule_type", sa.Enum("max_position_size", name="ruletype", native_enum=False, length=24), nullable=False),
        sa.Column("action", sa.Enum("reject", "warn", name="ruleaction", native_enum=False, length=24), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("numbers", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_risk_verdicts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_verdicts")),
    )
    with op.batch_alter_table("risk_verdicts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_risk_verdicts_execution_id"), ["execution_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_risk_verdicts_order_id"), ["order_id"], unique=False)
        batch_op.create_index("ix_risk_verdicts_user_id_created_at", ["user_id", "created_at"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("ip", sa.String(length=64), nullable=True),
        sa.Column("user_agent", sa.String(length=255), nullable=True),
        sa.Column("revoked_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("revoke_reason", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_user_id"), ["user_id"], unique=False)

    op.create_table(
        "votes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("execution_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("member", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("model", sa.String(length=80), nullable=False),
        sa.Column("status", sa.Enum("voted", "abstained", "failed", name="votestatus", native_enum=False, length=24), nullable=False),
        sa.Column("action", sa.String(length=10), nullable=True),
        sa.Column("confidence", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("weight", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=False),
        sa.Column("stop_loss", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("take_profit", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("risk_level", sa.String(length=10), nullable=True),
        sa.Column("tokens_in", sa.Integer(), nullable=False),
        sa.Column("tokens_out", sa.Integer(), nullable=False),
        sa.Column("cost", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_votes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_votes")),
        sa.UniqueConstraint("execution_id", "member", name=op.f("uq_votes_execution_id_member")),
    )
    op.create_table(
        "wallets",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("definition_slug", sa.String(length=40), nullable=False),
        sa.Column("nickname", sa.String(length=100), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_wallets_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallets")),
    )
    with op.batch_alter_table("wallets", schema=None) as batch_op:
        batch_op.create_index("ix_wallets_user_id_created_at", ["user_id", "created_at"], unique=False)

    op.create_table(
        "balances",
        sa.Column("wallet_id", sa.String(length=40), nullable=False),
        sa.Column("asset", sa.String(length=20), nullable=False),
        sa.Column("amount", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_balances_wallet_id")),
        sa.PrimaryKeyConstraint("wallet_id", "asset", name=op.f("pk_balances")),
    )
    op.create_table(
        "executions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("flow_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("flow_name", sa.String(length=100), nullable=False),
        sa.Column("symbol", sa.String(length=20), nullable=False),
        sa.Column("mode", sa.Enum("solo", "swarm", name="flowmode", native_enum=False, length=24), nullable=False),
        sa.Column("config", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("model", sa.String(length=80), nullable=True),
        sa.Column("order_quantity_override", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("order_size_override", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("is_loop", sa.Boolean(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("pending", "running", "completed", "failed", "cancelled", name="executionstatus", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("current_step", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=128), nullable=True),
        sa.Column("lease_until", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("result", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True),
        sa.Column("error", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("started_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("completed_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("duration", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["flow_id"], ["flows.id"], name=op.f("fk_executions_flow_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_executions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
    )
    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.create_index("ix_executions_flow_id_created_at_id", ["flow_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_executions_status_lease_until", ["status", "lease_until"], unique=False)
        batch_op.create_index("ix_executions_user_id_created_at_id", ["user_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "uq_executions_flow_id_live",
            ["flow_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('pending', 'running')"),
            postgresql_where=sa.text("status IN ('pending', 'running')"),
        )

    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("wallet_id", sa.String(length=40), nullable=False),
        sa.Column("asset", sa.String(length=20), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("amount", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("balance_after", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("cause", sa.Enum("deposit", "trade", "fee", name="entrycause", native_enum=False, length=24), nullable=False),
        sa.Column("fill_id", sa.String(length=40), nullable=True),
        sa.Column("order_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_ledger_entries_user_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_ledger_entries_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("wallet_id", "asset", "seq", name=op.f("uq_ledger_entries_wallet_id_asset_seq")),
    )
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_entries_fill_id"), ["fill_id"], unique=False)
        batch_op.create_index("ix_ledger_entries_user_id_created_at", ["user_id", "created_at"], unique=False)

    op.create_table(
        "messages",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("agent_name", sa.String(length=60), nullable=False),
        sa.Column("agent_role", sa.String(length=40), nullable=False),
        sa.Column("ai_model", sa.String(length=80), nullable=True),
        sa.Column("message_type", sa.String(length=20), nullable=False),
        sa.Column("content", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("vote", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_messages_conversation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("conversation_id", "seq", name=op.f("uq_messages_conversation_id_seq")),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("wallet_id", sa.String(length=40), nullable=False),
        sa.Column("venue", sa.String(length=40), nullable=False),
        sa.Column("client_order_id", sa.String(length=64), nullable=False),
        sa.Column("venue_order_id", sa.String(length=80), nullable=True),
        sa.Column("symbol", sa.String(length=20), nullable=False),
        sa.Column("book", sa.String(length=40), nullable=False),
        sa.Column("side", sa.Enum("buy", "sell", name="side", native_enum=False, length=24), nullable=False),
        sa.Column(
            "order_type",
            sa.Enum("market", "limit", "stop", "stop_limit", "stop_loss", "take_profit", name="ordertype", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column(
            "time_in_force", sa.Enum("GTC", "IOC", "FOK", "DAY", "GTD", name="timeinforce", native_enum=False, length=24), nullable=False
        ),
        sa.Column("quantity", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("price", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("stop_price", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("reference_price", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "manual",
                "entry",
                "reverse_signal",
                "stop_loss",
                "take_profit",
                "manual_close",
                name="orderpurpose",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "submitted",
                "open",
                "partially_filled",
                "filled",
                "cancelling",
                "cancelled",
                "rejected",
                "expired",
                "failed",
                name="orderstatus",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("status_reason", sa.String(length=255), nullable=True),
        sa.Column("filled_quantity", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("average_fill_price", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("total_fees", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("fee_currency", sa.String(length=20), nullable=False),
        sa.Column("flow_id", sa.String(length=40), nullable=True),
        sa.Column("execution_id", sa.String(length=40), nullable=True),
        sa.Column("position_id", sa.String(length=40), nullable=True),
        sa.Column("attached_stop_loss", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("attached_take_profit", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("reasoning", sa.Text(), nullable=True),
        sa.Column("confidence", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempt_until", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("submitted_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("filled_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("closed_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_orders_user_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_orders_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("user_id", "client_order_id", name=op.f("uq_orders_user_id_client_order_id")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_orders_execution_id"), ["execution_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_flow_id"), ["flow_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_position_id"), ["position_id"], unique=False)
        batch_op.create_index("ix_orders_status_created_at", ["status", "created_at"], unique=False)
        batch_op.create_index("ix_orders_user_id_created_at_id", ["user_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_orders_wallet_id_status", ["wallet_id", "status"], unique=False)

    op.create_table(
        "positions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("wallet_id", sa.String(length=40), nullable=False),
        sa.Column("symbol", sa.String(length=20), nullable=False),
        sa.Column("book", sa.String(length=40), nullable=False),
        sa.Column("flow_id", sa.String(length=40), nullable=True),
        sa.Column("execution_id", sa.String(length=40), nullable=True),
        sa.Column("side", sa.Enum("long", "short", name="positionside", native_enum=False, length=24), nullable=False),
        sa.Column("status", sa.Enum("open", "closed", "liquidated", name="positionstatus", native_enum=False, length=24), nullable=False),
        sa.Column("currency", sa.String(length=20), nullable=False),
        sa.Column("contract_size", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("quantity", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("open_cost", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("open_fees", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("entry_quantity", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("entry_price", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("entry_value", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("entry_fees", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("entry_order_id", sa.String(length=40), nullable=False),
        sa.Column("exit_quantity", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("exit_price", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("exit_value", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("exit_fees", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("exit_order_id", sa.String(length=40), nullable=True),
        sa.Column(
            "exit_reason",
            sa.Enum(
                "manual",
                "entry",
                "reverse_signal",
                "stop_loss",
                "take_profit",
                "manual_close",
                name="orderpurpose",
                native_enum=False,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("realized_pnl", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("stop_loss", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("take_profit", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("initial_stop_loss", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("initial_take_profit", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("current_price", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("unrealized_pnl", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("unrealized_pnl_percent", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("high_water_mark", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("low_water_mark", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("priced_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=True),
        sa.Column("confidence", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=True),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("closed_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("updated_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_positions_user_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_positions_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_positions")),
    )
    with op.batch_alter_table("positions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_positions_flow_id"), ["flow_id"], unique=False)
        batch_op.create_index("ix_positions_status", ["status"], unique=False)
        batch_op.create_index("ix_positions_user_id_created_at_id", ["user_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "uq_positions_open_book",
            ["wallet_id", "symbol", "book"],
            unique=True,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )

    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("session_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("used_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_refresh_tokens_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
    )
    with op.batch_alter_table("refresh_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refresh_tokens_session_id"), ["session_id"], unique=False)

    op.create_table(
        "execution_snapshots",
        sa.Column("execution_id", sa.String(length=40), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("document", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], name=op.f("fk_execution_snapshots_execution_id")),
        sa.PrimaryKeyConstraint("execution_id", name=op.f("pk_execution_snapshots")),
    )
    op.create_table(
        "execution_steps",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("execution_id", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column(
            "status",
            sa.Enum("pending", "running", "completed", "failed", "skipped", name="stepstatus", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("started_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("completed_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("data", domain.runtime.columns.JSONDocument(none_as_null=True), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], name=op.f("fk_execution_steps_execution_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_execution_steps")),
        sa.UniqueConstraint("execution_id", "position", name=op.f("uq_execution_steps_execution_id_position")),
    )
    op.create_table(
        "fills",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("order_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("wallet_id", sa.String(length=40), nullable=False),
        sa.Column("position_id", sa.String(length=40), nullable=True),
        sa.Column("venue", sa.String(length=40), nullable=False),
        sa.Column("venue_trade_id", sa.String(length=80), nullable=False),
        sa.Column("symbol", sa.String(length=20), nullable=False),
        sa.Column("side", sa.Enum("buy", "sell", name="side", native_enum=False, length=24), nullable=False),
        sa.Column("quantity", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("price", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("fee", domain.runtime.columns.ExactDecimal(precision=38, scale=18), nullable=False),
        sa.Column("fee_currency", sa.String(length=20), nullable=False),
        sa.Column("executed_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_fills_order_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_fills_user_id")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallets.id"], name=op.f("fk_fills_wallet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fills")),
        sa.UniqueConstraint("venue", "venue_trade_id", name=op.f("uq_fills_venue_venue_trade_id")),
    )
    with op.batch_alter_table("fills", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fills_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_fills_position_id"), ["position_id"], unique=False)
        batch_op.create_index("ix_fills_user_id_executed_at", ["user_id", "executed_at"], unique=False)

    op.create_table(
        "order_transitions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("order_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "submitted",
                "open",
                "partially_filled",
                "filled",
                "cancelling",
                "cancelled",
                "rejected",
                "expired",
                "failed",
                name="orderstatus",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("created_at", domain.runtime.columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_transitions_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_transitions")),
        sa.UniqueConstraint("order_id", "seq", name=op.f("uq_order_transitions_order_id_seq")),
    )


def downgrade() -> None:
    op.drop_table("order_transitions")
    with op.batch_alter_table("fills", schema=None) as batch_op:
        batch_op.drop_index("ix_fills_user_id_executed_at")
        batch_op.drop_index(batch_op.f("ix_fills_position_id"))
        batch_op.drop_index(batch_op.f("ix_fills_order_id"))

    op.drop_table("fills")
    op.drop_table("execution_steps")
    op.drop_table("execution_snapshots")
    with op.batch_alter_table("refresh_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refresh_tokens_session_id"))

    op.drop_table("refresh_tokens")
    with op.batch_alter_table("positions", schema=None) as batch_op:
        batch_op.drop_index("uq_positions_open_book", sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'"))
        batch_op.drop_index("ix_positions_user_id_created_at_id")
        batch_op.drop_index("ix_positions_status")
        batch_op.drop_index(batch_op.f("ix_positions_flow_id"))

    op.drop_table("positions")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index("ix_orders_wallet_id_status")
        batch_op.drop_index("ix_orders_user_id_created_at_id")
        batch_op.drop_index("ix_orders_status_created_at")
        batch_op.drop_index(batch_op.f("ix_orders_position_id"))
        batch_op.drop_index(batch_op.f("ix_orders_flow_id"))
        batch_op.drop_index(batch_op.f("ix_orders_execution_id"))

    op.drop_table("orders")
    op.drop_table("messages")
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_entries_user_id_created_at")
        batch_op.drop_index(batch_op.f("ix_ledger_entries_fill_id"))

    op.drop_table("ledger_entries")
    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_executions_flow_id_live",
            sqlite_where=sa.text("status IN ('pending', 'running')"),
            postgresql_where=sa.text("status IN ('pending', 'running')"),
        )
        batch_op.drop_index("ix_executions_user_id_created_at_id")
        batch_op.drop_index("ix_executions_status_lease_until")
        batch_op.drop_index("ix_executions_flow_id_created_at_id")

    op.drop_table("executions")
    op.drop_table("balances")
    with op.batch_alter_table("wallets", schema=None) as batch_op:
        batch_op.drop_index("ix_wallets_user_id_created_at")

    op.drop_table("wallets")
    op.drop_table("votes")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sessions_user_id"))

    op.drop_table("sessions")
    with op.batch_alter_table("risk_verdicts", schema=None) as batch_op:
        batch_op.drop_index("ix_risk_verdicts_user_id_created_at")
        batch_op.drop_index(batch_op.f("ix_risk_verdicts_order_id"))
        batch_op.drop_index(batch_op.f("ix_risk_verdicts_execution_id"))

    op.drop_table("risk_verdicts")
    with op.batch_alter_table("risk_rules", schema=None) as batch_op:
        batch_op.drop_index("ix_risk_rules_user_id_created_at")

    op.drop_table("risk_rules")
    with op.batch_alter_table("mailed_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mailed_tokens_user_id"))

    op.drop_table("mailed_tokens")
    with op.batch_alter_table("flows", schema=None) as batch_op:
        batch_op.drop_index("ix_flows_user_id_created_at_id")
        batch_op.drop_index("ix_flows_next_run_at")

    op.drop_table("flows")
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.drop_index("ix_decisions_user_id_created_at")

    op.drop_table("decisions")
    op.drop_table("conversations")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_users_email_live", sqlite_where=sa.text("deleted_at IS NULL"), postgresql_where=sa.text("deleted_at IS NULL")
        )

    op.drop_table("users")
    op.drop_table("paper_orders")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_run_at")

    op.drop_table("outbox")
    op.drop_table("leases")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_created_at"))

    op.drop_table("idempotency_keys")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index("ix_events_user_id_transaction_id_seq")
        batch_op.drop_index(batch_op.f("ix_events_occurred_at"))

    op.drop_table("events")
    op.drop_table("event_log_state")
