"""`server.py demo`: finds or starts a server, shows the demo, and leaves nothing behind that it was not asked to keep."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from domain.market.recordings import BadRecording
from domain.runtime.settings import Settings
from resolvers.demo.client import Client, DemoFailed, health_of
from resolvers.demo.own_server import own_server
from resolvers.demo.replaying import Replay, show_replay
from resolvers.demo.sample import show_sample
from resolvers.demo.screens import Screen

MAX_RUNS = 10_000
SAMPLE_RUNS, REPLAY_RUNS = 12, 40
# Nobody's session ends in the middle of a long demo, and stops are looked at often enough to be seen firing.
OWN_SETTINGS = {"ACCESS_TOKEN_MINUTES": "1440", "POSITION_MONITOR_SECONDS": "0.5"}


def _runs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_RUNS:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MAX_RUNS} is needed")
    return int(text)


ARGUMENTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("--url", {"help": "the server to use; default: the one at HOST and PORT, else one that the demo starts and stops"}),
    ("--replay", {"metavar": "FOLDER", "type": Path, "help": "run over the recorded market of this folder, at speed"}),
    ("--runs", {"metavar": "N", "type": _runs, "help": f"runs at most; default: {SAMPLE_RUNS}, with --replay {REPLAY_RUNS}"}),
    ("--symbol", {"metavar": "SYMBOL", "nargs": "+", "default": [], "help": "symbols to trade instead of the demo's choice"}),
    ("--keep", {"action": "store_true", "help": "let a server that the demo starts keep its data in VAR_DIR"}),
)


def demo(settings: Settings, arguments: argparse.Namespace) -> None:
    """Show the main job from outside. Ends with status 1 and one sentence when it cannot, 130 on Ctrl-C."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # an output that knows no bars gets question marks
    screen = Screen(Console(markup=False, emoji=False))
    complaints = Console(stderr=True, markup=False, emoji=False)
    try:
        good = asyncio.run(_show(settings, arguments, screen))
    except (DemoFailed, BadRecording) as failure:
        complaints.print(Text(f"The demo failed: {failure}", style="red"), soft_wrap=True, highlight=False)
        good = False
    except (KeyboardInterrupt, asyncio.CancelledError):
        complaints.print("Stopped.")
        raise SystemExit(130) from None
    if not good:
        raise SystemExit(1)


async def _show(settings: Settings, arguments: argparse.Namespace, screen: Screen) -> bool:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Whoever ends the demo ends its server with it.
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    replay = Replay.of(arguments.replay, arguments.symbol) if arguments.replay else None
    screen.headline("Tradewind demo")
    async with _server(settings, arguments, screen, replay) as (url, is_lasting), Client(url) as client:
        await client.register()
        login = f"as {client.email}, password {client.password}" if is_lasting else "with an account of its own"
        screen.facts([("Server", f"{url}, {login}")])
        if replay is not None:
            return await show_replay(client, screen, replay, arguments.runs or REPLAY_RUNS)
        return await show_sample(client, screen, arguments.symbol, arguments.runs or SAMPLE_RUNS)


@contextlib.asynccontextmanager
async def _server(
    settings: Settings, arguments: argparse.Namespace, screen: Screen, replay: Replay | None
) -> AsyncIterator[tuple[str, bool]]:  # fmt: skip
    # Yields the address, and whether the server goes on after the demo or its data stay.
    url = _checked(arguments.url) if arguments.url else f"http://{settings.host}:{settings.port or 8000}"
    if await _is_to_be_used(url, screen, replay, is_named=arguments.url is not None):
        yield url, True
        return
    more: Mapping[str, str] = {**OWN_SETTINGS, **(replay.environment if replay else {})}
    async with contextlib.AsyncExitStack() as stack:
        with screen.busy("Starting a server of the demo's own; it ends with the demo..."):
            own = await stack.enter_async_context(own_server(settings.var_dir if arguments.keep else None, more))
        yield own, arguments.keep


async def _is_to_be_used(url: str, screen: Screen, replay: Replay | None, *, is_named: bool) -> bool:
    try:
        if not await health_of(url):
            if is_named:
                raise DemoFailed(f"No server answers at {url}")
            return False
        if replay is not None:
            await replay.check_server(url)
    except DemoFailed as reason:
        if is_named:
            raise
        screen.note(f"{reason}.")
        return False
    return True


def _checked(url: str) -> str:
    full = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(full)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise DemoFailed(f"{url} is not the address of a server, such as http://127.0.0.1:8000")
    return full.rstrip("/")
