"""A year of recorded power prices goes through the real runner, worker, venue and ledger, and every cent is accounted for."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain import composition
from domain.flows.models import Flow, FlowMode
from domain.flows.relations import live_executions
from domain.flows.service import NewFlow, create_flow
from domain.flows.triggering import trigger_flow
from domain.kernel.clock import ManualClock, SystemClock
from domain.market.candles import Interval
from domain.market.instruments import find_instrument
from domain.market.market import Market
from domain.market.replay import ReplaySource, replay_window
from domain.runtime.event_bus import MemoryEventBus
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from domain.trading.monitoring import monitor_positions
from tests.accounts import provide_accounts
from tests.builders import make_trader
from tests.databases import quick_database
from tests.e2e.books import problems_in_the_books
from workers.background import Background
from workers.catalogue import JOBS

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "nl_day_ahead_2023"
SYMBOL = "NL_DAY_AHEAD"
# Runs follow each other within hours, so that an opinion can change while a position still stands.
SPELLS, SPELL_HOURS = 12, (0, 14)
NEGATIVE_SPELLS, NEGATIVE_SPELL_HOURS = 12, (0, 8)
LOOK_AGAIN_HOURS = (1, 3, 6, 12, 24, 48)
OPEN_GATE = {"pre_trade_min_confidence": 0}
IN_MEGAWATT_HOURS = "in megawatt hours"
IN_EURO = "in euro"
FLOWS: dict[str, tuple[FlowMode, dict[str, Any]]] = {
    IN_MEGAWATT_HOURS: (FlowMode.SOLO, {**OPEN_GATE, "order_quantity": 5}),
    "over four hours": (FlowMode.SOLO, {**OPEN_GATE, "order_quantity": "0.5", "interval": "4h"}),
    "swarm": (FlowMode.SWARM, {**OPEN_GATE, "order_quantity": 12, "swarm_runs": 5, "swarm_min_agreement": 40}),
    "growing": (
        FlowMode.SWARM,
        {**OPEN_GATE, "order_quantity": 3, "swarm_runs": 5, "swarm_min_agreement": 40, "single_position_mode": False},
    ),
    IN_EURO: (FlowMode.SOLO, {**OPEN_GATE, "order_size_usd": 2500}),
}

ENTRIES_IN_EURO = f"""
SELECT fills.price FROM fills JOIN orders ON orders.id = fills.order_id JOIN flows ON flows.id = orders.flow_id
WHERE orders.purpose = 'entry' AND flows.name = '{IN_EURO}'
"""


@dataclass
class Year:
    """The market with its own clock, and the runtime whose worker does the runs."""

    clock: ManualClock
    source: ReplaySource
    runtime: Runtime
    ada: Operation


@pytest.fixture
async def year(settings: Settings) -> AsyncIterator[Year]:
    clock = ManualClock(replay_window(SAMPLE).first)
    source = ReplaySource(SAMPLE, clock)
    runtime = Runtime(settings, SystemClock(), await quick_database(settings.effective_database_url), MemoryEventBus())
    runtime.provide(Market, Market(source))
    composition.provide_trading(runtime)
    provide_accounts(runtime)
    # The timetable is the test's own: the market's clock does not move with the wall's.
    background = Background(runtime, JOBS, (), runs_jobs=True)
    await composition.start(runtime)
    await background.start()
    yield Year(clock, source, runtime, runtime.operation(await make_trader(runtime), door="test"))
    await background.stop()
    await composition.dispose(runtime)


async def test_year_of_power_prices_ends_with_books_that_add_up(year: Year, tmp_path: Path) -> None:
    flows = [await _create(year.ada, name) for name in FLOWS]
    moments = await _moments(year)

    for moment, following in zip(moments, [*moments[1:], replay_window(SAMPLE).last], strict=True):
        year.clock.set(moment)
        await _run(year.ada, flows)
        for hours in LOOK_AGAIN_HOURS:
            if moment + timedelta(hours=hours) < following:
                year.clock.set(moment + timedelta(hours=hours))
                await monitor_positions(year.runtime.operation())

    assert problems_in_the_books(tmp_path / "tradewind.db") == []
    found = _figures(tmp_path / "tradewind.db")
    assert found.statuses == {"completed": len(flows) * len(moments)}
    assert len(flows) * len(moments) == 240
    assert found.refusals.keys() == {"PRICE_NOT_POSITIVE"}
    assert found.worthless_trades == 0, "what is sized in money trades at no price of zero or less"
    assert found.fills_below_zero > 0, "what is sized in megawatt hours does"
    assert found.sides["long"] > 10 and found.sides["short"] > 10
    assert found.exits["stop_loss"] > 5 and found.exits["take_profit"] > 5 and found.exits["reverse_signal"] > 0
    assert found.flow_profits == found.position_profits


async def _create(ada: Operation, name: str) -> Flow:
    mode, config = FLOWS[name]
    async with ada.unit_of_work() as work:
        return await create_flow(work, NewFlow(name=name, symbol=SYMBOL, mode=mode, config=config))


async def _run(ada: Operation, flows: Sequence[Flow]) -> None:
    for flow in flows:
        async with ada.unit_of_work() as work:
            await trigger_flow(work, flow.id)
    async with asyncio.timeout(30):
        while await _is_any_live(ada):  # noqa: ASYNC110 (the bell rings for every vote: asking at each would take longer than the runs)
            await asyncio.sleep(0.05)


async def _is_any_live(ada: Operation) -> bool:
    async with ada.reading() as work:
        return bool(await live_executions(work))


async def _moments(year: Year) -> list[datetime]:
    """Return when to run: in spells spread evenly over the year, and in spells that begin at its lowest prices, one a week at most."""
    window = replay_window(SAMPLE)
    begin = window.after(200)
    evenly = [begin + (window.last - begin) / SPELLS * number for number in range(SPELLS)]
    year.clock.set(window.last)
    candles = await year.source.candles(find_instrument(SYMBOL), Interval.HOUR_1, 10_000)
    lowest: dict[int, datetime] = {}
    for candle in sorted(candles, key=lambda candle: candle.close):
        if candle.close < 0 and len(lowest) < NEGATIVE_SPELLS:
            lowest.setdefault(candle.opened_at.isocalendar().week, candle.opened_at + Interval.HOUR_1.length)
    return sorted(
        {start + timedelta(hours=hours) for start in evenly for hours in SPELL_HOURS}
        | {start + timedelta(hours=hours) for start in lowest.values() for hours in NEGATIVE_SPELL_HOURS}
    )


@dataclass
class Figures:
    """What the year came to."""

    statuses: Counter[str]
    refusals: Counter[str]
    sides: Counter[str]
    exits: Counter[str]
    fills_below_zero: int
    worthless_trades: int
    flow_profits: dict[str, Decimal]
    position_profits: dict[str, Decimal]


def _figures(database: Path) -> Figures:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)

    def column(query: str) -> list[Any]:
        return [row[0] for row in connection.execute(query)]

    try:
        profits = {name: Decimal(0) for name in FLOWS}
        closed = "SELECT name, realized_pnl FROM positions JOIN flows ON flows.id = positions.flow_id WHERE positions.status = 'closed'"
        for name, profit in connection.execute(closed):
            profits[name] += Decimal(profit)
        return Figures(
            statuses=Counter(column("SELECT status FROM executions")),
            refusals=Counter(column("SELECT json_extract(error, '$.code') FROM executions WHERE error IS NOT NULL")),
            sides=Counter(column("SELECT side FROM positions")),
            exits=Counter(column("SELECT exit_reason FROM positions WHERE status = 'closed'")),
            fills_below_zero=sum(Decimal(price) < 0 for price in column("SELECT price FROM fills")),
            worthless_trades=sum(Decimal(price) <= 0 for price in column(ENTRIES_IN_EURO)),
            flow_profits={name: Decimal(pnl) for name, pnl in connection.execute("SELECT name, total_pnl_usd FROM flows")},
            position_profits=profits,
        )
    finally:
        connection.close()
