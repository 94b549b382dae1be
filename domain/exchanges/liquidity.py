"""The synthetic side of a book: what the rest of the market offers around its price, as a pure function."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from hashlib import blake2b

from domain.exchanges.orders import Listing
from domain.exchanges.venue import Side
from domain.kernel.money import EXACT

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HALF = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class LiquidityModel:
    """How the synthetic book is shaped.

    Levels lie on a grid whose step is about `step_rate` of the price, there are `levels` of them on each side, and what was taken
    from them comes back when the next `refill` of time begins. The level furthest from the price is about `growth` times as deep as
    the nearest.
    """

    levels: int = 20
    step_rate: Decimal = Decimal("0.0001")
    growth: int = 10
    refill: timedelta = timedelta(minutes=1)


DEFAULT_MODEL = LiquidityModel()


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


def bucket_of(moment: datetime, model: LiquidityModel = DEFAULT_MODEL) -> int:
    """Return the number of the stretch of time in which what is taken from the synthetic book stays taken."""
    return (moment - EPOCH) // model.refill


def liquidity_of(
    listing: Listing, mid: Decimal, moment: datetime, seed: int, volume: Decimal, model: LiquidityModel = DEFAULT_MODEL
) -> Ladder:
    """Return what the market offers while it stands at `mid`, before anything was taken.

    `volume` is about what one side offers in all, in contracts. The same arguments give the same book in every process; the depth at
    a price depends on the symbol, the stretch of time and the price itself, so it stays put while `mid` moves a little.
    """
    with localcontext(EXACT):
        bucket = bucket_of(moment, model)
        bids, asks = (tuple(levels_of(listing, side, mid, bucket, seed, volume, model)) for side in (Side.BUY, Side.SELL))
        return Ladder(bids, asks)


def levels_of(
    listing: Listing, side: Side, mid: Decimal, bucket: int, seed: int, volume: Decimal, model: LiquidityModel = DEFAULT_MODEL
) -> Iterator[Level]:
    """Yield the levels of one side, best first; to be consumed within the EXACT context.

    The best bid is the highest grid price at least half a step below `mid`, the best ask mirrors it: the spread is one to two steps,
    never nothing. Each level is scaled by a hash between 0.5 and 1.5 and has at least one lot. Where prices must be positive, bids
    end above zero.
    """
    lots = int(volume // listing.lot)
    if lots <= 0:
        return
    step = steps_of(listing, mid, model)
    away = -side.sign
    # In whole numbers from here on, ticks and lots: levels are made for every order that comes.
    middle = mid / (listing.tick * step)
    number = int((middle + HALF).to_integral_value(ROUND_CEILING) if away > 0 else (middle - HALF).to_integral_value(ROUND_FLOOR))
    # Weights from 1 to `growth` in a straight line, scaled so that they add up to 1.
    last = max(model.levels - 1, 1)
    whole = 1000 * model.levels * (2 * last + (model.growth - 1) * (model.levels - 1))
    for index in range(model.levels):
        ticks = (number + away * index) * step
        if ticks <= 0 and not listing.allow_negative_price:
            return
        weight = 2 * (last + (model.growth - 1) * index)
        depth = lots * weight * _permille(seed, listing.symbol, bucket, side, ticks) // whole
        yield Level(listing.tick * ticks, listing.lot * max(depth, 1))


def steps_of(listing: Listing, mid: Decimal, model: LiquidityModel = DEFAULT_MODEL) -> int:
    """Return the ticks between two levels: 1, 2 or 5 times a power of ten, at most `step_rate` of the price, at least one."""
    ticks = int(EXACT.divide_int(EXACT.multiply(abs(mid), model.step_rate), listing.tick))
    if ticks < 2:
        return 1
    power: int = 10 ** (len(str(ticks)) - 1)
    lead = ticks // power
    return power * (5 if lead >= 5 else 2 if lead >= 2 else 1)


def _permille(seed: int, symbol: str, bucket: int, side: Side, ticks: int) -> int:
    text = f"{seed}\x1f{symbol}\x1f{bucket}\x1f{side.value}\x1f{ticks}"
    return 500 + int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) % 1001
