"""Keeps secrets in the database so that they can be read back by this server, and by nobody who only has the database."""

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from domain.runtime.settings import Settings

VERSION = "v1"
KEY_BYTES = 32
NONCE_BYTES = 12
# Among ENCRYPTION_KEYS: the key that follows from SECRET_KEY.
SECRET_KEY = "SECRET_KEY"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


class UnreadableSecret(Exception):
    """A sealed text was made with a key that is not there, belongs to another row, or has been changed; asking again will not help."""


class KeyRing:
    """Seals with its first key and opens with all of them: AES-256-GCM, written as `v1.<key name>.<base64url of nonce and ciphertext>`."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Raises ValueError for a name with other characters than letters, digits, `_` and `-`, and for a key that has not 32 bytes."""
        for name, key in keys.items():
            if not _NAME.fullmatch(name) or len(key) != KEY_BYTES:
                raise ValueError(f"ENCRYPTION_KEYS needs name:key with a key of {KEY_BYTES} bytes in base64")
        self._keys = {name: AESGCM(key) for name, key in keys.items()}
        self._newest = next(iter(keys), None)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the ring that the settings describe.

        The keys that follow from SECRET_KEY and from EARLIER_SECRET_KEYS stay behind those that are given, so that what they sealed can
        still be opened; the word SECRET_KEY among the given ones puts the first of them in that place instead. Raises ValueError for
        ENCRYPTION_KEYS that cannot be read.
        """
        secrets = [settings.secret_key.get_secret_value(), *_listed(settings.earlier_secret_keys)]
        derived = dict(_derived(secret) for secret in secrets if secret)
        keys: dict[str, bytes] = {}
        for entry in _parts(settings.encryption_keys.get_secret_value()):
            name, key = _derived(secrets[0]) if entry == SECRET_KEY and secrets[0] else _named_key(entry)
            keys.setdefault(name, key)
        return cls(keys | {name: key for name, key in derived.items() if name not in keys})

    @property
    def newest(self) -> str | None:
        """The name of the key that seals."""
        return self._newest

    def seal(self, text: str, *context: str) -> str:
        """Return the text encrypted. `context`, for instance user id and row id, is not stored: opening needs the same again."""
        if self._newest is None:
            raise RuntimeError("Neither SECRET_KEY nor ENCRYPTION_KEYS is set")
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._keys[self._newest].encrypt(nonce, text.encode(), _associated(context))
        return f"{VERSION}.{self._newest}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *context: str) -> str:
        """Return the text that was sealed for this context. Raises UnreadableSecret."""
        version, name, written = [*sealed.split("."), "", ""][:3]
        key = self._keys.get(name)
        if version != VERSION or key is None:
            raise UnreadableSecret(f"There is no key {name[:32]!r} in ENCRYPTION_KEYS, and SECRET_KEY is another one")
        try:
            data = base64.b64decode(written, altchars=b"-_", validate=True)
            return key.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _associated(context)).decode()
        except (InvalidTag, ValueError):
            raise UnreadableSecret("The stored secret is damaged, or belongs to something else") from None


def _parts(written: str) -> list[str]:
    return [part for part in (part.strip() for part in written.split(",")) if part]


def _listed(setting: SecretStr | None) -> list[str]:
    return _parts(setting.get_secret_value()) if setting is not None else []


def _named_key(entry: str) -> tuple[str, bytes]:
    name, _, key = entry.partition(":")
    try:
        return name.strip(), base64.b64decode(key.strip().replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        raise ValueError(f"ENCRYPTION_KEYS needs name:key with a key of {KEY_BYTES} bytes in base64") from None


def _derived(secret: str) -> tuple[str, bytes]:
    derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"tradewind stored secrets").derive(secret.encode())
    # named after itself: under another SECRET_KEY it is a key that is missing, not one that fails
    return f"s{hashlib.sha256(derived).hexdigest()[:8]}", derived


def _associated(context: tuple[str, ...]) -> bytes:
    # JSON keeps ("a", "bc") apart from ("ab", "c")
    return json.dumps(context).encode()
