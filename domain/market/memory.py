"""What a market remembers between requests, and how concurrent requests for the same thing become one."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Remembered[V]:
    """A value with the wall time, in seconds, at which it was stored."""

    value: V
    stored_at: float

    def age(self, wall: float) -> float:
        return wall - self.stored_at


class Memory[K: Hashable, V]:
    """The `capacity` most recently used values. Whether one still holds is for the reader to judge."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[K, Remembered[V]] = OrderedDict()

    def get(self, key: K) -> Remembered[V] | None:
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: K, value: V, wall: float) -> None:
        self._entries[key] = Remembered(value, wall)
        self._entries.move_to_end(key)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)


class SharedCalls:
    """Makes concurrent calls with the same key one call: all get its answer, or its error, and neither is kept."""

    def __init__(self) -> None:
        self._running: dict[tuple[int, Hashable], asyncio.Task[Any]] = {}

    async def share[T](self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        """Return the answer of the call under way for this key, starting it if there is none.

        A caller that is cancelled leaves the call running for the others.
        """
        # A task belongs to its event loop, and the server may run its jobs on a second one.
        slot = (id(asyncio.get_running_loop()), key)
        task = self._running.get(slot)
        if task is None:
            task = asyncio.ensure_future(_run(call))
            self._running[slot] = task
            task.add_done_callback(lambda done: self._forget(slot, done))
        answer: T = await asyncio.shield(task)
        return answer

    async def close(self) -> None:
        """Cancel the calls under way on this event loop."""
        loop = id(asyncio.get_running_loop())
        tasks = [task for (owner, _), task in list(self._running.items()) if owner == loop]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, slot: tuple[int, Hashable], task: asyncio.Task[Any]) -> None:
        del self._running[slot]
        if not task.cancelled():
            # Marks the error as seen, since every waiter may have been cancelled by now.
            task.exception()


async def _run[T](call: Callable[[], Awaitable[T]]) -> T:
    return await call()
