"""What the paper venue had filled before it kept books is still known after, and the other way round."""

import asyncio
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from domain.exchanges.venue import VenueFill, VenueReport, VenueStatus
from domain.kernel.clock import ManualClock
from domain.market.market import Market
from domain.trading.paper_venue import PaperVenue
from migrations import alembic_config, upgrade
from tests.conftest import START
from tests.databases import quick_database
from tests.market_script import ScriptedSource

REPORT = (
    '{"venue_order_id":"paper_1","status":"filled","fills":[{"trade_id":"trade_1","quantity":0.5,"price":50005,"fee":25.0025,'
    '"fee_currency":"USDT","executed_at":"2026-03-02T09:30:00.000000Z"}]}'
)


async def found_in(url: str) -> VenueReport | None:
    database, clock = await quick_database(url), ManualClock(START)
    try:
        return await PaperVenue(Market(ScriptedSource(clock)), database, clock).find("wallet_1", "c-1", "BTC/USDT")
    finally:
        await database.close()


def table(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM paper_orders").fetchall()


def test_filled_orders_come_along_in_both_directions(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    url = f"sqlite+aiosqlite:///{path}"
    revision = ScriptDirectory.from_config(alembic_config(url)).get_revision("0012")
    assert revision is not None and isinstance(revision.down_revision, str)
    upgrade(url, revision.down_revision)
    with closing(sqlite3.connect(path)) as connection, connection:
        row = ("c-1", "wallet_1", "paper_1", "filled", REPORT, "2026-03-02T09:30:00.000000Z")
        connection.execute("INSERT INTO paper_orders VALUES (?, ?, ?, ?, ?, ?)", row)
    before = table(path)
    upgrade(url)
    fill = VenueFill("trade_1", Decimal("0.5"), Decimal(50_005), Decimal("25.0025"), "USDT", START)
    wanted = VenueReport("paper_1", VenueStatus.FILLED, (fill,), None, Decimal("0.5"))
    assert asyncio.run(found_in(url)) == wanted
    command.downgrade(alembic_config(url), revision.down_revision)
    assert table(path) == before
    upgrade(url)
    assert asyncio.run(found_in(url)) == wanted
