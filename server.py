"""Tradewind's composition root and command line: `python server.py [command]`, `serve` when none is given."""

import argparse
import contextlib
import getpass
import json
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial

import uvicorn
import uvloop
from pydantic import SecretStr, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from domain import composition
from domain.accounts.service import ensure_superuser, register
from domain.audit.verifying import AuditReport, Pin, verify
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.logging import configure_logging
from domain.runtime.operation import Operation
from domain.runtime.rotation import Rotated
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from migrations import upgrade
from resolvers.demo.command import ARGUMENTS as DEMO_ARGUMENTS
from resolvers.demo.command import demo
from resolvers.graphiql_page import graphiql_routes
from resolvers.graphql import graphql_routes, print_schema
from resolvers.http import http_middleware
from resolvers.realtime.routes import realtime_routes
from resolvers.rest.api_v1 import API_V1_ROWS
from resolvers.rest.openapi import openapi
from resolvers.rest.routes import VERSION, outside_refusal, rest_routes
from resolvers.rest.v1 import V1_ROWS
from schema.rest.dialects import API_V1, V1
from workers import main as worker_process
from workers.background import Background
from workers.catalogue import JOBS, timetable_entries

GRACE_SECONDS = 3
DEMO_EMAIL = "demo@tradewind.local"


def build_app(settings: Settings) -> Starlette:
    """Return the application with all doors; its lifespan composes the runtime, which is then `app.state.runtime`.

    The database must have been migrated, and the settings must have a secret.
    """
    app = Starlette(
        middleware=http_middleware(settings),
        exception_handlers={HTTPException: outside_refusal},
        lifespan=partial(_lifespan, settings=settings),
    )
    app.router.redirect_slashes = False

    def runtime() -> Runtime:
        composed: Runtime = app.state.runtime
        return composed

    app.router.routes.extend(_routes(runtime, settings))
    return app


def _routes(runtime: Callable[[], Runtime], settings: Settings) -> list[BaseRoute]:
    return [
        *graphql_routes(runtime, settings),
        *graphiql_routes(),
        *realtime_routes(runtime),
        *rest_routes(runtime),  # last: they answer every other path with the error of their dialect
    ]


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette, settings: Settings) -> AsyncIterator[None]:
    runtime = await composition.compose(settings)
    try:
        app.state.runtime = runtime
        background = _background(runtime)
        await composition.start(runtime)
        try:
            await background.start()
            yield
        finally:
            await background.stop(GRACE_SECONDS)
    finally:
        await composition.dispose(runtime)


def _background(runtime: Runtime) -> Background:
    return Background(runtime, JOBS, timetable_entries(runtime.settings), runs_jobs=runtime.settings.runs_jobs_itself)


class Server(uvicorn.Server):
    """Says where it can be reached once it can be."""

    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._announcement, flush=True)


def serve(settings: Settings, _arguments: argparse.Namespace) -> None:
    """Bring the database up to date, then answer requests until SIGTERM or SIGINT."""
    with _said_in_a_line("VAR_DIR"):
        settings = settings.with_secret()
    config = uvicorn_config(build_app(settings), settings)
    listener = _listener(config)  # an address in use is found out before anything is touched
    _bring_up_to_date(settings)
    password = uvloop.run(_prepare(settings))
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has stopped cleanly
        Server(config, _announcement(settings, listener.getsockname()[1], password)).run(sockets=[listener])


