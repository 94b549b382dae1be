"""Answers GraphQL's questions about flows, and does with them what clients ask."""

import strawberry

from domain.flows import models, relations, service, triggering
from schema.connections import listing
from schema.context import Info
from schema.executions import Execution
from schema.fields import field, mutation
from schema.flows import Flow, FlowChangesInput, FlowInput, StartFlowInput, TriggerFlowInput
from schema.inputs import checked

KEY = "With an `idempotencyKey` a repeated call answers with what the first one made; raises IDEMPOTENCY_CONFLICT for another request."


@strawberry.type
class FlowQueries:
    @field(Flow | None, "One flow. Raises NOT_FOUND.", service=service.get_flow)
    async def flow(self, info: Info, id: strawberry.ID) -> models.Flow:
        async with info.context.reading() as work:
            return await service.get_flow(work, id)

    flows = listing(Flow, "The caller's flows, newest first.", relations.page_of_flows)


@strawberry.type
class FlowMutations:
    @mutation(Flow, f"Make a flow, as a draft. {KEY} Raises UNKNOWN_SYMBOL, VALIDATION_ERROR.", service=service.create_flow)
    async def create_flow(self, info: Info, input: FlowInput, idempotency_key: str | None = None) -> models.Flow:
        body = checked(service.NewFlow, vars(input))
        async with info.context.unit_of_work(idempotency_key) as work:
            return await service.create_flow(work, body)

    @mutation(Flow, "Change a flow. Raises NOT_FOUND, UNKNOWN_SYMBOL, VALIDATION_ERROR.", service=service.update_flow)
    async def update_flow(self, info: Info, flow_id: strawberry.ID, input: FlowChangesInput) -> models.Flow:
        changes = checked(service.FlowChanges, vars(input))
        async with info.context.unit_of_work() as work:
            return await service.update_flow(work, flow_id, changes)

    @mutation(
        strawberry.ID,
        "Delete a flow and return its id; its runs, orders and positions stay. Raises NOT_FOUND, FLOW_BUSY.",
        service=service.delete_flow,
    )
    async def delete_flow(self, info: Info, flow_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await service.delete_flow(work, flow_id)
        return flow_id

    @mutation(
        Flow,
        "Make a flow active and run it again and again, the first time now; a second call makes no second loop. "
        "Raises NOT_FOUND, MODEL_NOT_CONFIGURED, PLAN_LIMIT_REACHED.",
        service=triggering.start_flow,
    )
    async def start_flow(self, info: Info, flow_id: strawberry.ID, input: StartFlowInput | None = None) -> models.Flow:
        options = checked(triggering.StartOptions, vars(input)) if input else None
        async with info.context.unit_of_work() as work:
            return await triggering.start_flow(work, flow_id, options)

    @mutation(Flow, "Pause a flow and end its loop; a run under way is finished. Raises NOT_FOUND.", service=triggering.stop_flow)
    async def stop_flow(self, info: Info, flow_id: strawberry.ID) -> models.Flow:
        async with info.context.unit_of_work() as work:
            return await triggering.stop_flow(work, flow_id)

    @mutation(
        Execution,
        f"Start one run of a flow and answer at once; `executionUpdates` tells how it goes on. {KEY} "
        "Raises NOT_FOUND, FLOW_BUSY, MODEL_NOT_CONFIGURED, PLAN_LIMIT_REACHED.",
        service=triggering.trigger_flow,
    )
    async def trigger_flow(
        self, info: Info, flow_id: strawberry.ID, input: TriggerFlowInput | None = None, idempotency_key: str | None = None
    ) -> models.Execution:
        options = checked(triggering.TriggerOptions, vars(input)) if input else None
        async with info.context.unit_of_work(idempotency_key) as work:
            return (await triggering.trigger_flow(work, flow_id, options)).execution
