"""A real server in a process of its own, which a test may kill."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

import httpx

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
SECRET = "a secret for tests only, long enough to sign with"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Started(Protocol):
    """What is left of `subprocess.Popen` when little is asked of it."""

    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def send_signal(self, number: int) -> None: ...


def begin_anew(command: str, environment: Mapping[str, str], log: Path) -> Started:
    """Run a command of `server.py` as people do; its output goes to the end of this file."""
    with log.open("ab") as output:
        return subprocess.Popen([sys.executable, "server.py", command], cwd=ROOT, env=environment, stdout=output, stderr=output)


class TradewindProcess:
    """A command of `server.py` with its own folder and settings; the same one can be started again after a kill."""

    begin: ClassVar[Callable[[str, Mapping[str, str], Path], Started]] = staticmethod(begin_anew)

    def __init__(self, var_dir: Path, log_name: str, **environment: str) -> None:
        self._log = var_dir / log_name
        keep = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        self._environment = {
            **keep,
            "VAR_DIR": str(var_dir),
            "LOG_FORMAT": "json",
            "SECRET_KEY": SECRET,
            "RATE_LIMITS": "off",  # most stories hammer the server; those of normal use switch them on
            **environment,
        }
        self._process: Started | None = None

    def kill(self) -> None:
        """End it with SIGKILL: no handler runs, nothing is flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it with SIGTERM and return its exit status."""
        return self._end(signal.SIGTERM)

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def launch(self, command: str, is_ready: Callable[[], bool]) -> float:
        """Start and wait until it is ready; returns how many seconds that took. Raises RuntimeError with its log if it is not."""
        self._process = TradewindProcess.begin(command, self._environment, self._log)
        begun = time.monotonic()
        while time.monotonic() - begun < START_SECONDS:
            if self._process.poll() is not None:
                raise RuntimeError(f"`{command}` ended at once:\n{self.log()[-4000:]}")
            if is_ready():
                return time.monotonic() - begun
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"`{command}` was not ready within {START_SECONDS:g} s:\n{self.log()[-4000:]}")

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        try:
            return self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            return self._process.wait(timeout=20)
        finally:
            self._process = None


class ServerProcess(TradewindProcess):
    """`server.py serve` on a spare port."""

    def __init__(self, var_dir: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(var_dir, "server.log", PORT=str(self.port), **environment)

    def start(self) -> float:
        """Start and wait until it answers; returns how many seconds that took."""
        return self.launch("serve", self._answers)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False


class WorkerProcess(TradewindProcess):
    """`server.py worker`."""

    def __init__(self, var_dir: Path, **environment: str) -> None:
        super().__init__(var_dir, "worker.log", **environment)

    def start(self) -> float:
        """Start and wait until it takes jobs; returns how many seconds that took."""
        return self.launch("worker", lambda: "worker.started" in self.log())


class Client:
    """One user of a server, over `/api/v1`."""

    def __init__(self, url: str, email: str, password: str = "correct horse battery staple") -> None:
        self.url, self.email, self.password = url, email, password
        self._http = httpx.Client(base_url=url, timeout=10)
        self.token = ""

    def register(self) -> None:
        self._http.post(
            "/api/v1/auth/register",
            json={"email": self.email, "password": self.password, "first_name": "Ada", "last_name": "Lovelace"},
        ).raise_for_status()
        self.log_in()

    def log_in(self) -> None:
        answer = self._http.post("/api/v1/auth/login", json={"email": self.email, "password": self.password})
        self.token = answer.raise_for_status().json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {self.token}"

    def get(self, path: str, **query: Any) -> Any:
        return self._http.get(f"/api/v1{path}", params=query).raise_for_status().json()

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._http.post(f"/api/v1{path}", json=body, headers=headers).raise_for_status().json()

    def close(self) -> None:
        self._http.close()
