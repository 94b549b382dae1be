"""The tokens of API keys: `tw_<id>_<secret>`, of which only a digest of the secret is kept."""

import hashlib
import hmac
import re
import secrets

MARK = "tw_"
_WRITTEN = re.compile(r"tw_([0-9a-hjkmnp-tv-z]{26})_([A-Za-z0-9_-]{43})", re.ASCII)


def mint(key_id: str) -> tuple[str, str]:
    """Return a new token for the key, with a secret of 32 random bytes, and the digest to keep of it."""
    secret = secrets.token_urlsafe(32)
    return f"{MARK}{key_id.removeprefix('key_')}_{secret}", digest_of(secret)


def read_key_token(token: str) -> tuple[str, str] | None:
    """Return the key's id and the digest of the secret; None for what is no token of a key."""
    found = _WRITTEN.fullmatch(token)
    return (f"key_{found[1]}", digest_of(found[2])) if found else None


def digest_of(secret: str) -> str:
    # One round is enough for 256 random bits: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(one, other)
