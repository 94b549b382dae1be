"""A market that stands still at a moment at which the analysts agree: every run trades, and every number can be compared."""

from pathlib import Path
from typing import Any

SYMBOL = "NL_DAY_AHEAD"
SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "nl_day_ahead_2023"
# A Monday morning of which a swarm of five says: buy.
STANDSTILL = {
    "MARKET_SOURCE": f"replay:{SAMPLE}",
    "MARKET_REPLAY_START": "2023-01-09T09:00:00Z",
    "MARKET_REPLAY_SPEED": "0.000001",
}
EAGER: dict[str, Any] = {"pre_trade_min_confidence": 0, "order_quantity": 2, "swarm_runs": 5, "swarm_min_agreement": 40}


def eager_flow(name: str, **config: Any) -> dict[str, Any]:
    """Return the body of a flow whose runs all trade: the first, and with `single_position_mode=False` every other too."""
    return {"name": name, "symbol": SYMBOL, "mode": "swarm", "config": {**EAGER, **config}}
