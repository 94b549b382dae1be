"""What accounts need from the composition root: how passwords are hashed and how mail leaves."""

from dataclasses import dataclass, field

from domain.accounts.key_uses import KeyUses
from domain.accounts.mail import Mailer
from domain.accounts.passwords import Passwords


@dataclass(frozen=True)
class AccountParts:
    """Provided once to the runtime as `AccountParts`."""

    passwords: Passwords
    mailer: Mailer
    key_uses: KeyUses = field(default_factory=KeyUses)
