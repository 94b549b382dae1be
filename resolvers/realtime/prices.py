"""Price ticks for the sockets that asked for them: one look-up per symbol and process, the newest wins."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from domain.kernel.errors import DomainError
from domain.market.market import Market
from resolvers.realtime.packets import event_text
from schema.realtime import market_update

log = structlog.get_logger()
RETRY_SECONDS = 5.0
Listener = Callable[[str], Awaitable[None]]


class PriceFeeds:
    """Looks up a symbol's price while somebody listens. Listeners must not wait for their client."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._listeners: dict[str, set[Listener]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def listen(self, symbol: str, listener: Listener) -> None:
        self._listeners.setdefault(symbol, set()).add(listener)
        if symbol not in self._tasks:
            self._tasks[symbol] = asyncio.create_task(self._watch(symbol))

    def forget(self, symbol: str, listener: Listener) -> None:
        listeners = self._listeners.get(symbol)
        if listeners is None:
            return
        listeners.discard(listener)
        if not listeners:
            del self._listeners[symbol]
            self._tasks.pop(symbol).cancel()

    async def text_of(self, symbol: str) -> str:
        """Return the `market_update` of the price now. Errors as for `Market.price`."""
        await self._market.price(symbol)
        try:
            return event_text("market_update", market_update(await self._market.ticker(symbol)))
        except DomainError:  # a price without a day behind it is still a price
            return event_text("market_update", market_update(await self._market.price(symbol)))

    async def _watch(self, symbol: str) -> None:
        while True:
            try:
                async for _tick in self._market.ticks([symbol]):
                    text = await self.text_of(symbol)
                    for listener in tuple(self._listeners.get(symbol, ())):
                        await listener(text)
            except Exception as error:
                log.warning("realtime.prices_interrupted", symbol=symbol, error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(RETRY_SECONDS)
