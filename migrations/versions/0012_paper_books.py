"""Books, orders and fills of the paper venue as rows; what it filled before comes along."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

from domain.runtime.columns import ExactDecimal, JSONDocument, UTCDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BATCH = 1_000
FILL = ("trade_id", "quantity", "price", "fee", "fee_currency", "executed_at")
NUMBER, MOMENT = ExactDecimal(precision=38, scale=18), UTCDateTime(timezone=True)


def upgrade() -> None:
    connection = op.get_bind()
    before = _before()
    ours = sa.table("orders", *(sa.column(name) for name in ("wallet_id", "client_order_id", "symbol", "book", "side", "time_in_force")))
    query = sa.select(before, ours.c.symbol, ours.c.book, ours.c.side, ours.c.time_in_force).join_from(
        before,
        ours,
        sa.and_(ours.c.wallet_id == before.c.account, ours.c.client_order_id == before.c.client_order_id),
        isouter=True,
    )
    known = connection.execute(query).mappings().all()
    op.drop_table("paper_orders")
    op.create_table(
        "paper_books",
        sa.Column("symbol", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("trades", sa.Integer(), nullable=False),
        sa.Column("price", NUMBER, nullable=True),
        sa.Column("volume", NUMBER, nullable=True),
        sa.Column("market_at", MOMENT, nullable=True),
        sa.Column("taken", JSONDocument(none_as_null=True), nullable=False),
        sa.Column("positions", JSONDocument(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name=op.f("pk_paper_books")),
    )
    fills = op.create_table(
        "paper_fills",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("order_id", sa.String(length=40), nullable=False),
        sa.Column("trade", sa.Integer(), nullable=False),
        sa.Column("quantity", NUMBER, nullable=False),
        sa.Column("price", NUMBER, nullable=False),
        sa.Column("fee", NUMBER, nullable=False),
        sa.Column("fee_currency", sa.String(length=20), nullable=False),
        sa.Column("is_maker", sa.Boolean(), nullable=True),
        sa.Column("executed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_fills")),
    )
    with op.batch_alter_table("paper_fills") as batch_op:
        batch_op.create_index("ix_paper_fills_order_id_trade", ["order_id", "trade"], unique=False)
    orders = op.create_table(
        "paper_orders",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("client_order_id", sa.String(length=64), nullable=False),
        sa.Column("symbol", sa.String(length=20), nullable=False),
        sa.Column("book", sa.String(length=40), nullable=False),
        sa.Column("side", sa.Enum("buy", "sell", name="side", native_enum=False, length=24), nullable=False),
        sa.Column(
            "order_type",
            sa.Enum(
                "market",
                "limit",
                "stop",
                "stop_limit",
                "take_profit",
                "trailing_stop",
                name="ordertype",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("quantity", NUMBER, nullable=False),
        sa.Column("filled", NUMBER, nullable=False),
        sa.Column("price", NUMBER, nullable=True),
        sa.Column("stop_price", NUMBER, nullable=True),
        sa.Column("trail", NUMBER, nullable=True),
        sa.Column("trail_is_percent", sa.Boolean(), nullable=False),
        sa.Column(
            "time_in_force",
            sa.Enum("GTC", "IOC", "FOK", "DAY", "GTD", name="timeinforce", native_enum=False, length=24),
            nullable=False,
        ),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("post_only", sa.Boolean(), nullable=False),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "partially_filled",
                "filled",
                "cancelled",
                "expired",
                "rejected",
                name="venuestatus",
                native_enum=False,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_orders")),
        sa.UniqueConstraint("account", "client_order_id", name=op.f("uq_paper_orders_account_client_order_id")),
    )
    live = sa.text("ended_at IS NULL")
    with op.batch_alter_table("paper_orders") as batch_op:
        batch_op.create_index("ix_paper_orders_live_account", ["account"], unique=False, sqlite_where=live, postgresql_where=live)
        batch_op.create_index("ix_paper_orders_live_symbol", ["symbol"], unique=False, sqlite_where=live, postgresql_where=live)
        batch_op.create_index("ix_paper_orders_symbol_version", ["symbol", "version"], unique=False)
    for begin in range(0, len(known), BATCH):
        batch = known[begin : begin + BATCH]
        connection.execute(orders.insert(), [_order(row) for row in batch])
        if trades := [fill for row in batch for fill in _fills(row)]:
            connection.execute(fills.insert(), trades)


def downgrade() -> None:
    # The earlier venue knows orders that were filled whole and nothing else.
    connection = op.get_bind()
    query = sa.text(
        "SELECT o.id, o.client_order_id, o.account, o.created_at, f.id AS trade_id, f.quantity, f.price, f.fee, f.fee_currency,"
        " f.executed_at FROM paper_orders o JOIN paper_fills f ON f.order_id = o.id WHERE o.status = 'filled' ORDER BY o.id, f.trade"
    ).columns(created_at=MOMENT, quantity=NUMBER, price=NUMBER, fee=NUMBER, executed_at=MOMENT)
    rows: dict[str, dict[str, Any]] = {}
    for fill in connection.execute(query).mappings():
        order = rows.setdefault(
            fill["id"],
            {
                "client_order_id": fill["client_order_id"],
                "account": fill["account"],
                "venue_order_id": fill["id"],
                "status": "filled",
                "report": {"venue_order_id": fill["id"], "status": "filled", "fills": []},
                "created_at": fill["created_at"],
            },
        )
        order["report"]["fills"].append({name: fill[name] for name in FILL})
    op.drop_table("paper_fills")
    op.drop_table("paper_orders")
    op.drop_table("paper_books")
    before = op.create_table(
        "paper_orders",
        sa.Column("client_order_id", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("venue_order_id", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("report", JSONDocument(none_as_null=True), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("client_order_id", "account", name=op.f("pk_paper_orders")),
        sa.UniqueConstraint("venue_order_id", name=op.f("uq_paper_orders_venue_order_id")),
    )
    if rows:
        connection.execute(before.insert(), list(rows.values()))


def _before() -> sa.TableClause:
    return sa.table(
        "paper_orders",
        sa.column("client_order_id", sa.String()),
        sa.column("account", sa.String()),
        sa.column("venue_order_id", sa.String()),
        sa.column("report", JSONDocument(none_as_null=True)),
        sa.column("created_at", MOMENT),
    )


def _order(row: Any) -> dict[str, Any]:
    quantity = sum((Decimal(fill["quantity"]) for fill in row["report"]["fills"]), Decimal(0))
    return {
        "id": row["venue_order_id"],
        "account": row["account"],
        "client_order_id": row["client_order_id"],
        # An order that nobody remembers is not worth a guess: it has ended, and only its fills matter.
        "symbol": row["symbol"] or "",
        "book": row["book"] or "",
        "side": row["side"] or "buy",
        "order_type": "market",
        "quantity": quantity,
        "filled": quantity,
        "trail_is_percent": False,
        "time_in_force": row["time_in_force"] or "GTC",
        "post_only": False,
        "reduce_only": False,
        "waiting": False,
        "sequence": 0,
        "version": 0,
        "status": "filled",
        "created_at": row["created_at"],
        "ended_at": row["created_at"],
    }


def _fills(row: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": fill["trade_id"],
            "order_id": row["venue_order_id"],
            "trade": number,
            "quantity": Decimal(fill["quantity"]),
            "price": Decimal(fill["price"]),
            "fee": Decimal(fill["fee"]),
            "fee_currency": fill["fee_currency"],
            "executed_at": datetime.fromisoformat(fill["executed_at"]),
        }
        for number, fill in enumerate(row["report"]["fills"])
    ]
