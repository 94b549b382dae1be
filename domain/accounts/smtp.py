"""Mail that reaches people, by way of a mail server."""

import ssl
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote, urlsplit

import structlog
from aiosmtplib import SMTP, SMTPException

from domain.accounts.mail import Mail, message_of

log = structlog.get_logger()
PORTS = {"smtp": 587, "smtp+starttls": 587, "smtps": 465}
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
TIMEOUT_SECONDS = 30.0
NEEDED = "SMTP_URL must look like smtp://user:password@host:port, with smtp+starttls or smtps for TLS"


class MailNotSent(OSError):
    """The mail server did not take the mail; the job that sends it is tried again."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over. `start_tls` is None where TLS is used if the server offers it."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    use_tls: bool = False
    start_tls: bool | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the server that a URL names; raises ValueError with a sentence that does not repeat the password.

        `smtps` speaks TLS from the start, and `smtp+starttls` insists on changing to it. `smtp` stays plain on this machine;
        elsewhere it takes what it can get, and never sends a password in the clear.
        """
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
        except ValueError:
            raise ValueError(NEEDED) from None
        if scheme not in PORTS or not host:
            raise ValueError(NEEDED)
        user = unquote(parts.username) if parts.username else None
        start_tls: bool | None
        if scheme == "smtps":
            start_tls = False
        elif scheme == "smtp+starttls":
            start_tls = True
        elif host in THIS_MACHINE:
            start_tls = False
        else:
            start_tls = True if user else None
        return cls(host, port or PORTS[scheme], user, unquote(parts.password or "") if user else None, scheme == "smtps", start_tls)


class SmtpMailer:
    """Hands each mail to a mail server; one connection a mail."""

    delivers = True

    def __init__(self, server: MailServer, sender: str, tls_context: ssl.SSLContext | None = None) -> None:
        self._server, self._sender, self._tls_context = server, sender, tls_context

    async def send(self, mail: Mail) -> None:
        """Hand the mail over; raises MailNotSent, and never once the server has taken it."""
        server = self._server
        taken = False
        try:
            async with SMTP(
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                use_tls=server.use_tls,
                start_tls=server.start_tls,
                tls_context=self._tls_context,
                timeout=TIMEOUT_SECONDS,
            ) as connection:
                await connection.send_message(message_of(mail, self._sender))
                taken = True
        except (SMTPException, OSError) as error:
            if not taken:
                raise MailNotSent(f"{server.host}:{server.port} did not take the mail: {type(error).__name__}: {error}") from error
            log.warning("accounts.mail_server_left", error=f"{type(error).__name__}: {error}")
