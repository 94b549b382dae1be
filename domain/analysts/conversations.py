"""Reads the discussion of a run, for those who may see it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select

from domain.analysts.models import Conversation, Message
from domain.kernel.errors import NotFound
from domain.kernel.permissions import Caller, Permission, requires
from domain.runtime.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """A conversation with its messages, in the order they were made."""

    conversation: Conversation
    messages: Sequence[Message]


def conversations_visible_to(caller: Caller) -> Select[Conversation]:
    return select(Conversation).where(Conversation.user_id == caller.id)


@requires(Permission.EXECUTIONS_READ)
async def get_conversation(work: UnitOfWork, execution_id: str) -> ConversationRecord:
    """Return the conversation of a run.

    Raises NOT_FOUND, also for a run of one's own whose analysts have not begun or that has no discussion.
    """
    found = await find_conversation(work, execution_id)
    if found is None:
        raise NotFound("Conversation", execution_id)
    return found


@requires(Permission.EXECUTIONS_READ)
async def get_voting(work: UnitOfWork, conversation_id: str) -> ConversationRecord:
    """Return a conversation by its own id, for its votes; its messages are left out. Raises NOT_FOUND."""
    conversation = await work.session.scalar(conversations_visible_to(work.caller).where(Conversation.id == conversation_id))
    if conversation is None:
        raise NotFound("Conversation", conversation_id)
    return ConversationRecord(conversation, [])


async def find_conversation(work: UnitOfWork, execution_id: str) -> ConversationRecord | None:
    """Return the caller's conversation of a run, None when there is none."""
    conversation = await work.session.scalar(conversations_visible_to(work.caller).where(Conversation.execution_id == execution_id))
    if conversation is None:
        return None
    said = select(Message).where(Message.conversation_id == conversation.id).order_by(Message.seq)
    return ConversationRecord(conversation, (await work.session.scalars(said)).all())
