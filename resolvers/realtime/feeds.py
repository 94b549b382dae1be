"""One follower of the event log for each connected user, fanned out to that user's sockets: nothing missing, nothing twice."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime import event_log
from domain.runtime.event_log import Cursor, Interest, StoredEvent
from domain.runtime.operation import Operation

log = structlog.get_logger()
RETRY_SECONDS = 1.0


class Message(Protocol):
    """A stored event in the form its receivers are sent, made once for all of them."""

    @property
    def cursor(self) -> Cursor: ...


class SocketGone(Exception):
    """The socket went away while events were sent to it; there is nobody left to tell."""


class Receiver[M: Message](Protocol):
    """One socket's end of the feed."""

    async def offer(self, message: M) -> None:
        """Send a live event if the socket wants it; neither waits for the client nor fails."""
        ...

    async def push(self, message: M) -> bool:
        """Send a stored event if the socket wants it, and say so; waits while the client is behind. Raises SocketGone."""
        ...


class UserFeed[M: Message]:
    """Follows one user's events for as long as somebody listens; everything up to `position` has been handed out."""

    def __init__(self, operation: Operation, interest: Interest, start: Cursor, render: Callable[[StoredEvent], M]) -> None:
        self.operation, self.interest, self.position, self.render = operation, interest, start, render
        self._readers: set[Reader[M]] = set()
        self._follower: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._readers)

    def join(self, reader: "Reader[M]") -> None:
        self._readers.add(reader)
        if self._follower is None:
            self._follower = asyncio.create_task(self._follow())

    def leave(self, reader: "Reader[M]") -> bool:
        """Take the reader out; say whether it was the last, with whom the follower ends."""
        self._readers.discard(reader)
        if self._readers:
            return False
        if self._follower is not None:
            self._follower.cancel()
            self._follower = None
        return True

    async def _follow(self) -> None:
        while True:
            try:
                async for event in event_log.follow(self.operation, self.interest, self.position):
                    await self._hand_out(event)
            except DomainError as refusal:
                # Pruned past a follower that could not read for weeks: go on with what is there.
                log.error("realtime.feed_lost_events", code=refusal.code.value)
                await asyncio.sleep(RETRY_SECONDS)
                self.position = await head(self.operation)
            except Exception as error:
                log.warning("realtime.feed_interrupted", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(RETRY_SECONDS)

    async def _hand_out(self, event: StoredEvent) -> None:
        message = self.render(event)
        self.position = event.cursor
        for reader in tuple(self._readers):
            await reader.hear(message)
        await asyncio.sleep(0)  # the sockets' writers take their turn, so that a burst makes no fast client look slow


class Reader[M: Message]:
    """One socket's place in its user's events.

    It has been sent everything in `(since, position]` and nothing else. It begins held, at the head of the log: a client that
    reconnects can ask for what it missed before anything newer reaches it.
    """

    def __init__(self, feed: UserFeed[M], receiver: Receiver[M], start: Cursor) -> None:
        self._feed, self._receiver = feed, receiver
        self._since = self.position = start
        self._is_live = False
        self._turn = asyncio.Lock()

    async def hear(self, message: M) -> None:
        """Take a live event from the feed, unless this reader is held or has it already."""
        if self._is_live and message.cursor > self.position:
            self.position = message.cursor
            await self._receiver.offer(message)

    async def go_live(self) -> None:
        async with self._turn:
            if not self._is_live:
                await self._catch_up()

    async def resume(self, after: Cursor) -> int:
        """Send what lies after the cursor and has not been sent, oldest first, then go live; return how many that were.

        Raises CURSOR_EXPIRED, and CURSOR_INVALID for a place the log has not reached; the reader is live all the same.
        """
        async with self._turn:
            self._is_live = False
            try:
                await check_reached(self._feed.operation, after, self._feed.position)
                replayed = await self._replay(after) if after < self._since else 0
            except DomainError:
                await self._catch_up()
                raise
            return replayed + await self._catch_up()

    async def _replay(self, after: Cursor) -> int:
        sent, place, end = 0, after, self._since
        while place < end:
            page = await self._read(place)
            for event in page:
                if event.cursor <= end:
                    sent += await self._receiver.push(self._feed.render(event))
            place = page[-1].cursor if page else end
        self._since = after
        return sent

    async def _catch_up(self) -> int:
        sent = 0
        while True:
            handed_out = self._feed.position
            page = await self._read(self.position)
            for event in page:
                sent += await self._receiver.push(self._feed.render(event))
                self.position = event.cursor
            if not page:
                self.position = max(self.position, handed_out)
            # No await between this and going live: the feed cannot hand out anything that neither side sends.
            if self.position >= self._feed.position:
                self._is_live = True
                return sent

    async def _read(self, after: Cursor) -> list[StoredEvent]:
        async with self._feed.operation.reading() as work:
            return await event_log.read(work.session, self._feed.interest, after)


async def head(operation: Operation) -> Cursor:
    async with operation.reading() as work:
        return await event_log.head(work.session)


async def check_reached(operation: Operation, after: Cursor, known: Cursor | None = None) -> None:
    """Raise CURSOR_INVALID unless the log has reached the cursor: one from elsewhere would silently hide what is to come."""
    if (known is None or after > known) and after > await head(operation):
        raise DomainError(ErrorCode.CURSOR_INVALID, "The cursor was not issued by this server", cursor=str(after))


async def check_readable(operation: Operation, interest: Interest, after: Cursor) -> None:
    """Raise CURSOR_INVALID or CURSOR_EXPIRED unless the log can be read on from the cursor."""
    await check_reached(operation, after)
    async with operation.reading() as work:
        await event_log.read(work.session, interest, after, limit=1)
