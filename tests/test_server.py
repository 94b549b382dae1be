"""The command line and the composed application."""

import asyncio
import base64
import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import httpx
import pytest
import structlog
from pydantic import SecretStr
from redis.asyncio import Redis
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from domain import composition
from domain.market.market import Market
from domain.runtime.encryption import KeyRing
from domain.runtime.rate_limits import MemoryRateLimiter, Unlimited
from domain.runtime.redis_rate_limits import RedisRateLimiter
from domain.runtime.settings import Settings
from server import COMMANDS, DEMO_EMAIL, DemoPassword, build_app, main, uvicorn_config
from tests.conftest import REDIS, need_service

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """The command line sets up the logging of its process, which here is that of all tests."""
    root, configuration = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)


def test_help_lists_every_command_and_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])

    text = capsys.readouterr().out
    for name, field in Settings.model_fields.items():
        assert f"  {name.upper()} " in text
        assert field.description
        assert field.description in text
    for name in COMMANDS:
        assert f"\n    {name} " in text


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", "mysql://root@localhost/trade", "DATABASE_URL: .*sqlite"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL: .*redis://"),
        ("ADMIN_EMAIL", "root@example.com", "ADMIN_EMAIL needs ADMIN_PASSWORD"),
        ("REDIS_URL", "redis://127.0.0.1:1", "Cannot start: REDIS_URL: .*(refused|[Cc]onnect)"),
    ],
)
def test_setting_that_cannot_work_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.setenv("PORT", "0")
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=sentence):
        main(["serve"])


