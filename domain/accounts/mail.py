"""Mail to people: the port, and the mailer for servers that have no mail server."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from pathlib import Path
from typing import Protocol

from domain.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Mail:
    """A plain-text mail to one person."""

    to: str
    subject: str
    text: str
    written_at: datetime


class Mailer(Protocol):
    """Sends mail. `delivers` says whether it reaches people, so that a confirmed address can be asked for."""

    @property
    def delivers(self) -> bool: ...

    async def send(self, mail: Mail) -> None:
        """Hand the mail over; raises OSError when that fails, and the job that sends is tried again."""
        ...


class FileMailer:
    """Writes each mail as a readable .eml file into a folder, for its owner's eyes only."""

    delivers = False

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder, self._sender = folder, sender

    async def send(self, mail: Mail) -> None:
        await asyncio.to_thread(self._write, mail)

    def _write(self, mail: Mail) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{new_id('mail')}.eml"
        path.touch(mode=0o600)
        path.write_bytes(bytes(message_of(mail, self._sender)))


def message_of(mail: Mail, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, mail.to, mail.subject
    message["Date"] = format_datetime(mail.written_at)
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2])
    message.set_content(mail.text)
    return message
