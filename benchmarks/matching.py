"""How many commands a second the paper venue's matching engine takes, in processor time of one core.

`python -m benchmarks.matching [live orders]`
"""

import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

from domain.exchanges.book import Book
from domain.exchanges.matching import apply
from domain.exchanges.orders import Amend, BookOrder, Cancel, Command, Listing, Place, Tick
from domain.exchanges.venue import OrderType, Side

LISTING = Listing("BTC/USDT", Decimal("0.01"), Decimal("0.00001"))
START = datetime(2026, 3, 2, tzinfo=UTC)
MID, VOLUME = Decimal(88_500), Decimal(5)
COMMANDS = 2_000


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    draw = random.Random(1)
    book, _ = apply(Book(LISTING, seed=7), Tick(MID, START, VOLUME))
    for number in range(count):
        book, _ = apply(book, resting(f"old_{number}", draw))
    live = list(book.orders)
    run("limit orders that rest", book, (resting(f"new_{number}", draw) for number in range(COMMANDS)))
    run("amends that lose priority", book, (away(book.orders[draw.choice(live)], draw) for _ in range(COMMANDS)))
    run("cancels", book, (Cancel(id) for id in live))
    run("market orders", book, (market(number, draw) for number in range(COMMANDS)))
    run("ticks", book, (Tick(MID + draw.randint(-5, 5), START + timedelta(seconds=second), VOLUME) for second in range(COMMANDS)))
    return 0


def run(what: str, book: Book, commands: Iterator[Command]) -> None:
    listed = list(islice(commands, COMMANDS))
    began, events = time.process_time(), 0
    for command in listed:
        book, happened = apply(book, command)
        events += len(happened)
    print(f"{what:26} {len(listed) / (time.process_time() - began):8,.0f} a second, {events} events, {len(book.orders)} live at the end")


def resting(id: str, draw: random.Random) -> Place:
    side = draw.choice(list(Side))
    return Place(
        id,
        f"account_{draw.randrange(50)}",
        side,
        OrderType.LIMIT,
        Decimal("0.01"),
        MID - side.sign * Decimal(draw.randint(20_00, 900_00)) / 100,
    )


def away(order: BookOrder, draw: random.Random) -> Amend:
    assert order.price is not None
    return Amend(order.id, price=order.price - order.side.sign * Decimal(draw.randint(1, 99)))


def market(number: int, draw: random.Random) -> Place:
    return Place(f"market_{number}", "taker", draw.choice(list(Side)), OrderType.MARKET, Decimal(draw.randint(1, 2000)).scaleb(-5))


if __name__ == "__main__":
    sys.exit(main())
