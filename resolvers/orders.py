"""Answers GraphQL's questions about orders, places them, and streams how they go on."""

from collections.abc import AsyncGenerator, Iterable

import strawberry

from domain.runtime.event_log import Interest, StoredEvent
from domain.runtime.unit_of_work import UnitOfWork
from domain.trading import amending, changing, grouping, models, placing, previewing, records, relations, requests, service
from domain.trading.events import ORDER_UPDATED, order_updated
from resolvers.flows import KEY
from resolvers.graphql_door.streams import AFTER, updates
from schema.connections import listing
from schema.context import Info
from schema.fields import field, mutation, subscription
from schema.inputs import checked
from schema.orders import OcoOrderInput, Order, OrderChangesInput, OrderGroup, OrderInput, OrderPreview, OrdersCancelled, OrderUpdate
from schema.scalars import Cursor


@strawberry.type
class OrderQueries:
    @field(Order | None, "One order. Raises NOT_FOUND.", service=service.get_order)
    async def order(self, info: Info, id: strawberry.ID) -> models.Order:
        async with info.context.reading() as work:
            return await service.get_order(work, id)

    @field(
        Order | None,
        "The caller's order with this client order id. Raises NOT_FOUND: then it was never placed.",
        service=records.order_record_by_client_id,
    )
    async def order_by_client_id(self, info: Info, client_order_id: str) -> models.Order:
        async with info.context.reading() as work:
            return (await records.order_record_by_client_id(work, client_order_id)).order

    @field(
        OrderPreview,
        "What placing this order now would come to: size, fee, margin, and everything that the rules, the wallet and the plan say to it. "
        "Nothing is placed. Raises UNKNOWN_SYMBOL, VALIDATION_ERROR, QUANTITY_TOO_SMALL, ORDER_TYPE_UNSUPPORTED, STOP_ON_WRONG_SIDE, "
        "INVALID_POSITION_STATE, NOT_FOUND, MARKET_UNAVAILABLE.",
        service=previewing.preview_order,
    )
    async def preview_order(self, info: Info, input: OrderInput) -> previewing.OrderPreview:
        return await previewing.preview_order(info.context.operation, checked(requests.OrderRequest, vars(input)))

    @field(OrderGroup | None, "A group with its orders. Raises NOT_FOUND.", service=grouping.order_group)
    async def order_group(self, info: Info, group_id: strawberry.ID) -> grouping.OrderGroup:
        async with info.context.reading() as work:
            return await grouping.order_group(work, group_id)

    orders = listing(Order, "The caller's orders, newest first.", relations.page_of_orders)


