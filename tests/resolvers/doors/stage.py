"""A stage for tests of doors: the real application over a database in which Ada has one of everything, and Bob nothing of hers."""

import hashlib
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
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
from tests.databases import quick_database
from tests.market_script import ScriptedSource
from tests.resolvers.doors.people import BadToken, Person, bad_tokens, everything_but, register
from tests.resolvers.doors.things import Things, one_of_everything

# What a refused request may leave behind: notes about the refusal itself.
MAY_GROW = frozenset({"password_failures", "audit_entries", "audit_head", "security_alerts", "sqlite_sequence"})


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands on the stage: a database that nobody writes to any more, and who and what is in it."""

    path: Path
    ada: Person
    bob: Person
    carol: Person
    things: Things
    bad_tokens: list[BadToken]


@dataclass
class Stage:
    """The doors, and the people in front of them. Ada owns `things`; Carol is new and has nothing but a wallet."""

    scene: Scene
    doors: "Doors"
    _watcher: sqlite3.Connection
    _stack: AsyncExitStack
    _copy: "Stage | None" = None
    _lacking: dict[Permission, dict[str, str]] = field(default_factory=dict)
    _remembered: tuple[int, dict[str, str]] | None = None  # the digest after so many commits
    _same_at: tuple[int, int] | None = None  # the commits of a copy and of its original when they were the same

    def __post_init__(self) -> None:
        self._enter()

    def _enter(self) -> None:
        # In the name of the runtime of now.
        scene, doors = self.scene, self.doors
        self.runtime, self.app, self.client, self.source = doors.runtime, doors.app, doors.client, doors.source
        self.ada, self.bob, self.carol = (replace(person, runtime=doors.runtime) for person in (scene.ada, scene.bob, scene.carol))
        self.things, self.bad_tokens = scene.things, scene.bad_tokens

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
            after = self._digest_now()
            complaints += [f"{what}: changed {table}" for table in after if after[table] != before[table]]

    def _digest_now(self) -> dict[str, str]:
        commits = self.commits()
        if self._remembered is None or self._remembered[0] != commits:
            self._remembered = (commits, self.digest())
        return self._remembered[1]

    @asynccontextmanager
    async def copied(self) -> AsyncIterator["Stage"]:
        """Yield the same stage over a copy of its database, as it is now: what happens there stays there, until the next copy.

        There is one copy at a time. It is one file with its connections, written anew where somebody has written to it: to open
        a database of its own for each request would be most of what these tests cost.
        """
        if self._copy is None:
            folder = self.doors.path.parent / "copy"
            folder.mkdir()
            self._copy = await self._stack.enter_async_context(opened(self.scene, folder))
        copy = self._copy
        if copy._same_at != (copy.commits(), self.commits()):
            with closing(sqlite3.connect(copy.doors.path)) as target:
                target.execute("PRAGMA synchronous=OFF")
                self._watcher.backup(target)
            copy._same_at = copy.commits(), self.commits()
        await copy.doors.begin_again()
        copy._enter()
        yield copy


async def set_up(template: Path, folder: Path) -> Scene:
    """Build the scene; it may be played on any event loop from then on."""
    path = folder / "scene.db"
    shutil.copy(template, path)
    async with _doors(path) as doors:
        tokens = await bad_tokens(doors.runtime, doors.clock)
        ada = await register(doors.runtime, "Ada", "admin", is_superuser=True)
        bob = await register(doors.runtime, "Bob", "admin", is_superuser=True)
        carol = await register(doors.runtime, "Carol", "user")
        return Scene(path, ada, bob, carol, await one_of_everything(ada), tokens)


@asynccontextmanager
async def opened(scene: Scene, folder: Path) -> AsyncIterator[Stage]:
    """Open the doors of a stage with this scene on it; it belongs to the event loop that opens it."""
    path = folder / "stage.db"
    with closing(sqlite3.connect(scene.path)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    async with AsyncExitStack() as stack, _doors(path) as doors:
        watcher = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
        stack.callback(watcher.close)
        yield Stage(scene, doors, watcher, stack)


class Doors:
    """Every door of the real application over one database file."""

    def __init__(self, path: Path, url: str, database: Database) -> None:
        self.path = path
        self._settings = Settings(var_dir=path.parent, database_url=url, secret_key=SECRET, log_level="ERROR", rate_limits=False)
        self._database = database
        self._compose()
        self.app = Starlette(
            routes=[*graphql_routes(lambda: self.runtime, self._settings), *rest_routes(lambda: self.runtime)],
            middleware=http_middleware(self._settings),
            exception_handlers={HTTPException: outside_refusal},
        )
        self.app.router.redirect_slashes = False
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://tradewind")

    def _compose(self) -> None:
        self.clock = ManualClock(START)
        self.source = ScriptedSource(self.clock)
        self.runtime = Runtime(self._settings, self.clock, self._database, MemoryEventBus())
        provide_accounts(self.runtime)
        self.runtime.provide(Market, Market(self.source, wall=lambda: float("inf")))
        provide_trading(self.runtime)
        provide_notifications(self.runtime)

    async def start(self) -> None:
        await self.runtime.bus.start()

    async def begin_again(self) -> None:
        """Forget all that is not in the database."""
        await self.runtime.bus.close()
        self._compose()
        await self.start()

    async def close(self) -> None:
        await self.client.aclose()
        await self.runtime.bus.close()
        await self._database.close()


@asynccontextmanager
async def _doors(path: Path) -> AsyncIterator[Doors]:
    url = f"sqlite+aiosqlite:///{path}"
    doors = Doors(path, url, await quick_database(url))
    await doors.start()
    try:
        yield doors
    finally:
        await doors.close()
