"""What the rest of the market offers around its price, as pure functions: a book of levels, or as much as anybody wants."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from hashlib import blake2b
from typing import Protocol

from domain.exchanges.orders import Listing
from domain.exchanges.venue import Side
from domain.kernel.money import EXACT, round_to_step

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HALF = Decimal("0.5")
# More contracts than anybody could trade.
BOTTOMLESS = Decimal(10) ** 18


@dataclass(frozen=True, slots=True)
class Level:
    """So much is offered at this price."""

    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Ladder:
    """The synthetic book: both sides, best price first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that the rest of the market depends on: its price, the stretch of time, and about what one side offers, in contracts."""

    listing: Listing
    mid: Decimal
    bucket: int
    seed: int
    volume: Decimal


class LiquidityModel(Protocol):
    """How the rest of the market trades with orders. Its answers depend on nothing but their arguments."""

    @property
    def refill(self) -> timedelta:
        """Return how long what was taken stays taken."""
        ...

    def levels(self, around: Surroundings, side: Side) -> Iterator[Level]:
        """Yield what is offered to incoming orders on one side, best first; to be consumed within the EXACT context."""
        ...

    def arriving(self, around: Surroundings, side: Side) -> Iterator[Level]:
        """Yield what comes to the orders that rest on the other side: each trades at its own price with what is no worse than that."""
        ...

    def worst_price(self, listing: Listing, side: Side, mid: Decimal) -> Decimal:
        """Return the worst price of one side at which an order without a limit trades while the market stands at `mid`."""
        ...


@dataclass(frozen=True, slots=True)
class BookLiquidity:
    """A book whose depth is limited: size costs.

    Levels lie on a grid whose step is about `step_rate` of the price, there are `depth` of them on each side, and what was taken
    from them comes back when the next `refill` of time begins. The level furthest from the price is about `growth` times as deep as
    the nearest. Orders without a limit trade as far as the last level and no further, also with other people's orders.
    """

    depth: int = 20
    step_rate: Decimal = Decimal("0.0001")
    growth: int = 10
    refill: timedelta = timedelta(minutes=1)

    def levels(self, around: Surroundings, side: Side) -> Iterator[Level]:
        """Yield the levels of one side.

        The best bid is the highest grid price at least half a step below the price, the best ask mirrors it: the spread is one to two
        steps, never nothing. Each level is scaled by a hash between 0.5 and 1.5 and has at least one lot. Where prices must be
        positive, bids end above zero.
        """
        listing = around.listing
        lots = int(around.volume // listing.lot)
        if lots <= 0:
            return
        number, step = self._touch(listing, side, around.mid)
        # In whole numbers from here on, ticks and lots: levels are made for every order that comes.
        # Weights from 1 to `growth` in a straight line, scaled so that they add up to 1.
        last = max(self.depth - 1, 1)
        whole = 1000 * self.depth * (2 * last + (self.growth - 1) * (self.depth - 1))
        for index in range(self.depth):
            ticks = (number - side.sign * index) * step
            if ticks <= 0 and not listing.allow_negative_price:
                return
            weight = 2 * (last + (self.growth - 1) * index)
            quantity = lots * weight * _permille(around, side, ticks) // whole
            yield Level(listing.tick * ticks, listing.lot * max(quantity, 1))

    def arriving(self, around: Surroundings, side: Side) -> Iterator[Level]:
        """Yield the levels of one side: they trade with whatever rests in their way."""
        return self.levels(around, side)

    def worst_price(self, listing: Listing, side: Side, mid: Decimal) -> Decimal:
        """Return the price of the last level."""
        with localcontext(EXACT):
            number, step = self._touch(listing, side, mid)
            ticks = (number - side.sign * (self.depth - 1)) * step
            return listing.tick * (ticks if listing.allow_negative_price else max(ticks, 1))

    def steps(self, listing: Listing, mid: Decimal) -> int:
        """Return the ticks between two levels: 1, 2 or 5 times a power of ten, at most `step_rate` of the price, at least one."""
        ticks = int(EXACT.divide_int(EXACT.multiply(abs(mid), self.step_rate), listing.tick))
        if ticks < 2:
            return 1
        power: int = 10 ** (len(str(ticks)) - 1)
        lead = ticks // power
        return power * (5 if lead >= 5 else 2 if lead >= 2 else 1)

    def _touch(self, listing: Listing, side: Side, mid: Decimal) -> tuple[int, int]:
        # The number of the best level on the grid, and the ticks between two levels.
        step = self.steps(listing, mid)
        middle = mid / (listing.tick * step)
        if side is Side.SELL:
            return int((middle + HALF).to_integral_value(ROUND_CEILING)), step
        return int((middle - HALF).to_integral_value(ROUND_FLOOR)), step


@dataclass(frozen=True, slots=True)
class DeepLiquidity:
    """A market without a bottom: every order fills whole.

    Incoming orders trade at the market's price, moved against them by `slippage_rate` of its size and rounded to the next tick in the
    same direction; resting orders fill at their own price once the market's price reaches it. A limit between the two prices rests.
    """

    slippage_rate: Decimal = Decimal("0.0001")
    refill: timedelta = timedelta(minutes=1)

    def levels(self, around: Surroundings, side: Side) -> Iterator[Level]:
        """Yield the one price of this side."""
        yield Level(self.worst_price(around.listing, side, around.mid), BOTTOMLESS)

    def arriving(self, around: Surroundings, side: Side) -> Iterator[Level]:
        """Yield the market's price itself."""
        yield Level(around.mid, BOTTOMLESS)

    def worst_price(self, listing: Listing, side: Side, mid: Decimal) -> Decimal:
        """Return the one price of this side."""
        with localcontext(EXACT):
            slipped = mid - side.sign * abs(mid) * self.slippage_rate
            price = round_to_step(slipped, listing.tick, "floor" if side is Side.BUY else "ceiling")
            # A price that slips to nothing would be no price where prices must be positive.
            return price if listing.allow_negative_price else max(price, listing.tick)


DEFAULT_MODEL = BookLiquidity()


def bucket_of(moment: datetime, model: LiquidityModel = DEFAULT_MODEL) -> int:
    """Return the number of the stretch of time in which what is taken from the market stays taken."""
    return (moment - EPOCH) // model.refill


def liquidity_of(
    listing: Listing, mid: Decimal, moment: datetime, seed: int, volume: Decimal, model: LiquidityModel = DEFAULT_MODEL
) -> Ladder:
    """Return what the market offers while it stands at `mid`, before anything was taken.

    `volume` is about what one side offers in all, in contracts. The same arguments give the same book in every process; the depth at
    a price depends on the symbol, the stretch of time and the price itself, so it stays put while `mid` moves a little.
    """
    with localcontext(EXACT):
        around = Surroundings(listing, mid, bucket_of(moment, model), seed, volume)
        return Ladder(tuple(model.levels(around, Side.BUY)), tuple(model.levels(around, Side.SELL)))


def _permille(around: Surroundings, side: Side, ticks: int) -> int:
    text = f"{around.seed}\x1f{around.listing.symbol}\x1f{around.bucket}\x1f{side.value}\x1f{ticks}"
    return 500 + int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) % 1001
