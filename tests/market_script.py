"""A market whose prices a test writes itself; a real source behind the real `Market`."""

from datetime import datetime
from decimal import Decimal

from domain.kernel.clock import Clock
from domain.kernel.errors import DomainError, ErrorCode
from domain.market.candles import Candle, Interval, Origin
from domain.market.instruments import Instrument


class ScriptedSource:
    """Candles that move by `slope` an hour up to `price`, which a test may set; `silent` makes it answer nothing."""

    name = "scripted"

    def __init__(self, clock: Clock, price: str = "50000", slope: str = "60") -> None:
        self._clock, self.price_now, self.slope, self.silent = clock, Decimal(price), Decimal(slope), False
        self.asked = 0

    def now(self) -> datetime:
        return self._clock.now()

    def origin(self, instrument: Instrument) -> Origin:
        return Origin(self.name, simulated=True)

    def finest_interval(self, instrument: Instrument) -> Interval:
        return Interval.HOUR_1

    async def candles(self, instrument: Instrument, interval: Interval, limit: int, end: datetime | None = None) -> tuple[Candle, ...]:
        self._answer()
        close_of_last = self.now().replace(minute=0, second=0, microsecond=0)
        candles = []
        for back in range(limit, 0, -1):
            close = self.price_now - self.slope * (back - 1)
            wiggle = Decimal(back % 3) * instrument.tick
            low, high = sorted((close - self.slope, close))
            candles.append(
                Candle(
                    close_of_last - interval.length * back, close - self.slope, high + wiggle, low - wiggle, close, Decimal(10 + back % 5)
                )
            )
        return tuple(candles)

    async def price(self, instrument: Instrument) -> tuple[Decimal, datetime]:
        self._answer()
        return self.price_now, self.now()

    async def close(self) -> None:
        return None

    def _answer(self) -> None:
        self.asked += 1
        if self.silent:
            raise DomainError(ErrorCode.MARKET_UNAVAILABLE, "The scripted market is silent")
