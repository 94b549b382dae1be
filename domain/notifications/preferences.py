"""Which of the system's notifications reach a user, and on which ways."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import select

from domain.audit.recording import audited
from domain.kernel.permissions import Permission, requires
from domain.notifications.kinds import DEFAULT_CHANNELS, Channel, NotificationKind
from domain.notifications.models import Preference
from domain.runtime.database import upsert
from domain.runtime.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """The ways on which notifications of a kind go to the user."""

    kind: NotificationKind
    in_app: bool
    email: bool
    webhook: bool


@dataclass(frozen=True, slots=True)
class ChannelChanges:
    """What is to change for a kind; None leaves a way as it is."""

    kind: NotificationKind
    in_app: bool | None = None
    email: bool | None = None
    webhook: bool | None = None


@dataclass(frozen=True, slots=True)
class PreferenceChanges:
    """Changes for some kinds, in order; a later one of the same kind wins."""

    preferences: Annotated[list[ChannelChanges], Field(max_length=100)]


@requires(Permission.NOTIFICATIONS_READ)
async def get_preferences(work: UnitOfWork) -> Sequence[ChannelChoice]:
    """Return the caller's choice for every kind, defaults included."""
    return await _choices(work, work.caller.id)


@audited("notification_preferences.update", id="caller.user_id")
@requires(Permission.NOTIFICATIONS_WRITE)
async def update_preferences(work: UnitOfWork, body: PreferenceChanges) -> Sequence[ChannelChoice]:
    """Change on which ways the caller is told things, from the next notification on; return the choice for every kind."""
    user_id = work.caller.id
    wishes = {
        (changes.kind, channel): is_on
        for changes in body.preferences
        for channel in Channel
        if (is_on := getattr(changes, channel.value)) is not None
    }
    for (kind, channel), is_on in wishes.items():
        values = {"is_on": is_on, "updated_at": work.now}
        await work.session.execute(upsert(work.session, Preference, {"user_id": user_id, "kind": kind, "channel": channel}, values))
    return await _choices(work, user_id)


async def channels_for(work: UnitOfWork, user_id: str, kind: NotificationKind) -> frozenset[Channel]:
    """Return the ways on which the user is told of this kind."""
    query = select(Preference.channel, Preference.is_on).where(Preference.user_id == user_id, Preference.kind == kind)
    wishes = {row.channel: row.is_on for row in await work.session.execute(query)}
    return _effective(kind, wishes)


async def _choices(work: UnitOfWork, user_id: str) -> list[ChannelChoice]:
    query = select(Preference.kind, Preference.channel, Preference.is_on).where(Preference.user_id == user_id)
    wishes: dict[NotificationKind, dict[Channel, bool]] = {kind: {} for kind in NotificationKind}
    for kind, channel, is_on in await work.session.execute(query):
        wishes[kind][channel] = is_on
    return [ChannelChoice(kind, *(channel in _effective(kind, wishes[kind]) for channel in Channel)) for kind in NotificationKind]


def _effective(kind: NotificationKind, wishes: dict[Channel, bool]) -> frozenset[Channel]:
    return frozenset(channel for channel in Channel if wishes.get(channel, channel in DEFAULT_CHANNELS[kind]))
