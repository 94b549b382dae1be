"""Reading notifications for clients that follow relations, and for streams."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func, select

from domain.kernel.permissions import Permission, requires
from domain.notifications.kinds import NotificationKind, NotificationType
from domain.notifications.models import Notification
from domain.notifications.service import narrowed, notifications_visible_to
from domain.runtime.keyset import KeysetPage, PageRequest, keyset_page
from domain.runtime.unit_of_work import UnitOfWork

AT_THE_START = 50


@requires(Permission.NOTIFICATIONS_READ)
async def page_of_notifications(
    work: UnitOfWork,
    page: PageRequest,
    is_read: bool | None = None,
    type: NotificationType | None = None,
    kind: NotificationKind | None = None,
) -> KeysetPage[Notification]:
    """Return a page of the caller's notifications, newest first."""
    query = notifications_visible_to(work.caller).where(*narrowed(is_read, type, kind))
    return await keyset_page(work.session, query, Notification, page)


@requires(Permission.NOTIFICATIONS_READ)
async def newest_unread(work: UnitOfWork) -> Sequence[Notification]:
    """Return the newest 50 notifications that the caller has not read, oldest first."""
    query = notifications_visible_to(work.caller).where(Notification.read_at.is_(None))
    newest = query.order_by(Notification.created_at.desc(), Notification.id.desc()).limit(AT_THE_START)
    return (await work.session.scalars(newest)).all()[::-1]


@requires(Permission.NOTIFICATIONS_READ)
async def notifications_by_id(work: UnitOfWork, ids: Collection[str]) -> Mapping[str, Notification]:
    """Return those of these notifications that the caller can still see."""
    found = await work.session.scalars(notifications_visible_to(work.caller).where(Notification.id.in_(ids)))
    return {notification.id: notification for notification in found}


@requires(Permission.NOTIFICATIONS_READ)
async def unread_counts(work: UnitOfWork, user_ids: Collection[str]) -> Mapping[str, int]:
    """Return how many notifications each of these users, of whom the caller sees their own only, has not read."""
    unread = notifications_visible_to(work.caller).where(Notification.read_at.is_(None), Notification.user_id.in_(user_ids)).subquery()
    counts = await work.session.execute(select(unread.c.user_id, func.count()).group_by(unread.c.user_id))
    return dict.fromkeys(user_ids, 0) | {row[0]: row[1] for row in counts}
