"""Notifications by mail."""

import asyncio
import email
from datetime import timedelta
from email import policy
from email.message import EmailMessage

from sqlalchemy import func, select

from domain.accounts.models import User
from domain.accounts.parts import AccountParts
from domain.accounts.passwords import Passwords
from domain.accounts.smtp import MailServer, SmtpMailer
from domain.kernel.clock import ManualClock
from domain.notifications.kinds import NotificationKind
from domain.notifications.mailing import mail_notification
from domain.notifications.models import MailRation, Notification
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime
from tests.accounts import CHEAP
from tests.databases import both_databases
from tests.domain.notifications.receiver import choose, do_jobs, happen, jobs, rows
from tests.mail_server import Mailbox, mail_server
from workers.notifications import prune

MAIL = "notifications.mail"
ALERT = {"alert_type": "new_place", "severity": "low", "message": "A log-in from a new place."}
FAILED = {
    "status": "FAILED",
    "flow_id": "flow_1",
    "flow_name": "Swing\r\nBcc: eve@example.com",
    "symbol": "BTC/USDT",
    "error": {"message": "The market does not answer."},
}


def files(runtime: Runtime) -> list[EmailMessage]:
    paths = sorted((runtime.settings.var_dir / "outbox").glob("*.eml"))
    return [email.message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]


async def change(user: Operation, **values: object) -> None:
    async with user.runtime.operation().unit_of_work() as work:
        row = await work.session.get_one(User, user.caller.id)
        for name, value in values.items():
            setattr(row, name, value)


async def test_mail_says_what_the_notification_says(ada: Operation, told: Runtime) -> None:
    await happen(ada, "security_alert.raised", ALERT)
    assert await do_jobs(told, MAIL) == 1
    (mail,) = files(told)
    assert (mail["To"], mail["Subject"]) == (ada.caller.email, "Security alert: new place")
    assert mail.get_content() == (
        "Hello Ada Lovelace,\n\nA log-in from a new place.\n\n"
        "This is sent for what is called security_alert.raised in your notification preferences at http://127.0.0.1:8000.\n"
    )


async def test_title_cannot_add_headers(ada: Operation, told: Runtime) -> None:
    await happen(ada, "execution.updated", FAILED)
    await do_jobs(told, MAIL)
    (mail,) = files(told)
    assert (mail["Subject"], mail["Bcc"]) == ("Swing Bcc: eve@example.com failed", None)


async def test_job_that_runs_twice_sends_once(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    await happen(ada, "security_alert.raised", ALERT)
    (row,) = await rows(ada, Notification)
    for _ in range(2):
        await mail_notification(told.operation(), row.id)
    assert len(files(told)) == 1
    assert (await rows(ada, Notification))[0].emailed_at == clock.now()


async def test_confirmed_addresses_only_are_mailed_where_mail_reaches_people(ada: Operation, bob: Operation, told: Runtime) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        mailer = SmtpMailer(MailServer.parse(f"smtp://127.0.0.1:{port}"), told.settings.mail_from)
        told.provide(AccountParts, AccountParts(Passwords(CHEAP), mailer))
        await change(bob, email_verified_at=told.clock.now())
        for user in (ada, bob):
            await happen(user, "security_alert.raised", ALERT)
        assert await do_jobs(told, MAIL) == 2
    assert [message["To"] for message in mailbox.messages] == [bob.caller.email]
    assert [row.emailed_at for user in (ada, bob) for row in await rows(user, Notification)] == [None, told.clock.now()]


async def test_closed_and_switched_off_accounts_are_not_mailed(ada: Operation, bob: Operation, told: Runtime) -> None:
    for user in (ada, bob):
        await happen(user, "security_alert.raised", ALERT)
    await change(ada, deleted_at=told.clock.now())
    await change(bob, is_active=False)
    assert await do_jobs(told, MAIL) == 2
    assert files(told) == []


@both_databases
async def test_same_thing_is_mailed_about_once_a_day(ada: Operation, bob: Operation, told: Runtime, clock: ManualClock) -> None:
    await happen(ada, "security_alert.raised", ALERT)
    await happen(ada, "security_alert.raised", ALERT)
    await happen(ada, "security_alert.raised", ALERT, "thing_2")
    await happen(bob, "security_alert.raised", ALERT)
    assert await do_jobs(told, MAIL) == 3
    clock.advance(hours=24, microseconds=-1)
    await happen(ada, "security_alert.raised", ALERT)
    assert await do_jobs(told, MAIL) == 0
    clock.advance(microseconds=1)
    await happen(ada, "security_alert.raised", ALERT)
    assert await do_jobs(told, MAIL) == 1
    assert len(await rows(ada, Notification)) == 5  # all of them are listed


@both_databases
async def test_ration_holds_when_the_same_thing_is_told_at_once(ada: Operation, told: Runtime) -> None:
    await asyncio.gather(*(happen(ada, "security_alert.raised", ALERT) for _ in range(6)))
    assert (len(await rows(ada, Notification)), len(await jobs(told, MAIL))) == (6, 1)


async def test_mail_can_be_asked_for_and_refused(ada: Operation, told: Runtime) -> None:
    await choose(ada, NotificationKind.SECURITY_ALERT_RAISED, email=False)
    await happen(ada, "security_alert.raised", ALERT)
    assert await jobs(told, MAIL) == []


async def test_rations_that_are_open_again_are_forgotten(ada: Operation, told: Runtime, clock: ManualClock) -> None:
    await happen(ada, "security_alert.raised", ALERT)
    clock.advance(hours=23)
    await happen(ada, "security_alert.raised", ALERT, "thing_2")
    clock.advance(seconds=timedelta(hours=1).total_seconds())
    await prune(told.operation())
    async with told.operation().reading() as work:
        assert await work.session.scalar(select(func.count()).select_from(MailRation)) == 1
