"""The long form of the kill test: 20 kills in 40 runs; prints what it found and fails if anything is wrong.

`python -m benchmarks.kill [seed]`
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.e2e.killing import kill_again_and_again


def main() -> int:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(kill_again_and_again(Path(folder), executions=40, kills=20, seed=seed))
    print(f"{outcome.kills} kills; runs: {outcome.statuses}, taken up {outcome.attempts} times; {outcome.orders} orders")
    print(f"restart: slowest {max(outcome.restart_seconds):.2f} s")
    print(f"subscriber: {outcome.events_seen} of {outcome.events_stored} events, each once and in order: {outcome.events_in_order}")
    print(f"books: {outcome.problems or 'right'}")
    return 0 if outcome.statuses == {"completed": 40} and outcome.orders == 40 and not outcome.problems and outcome.events_in_order else 1


if __name__ == "__main__":
    sys.exit(main())
