"""A real mail server on a free port of this machine, whose mailbox a test can read."""

import asyncio
import datetime
import ipaddress
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PASSWORD = "p@ss/word"


class Mailbox:
    """Keeps what was delivered; `answer` is what the server says to the next mails."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.over_tls: list[bool] = []
        self.logged_in: list[str] = []
        self.answer = "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
            self.over_tls.append(session.ssl is not None)
        return self.answer

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
        if right:
            self.logged_in.append(data.login.decode())
        return AuthResult(success=right, handled=False)

    def tokens(self) -> list[tuple[str, str]]:
        """Return (receiver, token in the link) of every mail, oldest first."""
        found = [(str(message["To"]), re.search(r"token=(\S+)", message.get_content())) for message in self.messages]
        return [(receiver, link.group(1)) for receiver, link in found if link]


class HangsUp(SMTP):
    """Takes mail, and is gone when the client says good-bye."""

    async def smtp_QUIT(self, _argument: str) -> None:
        assert isinstance(self.transport, asyncio.WriteTransport)
        self.transport.abort()


@asynccontextmanager
async def mail_server(
    mailbox: Mailbox, kind: Callable[..., SMTP] = SMTP, tls: ssl.SSLContext | None = None, *, port: int = 0, **options: Any
) -> AsyncIterator[int]:
    """Serve the mailbox, with TLS from the start if a context is given, and yield the port."""
    server = await asyncio.get_running_loop().create_server(
        lambda: kind(mailbox, hostname="mail.test", authenticator=mailbox.authenticate, **options), "127.0.0.1", port, ssl=tls
    )
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def tls_contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the context of a server with a certificate for 127.0.0.1, and one of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only"),
        False,
    )
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "mail.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.PEM).decode())
    return server, client
