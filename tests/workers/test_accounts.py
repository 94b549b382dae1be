"""Mail from the request to the mailbox, over a real mail server that is not always there."""

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from domain.accounts import links, service
from domain.accounts.models import MailedToken, RefreshToken, Session
from domain.accounts.parts import AccountParts
from domain.accounts.passwords import Passwords
from domain.accounts.smtp import MailServer, SmtpMailer
from domain.kernel.clock import ManualClock
from domain.kernel.errors import DomainError, ErrorCode
from domain.runtime.outbox import message_of, take_due
from domain.runtime.runtime import Runtime
from tests.accounts import ADA, CHEAP, nobody, provide_accounts
from tests.databases import both_databases
from tests.mail_server import HangsUp, Mailbox, mail_server
from tests.workers.conftest import rows
from workers.accounts import prune
from workers.catalogue import JOBS
from workers.jobs import perform


def provide_mail(runtime: Runtime, port: int) -> None:
    mailer = SmtpMailer(MailServer.parse(f"smtp://127.0.0.1:{port}"), runtime.settings.mail_from)
    runtime.provide(AccountParts, AccountParts(Passwords(CHEAP), mailer))


async def do_due_jobs(runtime: Runtime) -> int:
    """Do what the relay would hand out now, and return how many jobs that were."""
    async with runtime.operation().unit_of_work() as work:
        messages = await take_due(work.session, work.now)
    for message in messages:
        await perform(runtime, JOBS[message.name], message)
    return len(messages)


async def test_account_is_confirmed_by_the_link_in_the_mail_before_the_first_log_in(runtime: Runtime, clock: ManualClock) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        provide_mail(runtime, port)
        await service.register(nobody(runtime), **ADA)
        with pytest.raises(DomainError) as refusal:
            await service.log_in(nobody(runtime), ADA["email"], ADA["password"])
        assert refusal.value.code is ErrorCode.EMAIL_UNVERIFIED
        clock.advance(seconds=61)  # the relay hands out what was not done within a minute
        assert await do_due_jobs(runtime) == 1
        [(receiver, token)] = mailbox.tokens()
        assert receiver == "ada@example.com"
        await service.verify_email(nobody(runtime), token)
        await service.log_in(nobody(runtime), ADA["email"], ADA["password"])
        assert await rows(runtime) == []


async def test_mail_waits_for_a_server_that_is_away_and_is_sent_once(runtime: Runtime, clock: ManualClock) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        provide_mail(runtime, port)
        await service.register(nobody(runtime), **ADA)
    [row] = await rows(runtime)
    for attempt in range(1, 11):  # more than other jobs get
        clock.set(row.run_at)
        with capture_logs():  # tracebacks take long to draw
            await perform(runtime, JOBS[row.name], message_of(row))
        [row] = await rows(runtime)
        assert (row.attempts, row.failed_at) == (attempt, None)
        assert str(row.last_error).startswith("MailNotSent: ")
    assert JOBS[row.name].max_attempts == 300
    clock.set(row.run_at)
    assert mailbox.messages == []
    async with mail_server(mailbox, HangsUp, port=port):
        assert await do_due_jobs(runtime) == 1
        assert await do_due_jobs(runtime) == 0
    assert len(mailbox.messages) == 1
    await service.verify_email(nobody(runtime), mailbox.tokens()[0][1])


async def test_reset_link_reaches_its_owner_only_and_confirms_the_address(runtime: Runtime, clock: ManualClock) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        provide_mail(runtime, port)
        await service.register(nobody(runtime), **ADA)
        for email in (ADA["email"], "nobody@example.com"):
            await service.forgot_password(nobody(runtime), email)
        clock.advance(seconds=61)
        assert await do_due_jobs(runtime) == 3
    assert [(receiver, str(message["Subject"])) for (receiver, _), message in zip(mailbox.tokens(), mailbox.messages, strict=True)] == [
        ("ada@example.com", "Confirm your e-mail address"),
        ("ada@example.com", "Set a new password"),
    ]
    assert "http://localhost:3000/reset-password?token=" in mailbox.messages[1].get_content()
    await service.reset_password(nobody(runtime), mailbox.tokens()[1][1], "analytical engine")
    await service.log_in(nobody(runtime), ADA["email"], "analytical engine")


async def test_account_made_by_the_system_needs_no_mail(runtime: Runtime) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        provide_mail(runtime, port)
        await service.register(runtime.operation(), **ADA)
        await service.log_in(nobody(runtime), ADA["email"], ADA["password"])
    assert await rows(runtime) == []


@both_databases
async def test_tokens_and_sessions_that_are_over_are_forgotten(runtime: Runtime, clock: ManualClock) -> None:
    async def kept() -> list[int]:
        await prune(runtime.operation())
        async with runtime.operation().reading() as work:
            return [len((await work.session.scalars(select(table))).all()) for table in (RefreshToken, Session, MailedToken)]

    provide_accounts(runtime)
    user = await service.register(nobody(runtime), **ADA)
    await links.mail_verification_link(runtime.operation(), user.id)
    old = await service.log_in(nobody(runtime), ADA["email"], ADA["password"])
    clock.advance(days=6)
    young = await service.refresh(nobody(runtime), old.refresh_token)
    assert await kept() == [2, 1, 1]
    clock.advance(days=2)
    assert await kept() == [1, 1, 1]
    await service.refresh(nobody(runtime), young.refresh_token)
    clock.advance(days=7 + 30)
    assert await kept() == [0, 0, 0]
