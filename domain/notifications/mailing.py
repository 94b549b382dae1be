"""Notifications by mail: to confirmed addresses, and not about the same thing again and again."""

from datetime import timedelta

from sqlalchemy import delete

from domain.accounts.mail import Mail
from domain.accounts.models import User
from domain.accounts.parts import AccountParts
from domain.notifications.models import MailRation, Notification
from domain.runtime.database import upsert
from domain.runtime.operation import Operation
from domain.runtime.unit_of_work import UnitOfWork

MAIL_JOB = "notifications.mail"
# No more than one mail in this time to the same user, of the same kind, about the same object.
RATION = timedelta(hours=24)


async def queue_mail(work: UnitOfWork, notification: Notification, key: str) -> bool:
    """Have the notification mailed unless its ration is used up; says whether it will be."""
    place = {"user_id": notification.user_id, "kind": notification.kind, "key": key[:40]}
    claim = upsert(work.session, MailRation, place, {"mailed_at": work.now}, MailRation.mailed_at <= work.now - RATION)
    if (await work.session.execute(claim.returning(MailRation.key))).first() is None:
        return False
    work.enqueue(MAIL_JOB, notification_id=notification.id)
    return True


async def mail_notification(operation: Operation, notification_id: str) -> None:
    """Send a notification by mail, once; nothing is sent to an account that is closed, or to an address nobody has confirmed.

    Without a mail server the mail becomes a readable file, whatever the address. Raises OSError when the mail cannot be handed over.
    """
    mailer = operation.use(AccountParts).mailer
    async with operation.reading() as work:
        notification = await work.session.get_one(Notification, notification_id)
        user = await work.session.get_one(User, notification.user_id)
    if notification.emailed_at is not None or user.deleted_at is not None or not user.is_active:
        return
    if mailer.delivers and user.email_verified_at is None:
        return
    settings = operation.runtime.settings
    text = (
        f"Hello {user.name},\n\n{notification.message}\n\n"
        f"This is sent for what is called {notification.kind.value} in your notification preferences at {settings.effective_public_url}.\n"
    )
    subject = " ".join(notification.title.split())  # a header has one line
    await mailer.send(Mail(user.email, subject, text, notification.created_at))
    async with operation.unit_of_work() as work:
        sent = await work.session.get_one(Notification, notification_id)
        sent.emailed_at = work.now


async def prune_rations(work: UnitOfWork) -> None:
    """Forget rations that are open again."""
    await work.session.execute(delete(MailRation).where(MailRation.mailed_at <= work.now - RATION))
