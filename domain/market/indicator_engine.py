"""Runs the indicators beside the event loop, once what they need has been imported and compiled."""

import asyncio
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from domain.market.candles import CandleSeries, IndicatorSet
from domain.market.instruments import Instrument
from domain.market.memory import SharedCalls
from domain.market.warm_up import is_warm, run_indicators

ROOT = Path(__file__).resolve().parents[2]
_compute: Callable[[CandleSeries, Instrument], IndicatorSet] | None = None


class IndicatorEngine:
    """Computes indicators in a thread.

    On a machine where they have never run, numba first compiles for seconds while it holds the interpreter's lock, so that happens
    in a process of its own; here the result is only loaded.
    """

    def __init__(self) -> None:
        self._calls = SharedCalls()
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to get ready in the background."""
        self._starting = asyncio.create_task(self._get_ready())
        # A failure shows again, to whoever asks for indicators.
        self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def compute(self, series: CandleSeries, instrument: Instrument) -> IndicatorSet:
        """Return the indicators of these candles. Raises NOT_ENOUGH_CANDLES."""
        await self._get_ready()
        assert _compute is not None
        return await asyncio.to_thread(_compute, series, instrument)

    async def close(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        await self._calls.close()

    async def _get_ready(self) -> None:
        if _compute is None:
            await self._calls.share("get ready", _prepare)


async def _prepare() -> None:
    if not await asyncio.to_thread(is_warm):
        await _compile_elsewhere()
    await asyncio.to_thread(_load)


async def _compile_elsewhere() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "domain.market.warm_up", cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        # Whatever went wrong there will show here, with its traceback, when the module is loaded.
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _load() -> None:
    global _compute
    # The first run loads the compiled code.
    run_indicators()
    _compute = importlib.import_module("domain.market.indicators").compute_indicators
