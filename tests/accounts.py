"""Accounts for tests: cheap hashes, a mailbox that can be read, and tokens for a caller."""

import email
import re
from email import policy
from pathlib import Path
from typing import Any

from domain.accounts import sessions
from domain.accounts.mail import FileMailer
from domain.accounts.models import User
from domain.accounts.parts import AccountParts
from domain.accounts.passwords import HashCost, Passwords
from domain.accounts.sessions import Tokens
from domain.kernel.permissions import ANONYMOUS, Caller
from domain.runtime.operation import Operation
from domain.runtime.runtime import Runtime

CHEAP = HashCost(memory_kib=8, passes=1)
ADA: dict[str, Any] = {"email": "ada@example.com", "password": "securepassword123", "first_name": "Ada", "last_name": "Lovelace"}


def provide_accounts(runtime: Runtime) -> AccountParts:
    """Give the runtime what accounts need: hashes of microseconds, and mail into VAR_DIR/outbox."""
    parts = AccountParts(Passwords(CHEAP), FileMailer(runtime.settings.var_dir / "outbox", runtime.settings.mail_from))
    runtime.provide(AccountParts, parts)
    return parts


def nobody(runtime: Runtime) -> Operation:
    return runtime.operation(ANONYMOUS, door="test")


async def tokens_of(runtime: Runtime, caller: Caller) -> Tokens:
    """Open a session for a user that a builder made, without a password."""
    async with runtime.operation(caller).unit_of_work() as work:
        user = await work.session.get(User, caller.user_id)
        assert user is not None
        return await sessions.open_session(work, user)


async def bearer(runtime: Runtime, caller: Caller) -> dict[str, str]:
    """Return the header of a new session of this user."""
    return {"Authorization": f"Bearer {(await tokens_of(runtime, caller)).access_token}"}


def mails(runtime: Runtime) -> list[tuple[str, str]]:
    """Return (receiver, token in the link) of every mail sent so far, oldest first."""
    folder: Path = runtime.settings.var_dir / "outbox"
    found = []
    for path in sorted(folder.glob("*.eml")):
        message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
        token = re.search(r"token=(\S+)", message.get_content())
        assert token
        found.append((str(message["To"]), token.group(1)))
    return found
