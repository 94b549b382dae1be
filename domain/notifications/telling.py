"""Tells people what has happened: in the transaction in which it happens, on the ways that each of them wants."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import select

from domain.accounts.models import User
from domain.kernel.events import Event
from domain.kernel.ids import new_id
from domain.notifications.deliveries import queue_deliveries
from domain.notifications.events import notification_created
from domain.notifications.kinds import Channel
from domain.notifications.mailing import queue_mail
from domain.notifications.models import Notification
from domain.notifications.preferences import channels_for
from domain.notifications.rules import MAX_MESSAGE, MAX_TITLE, RULES, Note, note_of
from domain.runtime.runtime import Runtime
from domain.runtime.unit_of_work import UnitOfWork

log = structlog.get_logger()


def react_to_events(runtime: Runtime) -> None:
    """Have every event that the rules know of told to its owner, exactly once: with the fact, or not at all."""
    for event_type in RULES:
        runtime.react(event_type, tell)


async def tell(work: UnitOfWork, event: Event) -> None:
    """Tell the owner of an event about it, if there is something to say and the owner still has an account."""
    note = _note_of(event)
    if note is None or await _has_been_told(work, event, note) or not await _is_there(work, event.user_id):
        return
    await send_note(work, event.user_id, note, event.subject_id, event.payload)


async def send_note(
    work: UnitOfWork, user_id: str, note: Note, subject_id: str | None = None, metadata: Mapping[str, Any] | None = None
) -> Notification | None:
    """Write a notification and leave mail and webhooks to workers; None if the user wants to hear of this kind on no way."""
    channels = await channels_for(work, user_id, note.kind)
    if not channels:
        return None
    notification = Notification(
        id=new_id("notif"),
        user_id=user_id,
        kind=note.kind,
        subject_id=subject_id,
        type=note.type,
        title=note.title,
        message=note.message,
        details=None if metadata is None else dict(metadata),
        is_listed=Channel.IN_APP in channels,
        created_at=work.now,
    )
    await write(work, notification, channels, note.mail_key or subject_id)
    return notification


async def write(work: UnitOfWork, notification: Notification, channels: Collection[Channel], mail_key: str | None = None) -> None:
    """Store a notification and send it on its ways; `mail_key` is what its mail is rationed by."""
    work.session.add(notification)
    await work.session.flush()
    if notification.is_listed:
        work.emit(notification_created(notification))
    if Channel.EMAIL in channels:
        await queue_mail(work, notification, mail_key or notification.id)
    if Channel.WEBHOOK in channels:
        await queue_deliveries(work, notification)


def _note_of(event: Event) -> Note | None:
    try:
        note = note_of(event)
        return note and replace(note, title=_cut(note.title, MAX_TITLE), message=_cut(note.message, MAX_MESSAGE))
    except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        # A sentence that cannot be written must not undo a trade.
        log.error("notification.not_worded", event_type=event.type, subject_id=event.subject_id, exc_info=error)
        return None


async def _has_been_told(work: UnitOfWork, event: Event, note: Note) -> bool:
    # An order, for instance, is told of again when a late fill is booked. Two tellers wait for each other at its lock.
    if not note.happens_once:
        return False
    mine = Notification.user_id == event.user_id, Notification.subject_id == event.subject_id, Notification.kind == note.kind
    return await work.session.scalar(select(Notification.id).where(*mine).limit(1)) is not None


async def _is_there(work: UnitOfWork, user_id: str) -> bool:
    return await work.session.scalar(select(User.id).where(User.id == user_id, User.deleted_at.is_(None))) is not None


def _cut(text: str, length: int) -> str:
    text = text.replace("\x00", "")  # PostgreSQL keeps no such text
    return text if len(text) <= length else f"{text[: length - 1]}…"
