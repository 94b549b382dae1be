"""Reading flows and their runs for clients that follow relations: pages by keyset, and one statement for what a whole page needs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from domain.analysts.conversations import conversations_visible_to
from domain.analysts.models import Conversation, Decision, Message, VoteRow
from domain.flows import service
from domain.flows.models import Execution, ExecutionSnapshot, ExecutionStatus, ExecutionStep, Flow, FlowStatus
from domain.flows.service import decisions_visible_to, executions_visible_to, flows_visible_to
from domain.kernel.permissions import Permission, requires
from domain.market.instruments import canonical_symbol
from domain.runtime.keyset import KeysetPage, PageRequest, equal, grouped, keyset_page
from domain.runtime.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Discussion:
    """The conversation of a run with its messages, in the order they were made."""

    id: str
    status: str
    context: dict[str, Any]
    messages: Sequence[Message]
    swarm_vote: dict[str, Any] | None
    outcome: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime | None

    @classmethod
    def of(cls, row: Conversation, messages: Sequence[Message]) -> "Discussion":
        return cls(row.id, row.status, row.context, messages, row.swarm_vote, row.outcome, row.created_at, row.updated_at)


@requires(Permission.FLOWS_READ)
async def page_of_flows(
    work: UnitOfWork, page: PageRequest, status: FlowStatus | None = None, symbol: str | None = None
) -> KeysetPage[Flow]:
    """Return a page of the caller's flows, newest first. Raises UNKNOWN_SYMBOL."""
    query = equal(flows_visible_to(work.caller), (Flow.status, status), (Flow.symbol, canonical_symbol(symbol)))
    return await keyset_page(work.session, query, Flow, page)


@requires(Permission.EXECUTIONS_READ)
async def page_of_executions(
    work: UnitOfWork, page: PageRequest, flow_id: str | None = None, status: ExecutionStatus | None = None
) -> KeysetPage[Execution]:
    """Return a page of the caller's runs, newest first. Raises NOT_FOUND for a flow that the caller cannot see."""
    if flow_id is not None:
        await service.find_flow(work, flow_id)
    query = equal(executions_visible_to(work.caller), (Execution.flow_id, flow_id), (Execution.status, status))
    return await keyset_page(work.session, query, Execution, page)


@requires(Permission.EXECUTIONS_READ)
async def page_of_decisions(
    work: UnitOfWork, page: PageRequest, execution_id: str | None = None, agent_role: str | None = None
) -> KeysetPage[Decision]:
    """Return a page of what the stages of the caller's runs decided, newest first."""
    query = equal(decisions_visible_to(work.caller), (Decision.execution_id, execution_id), (Decision.agent_role, agent_role))
    return await keyset_page(work.session, query, Decision, page)


@requires(Permission.EXECUTIONS_READ)
async def live_executions(work: UnitOfWork, flow_id: str | None = None) -> Sequence[Execution]:
    """Return the caller's runs that have not ended, oldest first. Raises NOT_FOUND for a flow that the caller cannot see."""
    if flow_id is not None:
        await service.find_flow(work, flow_id)
    query = equal(executions_visible_to(work.caller), (Execution.flow_id, flow_id))
    return (await work.session.scalars(query.where(Execution.status.in_(service.LIVE)).order_by(Execution.id))).all()


@requires(Permission.FLOWS_READ)
async def flows_by_id(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Flow]:
    """Return those of the flows that the caller can see; deleted ones are gone."""
    return {flow.id: flow for flow in await work.session.scalars(flows_visible_to(work.caller).where(Flow.id.in_(ids)))}


@requires(Permission.EXECUTIONS_READ)
async def executions_by_id(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Execution]:
    """Return those of the runs that the caller can see."""
    query = executions_visible_to(work.caller).where(Execution.id.in_(ids))
    return {execution.id: execution for execution in await work.session.scalars(query)}


@requires(Permission.EXECUTIONS_READ)
async def latest_executions(work: UnitOfWork, flow_ids: Collection[str]) -> Mapping[str, Execution]:
    """Return the newest run of each flow that has one."""
    # ids sort in the order they were made
    newest = select(func.max(Execution.id)).where(Execution.flow_id.in_(flow_ids)).group_by(Execution.flow_id)
    query = executions_visible_to(work.caller).where(Execution.id.in_(newest))
    return {execution.flow_id: execution for execution in await work.session.scalars(query)}


@requires(Permission.EXECUTIONS_READ)
async def steps_of_executions(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Sequence[ExecutionStep]]:
    """Return the steps of each run, in order."""
    return await service.steps_of(work, list(await _visible(work, ids)))


@requires(Permission.EXECUTIONS_READ)
async def votes_of_executions(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Sequence[VoteRow]]:
    """Return the votes of each run, in the order of the panel."""
    query = select(VoteRow).where(VoteRow.execution_id.in_(ids), VoteRow.user_id == work.caller.id)
    return await grouped(work.session, query.order_by(VoteRow.execution_id, VoteRow.member), "execution_id", ids)


@requires(Permission.EXECUTIONS_READ)
async def decisions_of_executions(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Sequence[Decision]]:
    """Return what the stages of each run decided, oldest first."""
    query = decisions_visible_to(work.caller).where(Decision.execution_id.in_(ids)).order_by(Decision.id)
    return await grouped(work.session, query, "execution_id", ids)


@requires(Permission.EXECUTIONS_READ)
async def snapshots_of_executions(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, ExecutionSnapshot]:
    """Return what each run saw of the market; one that has not fetched its data has none."""
    visible = await _visible(work, ids)
    found = await work.session.scalars(select(ExecutionSnapshot).where(ExecutionSnapshot.execution_id.in_(visible)))
    return {snapshot.execution_id: snapshot for snapshot in found}


@requires(Permission.EXECUTIONS_READ)
async def conversations_of_executions(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Discussion]:
    """Return the discussion of each run with its messages, in order, in two statements."""
    query = conversations_visible_to(work.caller).where(Conversation.execution_id.in_(ids))
    conversations = (await work.session.scalars(query)).all()
    own = [conversation.id for conversation in conversations]
    said = select(Message).where(Message.conversation_id.in_(own)).order_by(Message.conversation_id, Message.seq)
    messages = await grouped(work.session, said, "conversation_id", own)
    return {conversation.execution_id: Discussion.of(conversation, messages[conversation.id]) for conversation in conversations}


async def _visible(work: UnitOfWork, ids: Collection[str]) -> set[str]:
    query = executions_visible_to(work.caller).where(Execution.id.in_(ids)).with_only_columns(Execution.id)
    return set(await work.session.scalars(query))
