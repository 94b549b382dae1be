"""A web server on this machine that receives webhooks, and what a test asks of users who are told things."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from domain.kernel.errors import DomainError
from domain.kernel.events import Event
from domain.notifications import preferences
from domain.notifications.kinds import NotificationKind
from domain.notifications.models import Notification
from domain.notifications.sender import WebhookSender
from domain.runtime.addresses import AllowedTargets
from domain.runtime.database import Base
from domain.runtime.operation import Operation
from domain.runtime.outbox import OutboxJob
from domain.runtime.runtime import Runtime
from workers.catalogue import JOBS

Handler = Callable[[asyncio.StreamWriter], Awaitable[None]]
Answer = bytes | Handler

ALERT = {
    "symbol": "BTC/USDT",
    "condition": "above",
    "target_price": "60000",
    "price": "60100.5",
    "message": "BTC/USDT rose above 60,000.00.",
}


@dataclass(frozen=True)
class Received:
    """One request, headers by their names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


def status(line: str, *headers: str, body: bytes = b"") -> bytes:
    """Return an answer as it goes over the wire."""
    return "\r\n".join([f"HTTP/1.1 {line}", f"Content-Length: {len(body)}", *headers, "", ""]).encode() + body


OK = status("200 OK", body=b"thanks")
BROKEN = status("500 Internal Server Error", body=b"oh no\x00" + b"x" * 2_000)


class Receiver:
    """Answers one request after the other with what it was given; the last answer stays."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.requests = list(answers or (OK,)), []  # type: tuple[list[Answer], list[Received]]
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *fields = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append(Received(line, headers, body))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def receiving(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(*answers)
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


def allow_loopback(runtime: Runtime) -> None:
    runtime.provide(WebhookSender, WebhookSender(AllowedTargets.parse("127.0.0.1", "OPENED")))


async def rows[T: Base](user: Operation, kind: type[T], **equal: Any) -> Sequence[T]:
    """Return all rows of a table, oldest first, that belong to the user."""
    async with user.reading() as work:
        query = select(kind).filter_by(user_id=user.caller.id, **equal).order_by(kind.id)  # type: ignore[attr-defined]
        return (await work.session.scalars(query)).all()


async def notified(user: Operation) -> list[tuple[str, str]]:
    """Return kind and message of all notifications of the user, oldest first."""
    return [(row.kind.value, row.message) for row in await rows(user, Notification)]


async def jobs(runtime: Runtime, name: str) -> Sequence[OutboxJob]:
    async with runtime.operation().reading() as work:
        return (await work.session.scalars(select(OutboxJob).where(OutboxJob.name == name).order_by(OutboxJob.id))).all()


async def do_jobs(runtime: Runtime, name: str) -> int:
    """Do the jobs of this name that are due, and return how many those were."""
    now = runtime.clock.now()
    due = [job for job in await jobs(runtime, name) if job.run_at <= now]
    for job in due:
        await JOBS[name].function(runtime.operation(), **job.arguments)
        async with runtime.operation().unit_of_work() as work:
            await work.session.delete(await work.session.get_one(OutboxJob, job.id))
    return len(due)


async def happen(user: Operation, type: str, payload: Mapping[str, object], subject_id: str = "thing_1") -> None:
    """Let an event of the user happen, as any noun would."""
    async with user.runtime.operation().unit_of_work() as work:
        work.emit(Event(type, user.caller.id, subject_id, payload))


async def choose(user: Operation, kind: NotificationKind, **channels: bool) -> None:
    async with user.unit_of_work() as work:
        changes = preferences.PreferenceChanges([preferences.ChannelChanges(kind, **channels)])
        await preferences.update_preferences(work, changes)


async def refusal_of(call: Awaitable[object]) -> DomainError:
    try:
        await call
    except DomainError as refusal:
        return refusal
    raise AssertionError("nothing was refused")