@strawberry.type
class OrderMutations:
    @mutation(
        Order,
        "Place an order and answer with what became of it: `status` says whether it was filled, rejected, or is still being looked up "
        f"at a venue that does not answer. {KEY} Raises UNKNOWN_SYMBOL, VALIDATION_ERROR, QUANTITY_TOO_SMALL, ORDER_TYPE_UNSUPPORTED, "
        "STOP_ON_WRONG_SIDE, TRADING_HALTED, INSUFFICIENT_FUNDS, RISK_LIMIT_EXCEEDED, PLAN_LIMIT_REACHED, NOT_FOUND, MARKET_UNAVAILABLE.",
        service=placing.place_order,
    )
    async def create_order(self, info: Info, input: OrderInput, idempotency_key: str | None = None) -> models.Order:
        request = checked(requests.OrderRequest, vars(input))
        return await placing.place_order(info.context.keyed(idempotency_key), request)

    @mutation(
        OrderGroup,
        "Place orders of which the first that is filled cancels the others; filled in part, it makes them so much smaller. A limit order "
        "rests at the venue, the server holds the others and cancels the one that rests before it sends another. All of them are written "
        f"or none. {KEY} Raises UNKNOWN_SYMBOL, VALIDATION_ERROR, QUANTITY_TOO_SMALL, ORDER_TYPE_UNSUPPORTED, INVALID_POSITION_STATE, "
        "STOP_ON_WRONG_SIDE, INSUFFICIENT_FUNDS, RISK_LIMIT_EXCEEDED, PLAN_LIMIT_REACHED, NOT_FOUND, MARKET_UNAVAILABLE.",
        service=grouping.place_oco,
    )
    async def create_oco_order(self, info: Info, input: OcoOrderInput, idempotency_key: str | None = None) -> grouping.OrderGroup:
        legs = [checked(grouping.GroupLeg, vars(leg)) for leg in input.legs]
        request = checked(grouping.GroupRequest, vars(input) | {"legs": legs})
        return await grouping.place_oco(info.context.keyed(idempotency_key), request)

    @mutation(
        OrderGroup,
        "Cancel what is left of every order of a group; fills stand. One that stays `CANCELLING` is asked for until its venue answers. "
        "Raises NOT_FOUND, INVALID_ORDER_STATE.",
        service=grouping.cancel_order_group,
    )
    async def cancel_order_group(self, info: Info, group_id: strawberry.ID) -> grouping.OrderGroup:
        return await grouping.cancel_order_group(info.context.operation, group_id)

    @mutation(
        Order,
        "Cancel what is left of an order; its fills stand. Of a cancellation and a fill that race each other one wins. "
        "Raises NOT_FOUND, INVALID_ORDER_STATE, VENUE_REJECTED, and VENUE_UNAVAILABLE: it is then cancelled as soon as the venue answers.",
        service=changing.cancel_order,
    )
    async def cancel_order(self, info: Info, order_id: strawberry.ID) -> models.Order:
        return (await changing.cancel_order(info.context.operation, order_id)).order

    @mutation(
        OrdersCancelled,
        "Cancel every order of the caller that can still be filled, those of flows too, or only those of a symbol or a wallet. "
        "Raises UNKNOWN_SYMBOL, NOT_FOUND for the wallet.",
        service=changing.cancel_all_orders,
    )
    async def cancel_all_orders(
        self, info: Info, symbol: str | None = None, wallet_id: strawberry.ID | None = None
    ) -> changing.OrdersCancelled:
        return await changing.cancel_all_orders(info.context.operation, symbol, wallet_id)

    @mutation(
        Order,
        "Change the total quantity, the limit or the stop price of an order that can still be filled: all of it or nothing. Another price "
        "or a larger quantity goes to the end of the queue, a smaller quantity keeps its place. Raises NOT_FOUND, VALIDATION_ERROR, "
        "QUANTITY_TOO_SMALL, INVALID_ORDER_STATE, INVALID_POSITION_STATE, AMEND_UNSUPPORTED, TRADING_HALTED, INSUFFICIENT_FUNDS, "
        "RISK_LIMIT_EXCEEDED, MARKET_UNAVAILABLE, VENUE_REJECTED, VENUE_UNAVAILABLE.",
        service=amending.amend_order,
    )
    async def amend_order(self, info: Info, order_id: strawberry.ID, input: OrderChangesInput) -> models.Order:
        changes = checked(amending.OrderChanges, vars(input))
        return (await amending.amend_order(info.context.operation, order_id, changes)).order

    @mutation(
        Order,
        "Ask the venue how an order stands and book what it tells; `unresolvedAt` is set while it does not. Raises NOT_FOUND.",
        service=changing.monitor_order,
    )
    async def monitor_order(self, info: Info, order_id: strawberry.ID) -> models.Order:
        return (await changing.monitor_order(info.context.operation, order_id)).order


@strawberry.type
class OrderSubscriptions:
    @subscription(
        OrderUpdate,
        f"How orders go on: one order, those of one flow or run, or all of the caller's. {AFTER} The current state is the named order, or "
        "every order that can still be filled. Raises NOT_FOUND.",
        service=service.get_order,
    )
    async def order_updates(
        self,
        info: Info,
        order_id: strawberry.ID | None = None,
        flow_id: strawberry.ID | None = None,
        execution_id: strawberry.ID | None = None,
        after: Cursor | None = None,
    ) -> AsyncGenerator[OrderUpdate]:
        async def current(work: UnitOfWork, head: Cursor) -> Iterable[OrderUpdate]:
            if order_id is not None:
                found = [await service.get_order(work, order_id)]
            else:
                found = list(await relations.live_orders(work, flow_id, execution_id))
            return [OrderUpdate.of(order_updated(order).payload, head, order.updated_at or order.created_at) for order in found]

        def read(event: StoredEvent) -> OrderUpdate | None:
            if flow_id is not None and event.payload["flow_id"] != flow_id:
                return None
            return OrderUpdate.of(event.payload, Cursor(str(event.cursor)), event.occurred_at)

        interest = Interest(info.context.caller.id, (ORDER_UPDATED,), execution_id, () if order_id is None else (order_id,))
        async for update in updates(info.context, interest, after, current=current, read=read):
            yield update
