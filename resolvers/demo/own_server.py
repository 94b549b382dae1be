"""A server of the demo's own: started on a free port, with its own folder, and stopped with the demo."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from resolvers.demo.client import DemoFailed

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90.0
STOP_SECONDS = 10.0
ANNOUNCED = re.compile(r"Tradewind answers at (http://\S+)")
# Settings of the environment that lead to somebody's data, or to workers elsewhere: a server with its own folder does without.
FOREIGN = ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "ADMIN_EMAIL", "ADMIN_PASSWORD", "SECRET_KEY", "SMTP_URL")


@contextlib.asynccontextmanager
async def own_server(kept_in: Path | None, more: Mapping[str, str]) -> AsyncIterator[str]:
    """Start a server and yield its URL; `kept_in` is the folder that outlives it, None for one that goes with it.

    Raises DemoFailed with the server's last words when it does not start.
    """
    with contextlib.ExitStack() as stack:
        environment = {**os.environ, "PORT": "0", "HOST": "127.0.0.1", "EMBEDDED_WORKER": "true", "RATE_LIMITS": "off", **more}
        if kept_in is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tradewind-demo-", ignore_cleanup_errors=True)))
            for name in FOREIGN:
                environment.pop(name, None)
            environment["ENVIRONMENT"] = "development"
        else:
            folder = kept_in
            folder.mkdir(parents=True, exist_ok=True)
        environment["VAR_DIR"] = str(folder.resolve())
        log = folder / "demo_server.log"
        with log.open("wb") as output:
            # Its own session: Ctrl-C reaches the demo alone, which then stops the server in an orderly way.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(ROOT / "server.py"),
                "serve",
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield await _announced(process, log)
        finally:
            await _stop(process)


async def _announced(process: asyncio.subprocess.Process, log: Path) -> str:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        said = await asyncio.to_thread(log.read_text, errors="replace")
        if found := ANNOUNCED.search(said):
            return found[1]
        if process.returncode is not None:
            words = said.strip().splitlines()
            raise DemoFailed(f"The demo's own server did not start: {words[-1] if words else f'exit status {process.returncode}'}")
        await asyncio.sleep(0.05)
    raise DemoFailed(f"The demo's own server did not answer within {START_SECONDS:g} s")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