def test_setting_out_of_bounds_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "99999")
    with pytest.raises(SystemExit, match="PORT: Input should be less than or equal to 65535"):
        main(["migrate"])


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("market_source", "weather", "MARKET_SOURCE is 'weather'; known are simulated and replay:<folder>"),
        ("market_source", "replay:", "MARKET_SOURCE is 'replay:'"),
        ("market_source", "replay:/does/not/exist", "/does/not/exist"),
    ],
)
async def test_market_that_does_not_exist_is_refused(settings: Settings, setting: str, value: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        await composition.compose(settings.model_copy(update={setting: value}))


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "seen"),
    [
        ("", "127.0.0.1", "192.0.2.7", "127.0.0.1"),
        ("10.0.0.1", "127.0.0.1", "192.0.2.7", "127.0.0.1"),
        ("10.0.0.1", "10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.0/8, ::1", "10.9.8.7", "203.0.113.9, 192.0.2.7, 10.0.0.2", "192.0.2.7"),  # the first is what the client claims
        ("10.0.0.1", "10.0.0.1", "", "10.0.0.1"),
    ],
)
async def test_forwarded_address_is_believed_from_trusted_proxies_alone(
    settings: Settings, trusted: str, peer: str, forwarded: str, seen: str
) -> None:
    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(scope["client"][0])(scope, receive, send)

    config = uvicorn_config(tell, settings.model_copy(update={"trusted_proxies": trusted}))
    config.load()
    transport = httpx.ASGITransport(app=config.loaded_app, client=(peer, 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://tradewind") as client:
        assert (await client.get("/", headers={"X-Forwarded-For": forwarded})).text == seen


@pytest.mark.parametrize("proxies", ["*", "proxy.example.com", "10.0.0.1, 10.0.0.0/99"])
def test_proxies_that_are_no_addresses_are_refused(monkeypatch: pytest.MonkeyPatch, proxies: str) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", proxies)
    with pytest.raises(SystemExit, match=r"TRUSTED_PROXIES: .* does not appear to be an IPv4 or IPv6 network"):
        main(["migrate"])


@pytest.mark.parametrize(
    ("limits", "redis_url", "kind"),
    [(False, None, Unlimited), (True, None, MemoryRateLimiter), (True, "redis://127.0.0.1:1/0", RedisRateLimiter)],
)
async def test_rate_limiter_is_chosen_by_the_settings(settings: Settings, limits: bool, redis_url: str | None, kind: type) -> None:
    runtime = await composition.compose(settings.model_copy(update={"rate_limits": limits, "redis_url": redis_url}))
    try:
        assert type(runtime.rate_limiter) is kind
    finally:
        await composition.dispose(runtime)


def test_verify_audit_says_whether_the_log_is_as_it_was_written(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"DATABASE_URL": sqlite_url, "VAR_DIR": str(tmp_path), "SECRET_KEY": "x" * 40, "ADMIN_PASSWORD": "a good password 77"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    main(["create-admin", "root@example.com"])
    capsys.readouterr()

    main(["verify-audit"])
    said = capsys.readouterr().out
    found = re.fullmatch(r"1 entries are as they were written; the head is (1:[0-9a-f]{64})\n", said)
    assert found, said
    main(["verify-audit", "--from", "1", "--to", "2", "--expect", found[1]])
    assert capsys.readouterr().out.startswith("2 entries are as they were written")

    database = sqlite_url.removeprefix("sqlite+aiosqlite:///")
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE audit_entries SET actor_role = 'nobody' WHERE position = 2")
    with pytest.raises(SystemExit, match="broken at position 2: the entry does not say any more what it said when it was sealed"):
        main(["verify-audit"])
    with pytest.raises(SystemExit, match="position and hash of a head"):
        main(["verify-audit", "--expect", "nonsense"])
    monkeypatch.setenv("SECRET_KEY", "y" * 40)
    with pytest.raises(SystemExit, match="broken at position 1: the entry was made with another SECRET_KEY"):
        main(["verify-audit"])


def test_rotate_keys_seals_anew_and_names_what_no_key_opens(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (f"{name}:{base64.b64encode(name.encode() * 16).decode()}" for name in ("k1", "k2"))
    sealed = KeyRing.of(Settings(encryption_keys=SecretStr(first))).seal("whsec_x", "user_1", "hook_1")
    with sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///")) as connection:
        columns = "id, user_id, url, secret, is_active, failures, created_at"
        connection.execute(f"INSERT INTO webhooks ({columns}) VALUES ('hook_1', 'user_1', 'https://x', ?, 1, 0, '2026-01-01')", [sealed])
    for name, value in {"DATABASE_URL": sqlite_url, "VAR_DIR": str(tmp_path), "SECRET_KEY": "x" * 40}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ENCRYPTION_KEYS", second)
    with pytest.raises(SystemExit, match="No key opens these, which were left as they are: webhooks hook_1"):
        main(["rotate-keys"])
    monkeypatch.setenv("ENCRYPTION_KEYS", f"{second},{first}")
    for rotated in (1, 0):
        capsys.readouterr()
        main(["rotate-keys"])
        assert f"webhooks: {rotated} encrypted anew, all with the key k2 but 0" in capsys.readouterr().out
    monkeypatch.setenv("ENCRYPTION_KEYS", "k3:short")
    with pytest.raises(SystemExit, match="ENCRYPTION_KEYS needs name:key"):
        main(["rotate-keys"])


async def test_composed_runtime_has_a_market(settings: Settings) -> None:
    runtime = await composition.compose(settings)
    try:
        assert (await runtime.use(Market).price("BTC/USDT")).price > 0
    finally:
        await composition.dispose(runtime)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(settings)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            yield client


async def test_every_door_answers(settings: Settings) -> None:
    async with running(settings) as client:
        assert (await client.get("/")).json()["app"] == "Tradewind"
        assert (await client.get("/no/such/page")).status_code == 404
        for path in ("/api/v1/no/such/route", "/v1/no/such/route"):
            assert (await client.get(path)).headers["content-type"].startswith("application/json")
        assert (await client.post("/graphql", json={"query": "{ __typename }"})).json() == {"data": {"__typename": "Query"}}
        assert (await client.get("/graphql", headers={"accept": "text/html"})).text.startswith("<!doctype html>")
        assert (await client.get("/socket.io/?EIO=4&transport=polling")).status_code == 200


async def test_registration_gives_a_paper_wallet_and_the_worker_mails_the_link(settings: Settings) -> None:
    ada = {"email": "ada@example.com", "password": "notes on the engine", "first_name": "Ada", "last_name": "Lovelace"}
    async with running(settings) as client:
        assert (await client.post("/api/v1/auth/register", json=ada)).status_code == 201
        async with asyncio.timeout(60):
            while not (mails := list((settings.var_dir / "mail").glob("*.eml"))):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    assert "To: ada@example.com" in mails[0].read_text()
    database = sqlite3.connect(settings.effective_database_url.partition("///")[2])
    assert database.execute("SELECT nickname FROM wallets").fetchall() == [("Paper wallet",)]
    assert database.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
    database.close()


def test_server_migrates_listens_says_where_and_stops_on_sigterm(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PORT": "0", "VAR_DIR": str(tmp_path / "var")}
    process = subprocess.Popen([sys.executable, "server.py"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        address = next(line for line in process.stdout if "http://" in line).split()[-1]
        assert httpx.get(f"{address}/no/such/page").status_code == 404
        assert (tmp_path / "var" / "tradewind.db").exists()
        assert (tmp_path / "var" / "secret_key").stat().st_mode & 0o777 == 0o600
        login = {"email": DEMO_EMAIL, "password": (tmp_path / "var" / "demo_login").read_text().strip()}
        assert f"  Log in as  {DEMO_EMAIL}   password {login['password']}\n" in list(islice(process.stdout, 4))
        assert httpx.post(f"{address}/api/v1/auth/login", json=login).status_code == 200
        assert (tmp_path / "var" / "demo_login").stat().st_mode & 0o777 == 0o600
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM  # uvicorn stops cleanly, then lets the signal have its way
        assert time.monotonic() - started < 5
    finally:
        process.kill()
        process.wait()


async def test_worker_process_stops_on_sigterm(settings: Settings, tmp_path: Path) -> None:
    need_service("Redis", REDIS)
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    environment = {
        "PATH": os.environ["PATH"],
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": REDIS,
        "REDIS_PREFIX": prefix,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "server.py", "worker", cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr
        async with asyncio.timeout(60):
            while b"worker.started" not in (line := await process.stderr.readline()):
                assert line, "the worker ended"
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await process.wait()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        async with Redis.from_url(REDIS) as client:
            if keys := [key async for key in client.scan_iter(f"{prefix}*")]:
                await client.delete(*keys)


def test_worker_without_a_broker_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.delenv("BROKER_URL", raising=False)
    with pytest.raises(SystemExit, match="needs a BROKER_URL or REDIS_URL"):
        main(["worker"])


async def test_demo_password_is_kept_and_given_up_when_the_address_is_taken(settings: Settings) -> None:
    runtime = await composition.compose(settings)
    try:
        first = await DemoPassword(settings).account(runtime.operation())
        assert first is not None
        assert await DemoPassword(settings).account(runtime.operation()) == first

        (settings.var_dir / "demo_login").unlink()
        assert await DemoPassword(settings).account(runtime.operation()) is None
        assert not (settings.var_dir / "demo_login").exists()
    finally:
        await composition.dispose(runtime)


@pytest.mark.parametrize("dialect", ["api_v1", "v1"])
def test_openapi_command_prints_a_document(dialect: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["openapi", dialect])

    assert json.loads(capsys.readouterr().out)["openapi"] == "3.1.0"


def test_schema_command_prints_the_graphql_schema(capsys: pytest.CaptureFixture[str]) -> None:
    main(["schema"])

    assert "type Query {" in capsys.readouterr().out


def test_create_admin_makes_a_superuser_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("VAR_DIR", str(settings.var_dir))
    monkeypatch.setenv("ADMIN_PASSWORD", "correct horse battery staple")

    main(["create-admin", "grace@example.com"])
    assert capsys.readouterr().out == "grace@example.com is a superuser\n"
    with pytest.raises(SystemExit, match=r"There is an account with the address grace@example\.com already"):
        main(["create-admin", "grace@example.com"])
