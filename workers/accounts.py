"""What accounts leave for later: mail, and forgetting what is over."""

from domain.accounts import links, lockout, sessions
from domain.runtime.operation import Operation
from workers.jobs import job
from workers.timetable import Entry

# A mail server may be away for a day: eight attempts take four minutes, and from then on there is one every five.
MAIL_ATTEMPTS = 300


@job("accounts.mail_verification_link", max_attempts=MAIL_ATTEMPTS)
async def mail_verification_link(operation: Operation, user_id: str) -> None:
    await links.mail_verification_link(operation, user_id)


@job("accounts.mail_verification_again", max_attempts=MAIL_ATTEMPTS)
async def mail_verification_again(operation: Operation, email: str) -> None:
    await links.mail_verification_again(operation, email)


@job("accounts.mail_reset_link", max_attempts=MAIL_ATTEMPTS)
async def mail_reset_link(operation: Operation, email: str) -> None:
    await links.mail_reset_link(operation, email)


async def prune(operation: Operation) -> None:
    async with operation.unit_of_work() as work:
        await lockout.prune(work)
        await sessions.prune(work)
        await links.prune(work)


ENTRIES = (Entry("accounts.prune", 3600.0, prune),)
