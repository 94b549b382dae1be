"""Answers GraphQL's questions about positions, protects and closes them, and streams how they go on."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry

from domain.runtime.event_log import Interest, StoredEvent
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading import closing, flattening, models, monitoring, relations, service
from domain.trading.events import POSITION_UPDATED, position_updated
from domain.trading.monitoring import UNSET, Unset
from domain.trading.protection import BreakEven, TrailingStop
from resolvers.graphql_door.streams import AFTER, updates
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation, subscription
from schema.inputs import checked
from schema.positions import BreakEvenInput, Flattened, Position, PositionClosed, PositionUpdate, TrailingStopInput
from schema.scalars import Cursor


@strawberry.type
class PositionQueries:
    @field(Position | None, "One position. Raises NOT_FOUND.", service=service.get_position)
    async def position(self, info: Info, id: strawberry.ID) -> models.Position:
        async with info.context.reading() as work:
            return await service.get_position(work, id)

    positions = listing(Position, "The caller's positions, newest first.", relations.page_of_positions)


@strawberry.type
class PositionMutations:
    @mutation(
        PositionClosed,
        "Close a position at the market by an opposite order. Raises NOT_FOUND, INVALID_POSITION_STATE, TRADING_HALTED, VENUE_REJECTED, "
        "and VENUE_UNAVAILABLE while the outcome is not known.",
        service=closing.close_position,
    )
    async def close_position(self, info: Info, position_id: strawberry.ID) -> closing.PositionClosed:
        return await closing.close_position(info.context.operation, position_id)

    @mutation(
        Flattened,
        "Cancel all live orders of the caller, then close all open positions at the market, those of flows too; or those of one symbol. "
        "What cannot be done is told and holds up nothing else. Flows go on running. Raises UNKNOWN_SYMBOL.",
        service=flattening.flatten_all,
    )
    async def flatten_all(self, info: Info, symbol: str | None = None) -> flattening.Flattened:
        return await flattening.flatten_all(info.context.operation, symbol)

    @mutation(
        Position,
        "Move the stop and the target of an open position, and what moves its stop by itself: left out they stay, null takes them away. "
        "Raises NOT_FOUND, VALIDATION_ERROR, INVALID_POSITION_STATE, STOP_ON_WRONG_SIDE.",
        service=monitoring.update_position,
    )
    async def update_position(
        self,
        info: Info,
        position_id: strawberry.ID,
        stop_loss: strawberry.Maybe[Decimal | None] = None,
        take_profit: strawberry.Maybe[Decimal | None] = None,
        trailing_stop: strawberry.Maybe[TrailingStopInput | None] = None,
        break_even: strawberry.Maybe[BreakEvenInput | None] = None,
    ) -> models.Position:
        return await monitoring.update_position(
            info.context.operation,
            position_id,
            _given(stop_loss),
            _given(take_profit),
            _read(TrailingStop, trailing_stop),
            _read(BreakEven, break_even),
        )


@strawberry.type
class PositionSubscriptions:
    @subscription(
        PositionUpdate,
        f"How positions go on: one position, those of one flow, or all of the caller's. {AFTER} The current state is the named position, "
        "or every open one. Raises NOT_FOUND.",
        service=service.get_position,
    )
    async def position_updates(
        self, info: Info, position_id: strawberry.ID | None = None, flow_id: strawberry.ID | None = None, after: Cursor | None = None
    ) -> AsyncGenerator[PositionUpdate]:
        async def current(work: UnitOfWork, head: Cursor) -> Iterable[PositionUpdate]:
            if position_id is not None:
                found = [await service.get_position(work, position_id)]
            else:
                found = list(await relations.open_positions(work, flow_id))
            return [PositionUpdate.of(position_updated(position).payload, head, _changed_at(position)) for position in found]

        def read(event: StoredEvent) -> PositionUpdate | None:
            if flow_id is not None and event.payload["flow_id"] != flow_id:
                return None
            return PositionUpdate.of(event.payload, Cursor(str(event.cursor)), event.occurred_at)

        subjects = () if position_id is None else (position_id,)
        interest = Interest(info.context.caller.id, (POSITION_UPDATED,), subject_ids=subjects)
        async for update in updates(info.context, interest, after, current=current, read=read):
            yield update


def _changed_at(position: models.Position) -> datetime:
    return position.updated_at or position.created_at


def _read[T](kind: type[T], value: strawberry.Some[Any] | None) -> T | Unset | None:
    if value is None:
        return UNSET
    return None if value.value is None else checked(kind, vars(value.value))


def _given(value: strawberry.Some[Decimal | None] | None) -> Decimal | Unset | None:
    return UNSET if value is None else value.value
