"""Market routes answer with the symbol as their caller spelled it."""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from domain.market.candles import CandleSeries, IndicatorSet, Tick, Ticker
from domain.runtime.operation import Operation


def as_spelled[R: (CandleSeries, IndicatorSet, Tick, Ticker)](service: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
    """Return the service with the caller's own spelling in its answer: clients look their symbol up by it."""

    @functools.wraps(service)
    async def spelled(operation: Operation, symbol: str, **arguments: Any) -> R:
        return replace(await service(operation, symbol, **arguments), symbol=symbol)

    return spelled
