"""How long a run takes from the trigger to its `completed`, as a client sees it: a rule-based swarm of 5, everything in one process.

`python -m benchmarks.trigger_latency [runs]` starts servers of its own: one with the simulated market, and one whose market stands at a
moment at which every run trades, since most runs of an ordinary hour end in a hold. Runs follow one after another, each on the next
of several flows. Fails if a median is 400 ms or more.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.e2e.doors import Doors
from tests.e2e.followers import GraphQLFollower, following
from tests.e2e.server_process import ServerProcess
from tests.e2e.standstill import STANDSTILL, eager_flow

TARGET_SECONDS = 0.4
WARM_UP_RUNS = 10
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT", "TTF", "EUA")
EAGER = {"swarm_runs": 5, "swarm_min_agreement": 0, "pre_trade_min_confidence": 0, "order_size_usd": 200, "single_position_mode": False}
MARKETS: dict[str, tuple[dict[str, str], list[dict[str, Any]]]] = {
    "simulated market": ({}, [{"name": symbol, "symbol": symbol, "mode": "swarm", "config": EAGER} for symbol in SYMBOLS]),
    "every run trades": (STANDSTILL, [eager_flow(f"Flow {number}", single_position_mode=False) for number in range(len(SYMBOLS))]),
}


class Watch(GraphQLFollower):
    """Notes when each run was heard to have ended."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self.ended_at: dict[str, float] = {}
        self._bell = asyncio.Event()

    def note(self, event: dict[str, Any]) -> None:
        super().note(event)
        if event["status"] in {"COMPLETED", "FAILED"}:
            self.ended_at[event["executionId"]] = time.perf_counter()
            self._bell.set()

    async def end_of(self, execution_id: str) -> float:
        async with asyncio.timeout(30):
            while execution_id not in self.ended_at:
                self._bell.clear()
                await self._bell.wait()
        return self.ended_at[execution_id]


async def measure(url: str, bodies: list[dict[str, Any]], runs: int) -> bool:
    seen: list[float] = []
    on_the_server: list[float] = []
    results: Counter[str] = Counter()
    async with Doors(url, "ada@example.com") as ada:
        await ada.register()
        await ada.log_in()
        flows = [(await ada.api_v1("POST", "/flows", body))["id"] for body in bodies]
        watch = Watch(url, ada.token)
        async with following(watch):
            for number in range(-WARM_UP_RUNS, runs):
                begun = time.perf_counter()
                execution_id = (await ada.api_v1("POST", f"/flows/{flows[number % len(flows)]}/trigger"))["id"]
                ended = await watch.end_of(execution_id)
                if number >= 0:
                    run = await ada.api_v1("GET", f"/flows/executions/{execution_id}")
                    seen.append(ended - begun)
                    on_the_server.append((_moment(run["completed_at"]) - _moment(run["created_at"])).total_seconds())
                    results["traded" if run["result"].get("order_id") else "held"] += 1
    print(f"  {runs} runs after {WARM_UP_RUNS} to warm up: {dict(results)}")
    print(f"  trigger sent to `completed` received: {_figures(seen)}")
    print(f"  created_at to completed_at:           {_figures(on_the_server)}")
    return _percentile(seen, 50) < TARGET_SECONDS


def _figures(seconds: list[float]) -> str:
    return ", ".join(f"p{percent} {_percentile(seconds, percent) * 1000:.0f} ms" for percent in (50, 95, 99))


def _percentile(seconds: list[float], percent: int) -> float:
    return sorted(seconds)[min(len(seconds) - 1, len(seconds) * percent // 100)]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    within = True
    for name, (environment, bodies) in MARKETS.items():
        print(name)
        with tempfile.TemporaryDirectory() as folder:
            server = ServerProcess(Path(folder), **environment)
            server.start()
            try:
                within &= asyncio.run(measure(server.url, bodies, runs))
            finally:
                server.stop()
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
