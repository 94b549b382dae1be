"""The demo over a recorded market: two flows, run after run, while recorded hours pass in moments."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from domain.flows.steps import Step
from domain.kernel.errors import DomainError
from domain.market.candles import Interval
from domain.market.instruments import find_instrument
from domain.market.recordings import Recording, read_folder
from resolvers.demo.books import Terms
from resolvers.demo.client import Client, DemoFailed, Subscriptions
from resolvers.demo.facts import outcome_of
from resolvers.demo.figures import money, plural, price, quantity, signed, sparkline
from resolvers.demo.screens import Board, Screen, terms_line
from resolvers.demo.statement import profit_so_far, statement_of, terms_of
from resolvers.demo.story import Ended, ending_of

# One recorded candle passes in so many seconds, and every second one a flow runs.
SECONDS_PER_CANDLE = 0.4
CANDLES_BETWEEN_RUNS = 2
# Quantities are sized once, by the first price: money divided by a price near zero would buy the world.
WORTH_OF_A_TRADE = Decimal(1000)
PACE_NOTE = "The market goes on while a run thinks: a fill has the price of its own moment."
RULE = {"name": "Max Position Size", "rule_type": "max_position_size", "condition": {"max_usd": 2500}, "action": "reject"}
CLOSINGS = "subscription { positionUpdates { status flowId symbol side realizedPnl exitReason } }"


@dataclass(frozen=True, slots=True)
class Replay:
    """A folder of recordings, and the one of them that is traded."""

    folder: Path
    recording: Recording

    @classmethod
    def of(cls, folder: Path, symbols: list[str]) -> Self:
        """Raises BadRecording for a folder that cannot be replayed, DemoFailed for a symbol that is not in it."""
        recordings = read_folder(folder)
        if not symbols:
            return cls(folder, next(iter(recordings.values())))
        if len(symbols) > 1:
            raise DemoFailed("A replay runs over one symbol, but --symbol names several")
        try:
            symbol = find_instrument(symbols[0]).symbol
        except DomainError as refusal:
            raise DemoFailed(refusal.message) from None
        if symbol not in recordings:
            raise DemoFailed(f"{symbol} is not among the recordings of {folder}: {', '.join(recordings)}")
        return cls(folder, recordings[symbol])

    @property
    def source(self) -> str:
        return f"replay:{self.folder.resolve().name}"

    @property
    def symbol(self) -> str:
        return self.recording.instrument.symbol

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings of a server that plays this folder at the demo's pace."""
        return {
            "MARKET_SOURCE": f"replay:{self.folder.resolve()}",
            "MARKET_REPLAY_SPEED": f"{self.recording.interval.length.total_seconds() / SECONDS_PER_CANDLE:g}",
            "POSITION_MONITOR_SECONDS": f"{SECONDS_PER_CANDLE:g}",
        }

    async def check_server(self, url: str) -> None:
        """Raise DemoFailed unless the server there plays this folder."""
        async with Client(url) as client:
            try:
                told = (await client.get(f"/market/price/{self.symbol}"))["origin"]["source"]
            except DemoFailed:
                told = "another market"
        if told != self.source:
            raise DemoFailed(f"The server at {url} shows {told}, not {self.source}")


@dataclass(slots=True)
class Course:
    """How the runs have gone so far."""

    runs: list[Ended]
    profits: list[Decimal]

    @property
    def trades(self) -> int:
        return sum(ended.traded for ended in self.runs)

    def standing(self, of: int, currency: str, width: int) -> str:
        head = f"{len(self.runs)} of {plural(of, 'run')}, {plural(self.trades, 'trade')}, P&L {signed(self.profits[-1], currency)} "
        return f"{head} {sparkline(self.profits, width - len(head) - 2)}"

    def facts(self) -> list[tuple[str, str]]:
        refused = [ended.run["error"]["code"] for ended in self.runs if ended.run["status"] == "completed" and ended.run["error"]]
        failed = sum(ended.run["status"] != "completed" for ended in self.runs)
        held = len(self.runs) - self.trades - len(refused) - failed
        by_code = ", ".join(f"{refused.count(code)} {code}" for code in sorted(set(refused)))
        told = f"{len(self.runs)}: {self.trades} traded, {held} held, {len(refused)} refused, {failed} failed"
        told += f" ({by_code})" if by_code else ""
        return [("Runs", told), ("Course", sparkline(self.profits, 40))]


