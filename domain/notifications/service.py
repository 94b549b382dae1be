"""What people do with their notifications: write, list, read and delete them."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import ColumnElement, Select, false, func, select, update

from domain.audit.recording import audited, entry_of
from domain.kernel.errors import DomainError, ErrorCode, NotFound
from domain.kernel.ids import new_id
from domain.kernel.permissions import Caller, Permission, requires
from domain.notifications.kinds import NotificationKind, NotificationType
from domain.notifications.models import Notification
from domain.notifications.preferences import channels_for
from domain.notifications.rules import MAX_MESSAGE, MAX_TITLE
from domain.notifications.telling import write
from domain.runtime.columns import dump_json
from domain.runtime.idempotency import claim, fingerprint_of
from domain.runtime.paging import Limit, Offset, Page, page_of
from domain.runtime.unit_of_work import UnitOfWork

MAX_METADATA_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class NewNotification:
    """What a person writes to themselves. `metadata` is any JSON object of at most 16 KiB."""

    type: NotificationType
    title: Annotated[str, Field(min_length=1, max_length=MAX_TITLE)]
    message: Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE)]
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AllRead:
    """How many notifications were read together."""

    marked_count: int

    @property
    def message(self) -> str:
        return f"Marked {self.marked_count} notifications as read"


@dataclass(frozen=True, slots=True)
class UnreadCount:
    unread_count: int


def notifications_visible_to(caller: Caller) -> Select[Notification]:
    """Return the select that every reading of notifications starts from: the caller's own that are listed and not deleted."""
    query = select(Notification).where(Notification.deleted_at.is_(None), Notification.is_listed)
    return query if caller.is_system else query.where(Notification.user_id == caller.id)


@audited("notification.create", id="result.id")
@requires(Permission.NOTIFICATIONS_WRITE)
async def create_notification(work: UnitOfWork, body: NewNotification) -> Notification:
    """Write a notification to the caller, who sees it in the list whatever the preferences say. Raises VALIDATION_ERROR."""
    if body.metadata is not None and len(dump_json(body.metadata)) > MAX_METADATA_BYTES:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"metadata must not have more than {MAX_METADATA_BYTES} bytes", field="metadata")
    notification = Notification(
        id=new_id("notif"),
        user_id=work.caller.id,
        kind=NotificationKind.MANUAL,
        type=body.type,
        title=body.title,
        message=body.message,
        details=body.metadata,
        is_listed=True,
        created_at=work.now,
    )
    if earlier := await claim(work, fingerprint_of("create_notification", **asdict(body)), notification.id):
        return await find_notification(work, earlier)
    await write(work, notification, await channels_for(work, notification.user_id, notification.kind))
    return notification


@requires(Permission.NOTIFICATIONS_READ)
async def list_notifications(
    work: UnitOfWork,
    is_read: bool | None = None,
    type: str | None = None,
    kind: str | None = None,
    limit: Limit = 10,
    offset: Offset = 0,
) -> Page[Notification]:
    """Return the caller's notifications, newest first; nothing for a type or kind that does not exist."""
    query = notifications_visible_to(work.caller).where(*narrowed(is_read, _known(NotificationType, type), _known(NotificationKind, kind)))
    if _is_unknown(NotificationType, type) or _is_unknown(NotificationKind, kind):
        query = query.where(false())
    return await page_of(work.session, query.order_by(Notification.created_at.desc(), Notification.id.desc()), limit, offset)


@requires(Permission.NOTIFICATIONS_READ)
async def count_unread(work: UnitOfWork) -> UnreadCount:
    """Return how many notifications the caller has not read."""
    query = notifications_visible_to(work.caller).where(Notification.read_at.is_(None))
    return UnreadCount(await work.session.scalar(select(func.count()).select_from(query.subquery())) or 0)


@requires(Permission.NOTIFICATIONS_READ)
async def get_notification(work: UnitOfWork, notification_id: str) -> Notification:
    """Return one notification. Raises NOT_FOUND."""
    return await find_notification(work, notification_id)


@audited("notification.read", id="notification_id")
@requires(Permission.NOTIFICATIONS_WRITE)
async def mark_read(work: UnitOfWork, notification_id: str) -> Notification:
    """Mark a notification as read; repeating it keeps the moment of the first time. Raises NOT_FOUND."""
    notification = await find_notification(work, notification_id, for_update=True)
    if notification.read_at is None:
        notification.read_at = notification.updated_at = work.now
    return notification


@audited("notification.read_all", id="caller.user_id")
@requires(Permission.NOTIFICATIONS_WRITE)
async def mark_all_read(work: UnitOfWork) -> AllRead:
    """Mark all unread notifications of the caller as read; says how many those were."""
    unread = update(Notification).where(
        Notification.user_id == work.caller.id,
        Notification.read_at.is_(None),
        Notification.deleted_at.is_(None),
        Notification.is_listed,
    )
    marked = await work.session.execute(unread.values(read_at=work.now, updated_at=work.now).returning(Notification.id))
    ids = marked.scalars().all()
    entry_of(work).add(marked=sorted(ids))
    return AllRead(len(ids))


@audited("notification.delete", id="notification_id")
@requires(Permission.NOTIFICATIONS_WRITE)
async def delete_notification(work: UnitOfWork, notification_id: str) -> None:
    """Take a notification off the list for good. Raises NOT_FOUND, also the second time."""
    notification = await find_notification(work, notification_id, for_update=True)
    notification.deleted_at = notification.updated_at = work.now


async def find_notification(work: UnitOfWork, notification_id: str, *, for_update: bool = False) -> Notification:
    """Return the caller's notification; raises NOT_FOUND."""
    query = notifications_visible_to(work.caller).where(Notification.id == notification_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    notification = await work.session.scalar(query)
    if notification is None:
        raise NotFound("Notification", notification_id)
    return notification


def narrowed(
    is_read: bool | None = None, type: NotificationType | None = None, kind: NotificationKind | None = None
) -> list[ColumnElement[bool]]:
    """Return the conditions that these filters make; None does not narrow a list."""
    terms: list[ColumnElement[bool]] = []
    if is_read is not None:
        terms.append(Notification.read_at.is_not(None) if is_read else Notification.read_at.is_(None))
    if type is not None:
        terms.append(Notification.type == type)
    if kind is not None:
        terms.append(Notification.kind == kind)
    return terms


def _known[E: (NotificationType, NotificationKind)](kind: type[E], word: str | None) -> E | None:
    return kind(word) if word in {member.value for member in kind} else None


def _is_unknown(kind: type[NotificationType] | type[NotificationKind], word: str | None) -> bool:
    return word is not None and word not in {member.value for member in kind}
