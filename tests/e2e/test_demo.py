"""`server.py demo` as people run it: a process of its own, its output read as it is printed."""

import os
import re
import subprocess
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import pytest

from domain.runtime.settings import Settings
from resolvers.demo.command import demo
from tests.e2e.server_process import ROOT, ServerProcess, free_port

SAMPLE = "samples/nl_day_ahead_2023"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
FLOAT_ARTEFACT = re.compile(r"\d\.\d{10,}|\b\d[.\d]*[eE][-+]?\d+\b")


@dataclass(frozen=True, slots=True)
class Told:
    """What the two demos printed, and where they ran."""

    url: str
    sample: str
    replay: str
    left_behind: list[Path]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Run the demo on a server that is there, and over a recording with one of its own, side by side."""
    folder = tmp_path_factory.mktemp("demo")
    replay = _demo(folder, "--replay", SAMPLE, "--runs", "5")
    server = ServerProcess(folder, RATE_LIMITS="on")
    try:
        server.start()
        sample = _printed(_demo(folder, "--url", server.url))
        return Told(server.url, sample, _printed(replay), list(folder.glob("tradewind-demo-*")))
    finally:
        server.stop()
        replay.terminate()  # nothing, once it has ended


def test_demo_shows_runs_of_the_documented_flow_on_a_running_server(told: Told) -> None:
    first = told.sample.partition("\nRun 2 ")[0]
    _in_this_order(
        first,
        f"Server   {told.url}",
        "Market   simulated",
        "Run 1 of at most 12: BTC Swing Trade, BTC/USDT, swarm of 3, agreement at least 60 %, 100 USDT a trade",
        " 10 %  Fetching Market & Sentiment Data",
        " 30 %  AI Swarm Analyzing",
        " trend follower ",
        " mean reverter ",
        " breakout trader ",
        " votes ",
        " 60 %  Risk Check Gate",
        " Gate ",
        " Result ",
    )
    _adds_up(told.sample)
    if "traded: " in told.sample:
        last = told.sample.rpartition("\nRun ")[2]
        _in_this_order(
            last, " 90 %  Placing Order", " Risk ", " Order ", ": filled", " Fill ", ", fee ", " Position ", "stop ", "target ", "P&L "
        )
        assert "deposits + 1 fill, " in told.sample
    else:
        assert told.sample.count("no trade: ") == 12 and "No trade in 12 runs" in told.sample


def test_replay_trades_a_recorded_market_and_its_books_add_up(told: Told) -> None:
    _in_this_order(
        told.replay,
        "Starting a server of the demo's own",
        "Market   replay:nl_day_ahead_2023, NL_DAY_AHEAD in candles of 1h, 2023-01-01 to 2023-12-31",
        "Note     Candles made from a recorded price series",
        "Source: Ember",
        "Flow     Solo: one analyst",
        "Flow     Swarm: swarm of 5",
        "\n  1 solo ",
        "\n  2 swarm ",
        "\n  5 solo ",
        "Summary",
        "Runs     5: ",
        "Course   ",
        "Wallet   ",
        "Books    balances = opening deposits + ",
    )
    _adds_up(told.replay)
    assert told.left_behind == [], "the demo's own server leaves nothing behind"


def test_demo_says_in_one_sentence_why_it_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(SystemExit) as end:
        demo(Settings(), Namespace(url=url, replay=None, runs=None, symbol=[], keep=False))

    assert end.value.code == 1
    assert capsys.readouterr().err == f"The demo failed: No server answers at {url}\n"


def _demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    # A port where nothing listens: a server that somebody runs on this machine is none of the test's business.
    environment = {**keep, "PORT": str(free_port()), "VAR_DIR": str(folder / "var"), "TMPDIR": str(folder), "PYTHONUTF8": "1"}
    command = [sys.executable, "server.py", "demo", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _printed(process: subprocess.Popen[str]) -> str:
    output, complaints = process.communicate(timeout=90)
    assert (process.returncode, complaints) == (0, ""), output + complaints
    return output


def _in_this_order(text: str, *pieces: str) -> None:
    place = 0
    for piece in pieces:
        found = text.find(piece, place)
        assert found >= 0, f"{piece!r} is not there, or too early, in:\n{text}"
        place = found + len(piece)


def _adds_up(text: str) -> None:
    assert "to the last digit; so is the P&L" in text
    numbers = "\n".join(line for line in text.splitlines() if not line.startswith("Server "))  # an address may look like anything
    assert not CONTROL.search(text) and not FLOAT_ARTEFACT.search(numbers)
