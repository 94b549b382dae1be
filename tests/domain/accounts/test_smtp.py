import ssl
from pathlib import Path

import pytest

from domain import composition
from domain.accounts.mail import FileMailer, Mail
from domain.accounts.parts import AccountParts
from domain.accounts.smtp import MailNotSent, MailServer, SmtpMailer
from domain.runtime.settings import Settings
from tests.conftest import START
from tests.mail_server import PASSWORD, HangsUp, Mailbox, mail_server, tls_contexts

SENDER = "Tradewind <no-reply@tradewind.example>"
MAIL = Mail("ada@example.com", "Set a new password", "Hello Ada, hé!\n\nhttp://127.0.0.1:8000/x?token=abc-_\n", START)


def mailer(url: str, trusted: ssl.SSLContext | None = None) -> SmtpMailer:
    return SmtpMailer(MailServer.parse(url), SENDER, trusted)


async def test_mail_arrives_as_it_was_written() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        await mailer(f"smtp://127.0.0.1:{port}").send(MAIL)
    [message] = mailbox.messages
    assert (message["From"], message["To"], message["Subject"]) == (SENDER, "ada@example.com", "Set a new password")
    assert message["Date"] == "Mon, 02 Mar 2026 09:30:00 +0000"
    assert message["Message-ID"].endswith("@tradewind.example>")
    assert message.get_content().replace("\r\n", "\n") == MAIL.text


async def test_user_and_password_of_the_url_are_used() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox, auth_required=True, auth_require_tls=False) as port:
        await mailer(f"smtp://ada%40example.com:p%40ss%2Fword@127.0.0.1:{port}").send(MAIL)
        assert mailbox.logged_in == ["ada@example.com"]
        with pytest.raises(MailNotSent, match="SMTPAuthenticationError") as failure:
            await mailer(f"smtp://ada:wrong-one@127.0.0.1:{port}").send(MAIL)
    assert len(mailbox.messages) == 1
    assert "wrong-one" not in str(failure.value) and PASSWORD not in str(failure.value)


async def test_smtps_and_starttls_encrypt(tmp_path: Path) -> None:
    mailbox, (serving, trusting) = Mailbox(), tls_contexts(tmp_path)
    async with mail_server(mailbox, tls=serving) as port:
        await mailer(f"smtps://127.0.0.1:{port}", trusting).send(MAIL)
    async with mail_server(mailbox, tls_context=serving, require_starttls=True) as port:
        await mailer(f"smtp+starttls://127.0.0.1:{port}", trusting).send(MAIL)
        assert mailbox.over_tls[1]
        with pytest.raises(MailNotSent, match="CERTIFICATE_VERIFY_FAILED"):
            await mailer(f"smtp+starttls://127.0.0.1:{port}").send(MAIL)  # nobody vouches for the certificate
    assert len(mailbox.messages) == 2


async def test_starttls_is_not_given_up_for_a_server_without_it() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        for url in (f"smtp+starttls://127.0.0.1:{port}", f"smtps://127.0.0.1:{port}"):
            with pytest.raises(MailNotSent):
                await mailer(url).send(MAIL)
    assert mailbox.messages == []


async def test_what_the_server_refuses_is_not_sent() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        mailbox.answer = "451 come back later"
        with pytest.raises(MailNotSent, match="come back later"):
            await mailer(f"smtp://127.0.0.1:{port}").send(MAIL)
    with pytest.raises(MailNotSent):
        await mailer(f"smtp://127.0.0.1:{port}").send(MAIL)  # nobody listens there any more


async def test_mail_that_was_taken_is_not_sent_again_when_the_server_hangs_up() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox, HangsUp) as port:
        await mailer(f"smtp://127.0.0.1:{port}").send(MAIL)
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://localhost:25", MailServer("localhost", 25, start_tls=False)),
        ("smtp://mail.example.com", MailServer("mail.example.com", 587, start_tls=None)),
        ("smtp://u:p@mail.example.com", MailServer("mail.example.com", 587, "u", "p", start_tls=True)),
        ("smtp+starttls://u:p@localhost", MailServer("localhost", 587, "u", "p", start_tls=True)),
        ("SMTPS://u@mail.example.com", MailServer("mail.example.com", 465, "u", "", use_tls=True, start_tls=False)),
    ],
)
def test_url_names_server_account_and_encryption(url: str, server: MailServer) -> None:
    assert MailServer.parse(url) == server


@pytest.mark.parametrize("url", ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://u:secret@host:99999", "smtp://[::1"])
def test_unusable_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^SMTP_URL must look like") as refusal:
        MailServer.parse(url)
    assert "secret@" not in str(refusal.value)


async def test_setting_decides_how_mail_leaves(settings: Settings) -> None:
    for url, kind, delivers in ((None, FileMailer, False), ("smtp://localhost:25", SmtpMailer, True)):
        runtime = await composition.compose(Settings.model_validate({**settings.model_dump(), "smtp_url": url}))
        mailer = runtime.use(AccountParts).mailer
        assert (type(mailer), mailer.delivers) == (kind, delivers)
        await composition.dispose(runtime)


@pytest.mark.parametrize("sender", ["nobody", "a@b\r\nBcc: c@d", "<>"])
def test_sender_must_have_an_address(sender: str) -> None:
    with pytest.raises(ValueError, match="an address such as"):
        Settings(mail_from=sender)


def test_links_lead_to_where_people_reach_the_server() -> None:
    plain = Settings(allowed_origins="*,https://app.example.com")
    assert (plain.effective_public_url, plain.effective_front_end_url) == ("http://127.0.0.1:8000", "https://app.example.com")
    named = Settings(public_url="https://api.example.com/", front_end_url="https://www.example.com/")
    assert (named.effective_public_url, named.effective_front_end_url) == ("https://api.example.com", "https://www.example.com")
    assert Settings(public_url="https://api.example.com", allowed_origins="*").effective_front_end_url == "https://api.example.com"
