"""What notifications leave for later: mail, webhooks, and forgetting what is old."""

from domain.notifications import deliveries, mailing
from domain.notifications.deliveries import DELIVERY_JOB
from domain.notifications.mailing import MAIL_JOB
from domain.runtime.operation import Operation
from workers.accounts import MAIL_ATTEMPTS
from workers.jobs import job
from workers.timetable import Entry

MINUTE, HOUR = 60.0, 3600.0


@job(MAIL_JOB, max_attempts=MAIL_ATTEMPTS)
async def mail_notification(operation: Operation, notification_id: str) -> None:
    await mailing.mail_notification(operation, notification_id)


@job(DELIVERY_JOB)
async def deliver(operation: Operation, delivery_id: str) -> None:
    await deliveries.deliver(operation, delivery_id)


async def prune(operation: Operation) -> None:
    async with operation.unit_of_work() as work:
        await deliveries.prune_deliveries(work)
        await mailing.prune_rations(work)


ENTRIES = (
    Entry("notifications.queue_lost_deliveries", MINUTE, deliveries.queue_lost_deliveries),
    Entry("notifications.prune", HOUR, prune),
)
