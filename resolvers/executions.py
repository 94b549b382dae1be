"""Answers GraphQL's questions about runs, and streams how they go on."""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime

import strawberry

from domain.flows import models, relations, service
from domain.flows.conversing import CONVERSATION_MESSAGE, CONVERSATION_SWARM_VOTE
from domain.flows.events import EXECUTION_UPDATED, update_of
from domain.runtime.event_log import Interest, StoredEvent
from domain.runtime.unit_of_work import UnitOfWork
from resolvers.graphql_door.streams import AFTER, updates
from schema.connections import listing
from schema.context import Info
from schema.executions import ConversationUpdate, Decision, Execution, ExecutionUpdate, Message
from schema.fields import field, mutation, subscription
from schema.scalars import Cursor


@strawberry.type
class ExecutionQueries:
    @field(Execution | None, "One run. Raises NOT_FOUND.", service=service.get_execution)
    async def execution(self, info: Info, id: strawberry.ID) -> models.Execution:
        async with info.context.reading() as work:
            return (await service.get_execution(work, id)).execution

    executions = listing(
        Execution,
        "The caller's runs, newest first; of one flow, if it is named. Raises NOT_FOUND for a flow that is not there.",
        relations.page_of_executions,
    )

    decisions = listing(Decision, "What the stages of the caller's runs decided, newest first.", relations.page_of_decisions)


@strawberry.type
class ExecutionMutations:
    @mutation(
        strawberry.ID,
        "Delete a run that has ended, with all that was said in it, and return its id; its orders and positions stay. "
        "Raises NOT_FOUND, EXECUTION_RUNNING.",
        service=service.delete_execution,
    )
    async def delete_execution(self, info: Info, execution_id: strawberry.ID) -> strawberry.ID:
        async with info.context.unit_of_work() as work:
            await service.delete_execution(work, execution_id)
        return execution_id

    @mutation(bool, "Delete all of the caller's runs that have ended.", service=service.delete_executions)
    async def delete_executions(self, info: Info) -> bool:
        async with info.context.unit_of_work() as work:
            await service.delete_executions(work)
        return True


@strawberry.type
class ExecutionSubscriptions:
    @subscription(
        ExecutionUpdate,
        f"How runs go on: one run, the runs of one flow, or all of the caller's. {AFTER} The current state is the named run, or every run "
        "that has not ended. Raises NOT_FOUND.",
        service=service.get_execution,
    )
    async def execution_updates(
        self, info: Info, execution_id: strawberry.ID | None = None, flow_id: strawberry.ID | None = None, after: Cursor | None = None
    ) -> AsyncGenerator[ExecutionUpdate]:
        async def current(work: UnitOfWork, head: Cursor) -> Iterable[ExecutionUpdate]:
            if execution_id is not None:
                found = [(await service.get_execution(work, execution_id)).execution]
            else:
                found = list(await relations.live_executions(work, flow_id))
            return [ExecutionUpdate.of(update_of(execution), head, _changed_at(execution)) for execution in found]

        def read(event: StoredEvent) -> ExecutionUpdate | None:
            if flow_id is not None and event.payload["flow_id"] != flow_id:
                return None
            return ExecutionUpdate.of(event.payload, Cursor(str(event.cursor)), event.occurred_at)

        interest = Interest(info.context.caller.id, (EXECUTION_UPDATED,), execution_id)
        async for update in updates(info.context, interest, after, current=current, read=read):
            yield update

    @subscription(
        ConversationUpdate,
        f"What the analysts of one run say, each vote as it falls, and the count of the votes. {AFTER} Raises NOT_FOUND.",
        service=service.get_execution,
    )
    async def conversation_updates(
        self, info: Info, execution_id: strawberry.ID, after: Cursor | None = None
    ) -> AsyncGenerator[ConversationUpdate]:
        async def current(work: UnitOfWork, head: Cursor) -> Iterable[ConversationUpdate]:
            execution = (await service.get_execution(work, execution_id)).execution
            said = (await relations.conversations_of_executions(work, [execution_id])).get(execution_id)
            return [
                ConversationUpdate(
                    cursor=head,
                    type="initial",
                    messages=list(said.messages) if said else [],  # type: ignore[arg-type]
                    swarm_vote=said.swarm_vote if said else None,  # type: ignore[arg-type]
                    occurred_at=_changed_at(execution),
                )
            ]

        def read(event: StoredEvent) -> ConversationUpdate:
            is_message = event.type == CONVERSATION_MESSAGE
            return ConversationUpdate(
                cursor=Cursor(str(event.cursor)),
                type="message" if is_message else "swarm_vote",
                messages=[_message(event)] if is_message else [],
                swarm_vote=None if is_message else event.payload,  # type: ignore[arg-type]
                occurred_at=event.occurred_at,
            )

        interest = Interest(info.context.caller.id, (CONVERSATION_MESSAGE, CONVERSATION_SWARM_VOTE), execution_id)
        async for update in updates(info.context, interest, after, current=current, read=read):
            yield update


def _changed_at(execution: models.Execution) -> datetime:
    return execution.completed_at or execution.started_at or execution.created_at


def _message(event: StoredEvent) -> Message:
    said = {name: event.payload.get(name) for name in ("id", "agent_name", "agent_role", "ai_model", "message_type", "content", "vote")}
    return Message(**said, created_at=event.occurred_at)  # type: ignore[arg-type]
