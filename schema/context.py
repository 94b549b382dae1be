"""What a GraphQL resolver is given besides its arguments: the operation, and through it the caller and the transactions."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import strawberry
from strawberry.dataloader import DataLoader

from domain.kernel.permissions import Caller
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

type BatchLoad[V] = Callable[[UnitOfWork, list[str]], Awaitable[Mapping[str, V]]]
MAX_BATCH = 500


@dataclass(slots=True)
class GraphQLContext:
    """One GraphQL operation of one caller.

    Fields of a query run side by side, and a database session must not be shared between them: each opens its own unit of
    work, and closes it before its children are asked.
    """

    operation: Operation
    # Set by a subscription once nothing that happens from then on can be missed.
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    _loaders: dict[Any, DataLoader[str, Any]] = field(default_factory=dict)

    @property
    def caller(self) -> Caller:
        return self.operation.caller

    def reading(self) -> UnitOfWork:
        """Return a reading transaction, to be opened with `async with`."""
        return self.operation.reading()

    def unit_of_work(self, idempotency_key: str | None = None) -> UnitOfWork:
        """Return a writing transaction, to be opened with `async with`."""
        return self.keyed(idempotency_key).unit_of_work()

    def keyed(self, idempotency_key: str | None) -> Operation:
        """Return the operation under the key that came with a mutation."""
        return replace(self.operation, idempotency_key=idempotency_key) if idempotency_key is not None else self.operation

    async def load[V](self, batch: BatchLoad[V], key: str | None) -> V | None:
        """Return what belongs to a key, asking once for all the keys that the fields of one level need; None for no key."""
        if key is None:
            return None
        loader = self._loaders.get(batch)
        if loader is None:
            # Nothing is remembered from one level to the next: a subscription lives long, and shows what is there now.
            loader = self._loaders[batch] = DataLoader(self._loading(batch), max_batch_size=MAX_BATCH, cache=False)
        found: V | None = await loader.load(key)
        return found

    def _loading(self, batch: BatchLoad[Any]) -> Callable[[list[str]], Awaitable[Sequence[Any]]]:
        async def load(keys: list[str]) -> Sequence[Any]:
            async with self.reading() as work:
                found = await batch(work, list(dict.fromkeys(keys)))
            return [found.get(key) for key in keys]

        return load


Info = strawberry.Info[GraphQLContext, None]
