"""Compiles what the indicators need into numba's disk cache: `python -m domain.market.warm_up`, at set-up or at the first start."""

import importlib
import os
import platform
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from domain.market.candles import Candle, CandleSeries, Interval, Origin
from domain.market.instruments import find_instrument


def is_warm() -> bool:
    """Return whether the indicators have been compiled on this machine; imports neither pandas nor numba."""
    stamp = _stamp()
    return stamp is not None and stamp.exists()


def run_indicators() -> None:
    """Compute the indicators of a small made-up series once, which compiles whatever is not yet compiled."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    candles = tuple(
        Candle(start + timedelta(hours=hour), price, price + 1, price - 1, price, Decimal(1))
        for hour, price in ((hour, Decimal(100 + hour * 7 % 11)) for hour in range(60))
    )
    series = CandleSeries("BTC/USDT", Interval.HOUR_1, candles, start + timedelta(hours=60), Origin("warm-up", simulated=True))
    importlib.import_module("domain.market.indicators").compute_indicators(series, find_instrument("BTC/USDT"))


def warm_up() -> None:
    """Compile the indicators unless that has been done here before."""
    if is_warm():
        return
    run_indicators()
    stamp = _stamp()
    if stamp is not None:
        try:
            stamp.touch()
        except OSError:
            # Packages are read-only: numba keeps its cache elsewhere, and every start looks again, which takes a second.
            return


def _stamp() -> Path | None:
    # Beside numba's own cache, so that whoever empties that removes the stamp with it. Compiled code fits one kind of processor.
    package = find_spec("pandas_ta")
    if package is None or package.origin is None:
        return None
    from llvmlite.binding import get_host_cpu_features, get_host_cpu_name  # type: ignore[import-untyped]

    parts = (
        platform.python_version(),
        *(f"{name} {version(name)}" for name in ("pandas-ta", "numba", "numpy", "pandas")),
        get_host_cpu_name(),
        get_host_cpu_features().flatten(),
    )
    cache = os.environ.get("NUMBA_CACHE_DIR") or Path(package.origin).parent / "overlap" / "__pycache__"
    return Path(cache) / f"compiled-{sha256(repr(parts).encode()).hexdigest()[:16]}.stamp"


if __name__ == "__main__":
    warm_up()
