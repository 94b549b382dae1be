"""A stage for tests of doors: the real application over a database in which Ada has one of everything, and Bob nothing of hers."""

import hashlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from domain.composition import provide_notifications, provide_trading
from domain.kernel.clock import ManualClock
from domain.kernel.permissions import Permission
from domain.market.market import Market
from domain.runtime.database import Database
from domain.runtime.event_bus import MemoryEventBus
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from resolvers.graphql import graphql_routes
from resolvers.http import http_middleware
from resolvers.rest.routes import outside_refusal, rest_routes
from tests.accounts import provide_accounts
from tests.conftest import SECRET, START
from tests.market_script import ScriptedSource
from tests.resolvers.doors.people import BadToken, Person, bad_tokens, everything_but, register
from tests.resolvers.doors.things import Things, one_of_everything

# What a refused request may leave behind: notes about the refusal itself.
MAY_GROW = frozenset({"password_failures", "audit_entries", "audit_head", "security_alerts", "sqlite_sequence"})


@dataclass
class Stage:
    """The doors, and the people in front of them. Ada owns `things`; Carol is new and has nothing but a wallet."""

    runtime: Runtime
    app: Starlette
    client: httpx.AsyncClient
    source: ScriptedSource
    path: Path
    ada: Person
    bob: Person
    carol: Person
    things: Things
    bad_tokens: list[BadToken]
    _watcher: sqlite3.Connection
    _lacking: dict[Permission, dict[str, str]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)
    _remembered: tuple[int, dict[str, str]] | None = None  # the digest after so many commits

    async def lacking(self, permission: Permission) -> dict[str, str]:
        """Return the header of somebody who may do everything else."""
        if permission not in self._lacking:
            self._lacking[permission] = await everything_but(self.runtime, permission)
        return self._lacking[permission]

    def commits(self) -> int:
        """Return a number that every commit raises: cheaper than to read all tables when none has changed."""
        return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])

    def digest(self) -> dict[str, str]:
        """Return a digest of each table that a refusal must leave alone."""
        tables = [row[0] for row in self._watcher.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {
            table: hashlib.sha256(repr(sorted(self._watcher.execute(f'SELECT * FROM "{table}"'), key=repr)).encode()).hexdigest()
            for table in tables
            if table not in MAY_GROW
        }

    @asynccontextmanager
    async def nothing_changes(self, complaints: list[str], what: str) -> AsyncIterator[None]:
        """Complain about every table that is not what it was before."""
        commits, before = self.commits(), self._digest_now()
        yield
        if self.commits() != commits:
            after = self.digest()
            complaints += [f"{what}: changed {table}" for table in after if after[table] != before[table]]

    def _digest_now(self) -> dict[str, str]:
        commits = self.commits()
        if self._remembered is None or self._remembered[0] != commits:
            self._remembered = (commits, self.digest())
        return self._remembered[1]

    @asynccontextmanager
    async def copied(self, folder: Path) -> AsyncIterator["Stage"]:
        """Yield the same stage over a copy of its database: what happens there stays there."""
        copy = folder / f"copy_{next(self._numbers)}.db"
        with closing(sqlite3.connect(copy)) as target:
            self._watcher.backup(target)
        async with _doors(copy, folder) as (runtime, app, client, source, _):
            ada, bob, carol = (replace(person, runtime=runtime) for person in (self.ada, self.bob, self.carol))
            with closing(_watching(copy)) as watcher:
                yield Stage(runtime, app, client, source, copy, ada, bob, carol, self.things, self.bad_tokens, watcher)


@asynccontextmanager
async def built_stage(template: Path, folder: Path) -> AsyncIterator[Stage]:
    """Build the stage once; it belongs to the event loop that builds it."""
    path = folder / "stage.db"
    shutil.copy(template, path)
    async with _doors(path, folder) as (runtime, app, client, source, clock):
        tokens = await bad_tokens(runtime, clock)
        ada = await register(runtime, "Ada", "admin", is_superuser=True)
        bob = await register(runtime, "Bob", "admin", is_superuser=True)
        carol = await register(runtime, "Carol", "user")
        things = await one_of_everything(ada)
        with closing(_watching(path)) as watcher:
            yield Stage(runtime, app, client, source, path, ada, bob, carol, things, tokens, watcher)


def _watching(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)


@asynccontextmanager
async def _doors(path: Path, folder: Path) -> AsyncIterator[tuple[Runtime, Starlette, httpx.AsyncClient, ScriptedSource, ManualClock]]:
    settings = Settings(var_dir=folder, database_url=f"sqlite+aiosqlite:///{path}", secret_key=SECRET, log_level="ERROR", rate_limits=False)
    clock = ManualClock(START)
    database, bus = Database(settings.effective_database_url, pool_size=8, waits_for_disk=False), MemoryEventBus()
    runtime = Runtime(settings, clock, database, bus)
    source = ScriptedSource(clock)
    provide_accounts(runtime)
    runtime.provide(Market, Market(source, wall=lambda: float("inf")))
    provide_trading(runtime)
    provide_notifications(runtime)
    app = Starlette(
        routes=[*graphql_routes(lambda: runtime, settings), *rest_routes(lambda: runtime)],
        middleware=http_middleware(settings),
        exception_handlers={HTTPException: outside_refusal},
    )
    app.router.redirect_slashes = False
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    await bus.start()
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://tradewind") as client:
            yield runtime, app, client, source, clock
    finally:
        await bus.close()
        await database.close()
