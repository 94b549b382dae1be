"""A process that imports the server once and forks whenever one is to start: to import it takes longer than most stories.

What it forks is a process like any other, with an environment, an output and sockets of its own, and can be killed.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNNING = 1 << 20  # no exit status
PAUSE_SECONDS = 0.01


class WarmStart:
    """This side of the pipe; the other begins with the first start, and takes what still runs with it when it is closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def begin(self, command: str, environment: Mapping[str, str], log: Path) -> "Forked":
        """Run a command of `server.py`; its output goes to the end of this file."""
        pid = self.ask({"command": command, "environment": dict(environment), "log": str(log)}, environment)
        return Forked(self, pid)

    def ask(self, question: Mapping[str, object], environment: Mapping[str, str] | None = None) -> int:
        with self._lock:
            if self._process is None:
                words = [sys.executable, "-m", "tests.e2e.warm_start"]
                self._process = subprocess.Popen(words, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert self._process.stdin and self._process.stdout
            print(json.dumps(question), file=self._process.stdin, flush=True)
            return int(self._process.stdout.readline())

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=20)


class Forked:
    """A started command, as `subprocess.Popen` would hand it out."""

    def __init__(self, start: WarmStart, pid: int) -> None:
        self._start, self.pid = start, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and (status := self._start.ask({"ended": self.pid})) != RUNNING:
            self.returncode = status
        return self.returncode

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(PAUSE_SECONDS)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def _serve() -> None:
    # Answers each line with a number, until nobody is left to ask.
    from domain.market.warm_up import run_indicators
    from server import main

    run_indicators()
    gc.freeze()
    running: set[int] = set()
    for line in sys.stdin:
        question = json.loads(line)
        if pid := question.get("ended"):
            ended, status = os.waitpid(pid, os.WNOHANG)
            running -= {ended}
            answer = os.waitstatus_to_exitcode(status) if ended else RUNNING
        elif answer := os.fork():
            running.add(answer)
        else:
            _become(question)
            main([question["command"]])
            sys.exit()
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def _become(question: dict[str, object]) -> None:
    os.environ.clear()
    os.environ.update(question["environment"])  # type: ignore[call-overload]
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(str(question["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for kept, given in ((0, nothing), (1, log), (2, log)):
        os.dup2(given, kept)
    os.close(nothing)
    os.close(log)


if __name__ == "__main__":
    _serve()
