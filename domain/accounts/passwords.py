"""Keeps passwords as argon2id hashes, made in threads so that the event loop never waits, and says which passwords are too weak."""

import asyncio
import unicodedata
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from domain.kernel.errors import DomainError, ErrorCode

MIN_LENGTH = 8
MAX_LENGTH = 128
# The commonest of at least eight characters in published leaks.
COMMONEST_WORDS = """
    00000000 11111111 12121212 12341234 12344321 123123123 123321123 1234554321 12345678 123456789 1234567890 12345qwert
    123qwe123 147258369 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 22222222 66666666 87654321 88888888 987654321 99999999 aa123456
    aa12345678 abc12345 abcd1234 abcdefgh admin123 administrator asdfasdf asdfghjk asdfghjkl baseball basketball changeme
    charlie1 computer dragon123 football football1 iloveyou iloveyou1 jennifer letmein1 liverpool michelle p@ssw0rd
    passw0rd password password! password1 password12 password123 password1234 princess q1w2e3r4 qazwsxedc qwer1234 qwerty12
    qwerty123 qwertyui qwertyuiop samantha secret123 sunshine superman trustno1 victoria welcome1 whatever zxcvbnm1
    """
COMMONEST = frozenset(COMMONEST_WORDS.split())


@dataclass(frozen=True, slots=True)
class HashCost:
    """What one argon2id hash costs. The default is OWASP's recommendation; tests take less."""

    memory_kib: int = 19 * 1024
    passes: int = 2
    lanes: int = 1


class Passwords:
    """Hashes and verifies; at most `at_once` at a time, since each holds its memory while it runs."""

    def __init__(self, cost: HashCost | None = None, at_once: int = 4) -> None:
        cost = cost or HashCost()
        self._hasher = PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes, type=Type.ID)
        self._capacity = asyncio.Semaphore(at_once)
        self._dummy = self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        async with self._capacity:
            return await asyncio.to_thread(self._hasher.hash, _bytes_of(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Say whether the password fits; without a hash (no such user) it takes as long and says no."""
        async with self._capacity:
            fits = await asyncio.to_thread(self._verify, password_hash or self._dummy, password)
        return fits and password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Say whether the hash was made at another cost than hashes are made at now."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, _bytes_of(password))
        except InvalidHashError:
            self._verify(self._dummy, password)  # an account without a usable password answers no faster
            return False
        except VerificationError:
            return False


def check_strength(password: str, email: str, field: str = "password") -> None:
    """Raise WEAK_PASSWORD for the `field`, with `issues` and `suggestions`, unless the password is fit for this account.

    8 to 128 characters, not the e-mail address or its local part, not one of the commonest; no character classes are asked
    for, as NIST SP 800-63B recommends.
    """
    plain = password.casefold().strip()
    found = [
        (len(password) < MIN_LENGTH, f"It has fewer than {MIN_LENGTH} characters.", "Use several words in a row."),
        (len(password) > MAX_LENGTH, f"It has more than {MAX_LENGTH} characters.", f"Use at most {MAX_LENGTH} characters."),
        (
            plain in (email, email.partition("@")[0]),
            "It is the e-mail address or part of it.",
            "Use words that nobody links to you.",
        ),
        (plain in COMMONEST or len(set(plain)) == 1, "It is one of the commonest passwords.", "Add words that others would not guess."),
    ]
    issues = [issue for applies, issue, _ in found if applies]
    if issues:
        suggestions = [suggestion for applies, _, suggestion in found if applies]
        sentence = " ".join(["The password is too weak.", *issues])
        raise DomainError(ErrorCode.WEAK_PASSWORD, sentence, field=field, issues=issues, suggestions=suggestions)


def _bytes_of(password: str) -> bytes:
    # The same keys pressed on two systems can give two forms of one text.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