async def show_replay(client: Client, screen: Screen, replay: Replay, runs: int) -> bool:
    """Run both flows in turn over the recorded market; say whether the books add up in the end."""
    terms, _ = await terms_of(client)
    now = await client.get(f"/market/price/{replay.symbol}")
    origin = now["origin"]
    rule = await client.post("/risk-rules", RULE)
    flows = [await client.post("/flows", wanted) for wanted in _flows(replay, now["price"])]
    screen.facts([("Market", f"{origin['source']}, {_span(replay.recording)}"), *([("Note", origin["note"])] if origin["note"] else [])])
    screen.facts([("Pace", PACE_NOTE)])
    screen.facts([("Rule", f"{rule['name']}: {quantity(rule['condition']['max_usd'])}, else {rule['action']}")])
    screen.facts([("Flow", f"{flow['name']}: {terms_line(flow['config'], flow['mode'], terms[replay.symbol])}") for flow in flows])
    await client.get(f"/market/indicators/{replay.symbol}")  # the first ones take a moment, which would be hours of the market
    every = CANDLES_BETWEEN_RUNS * SECONDS_PER_CANDLE
    screen.headline(
        f"{plural(runs, 'run')}, one every {every:g} s; at full speed {replay.recording.interval.value} passes in {SECONDS_PER_CANDLE:g} s"
    )
    course = Course([], [])
    with screen.board() as board:
        async with client.subscriptions() as subscriptions:
            closings = asyncio.create_task(_tell_closings(subscriptions, board, terms, flows))
            try:
                await _run_all(client, board, course, flows, runs, terms[replay.symbol])
            finally:
                closings.cancel()
                await asyncio.gather(closings, return_exceptions=True)
    statement = await statement_of(client, terms)
    screen.headline("Summary")
    screen.facts([*course.facts(), *statement.facts()])
    return not statement.problems and any(ended.run["status"] == "completed" for ended in course.runs)


async def _run_all(client: Client, board: Board, course: Course, flows: list[Mapping[str, Any]], runs: int, terms: Terms) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number in range(runs):
        await asyncio.sleep(begun + number * CANDLES_BETWEEN_RUNS * SECONDS_PER_CANDLE - loop.time())
        flow = flows[number % len(flows)]
        run = await client.post(f"/flows/{flow['id']}/trigger", Prefer="wait=30")
        if run["status"] in ("pending", "running"):
            raise DemoFailed("The run was not done within 30 s: does a worker run?")
        ended = await ending_of(client, run)
        seen = run["steps"][Step.DATA_FETCH]["data"]
        if seen and seen["stale"] and not ended.traded:
            board.line("The recording has come to its end, or has a gap here; no more runs.", "yellow")
            return
        course.runs.append(ended)
        course.profits.append(await profit_so_far(client))
        board.line(f"{number + 1:>3} {flow['mode']:<5} {_line_of(ended, terms)}", "green" if ended.traded else "")
        board.standing(course.standing(runs, terms.quote, board.width))


async def _tell_closings(
    subscriptions: Subscriptions, board: Board, terms: Mapping[str, Terms], flows: list[Mapping[str, Any]]
) -> None:  # fmt: skip
    modes = {flow["id"]: flow["mode"] for flow in flows}
    async with subscriptions.subscribe(CLOSINGS) as updates:
        async for update in updates:
            position = update["positionUpdates"]
            if position["status"] != "OPEN":
                reason = (position["exitReason"] or "").replace("_", " ").lower()
                won = signed(position["realizedPnl"], terms[position["symbol"]].quote)
                board.line(f"    {modes[position['flowId']]:<5} {position['side'].lower()} closed by {reason}: {won}", "cyan")


def _flows(replay: Replay, price_now: Decimal) -> list[dict[str, Any]]:
    interval: Interval = replay.recording.interval
    config = {"order_quantity": str(_size_at(price_now, replay.recording)), "pre_trade_min_confidence": 0.4, "interval": interval.value}
    flow = {"symbol": replay.symbol, "trigger": "manual"}
    return [
        {**flow, "name": "Solo", "mode": "solo", "config": config},
        {
            **flow,
            "name": "Swarm",
            "mode": "swarm",
            "config": {**config, "swarm_runs": 5, "swarm_min_agreement": 40},
        },
    ]


def _size_at(price_now: Decimal, recording: Recording) -> Decimal:
    # Two digits are enough: 5.7 MWh, 0.011 BTC.
    instrument = recording.instrument
    wanted = WORTH_OF_A_TRADE / max(abs(price_now), instrument.tick) / instrument.contract_size
    step = Decimal(1).scaleb(math.floor(wanted.log10()) - 1)
    return max(instrument.round_quantity(wanted // step * step), instrument.min_quantity)


def _span(recording: Recording) -> str:
    days = (recording.last_close - recording.first_close) / timedelta(days=1)
    return (
        f"{recording.instrument.symbol} in candles of {recording.interval.value}, "
        f"{recording.first_close:%Y-%m-%d} to {recording.last_close:%Y-%m-%d} ({days:,.0f} days)"
    )


def _line_of(ended: Ended, terms: Terms) -> str:
    seen = ended.run["steps"][Step.DATA_FETCH]["data"]
    when = f"{datetime.fromisoformat(seen['as_of']):%m-%d %H:%M} {price(seen['price']):>8}" if seen else ""
    if ended.order is None or not ended.traded:
        return f"{when} {outcome_of(ended)}"
    order = ended.order
    verb = "bought" if order["side"] == "buy" else "sold"
    fee = money(order["total_fees"], order["fee_currency"])
    return f"{when} {verb} {quantity(order['filled_amount'])} {terms.unit} at {price(order['average_fill_price'])}, fee {fee}"
