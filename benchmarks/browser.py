"""Drives GraphiQL in headless Chromium against a server of its own: log-in, query, subscription; leaves screenshots in VAR_DIR."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.server_process import Client, ServerProcess

SCRIPT = Path(__file__).resolve().parents[1] / "tests" / "browser" / "graphiql.mjs"


def main() -> int:
    screenshots = Path(os.environ.get("VAR_DIR", "var")) / "screenshots"
    screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder))
        server.start()
        try:
            user = Client(server.url, "ada@example.com")
            user.register()
            flow = user.post("/flows", {"name": "Swing", "symbol": "BTC/USDT", "mode": "swarm"})
            environment = {
                **os.environ,
                "BASE_URL": server.url,
                "EMAIL": user.email,
                "PASSWORD": user.password,
                "SCREENSHOT_DIR": str(screenshots),
                "TRIGGER": f'mutation {{ triggerFlow(flowId: "{flow["id"]}") {{ id }} }}',
            }
            return subprocess.run(["node", str(SCRIPT)], env=environment, check=False).returncode
        finally:
            server.stop()
            print(f"screenshots are in {screenshots}")


if __name__ == "__main__":
    sys.exit(main())