def uvicorn_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """Return how the application is served; addresses in X-Forwarded-For are believed from TRUSTED_PROXIES alone."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxies),  # by default uvicorn believes whatever comes from this machine
        forwarded_allow_ips=settings.proxies,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _listener(config: uvicorn.Config) -> socket.socket:
    try:
        return config.bind_socket()  # logs what is wrong
    except SystemExit:
        where = f"port {config.port} of {config.host}"
        raise SystemExit(f"Cannot start: cannot listen on {where}; set PORT (0 picks a free one) or HOST") from None


def _bring_up_to_date(settings: Settings) -> None:
    with _said_in_a_line("DATABASE_URL"):
        upgrade(settings.effective_database_url)


@contextlib.contextmanager
def _said_in_a_line(setting: str) -> Iterator[None]:
    """End the process with a sentence, not a traceback, where the file or database that a setting names cannot be reached."""
    try:
        yield
    except (OSError, SQLAlchemyError) as problem:
        raise SystemExit(f"Cannot start: {setting}: {getattr(problem, 'orig', None) or problem}") from None


async def _prepare(settings: Settings) -> str | None:
    # Finds out what is wrong with the settings before the server listens; returns the demo account's password if there is one.
    try:
        runtime = await composition.compose(settings)
        _background(runtime)
    except ValueError as refusal:
        raise SystemExit(f"Cannot start: {refusal}") from None
    try:
        with _said_in_a_line("REDIS_URL"):
            await runtime.bus.check()
        await ensure_superuser(runtime.operation())
        return await DemoPassword(settings).account(runtime.operation()) if settings.environment == "development" else None
    except DomainError as refusal:
        raise SystemExit(f"Cannot start: {refusal.message}") from None
    finally:
        await composition.dispose(runtime)


class DemoPassword:
    """The password of the account to look around with, kept in VAR_DIR from the first start on."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.var_dir / "demo_login"

    async def account(self, operation: Operation) -> str | None:
        """Make the account unless there is one; None if somebody has registered under its address with a password of their own."""
        kept = self._read()
        password = kept or secrets.token_hex(8)
        if not kept:
            self._write(password)  # before the account: one whose password nobody knows would stay
        try:
            await register(operation, DEMO_EMAIL, password, "Demo", "Trader")
        except DomainError as refusal:
            if refusal.code is not ErrorCode.EMAIL_TAKEN:
                raise
            if not kept:
                self._path.unlink()
            return kept
        return password

    def _read(self) -> str | None:
        return self._path.read_text().strip() if self._path.exists() else None

    def _write(self, password: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        self._path.write_text(f"{password}\n")


def _announcement(settings: Settings, port: int, password: str | None) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{port}"
    lines = [
        f"  GraphQL    {url}/graphql   (GraphiQL in a browser)",
        f"  REST       {url}/api/v1 and {url}/v1",
        f"  Socket.IO  {url}/socket.io",
    ]
    if not settings.runs_jobs_itself:
        lines.append("  Jobs       wait for `server.py worker`, which this server does not do itself")
    if password:
        lines.append(f"  Log in as  {DEMO_EMAIL}   password {password}")
    return "\n".join(["", f"Tradewind answers at {url}", *lines, ""])


def work(settings: Settings, _arguments: argparse.Namespace) -> None:
    _bring_up_to_date(settings)
    try:
        worker_process.run(settings.with_secret())
    except ValueError as refusal:
        raise SystemExit(f"Cannot start: {refusal}") from None


def migrate(settings: Settings, _arguments: argparse.Namespace) -> None:
    _bring_up_to_date(settings)


def show_schema(_settings: Settings, _arguments: argparse.Namespace) -> None:
    print(print_schema(), end="")


def show_openapi(_settings: Settings, arguments: argparse.Namespace) -> None:
    dialect, rows = {"api_v1": (API_V1, API_V1_ROWS), "v1": (V1, V1_ROWS)}[arguments.dialect]
    print(json.dumps(openapi(dialect, rows, VERSION), indent=2))


def create_admin(settings: Settings, arguments: argparse.Namespace) -> None:
    """Make a superuser; the password is asked for unless ADMIN_PASSWORD is set."""
    password = settings.admin_password or SecretStr(getpass.getpass("Password: "))
    settings = settings.model_copy(update={"admin_email": arguments.email, "admin_password": password})
    _bring_up_to_date(settings)
    uvloop.run(_create_admin(settings))


async def _create_admin(settings: Settings) -> None:
    runtime = await composition.compose(settings)
    try:
        made = await ensure_superuser(runtime.operation())
    except DomainError as refusal:
        raise SystemExit(refusal.message) from None
    finally:
        await composition.dispose(runtime)
    if made is None:
        raise SystemExit(f"There is an account with the address {settings.admin_email} already")
    print(f"{made.email} is a superuser")


def verify_audit(settings: Settings, arguments: argparse.Namespace) -> None:
    """Say whether the audit log is as it was written; ends with status 1 where it is not."""
    with _said_in_a_line("VAR_DIR"):
        settings = settings.with_secret()
    _bring_up_to_date(settings)
    try:
        pin = Pin.parse(arguments.expect) if arguments.expect else None
        report = uvloop.run(_verify_audit(settings, arguments.start, arguments.end, pin))
    except DomainError as refusal:
        raise SystemExit(refusal.message) from None
    if not report.is_intact:
        raise SystemExit(report.message)
    print(report.message)


async def _verify_audit(settings: Settings, start: int, end: int | None, pin: Pin | None) -> AuditReport:
    runtime = await composition.compose(settings)
    try:
        return await verify(runtime.operation(door="command"), start, end, pin)
    finally:
        await composition.dispose(runtime)


def rotate_keys(settings: Settings, _arguments: argparse.Namespace) -> None:
    """Seal what is stored encrypted with the first of the keys; ends with status 1 where something cannot be read."""
    with _said_in_a_line("VAR_DIR"):
        settings = settings.with_secret()
    _bring_up_to_date(settings)
    try:
        done = uvloop.run(_rotate_keys(settings))
    except ValueError as refusal:
        raise SystemExit(f"Cannot start: {refusal}") from None
    for one in done:
        print(one.message)
    unreadable = [f"{one.table} {id}" for one in done for id in one.unreadable]
    if unreadable:
        raise SystemExit(f"No key opens these, which were left as they are: {', '.join(unreadable)}")


async def _rotate_keys(settings: Settings) -> list[Rotated]:
    runtime = await composition.compose(settings)
    try:
        return await composition.rotate_keys(runtime.operation(door="command"))
    finally:
        await composition.dispose(runtime)


@dataclass(frozen=True, slots=True)
class Command:
    """One word of the command line; `arguments` are what follows it, by name, as argparse takes them."""

    run: Callable[[Settings, argparse.Namespace], None]
    help: str
    arguments: tuple[tuple[str, dict[str, object]], ...] = ()


COMMANDS = {
    "serve": Command(serve, "answer requests (the default)"),
    "worker": Command(work, "do jobs from the broker in a process of its own"),
    "migrate": Command(migrate, "bring the database up to date"),
    "schema": Command(show_schema, "print the GraphQL schema"),
    "openapi": Command(
        show_openapi,
        "print the OpenAPI document of a REST dialect",
        (("dialect", {"choices": ["api_v1", "v1"], "nargs": "?", "default": "api_v1", "help": "default: api_v1"}),),
    ),
    "create-admin": Command(create_admin, "make a superuser", (("email", {"help": "its address"}),)),
    "verify-audit": Command(
        verify_audit,
        "walk along the chain of the audit log and name the first broken link",
        (
            ("--from", {"dest": "start", "type": int, "default": 1, "metavar": "POSITION", "help": "default: 1"}),
            ("--to", {"dest": "end", "type": int, "metavar": "POSITION", "help": "default: the head"}),
            ("--expect", {"metavar": "POSITION:HASH", "help": "a head that an earlier walk named: it must still be there"}),
        ),
    ),
    "rotate-keys": Command(rotate_keys, "encrypt all stored secrets anew with the first of ENCRYPTION_KEYS, while servers run"),
    "demo": Command(demo, "show a run of the documented sample flow, or many over a recorded market", DEMO_ARGUMENTS),
}


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        "server.py",
        description="Tradewind: flows, analysts, risk rules and orders behind GraphQL, REST and Socket.IO.",
        epilog=_settings_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=serve)
    commands = parser.add_subparsers(title="commands", metavar="command")
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.help, description=command.help)
        for argument, options in command.arguments:
            subparser.add_argument(argument, **options)  # type: ignore[arg-type]
        subparser.set_defaults(run=command.run)
    arguments = parser.parse_args(words)
    try:
        settings = Settings()
    except ValidationError as error:
        raise SystemExit("Cannot start:\n" + "\n".join(_complaint(detail["loc"], detail["msg"]) for detail in error.errors())) from None
    configure_logging(settings.log_format, settings.log_level)
    for talkative in ("uvicorn.error", "pika"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    arguments.run(settings, arguments)


def _complaint(location: tuple[int | str, ...], message: str) -> str:
    return f"  {'.'.join(str(part).upper() for part in location) or 'settings'}: {message.removeprefix('Value error, ')}"


def _settings_help() -> str:
    lines = ["settings, from the environment:"]
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        given = "" if default in (None, "") else f" [{default}]"
        lines.append(f"  {name.upper():<32}{field.description}{given}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
