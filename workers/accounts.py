"""Jobs of accounts: mail."""

from domain.accounts import links
from domain.runtime.operation import Operation
from workers.jobs import job


@job("accounts.mail_verification_link")
async def mail_verification_link(operation: Operation, user_id: str) -> None:
    await links.mail_verification_link(operation, user_id)


@job("accounts.mail_reset_link")
async def mail_reset_link(operation: Operation, email: str) -> None:
    await links.mail_reset_link(operation, email)
