"""Prefixed, time-sorted identifiers in the TypeID format."""

import os
import threading
import time

# Crockford base32 in lower case, as the TypeID specification (v0.3) asks.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_lock = threading.Lock()
_last_tick = 0


def new_id(prefix: str) -> str:
    """Return `<prefix>_` and a UUIDv7 as 26 characters; ids made by one process sort in the order they were made."""
    return f"{prefix}_{encode(_uuid7())}"


def encode(number: int) -> str:
    """Return a 128-bit number as 26 base32 characters, most significant first."""
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def _uuid7() -> int:
    # RFC 9562, section 6.2, method 3: 12 bits of sub-millisecond time make a counter that never goes back.
    global _last_tick
    with _lock:
        tick = max(time.time_ns() * 4096 // 1_000_000, _last_tick + 1)
        _last_tick = tick
    milliseconds, fraction = tick >> 12, tick & 0xFFF
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return (milliseconds & ((1 << 48) - 1)) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random
