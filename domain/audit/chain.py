"""Proves what an entry says and where it stands, with keys that only the server has."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Self

import orjson

from domain.kernel.clock import as_utc
from domain.runtime.settings import Settings

GENESIS = "0" * 64
# A key for this purpose alone: neither tokens nor anything else is signed with it.
PURPOSE = b"tradewind audit chain 1"
# Everything an entry says, beside its id; `transaction_id` and `seq` only brought it there.
CONTENT = (
    "actor_email",
    "actor_id",
    "actor_kind",
    "actor_role",
    "action",
    "after",
    "before",
    "code",
    "details",
    "door",
    "event_type",
    "ip",
    "key_id",
    "object_id",
    "object_type",
    "occurred_at",
    "request_id",
    "result",
    "session_id",
    "severity",
    "user_agent",
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key derived from a SECRET_KEY; the id names it without giving it away."""

    id: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The key of now, and all by id, those of earlier secrets too."""

    current: Key
    by_id: Mapping[str, Key]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the keys of SECRET_KEY and EARLIER_SECRET_KEYS."""
        current = key_of(settings.secret_key.get_secret_value())
        earlier = settings.earlier_secret_keys.get_secret_value() if settings.earlier_secret_keys else ""
        # also as one: a secret may have a comma in it
        keys = [current, *(key_of(secret) for secret in (earlier, *earlier.split(",")) if secret)]
        return cls(current, {key.id: key for key in keys})


@lru_cache(maxsize=16)
def key_of(secret: str) -> Key:
    """Return the key that belongs to a SECRET_KEY."""
    derived = hmac.digest(secret.encode(), PURPOSE, "sha256")
    return Key(hashlib.sha256(derived).hexdigest()[:12], derived)


def mac_of(key: Key, entry: Any, id: str | None = None) -> str:
    """Return the proof of what an entry says under its id, or under another; `entry` is the object or the row.

    Without the id, whoever copies an entry would have written a genuine one.
    """
    return hmac.digest(key.secret, f"entry\n{id or entry.id}\n".encode() + _content(entry), "sha256").hex()


def link_of(key: Key, previous: str, position: int, entry: Any, id: str | None = None) -> str:
    """Return the proof that an entry stands at this position, behind the link `previous`."""
    place = f"link\n{previous}\n{position}\n{id or entry.id}\n{entry.mac}\n"
    return hmac.digest(key.secret, place.encode() + _content(entry), "sha256").hex()


def same(left: str | None, right: str | None) -> bool:
    return left is not None and right is not None and hmac.compare_digest(left, right)


def _content(entry: Any, names: Iterable[str] = CONTENT) -> bytes:
    return orjson.dumps({name: _plain(getattr(entry, name)) for name in names}, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return as_utc(value).isoformat(timespec="microseconds")
    return value.value if isinstance(value, Enum) else value
