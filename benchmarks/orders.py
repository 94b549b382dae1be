"""How fast orders are placed, amended and cancelled: through the services, on the paper venue, with a database that waits for the disk.

`python -m benchmarks.orders [orders] [clients] [--profile]`, 10000 and 8 if not said, once with SQLite in a file and once with PostgreSQL
in a database of its own. Each client is a user with one order on the way at a time; all orders are placed first, none of them trades,
then each is amended to another price, then each is cancelled, after one order of each client to warm up. Everything but PostgreSQL is
in this process; no jobs are done beside. Processor time is that of this process, statements are those sent to the database: unlike the
rest, these two say the same on a busy machine. `--profile` also prints where this process spent its time, and makes all figures worse.
"""

import argparse
import asyncio
import contextlib
import cProfile
import pstats
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine, event

from domain import composition
from domain.exchanges.venue import OrderType, Side
from domain.market.instruments import find_instrument
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from domain.trading.amending import OrderChanges, amend_order
from domain.trading.changing import cancel_order
from domain.trading.placing import place_order
from domain.trading.requests import OrderRequest
from migrations import upgrade
from tests.builders import make_trader
from tests.conftest import SECRET, administer, postgres_url

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
# A little more than the smallest order that the venue takes, so that the opening deposit pays for more than a thousand.
NOTIONAL = Decimal("5.5")
LINES_OF_PROFILE = 35

Verb = Callable[[Operation, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Figures:
    """What the calls of one verb took, each and all together."""

    verb: str
    seconds: Sequence[float]
    wall_seconds: float
    processor_seconds: float
    statements: int

    def __str__(self) -> str:
        in_order = sorted(self.seconds)
        p50, p99 = (in_order[min(len(in_order) - 1, len(in_order) * percent // 100)] * 1000 for percent in (50, 99))
        return (
            f"{self.verb:7} p50 {p50:7.1f} ms, p99 {p99:7.1f} ms, {len(in_order) / self.wall_seconds:5.0f} a second; "
            f"each {self.processor_seconds / len(in_order) * 1000:5.1f} ms of processor time, "
            f"{self.statements / len(in_order):5.1f} statements"
        )


async def measure(database_url: str, folder: Path, orders: int, clients: int, profile: bool = False) -> list[Figures]:
    """Return the figures of each verb on a migrated database in which nobody trades."""
    settings = Settings(secret_key=SecretStr(SECRET), database_url=database_url, var_dir=folder, rate_limits=False)
    runtime = await composition.compose(settings)
    await composition.start(runtime)
    try:
        return await _measure(runtime, orders, clients, profile)
    finally:
        await composition.dispose(runtime)


async def _measure(runtime: Runtime, orders: int, clients: int, profile: bool) -> list[Figures]:
    operations = [runtime.operation(await make_trader(runtime), door="benchmark") for _ in range(clients)]
    placed: dict[int, str] = {}

    async def place(operation: Operation, number: int) -> None:
        placed[number] = (await place_order(operation, resting_order(number))).id

    async def amend(operation: Operation, number: int) -> None:
        request = resting_order(number)
        assert request.price is not None
        await amend_order(operation, placed[number], OrderChanges(price=request.price - find_instrument(request.symbol).tick))

    async def cancel(operation: Operation, number: int) -> None:
        await cancel_order(operation, placed[number])

    verbs = (place, amend, cancel)
    for verb in verbs:
        await timed(verb, operations, len(operations))
    figures = []
    for verb in verbs:
        with profiled(verb.__name__) if profile else contextlib.nullcontext():
            figures.append(await timed(verb, operations, orders))
    return figures


async def timed(verb: Verb, operations: Sequence[Operation], orders: int) -> Figures:
    seconds: list[float] = []

    async def client(first: int) -> None:
        for number in range(first, orders, len(operations)):
            began = time.perf_counter()
            await verb(operations[first], number)
            seconds.append(time.perf_counter() - began)

    with counted() as statements:
        began, processor_began = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for first in range(len(operations)):
                group.create_task(client(first))
        ended, processor_ended = time.perf_counter(), time.process_time()
    return Figures(verb.__name__, seconds, ended - began, processor_ended - processor_began, statements.total())


def resting_order(number: int) -> OrderRequest:
    """Return an order to buy at about half the price, which no market of this hour reaches."""
    instrument = find_instrument(SYMBOLS[number % len(SYMBOLS)])
    price = (instrument.reference_price / 2 / instrument.tick).to_integral_value(ROUND_FLOOR) * instrument.tick
    quantity = (NOTIONAL / price / instrument.lot).to_integral_value(ROUND_CEILING) * instrument.lot
    return OrderRequest(symbol=instrument.symbol, side=Side.BUY, quantity=quantity, order_type=OrderType.LIMIT, price=price)


@contextlib.contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the statements that are sent to any database meanwhile, by their text."""
    statements: Counter[str] = Counter()

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements[statement] += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", count)


@contextlib.contextmanager
def profiled(name: str) -> Iterator[None]:
    profiler = cProfile.Profile()
    with profiler:
        yield
    print(f"--- {name}")
    for order in ("tottime", "cumulative"):
        pstats.Stats(profiler).strip_dirs().sort_stats(order).print_stats(LINES_OF_PROFILE)


@contextlib.asynccontextmanager
async def databases(folder: Path) -> AsyncIterator[dict[str, str]]:
    """Yield the address of a new database of each kind; without a PostgreSQL server only SQLite's."""
    urls = {"SQLite": f"sqlite+aiosqlite:///{folder / 'orders.db'}"}
    name = f"tradewind_test_{uuid.uuid4().hex[:12]}"
    try:
        await administer(f'CREATE DATABASE "{name}"')
    except OSError as silence:
        print(f"PostgreSQL does not answer: {silence}")
        yield urls
        return
    try:
        yield {**urls, "PostgreSQL": postgres_url(name)}
    finally:
        await administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def run(orders: int, clients: int, profile: bool) -> None:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        async with databases(folder) as urls:
            for kind, url in urls.items():
                await asyncio.to_thread(upgrade, url)
                print(f"{kind}: {orders} orders on {len(SYMBOLS)} instruments, {clients} clients")
                for figures in await measure(url, folder, orders, clients, profile):
                    print(f"  {figures}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("orders", type=int, nargs="?", default=10_000)
    parser.add_argument("clients", type=int, nargs="?", default=8)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.orders, arguments.clients, arguments.profile))
    return 0


if __name__ == "__main__":
    sys.exit(main())
